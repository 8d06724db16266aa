"""The picture of a lineage: what is in it, where it goes, and that names stay text."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import pytest

from tests.conftest import Shop
from workbench.catalog.links import Walks
from workbench.catalog.trace import Graph
from workbench.model import Edge
from workbench.render.lineage_layout import Box, layout
from workbench.render.lineage_page import as_table, html

GRAPH = Graph(
    {
        "daily": (
            Edge("*", "filter", "orders", "paid"),
            Edge("day", "value", "orders", "at"),
            Edge("rate", "value", "orders", "amount"),
            Edge("rate", "value", "people", "home.country"),
        ),
        "monthly": (Edge("*", "group", "daily", "day"), Edge("rate", "value", "daily", "rate")),
        "notes": (Edge("text", "value", "people", "name"), Edge("text", "order", "people", "name")),
    },
    frozenset({"orders", "people", "unread"}),
)


def links(part: object) -> set[str]:
    return {f"{x.table}.{x.column}>{x.role}>{x.to_table}.{x.to_column}" for x in part.links}


def test_a_column_rests_on_its_values_and_on_which_rows_there_are() -> None:
    assert links(Walks.of(GRAPH).upstream("monthly", "rate")) == {
        "daily.rate>value>monthly.rate",
        "daily.day>group>monthly.*",
        "orders.at>value>daily.day",
        "orders.amount>value>daily.rate",
        "orders.paid>filter>daily.*",
        "people.home.country>value>daily.rate",
    }


def test_what_rests_on_a_column_is_followed_to_the_end() -> None:
    assert links(Walks.of(GRAPH).downstream("orders", "amount")) == {
        "orders.amount>value>daily.rate",
        "daily.rate>value>monthly.rate",
    }
    assert links(Walks.of(GRAPH).downstream("people", "home")) == {
        "people.home.country>value>daily.rate",
        "daily.rate>value>monthly.rate",
    }
    # Rows that are left out change every column beyond.
    assert "daily.rate>value>monthly.rate" in links(Walks.of(GRAPH).downstream("orders", "paid"))
    assert links(Walks.of(GRAPH).downstream("unread")) == set()
    assert {each.table for each in Walks.of(GRAPH).both("daily").links} == {"orders", "people", "daily"}


def overlap(one: Box, other: Box) -> bool:
    return (
        one.x < other.x + other.width
        and other.x < one.x + one.width
        and one.y < other.y + other.height
        and other.y < one.y + one.height
    )


def test_boxes_stand_in_layers_from_sources_to_pipelines_and_never_overlap() -> None:
    part = Walks.of(GRAPH).both("daily")
    picture = layout(part, {name: GRAPH.kind(name) for name in ("orders", "people", "daily", "monthly")})
    boxes = {box.table: box for box in picture.boxes}
    assert boxes["orders"].x + boxes["orders"].width < boxes["daily"].x
    assert boxes["daily"].x + boxes["daily"].width < boxes["monthly"].x
    assert not any(overlap(one, other) for one, other in itertools.combinations(picture.boxes, 2))
    for box in picture.boxes:
        assert box.x + box.width <= picture.width
        assert box.y + box.height <= picture.height
        assert all(box.y < row.y < box.y + box.height for row in box.rows)
    assert [box.table for box in picture.boxes if box.focus] == ["daily"]
    assert layout(part, {}).lines == picture.lines


def test_a_cycle_is_drawn_and_not_followed_for_ever() -> None:
    graph = Graph({"a": (Edge("x", "value", "b", "x"),), "b": (Edge("x", "value", "a", "x"),)}, frozenset())
    assert {box.table for box in layout(Walks.of(graph).upstream("a"), {}).boxes} == {"a", "b"}


def test_two_roles_between_the_same_columns_are_two_lines() -> None:
    lines = layout(Walks.of(GRAPH).upstream("notes"), {}).lines
    assert {line.role for line in lines} == {"value", "order"}
    assert len({line.path for line in lines}) == 2


def test_the_table_says_the_same_in_words() -> None:
    assert as_table(Walks.of(GRAPH).upstream("daily", "rate")) == [
        ("daily.rate", "value", ["orders.amount", "people.home.country"]),
        ("daily (its rows)", "filter", ["orders.paid"]),
    ]


def test_hostile_names_stay_text_and_the_page_loads_nothing() -> None:
    evil = '"><script>alert(1)</script>'
    graph = Graph({"p": (Edge(evil, "value", "s", f"</svg>{evil}"),)}, frozenset({"s"}))
    page = html(graph, Walks.of(graph).upstream("p"), f"What {evil} rests on", "nothing")
    assert "<script>alert" not in page
    assert page.count("<script>") == 1
    assert page.count("</svg>") == 2  # the sample line of the legend, and the picture
    assert not re.findall(r"""(?:src|href)=|url\(|@import|https?://""", page)
    assert page == html(graph, Walks.of(graph).upstream("p"), f"What {evil} rests on", "nothing")


def test_the_command_draws_a_page(published: Shop) -> None:
    ran = published.run("lineage", "region_totals.revenue", "--html", "lineage.html")
    assert (ran.code, ran.out) == (0, "the lineage of region_totals.revenue is drawn in lineage.html\n")
    page = Path("lineage.html").read_text()
    for name in ("orders", "customers", "daily_sales", "region_totals"):
        assert f"<title>{name}</title>" in page
    assert published.run("impact", "orders.amount", "--html", "impact.html", "--json").json["html"] == "impact.html"
    assert published.run("lineage", "daily_sales@1", "--html", "old.html").code == 0


@pytest.mark.parametrize("verb", ["lineage", "impact"])
def test_a_page_that_can_not_be_written_is_refused_before_any_work(published: Shop, verb: str) -> None:
    ran = published.run(verb, "daily_sales", "--html", "no/such/folder.html")
    assert ran.code == 2
    assert "mkdir -p no/such" in ran.err


def test_nothing_to_draw_is_said(published: Shop) -> None:
    assert published.run("impact", "region_totals", "--html", "none.html").code == 0
    assert "nothing live rests on region_totals" in Path("none.html").read_text()
