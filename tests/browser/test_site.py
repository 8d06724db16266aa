"""The site of the catalog in Chromium, from the file system: search, pages, without scripts, narrow and dark."""

from __future__ import annotations

import datetime as dt
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from tempfile import mkdtemp

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.contrast import CONTRAST
from workbench.catalog.changelog import Told
from workbench.catalog.dictionary import Described, Entry
from workbench.catalog.links import Walks
from workbench.catalog.trace import Graph
from workbench.cli.docs import replace_folder
from workbench.model import Edge
from workbench.render.site import pages

pytestmark = pytest.mark.browser

ROOT = Path(__file__).parents[2]
LONG = "a_column_with_a_name_that_goes_on_and_on_for_ever"
ENTRIES = (
    Entry("daily", "pipeline", "orders of each day", "ann@example.org", (
        Described("rate", "float64", "share that was paid", readers=("monthly",)), Described("day", "date", key=True),
        Described(LONG, "array<struct<a: int64, b: map<string, array<float64>>>>"),
    ), ("day",), ("orders",), ("monthly",), (1, 2), 2, 2, "1.1.0", dt.datetime(2020, 1, 1, tzinfo=dt.UTC), 60),
    Entry("monthly", "pipeline", "<b>by month</b>", columns=(Described("rate"),), reads=("daily",), versions=(1,), version=1),
    Entry("orders", "source", "all that was ordered", columns=(Described("amount", unit="EUR", classification="personal"),)),
)  # fmt: skip
GRAPH = Graph(
    {"daily": (Edge("rate", "value", "orders", "amount"),), "monthly": (Edge("rate", "value", "daily", "rate"),)},
    frozenset({"orders"}),
)


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    """In the repository, because browsers keep out of the system's temporary folder."""
    (ROOT / ".browser").mkdir(exist_ok=True)
    own = Path(mkdtemp(dir=ROOT / ".browser"))
    folder = own / "site"
    told = (Told(2, "v2, 2026-01-02, by ann", ("no returns",), ("3 rows less", "y" * 300), "1.1.0", "additive"),)
    replace_folder(folder, pages("shop", ENTRIES, Walks.of(GRAPH), lambda _: told))
    yield folder.as_uri()
    shutil.rmtree(own)


@pytest.fixture
def index(site: str, chromium: Browser) -> Iterator[Page]:
    with chromium.new_context(viewport={"width": 1100, "height": 800}) as context:
        page = context.new_page()
        page.goto(f"{site}/index.html")
        yield page


def found(page: Page) -> list[str]:
    names = page.locator(".tables li:not([hidden]) .name").all_inner_texts()
    return [name.strip() for name in names]


def test_the_search_ranks_names_before_what_is_said(index: Page) -> None:
    assert found(index) == ["daily", "monthly", "orders"]
    index.keyboard.press("/")
    index.keyboard.type("orders")
    assert found(index) == ["orders", "daily"]
    index.fill("input", "daily.rate")
    assert found(index) == ["daily"]
    expect(index.locator(".tables li:not([hidden]) .found")).to_have_text("columns: rate")
    index.fill("input", "eur")
    assert found(index) == ["orders"]
    index.fill("input", "nowhere")
    expect(index.locator("output")).to_have_text("nothing found")
    index.fill("input", "")
    assert len(found(index)) == 3


def test_a_search_can_be_linked_to_and_entered(index: Page) -> None:
    index.fill("input", "by month")
    expect(index).to_have_url(re.compile("#by%20month$"))
    index.reload()
    assert found(index) == ["monthly"]
    index.press("input", "Enter")
    expect(index.locator("h1")).to_contain_text("monthly")
    expect(index.get_by_text("<b>by month</b>")).to_be_visible()


def test_a_page_leads_on_to_what_it_rests_on_and_back(index: Page) -> None:
    index.get_by_role("link", name="daily").click()
    expect(index.locator("time")).to_contain_text("2020-01-01 00:00 UTC (stale)")
    expect(index.locator(".version.live")).to_contain_text("no returns")
    index.locator("svg.lineage a", has_text="orders").click()
    expect(index.locator("h1")).to_contain_text("orders")
    expect(index.locator("td.says")).to_contain_text("personal")
    index.get_by_role("link", name="shop").click()
    assert found(index) == ["daily", "monthly", "orders"]


def test_without_scripts_everything_is_there_but_the_search(site: str, chromium: Browser) -> None:
    with chromium.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(f"{site}/index.html")
        expect(page.locator("form")).to_be_hidden()
        page.get_by_role("link", name="daily").click()
        expect(page.locator("svg.lineage")).to_be_visible()
        expect(page.locator("time")).to_have_text("2020-01-01 00:00 UTC")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("place", ["index.html", "pipeline/daily.html", "source/orders.html"])
def test_pages_read_well_in_light_and_dark_and_on_a_phone(site: str, chromium: Browser, scheme: str, place: str) -> None:
    with chromium.new_context(viewport={"width": 380, "height": 700}, color_scheme=scheme) as context:
        page = context.new_page()
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.goto(f"{site}/{place}")
        assert asked == [f"{site}/{place}"]
        assert page.locator("main").evaluate(CONTRAST) == []
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        if place == "pipeline/daily.html":
            assert page.locator(".columns").evaluate("each => each.scrollWidth <= each.clientWidth"), (
                "what a column means is in sight"
            )
            expect(page.locator(".columns .says").first).to_be_in_viewport()
            picture = page.locator(".lineage-scroll")
            picture.scroll_into_view_if_needed()
            expect(picture.locator(".box.focus .head")).to_be_in_viewport(ratio=1)
