"""Takes the picture of the card for the documentation, when asked to: ``pytest tests/browser/picture.py``."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page

PICTURE = Path(__file__).parents[2] / "docs" / "images" / "card.png"


@pytest.mark.browser
def test_take_the_picture(page: Page) -> None:
    page.set_viewport_size({"width": 1160, "height": 1280})
    page.wait_for_timeout(5000)  # the chart and the columns' histograms draw themselves
    for _ in range(3):  # the editor above measures itself anew once it is on the screen
        page.locator(".wb-card").first.evaluate(
            "e => { e.style.scrollMarginTop = '222px'; e.scrollIntoView({block: 'start'}); }"
        )
        page.wait_for_timeout(1000)
    PICTURE.parent.mkdir(exist_ok=True)
    page.screenshot(path=PICTURE, clip={"x": 116, "y": 0, "width": 952, "height": 1216})
    assert PICTURE.stat().st_size < 300_000
