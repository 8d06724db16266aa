"""Readers of a column about to vanish are named before anything is proved or computed."""

from __future__ import annotations

import pytest

RENAMED = ("revenue=ibis._.amount.sum()", "turnover=ibis._.amount.sum()")


@pytest.fixture
def renaming(published):
    """The daily table calls its revenue turnover, and so do the notebook's totals; what is live still reads revenue."""
    published.edit(*RENAMED)
    published.edit('columns={"revenue": "EUR"}', 'columns={"turnover": "EUR"}')
    published.edit('wb.check.not_null("revenue")', 'wb.check.not_null("turnover")')
    published.edit("revenue=ibis._.revenue.sum()", "revenue=ibis._.turnover.sum()")
    return published


def test_a_reader_that_stays_as_it_is_keeps_its_columns(renaming):
    ran = renaming.promote("daily_sales")
    assert ran.code == 1
    assert "readers lose revenue (removed); read by region_totals (revenue)" in " ".join(ran.out.split())
    assert "neither proved nor tried" in ran.out
    assert "workbench gates P-2" in ran.out
    (candidate,) = renaming.run("show", "P-2", "--json").json["candidates"]
    (gate,) = candidate["gates"]
    assert (gate["gate"], gate["verdict"]) == ("contract", "fail")
    assert gate["evidence"]["lost_by"] == {"region_totals": ["revenue"]}
    assert not (renaming.root / "promoted" / "daily_sales" / "v2").exists()


def test_what_was_not_computed_can_t_be_waived(renaming, monkeypatch):
    assert renaming.promote("daily_sales").code == 1
    monkeypatch.setenv("WORKBENCH_USER", "bo@example.org")
    ran = renaming.run("waive", "P-2", "contract", "--why", "they know")
    assert ran.code == 4
    assert "--allow-breaking" in ran.err


def test_a_declared_loss_leaves_its_readers_at_the_data_that_they_have(renaming):
    ran = renaming.promote("daily_sales", "--allow-breaking", "--allow-change", "100%")
    assert ran.code == 3, ran.out + ran.err
    assert [each["pipeline"] for each in renaming.run("show", "P-2", "--json").json["candidates"]] == ["daily_sales"]
    assert "read by region_totals (revenue)" in " ".join(ran.out.split())
    assert renaming.run("approve", "P-2").code == 0
    assert renaming.run("publish", "P-2").code == 0
    live = {each["pipeline"]: each["version"] for each in renaming.run("status", "--json").json["pipelines"]}
    assert live == {"daily_sales": 2, "region_totals": 1}
    ran = renaming.run("run", "region_totals")
    assert ran.code == 1, "its next run says what is missing"
    assert "revenue" in ran.out + ran.err


def test_readers_that_are_promoted_along_are_compared_as_ever(renaming):
    ran = renaming.promote()
    assert ran.code == 1
    assert "logic effect" in ran.out
    assert "neither proved nor tried" not in ran.out


def test_a_dry_run_says_so_and_keeps_nothing(renaming):
    ran = renaming.promote("daily_sales", "--dry-run")
    assert ran.code == 1
    assert "read by region_totals (revenue)" in " ".join(ran.out.split())
    assert renaming.run("show", "P-2").code == 2


def test_a_change_that_takes_nothing_away_is_not_foreseen(published):
    published.edit("orders=ibis._.count(), ", "orders=ibis._.count(), smallest=ibis._.amount.min(), ")
    ran = published.promote("daily_sales")
    assert ran.code == 3, ran.out + ran.err
