"""Widgets of each kind, estimates, and what goes wrong, as an analyst sees them in marimo."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.contrast import CONTRAST

pytestmark = pytest.mark.browser

PATIENCE = 30_000


def given(page: Page) -> Locator:
    return page.locator('section.wb-card[aria-label="Contract of output given"]')


def test_the_card_lists_every_parameter_with_what_its_widget_shows(gallery: Page) -> None:
    expect(given(gallery)).to_contain_text(
        "whole = 15, part = 0.5, free = 10, flag = false, one = UA, since = 2013-01-01, text = plain"
    )


def test_each_kind_of_widget_sets_its_parameter(gallery: Page) -> None:
    card = given(gallery)
    whole = gallery.get_by_role("slider").nth(0)
    whole.focus()
    whole.press("ArrowRight")
    expect(card).to_contain_text("whole = 16", timeout=PATIENCE)
    part = gallery.get_by_role("slider").nth(1)
    part.focus()
    part.press("ArrowLeft")
    expect(card).to_contain_text("part = 0.49", timeout=PATIENCE)
    flag = gallery.locator("marimo-switch button").first
    flag.focus()
    flag.press(" ")
    expect(card).to_contain_text("flag = true", timeout=PATIENCE)
    gallery.locator("select", has_text="JetBlue").select_option("JetBlue")
    expect(card).to_contain_text("one = B6", timeout=PATIENCE)
    for place, typed, said in (("marimo-number", "12", "free = 12"), ("marimo-text", "other", "text = other")):
        field = gallery.locator(f"{place} input").first
        field.fill(typed)
        field.press("Enter")
        expect(card).to_contain_text(said, timeout=PATIENCE)
    day = gallery.locator("marimo-date [role=spinbutton]").nth(1)
    day.focus()
    day.press("ArrowUp")
    expect(card).to_contain_text("since = 2013-01-02", timeout=PATIENCE)


def test_estimates_have_intervals_and_what_a_sample_can_not_tell_is_said(gallery: Page) -> None:
    shown = gallery.locator("section.wb-estimate")
    expect(shown.first).to_contain_text("95% interval")
    expect(shown.first.locator(".wb-range")).to_have_count(6)
    expect(shown.nth(1)).to_contain_text("No estimate: a median does not follow from totals")


def test_figures_over_support_rows_are_told(gallery: Page) -> None:
    wind = gallery.locator('section.wb-card[aria-label="Contract of output wind"]')
    expect(wind).to_contain_text(re.compile(r"Not to be trusted here: wind, computed over [\d,]+ rows of weather"))
    expect(given(gallery)).not_to_contain_text("Not to be trusted here")


def test_an_error_of_ours_is_a_message_with_the_next_step_and_stops_what_needs_the_cell(gallery: Page) -> None:
    body = gallery.locator("body")
    expect(body).to_contain_text("there is no source 'flihgts'; did you mean 'flights'?")
    expect(body).to_contain_text("declare it in pyproject.toml as [tool.workbench.sources.flihgts]")
    expect(body).to_contain_text("too few <b>flights</b>")
    expect(body).to_contain_text("an ancestor was stopped")
    expect(body).not_to_contain_text("Traceback")
    expect(gallery.locator(".marimo-error, [data-testid='cell-error']")).to_have_count(0)


def test_no_text_of_the_notebook_runs_in_the_page(gallery: Page) -> None:
    assert gallery.evaluate("window.hostile") is None
    expect(given(gallery).locator("img")).to_have_count(0)
    expect(given(gallery)).to_contain_text("<img src=x onerror=window.hostile=1>")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_has_enough_contrast_also_where_something_is_wrong(gallery: Page, theme: str) -> None:
    gallery.evaluate(
        "dark => [document.documentElement, document.body].forEach(e => e.classList.toggle('dark', dark))", theme == "dark"
    )
    gallery.locator(".wb-card details").evaluate_all("all => all.forEach(each => each.open = true)")
    for shown in gallery.locator("section.wb-card").all():
        assert shown.evaluate(CONTRAST) == []
