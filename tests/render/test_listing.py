"""Listings stay whole however narrow the terminal is."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from workbench.render.listing import Listing


def shown(listing: Listing, width: int) -> list[str]:
    out = io.StringIO()
    Console(file=out, width=width, highlight=False).print(listing)
    return [line.rstrip() for line in out.getvalue().splitlines()]


@pytest.fixture
def listing() -> Listing:
    made = Listing(
        ("pipeline", "rows", "who", "readers see"),
        words=frozenset({"readers see"}),
        cut=frozenset({"who"}),
        numbers=frozenset({"rows"}),
    )
    made.add("late_departures", "1,234", "somebody.with.a.long.address@example.org", "what they had before")
    made.add("[red]x", "-", "eve", "")
    return made


def test_a_wide_terminal_has_one_line_each_and_text_is_no_markup(listing: Listing) -> None:
    assert shown(listing, 100) == [
        "pipeline          rows  who                                       readers see",
        "late_departures  1,234  somebody.with.a.long.address@example.org  what they had before",
        "[red]x               -  eve",
    ]


def test_words_wrap_and_addresses_lose_their_end_first(listing: Listing) -> None:
    lines = shown(listing, 52)
    assert lines[0].split() == ["pipeline", "rows", "who", "readers", "see"]
    assert lines[1].startswith("late_departures  1,234  somebody.w")
    assert "…" in lines[1]
    assert " ".join(" ".join(line.split()[-2:]) for line in lines[1:3]).endswith("had before")


def test_a_narrow_terminal_has_a_few_lines_each_and_loses_nothing(listing: Listing) -> None:
    assert shown(listing, 30) == [
        "late_departures",
        "  rows         1,234",
        "  who          somebody.with.a",
        "               .long.address@e",
        "               xample.org",
        "  readers see  what they had",
        "               before",
        "[red]x",
        "  who  eve",
    ]


def test_a_listing_without_rows_is_its_titles() -> None:
    assert shown(Listing(("run", "status")), 80) == ["run  status"]
