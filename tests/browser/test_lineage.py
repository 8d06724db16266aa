"""The picture of a lineage in Chromium: by mouse, by keyboard, without scripts, narrow and dark."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from tempfile import mkdtemp

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.contrast import CONTRAST
from workbench.catalog.links import Walks
from workbench.catalog.trace import Graph
from workbench.model import Edge
from workbench.render.lineage_page import html

pytestmark = pytest.mark.browser

ROOT = Path(__file__).parents[2]
GRAPH = Graph(
    {
        "daily": (
            Edge("*", "filter", "orders", "paid"),
            Edge("day", "value", "orders", "at"),
            Edge("rate", "value", "orders", "amount"),
        ),
        "monthly": (Edge("*", "group", "daily", "day"), Edge("rate", "value", "daily", "rate")),
    },
    frozenset({"orders"}),
)


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """In the repository, because browsers keep out of the system's temporary folder."""
    (ROOT / ".browser").mkdir(exist_ok=True)
    own = Path(mkdtemp(dir=ROOT / ".browser"))
    file = own / "lineage.html"
    file.write_text(html(GRAPH, Walks.of(GRAPH).both("daily"), "daily", ""), encoding="utf-8")
    yield file.as_uri()
    shutil.rmtree(own)


@pytest.fixture
def drawn(address: str, chromium: Browser) -> Iterator[Page]:
    with chromium.new_context(viewport={"width": 1200, "height": 700}) as context:
        page = context.new_page()
        page.goto(address)
        yield page


def lit(page: Page) -> set[str]:
    found = page.locator(".row.lit").evaluate_all("rows => rows.map(row => row.getAttribute('aria-label'))")
    return set(found)


def row(_: Page, label: str) -> str:
    return f'.row[aria-label="{label}"]'


def test_pointing_at_a_column_lights_what_it_rests_on_and_what_rests_on_it(drawn: Page) -> None:
    drawn.hover(row(drawn, "daily, rate"))
    assert lit(drawn) == {
        "daily, rate", "daily, which rows", "orders, amount", "orders, paid", "monthly, rate",
    }  # fmt: skip
    expect(drawn.locator("output")).to_have_text("daily, rate: rests on 1 table, 1 rests on it")
    drawn.mouse.move(1, 1)
    assert lit(drawn) == set()


def test_a_click_keeps_the_light_and_another_lets_it_go(drawn: Page) -> None:
    drawn.click(row(drawn, "orders, at"))
    drawn.mouse.move(1, 1)
    assert "monthly, which rows" in lit(drawn)


def test_the_keyboard_walks_along_the_lines(drawn: Page) -> None:
    drawn.focus(row(drawn, "orders, amount"))
    drawn.keyboard.press("ArrowRight")
    expect(drawn.locator(row(drawn, "daily, rate"))).to_be_focused()
    drawn.keyboard.press("ArrowUp")
    expect(drawn.locator(row(drawn, "daily, day"))).to_be_focused()
    drawn.keyboard.press("ArrowLeft")
    expect(drawn.locator(row(drawn, "orders, at"))).to_be_focused()
    assert "daily, day" in lit(drawn)
    drawn.keyboard.press("Escape")
    assert lit(drawn) == set()


def test_a_role_can_be_left_out_also_without_scripts(address: str, chromium: Browser) -> None:
    with chromium.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(address)
        lines = page.locator("svg.lineage .line.value")
        expect(lines.first).to_have_css("display", "inline")
        page.uncheck('input[name="value"]')
        expect(lines.first).to_have_css("display", "none")
        expect(page.locator("svg.lineage .line.filter").first).to_have_css("display", "inline")
        expect(page.get_by_text("Point at a column")).to_be_hidden()
        page.get_by_text("The same as a table").click()
        expect(page.locator("tbody")).to_contain_text("orders.amount")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_reads_well_in_light_and_dark_and_on_a_phone(address: str, chromium: Browser, scheme: str) -> None:
    with chromium.new_context(viewport={"width": 380, "height": 700}, color_scheme=scheme) as context:
        page = context.new_page()
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.goto(address)
        assert asked == [address]
        assert page.locator("main").evaluate(CONTRAST) == []
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
