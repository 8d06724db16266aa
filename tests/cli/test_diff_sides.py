"""Sides of a comparison that production keeps: versions, runs, promotions."""

from __future__ import annotations

import pytest

from tests.conftest import Shop, write_orders


def rows(shop: Shop, *arguments: str) -> dict[str, int]:
    ran = shop.run("diff", *arguments, "--json")
    assert ran.code == 0, ran.err
    counts: dict[str, int] = ran.json["rows"]
    return counts


@pytest.fixture
def fed(published: Shop) -> Shop:
    """Two runs after the first publication: R-1 brought one more day, R-2 found nothing new."""
    write_orders(published.root, ["2024-01-04"], name="more")
    assert published.run("run", "daily_sales").code == 0
    assert published.run("run", "daily_sales").code == 0
    return published


def test_a_run_is_what_readers_saw_right_after_it(fed: Shop) -> None:
    assert rows(fed, "R-1", "daily_sales") == rows(fed, "R-2", "R-1")
    assert rows(fed, "R-1", "daily_sales")["unchanged"] == 8
    before_and_after = rows(fed, "P-1", "R-1")
    assert before_and_after["base"] == 6
    assert before_and_after["added"] == 2
    assert before_and_after["unchanged"] == 6


def test_a_run_alone_says_what_it_changed(fed: Shop) -> None:
    ran = fed.run("diff", "R-1", "--json")
    assert ran.json["rows"]["added"] == 2
    assert ran.json["key"] == ["day", "region"]
    assert ran.json["compared"] == {"base": "before R-1", "candidate": "R-1"}
    assert fed.run("diff", "r-2", "--exit-code").code == 0
    assert fed.run("diff", "R-1", "--exit-code").code == 1


def test_a_run_that_brought_nothing_is_no_side(fed: Shop) -> None:
    (fed.root / "raw" / "orders" / "more.parquet").unlink()
    write_orders(fed.root, ["2024-01-01"], amount="NULL::DOUBLE")
    assert fed.run("run", "daily_sales").code == 1
    ran = fed.run("diff", "R-3", "daily_sales")
    assert ran.code == 2
    assert "readers got no data from it" in ran.err
    assert "next: workbench runs show R-3" in ran.err
    assert "there is no run 'R-9'" in fed.run("diff", "R-9").err


def test_a_version_that_is_no_longer_live_is_what_readers_saw_of_it_last(fed: Shop) -> None:
    fed.edit("min_amount.value)", "min_amount.value + 20)")
    assert fed.promote("--allow-change", "100%").code == 3
    assert rows(fed, "daily_sales@2", "P-2")["unchanged"] == 8
    assert fed.run("approve", "P-2").code == 0
    assert fed.run("publish", "P-2").code == 0
    # Not what the trial of the first version computed, which lacks the day that the run brought.
    assert rows(fed, "daily_sales@1", "R-1") == rows(fed, "R-1", "R-1")
    assert rows(fed, "P-1", "daily_sales@1")["added"] == 2


def test_a_promotion_with_several_pipelines_is_told_apart_by_the_other_side(two_versions: Shop) -> None:
    shop = two_versions
    assert shop.run("diff", "P-1", "P-2").code == 2
    said = shop.run("diff", "P-1", "P-2").err
    assert "P-1 has several pipelines: daily_sales, region_totals" in said
    assert "P-1#daily_sales" in said
    named = rows(shop, "P-1#daily_sales", "P-2")
    assert named == rows(shop, "daily_sales@1", "daily_sales@2")
    assert named["changed"] > 0
    assert rows(shop, "daily_sales", "P-2#daily_sales") == named
    assert "did you mean 'daily_sales'" in shop.run("diff", "P-1#daily_sale", "P-2").err
    assert "there is no promotion 'P-7'" in shop.run("diff", "P-7", "P-1").err


def test_a_promotion_alone_can_be_narrowed_to_one_pipeline(two_versions: Shop) -> None:
    every = two_versions.run("diff", "P-2", "--json").json["comparisons"]
    one = two_versions.run("diff", "P-2#region_totals", "--json").json["comparisons"]
    assert {each["of"].partition("@")[0] for each in every} == {"daily_sales", "region_totals"}
    assert {each["of"].partition("@")[0] for each in one} == {"region_totals"}
    assert "no pipeline in P-2 'totals'" in two_versions.run("diff", "P-2#totals").err


def test_a_file_of_that_name_goes_before_what_production_keeps(fed: Shop) -> None:
    (fed.root / "R-1").write_text("no table")
    assert "neither Parquet nor CSV" in fed.run("diff", "R-1", "daily_sales").err
