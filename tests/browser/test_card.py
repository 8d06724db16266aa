"""The contract card as an analyst sees it: in marimo, in a browser, while the notebook changes."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

MARKS = ('wb.source("flights")', 'wb.param("min_delay"', '"late_departures"', '"monthly_lateness"', "wb.check.between")
PATIENCE = 30_000


def card(page: Page, name: str) -> Locator:
    return page.locator(f'section.wb-card[aria-label="Contract of output {name}"]')


def counts(shown: Locator) -> dict[str, int]:
    """How many rows were added, removed, changed and not, as the bar tells a screen reader."""
    label = shown.locator(".wb-bar").get_attribute("aria-label") or ""
    return {kind: int(count.replace(",", "")) for count, kind in re.findall(r"([\d,]+) (\w+)", label)}


def outputs(demo: object) -> list[dict[str, object]]:
    printed = demo.run("check", "notebooks/departure_delays.py", "--json")  # type: ignore[attr-defined]
    found: list[dict[str, object]] = json.loads(printed)["outputs"]
    return found


def test_the_notebook_runs_without_an_edit_and_its_cards_preview_the_promotion(editor: Callable[..., Page]) -> None:
    page = editor()
    late, monthly = card(page, "late_departures"), card(page, "monthly_lateness")
    expect(late).to_contain_text("differs from live @1")
    expect(late).to_contain_text("key day, origin: unique, never NULL")
    expect(late).to_contain_text("checks: all 3 hold")
    expect(late).to_contain_text("new column cancelled")
    expect(late).to_contain_text("min_delay = 15, carrier = all")
    expect(monthly).to_contain_text("differs from live @1", timeout=PATIENCE)
    assert counts(late)["changed"] > 0
    expect(page.locator("marimo-vega, .vega-embed").first).to_be_visible(timeout=PATIENCE)
    expect(page.locator(".marimo-error, [data-testid='cell-error']")).to_have_count(0)


def test_moving_the_slider_changes_the_card(editor: Callable[..., Page]) -> None:
    page = editor()
    late = card(page, "late_departures")
    before = late.inner_text()
    slider = page.get_by_role("slider").first
    slider.focus()
    for _ in range(5):
        slider.press("ArrowRight")
    expect(late).to_contain_text("min_delay = 20", timeout=PATIENCE)
    assert late.inner_text() != before


def test_choosing_a_carrier_changes_the_card(editor: Callable[..., Page]) -> None:
    page = editor()
    page.get_by_label("Carrier").select_option("UA")
    expect(card(page, "late_departures")).to_contain_text("carrier = UA", timeout=PATIENCE)


def test_details_open_with_the_keyboard(editor: Callable[..., Page]) -> None:
    page = editor()
    late = card(page, "late_departures")
    schema = late.locator("summary", has_text="Schema")
    expect(late.get_by_text("flights that left", exact=True)).to_be_hidden()
    schema.focus()
    schema.press("Enter")
    expect(late.get_by_text("flights that left", exact=True)).to_be_visible()


def test_an_edit_changes_the_diff_and_saving_keeps_the_marks(editor: Callable[..., Page], demo: object) -> None:
    before = outputs(demo)
    page = editor()
    late = card(page, "late_departures")
    assert "late" not in [row.inner_text() for row in late.locator(".wb-columns tbody th").all()]
    was = counts(late)
    line = page.locator(".cm-line", has_text="is_late = departures.dep_delay > min_delay.value")
    line.click()
    page.keyboard.press("End")
    page.keyboard.type(" + 30")
    page.keyboard.press("Control+Enter")
    expect(late.locator(".wb-columns tbody th", has_text=re.compile("^late$"))).to_be_visible(timeout=PATIENCE)
    assert counts(late) != was
    page.keyboard.press("Control+s")
    file: Path = demo.notebook  # type: ignore[attr-defined]
    for _ in range(100):
        if "min_delay.value + 30" in file.read_text(encoding="utf-8"):
            break
        page.wait_for_timeout(100)
    text = file.read_text(encoding="utf-8")
    assert "min_delay.value + 30" in text
    assert [mark for mark in MARKS if mark not in text] == []
    assert outputs(demo) == before


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_on_the_card_has_enough_contrast(editor: Callable[..., Page], theme: str) -> None:
    page = editor(theme=theme)
    late = card(page, "late_departures")
    late.locator("summary", has_text="Schema").click()
    faint = late.evaluate(CONTRAST)
    assert faint == []


# Texts whose contrast to what is painted behind them is below 4.5, the least that WCAG 2 asks of small text.
CONTRAST = """
card => {
  const canvas = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
  const rgba = colour => {
    canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1);
    return canvas.getImageData(0, 0, 1, 1).data;
  };
  const light = ([r, g, b]) => [r, g, b].map(v => v / 255)
    .map(v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = element => {
    for (let e = element; e; e = e.parentElement) {
      const colour = rgba(getComputedStyle(e).backgroundColor);
      if (colour[3] > 250) return colour;
    }
    return [255, 255, 255, 255];
  };
  const faint = [];
  for (const element of card.querySelectorAll('*')) {
    const own = [...element.childNodes].some(n => n.nodeType === 3 && n.textContent.trim());
    if (!own || !element.checkVisibility() || element.matches('.wb-hidden, style')) continue;
    const [a, b] = [light(rgba(getComputedStyle(element).color)), light(behind(element))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) faint.push(`${element.textContent.trim().slice(0, 40)}: ${ratio.toFixed(2)}`);
  }
  return faint;
}
"""
