"""wb.estimate as a card: figures with their intervals, or why there are none; every value is escaped."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import ibis
import pytest

from workbench.render.estimate import Estimate, estimate, estimate_html
from workbench.sandbox import session


@pytest.fixture
def tables(sandboxed: Any) -> Any:
    """The shop's sandbox, which has a third of the days' orders."""
    assert sandboxed.run("sandbox", "create", "--sample", "40%", "--seed", "2").code == 0
    yield {name: session.source(name) for name in session.current().sources}
    session.deactivate()


def test_an_estimate_shows_figure_interval_and_what_it_comes_from(tables: Any) -> None:
    orders = tables["orders"]
    html = estimate_html(estimate(orders.agg(orders=orders.count(), amount=orders.amount.mean())))
    for said in ("Estimate for production", "a sample of 40%", "95% interval", "anchors", ">orders<", ">amount<"):
        assert said in html
    assert " to " in html


def test_groups_are_drawn_and_too_many_are_cut(tables: Any) -> None:
    orders = tables["orders"]
    html = estimate_html(estimate(orders.group_by("day").agg(n=ibis._.count())))
    assert "2024-01-01" in html
    assert html.count('class="wb-range"') == 3
    assert "more groups" not in html
    assert "groups of which no row was chosen are missing" in html
    many = estimate_html(estimate(orders.group_by("order_id").agg(n=ibis._.count())))
    assert "more groups are not shown" in many
    assert "too few to say" in many


def test_what_can_not_be_estimated_says_why_and_what_to_ask_instead(tables: Any) -> None:
    html = estimate_html(estimate(tables["orders"].amount.median()))
    assert "No estimate:" in html
    assert "a median does not follow from totals" in html
    assert "Instead: estimate counts, sums, means" in html


def test_a_query_that_fails_is_a_message(tables: Any) -> None:
    orders = tables["orders"]
    html = estimate_html(estimate(orders.day.cast("string").cast("int64").sum()))
    assert "No estimate:" in html
    assert "ConversionException" in html
    assert "Traceback" not in html


def test_values_are_escaped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tables: Any) -> None:
    evil = "<img src=x onerror=alert(1)>"
    orders = tables["orders"].mutate(**{evil: ibis.literal(evil)})
    html = estimate_html(estimate(orders.group_by(evil).agg(**{evil + "n": orders.count()})))
    assert "<img" not in html
    assert html.count("&lt;img") >= 3


def test_in_marimo_and_in_a_terminal_it_shows_itself(tables: Any) -> None:
    orders = tables["orders"]
    given = estimate(orders.agg(n=orders.count()))
    assert isinstance(given, Estimate)
    assert "wb-estimate" in given._display_().text
    assert repr(given).startswith("n ≈ ")
    by_day = repr(estimate(orders.group_by("day").agg(n=orders.count())))
    assert by_day.startswith("day 2024-01-01, n ≈ ")
    assert len(by_day.splitlines()) == 3


def test_a_sandbox_of_unknown_making_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with duckdb.connect(str(tmp_path / "box.duckdb")) as con:
        con.execute("CREATE TABLE t AS SELECT 1 AS x")
    current = session.activate(tmp_path / "box.duckdb")
    try:
        assert "nothing is known of the rows of t" in estimate_html(estimate(current.source("t").count()))
    finally:
        session.deactivate()
