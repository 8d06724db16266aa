"""The contract card as an analyst sees it: in marimo, in a browser, while the notebook changes."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Protocol

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.contrast import CONTRAST

pytestmark = pytest.mark.browser

MARKS = ('wb.source("flights")', 'wb.param("min_delay"', '"late_departures"', '"monthly_lateness"', "wb.check.between")
PATIENCE = 30_000


class Demo(Protocol):
    """The workspace that the notebook is in."""

    @property
    def notebook(self) -> Path: ...

    def run(self, *arguments: str, code: int = 0) -> str: ...


def card(page: Page, name: str) -> Locator:
    return page.locator(f'section.wb-card[aria-label="Contract of output {name}"]')


def counts(shown: Locator) -> dict[str, int]:
    """How many rows were added, removed, changed and not, as the bar tells a screen reader."""
    label = shown.locator(".wb-bar").get_attribute("aria-label") or ""
    return {kind: int(count.replace(",", "")) for count, kind in re.findall(r"(\d[\d,]*) (\w+)", label)}


def outputs(demo: Demo) -> list[dict[str, object]]:
    found: list[dict[str, object]] = json.loads(demo.run("check", "notebooks/departure_delays.py", "--json"))["outputs"]
    return found


def test_the_notebook_runs_without_an_edit_and_its_cards_preview_the_promotion(page: Page) -> None:
    late, monthly = card(page, "late_departures"), card(page, "monthly_lateness")
    expect(late).to_contain_text("differs from live @1")
    expect(late).to_contain_text("key day, origin: unique, never NULL")
    expect(late).to_contain_text("3 checks hold")
    expect(late).to_contain_text("new column cancelled")
    expect(late).to_contain_text(re.compile(r"min_delay = \d+, carrier = \w+"))
    expect(monthly).to_contain_text("differs from live @1")
    assert counts(late)["changed"] > 0
    expect(page.locator("marimo-vega, .vega-embed").first).to_be_visible(timeout=PATIENCE)
    expect(page.get_by_role("tab", name="Preview").first).to_be_visible()  # departures.head(5): rows, not only its expression
    expect(page.locator(".marimo-error, [data-testid='cell-error']")).to_have_count(0)


def test_details_open_with_the_keyboard(page: Page) -> None:
    late = card(page, "late_departures")
    schema, meaning = late.locator("summary", has_text="Schema"), late.locator("td", has_text=re.compile("^flights that left$"))
    expect(meaning).to_be_hidden()
    schema.focus()
    schema.press(" ")  # marimo keeps Enter for editing the cell
    expect(meaning).to_be_visible()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_on_the_card_has_enough_contrast(page: Page, theme: str) -> None:
    late = card(page, "late_departures")
    late.locator("details").evaluate_all("all => all.forEach(each => each.open = true)")
    page.evaluate(
        "dark => [document.documentElement, document.body].forEach(e => e.classList.toggle('dark', dark))", theme == "dark"
    )
    assert late.evaluate(CONTRAST) == []


def test_moving_the_slider_changes_the_card(page: Page) -> None:
    late = card(page, "late_departures")
    before = late.inner_text()
    value = int(re.findall(r"min_delay = (\d+)", before)[0])
    slider = page.get_by_role("slider").first
    slider.focus()
    for _ in range(5):
        slider.press("ArrowRight")
    expect(late).to_contain_text(f"min_delay = {value + 5}", timeout=PATIENCE)
    assert late.inner_text() != before


def test_choosing_a_carrier_changes_the_card(page: Page) -> None:
    late = card(page, "late_departures")
    rows = re.findall(r"([\d,]+) rows in sandbox", late.inner_text())
    page.get_by_label("Carrier").select_option("UA")
    expect(late).to_contain_text("carrier = UA", timeout=PATIENCE)
    assert re.findall(r"([\d,]+) rows in sandbox", late.inner_text()) != rows


def test_an_edit_changes_the_diff_and_saving_keeps_the_marks(page: Page, demo: Demo) -> None:
    before = outputs(demo)
    late = card(page, "late_departures")
    differing = late.locator(".wb-columns tbody th", has_text=re.compile("^late$"))
    expect(differing).to_have_count(0)
    was = counts(late)
    page.locator(".cm-line", has_text="is_late = departures.dep_delay > min_delay.value").click()
    page.keyboard.press("End")
    page.keyboard.type(" + 30")
    page.keyboard.press("Control+Enter")
    expect(differing).to_be_visible(timeout=PATIENCE)
    assert counts(late) != was
    page.keyboard.press("Control+s")
    for _ in range(100):
        if "min_delay.value + 30" in demo.notebook.read_text(encoding="utf-8"):
            break
        page.wait_for_timeout(100)
    text = demo.notebook.read_text(encoding="utf-8")
    assert "min_delay.value + 30" in text
    assert [mark for mark in MARKS if mark not in text] == []
    assert outputs(demo) == before
