"""workbench lineage and impact: where columns come from and where they go."""

from __future__ import annotations

from typing import Any


def test_a_column_is_followed_down_to_the_sources(published: Any):
    shown = published.run("lineage", "region_totals.revenue")
    assert shown.code == 0
    assert "daily_sales.revenue  value" in shown.out
    assert "orders.amount  filter, value" in shown.out or "orders.amount  value" in shown.out
    tree = published.run("lineage", "region_totals.revenue", "--json").json["tree"]
    below = {(each["table"], each["column"]): each for each in tree["beyond"]}
    assert below["daily_sales", "revenue"]["roles"] == ["value"]
    reached = {(each["table"], each["column"], *each["roles"]) for each in below["daily_sales", "revenue"]["beyond"]}
    assert ("orders", "amount", "filter", "value") in reached
    assert ("customers", "customer_id", "join") in reached


def test_a_pipeline_is_one_line_a_column(published: Any):
    shown = published.run("lineage", "daily_sales")
    assert shown.code == 0
    rows = {line.split("  ")[0]: line for line in shown.out.splitlines()}
    assert "orders.amount" in rows["revenue"]
    assert "orders.customer_id" in rows["which rows"]
    assert "orders" in rows, "a count rests on no column"
    counted = published.run("lineage", "daily_sales.orders")
    assert (counted.code, "orders.day  group" in counted.out) == (0, True)
    reached = published.run("impact", "daily_sales.orders")
    assert (reached.code, "nothing live rests on daily_sales.orders" in reached.out) == (0, True)


def test_what_rests_on_a_column_is_followed_through_pipelines(published: Any):
    reached = published.run("impact", "orders.amount", "--json").json["reached"]
    assert {each["pipeline"] for each in reached} == {"daily_sales", "region_totals"}
    unread = published.run("impact", "customers.name")
    assert (unread.code, "nothing live rests on customers.name" in unread.out) == (0, True)
    assert published.run("impact", "customers.nam").code == 2
    assert "region_totals" in published.run("impact", "customers.region").out
    assert "nothing live rests on region_totals" in published.run("impact", "region_totals").out


def test_a_version_that_is_not_live_has_its_lineage_too(two_versions: Any):
    assert two_versions.run("lineage", "daily_sales@2.revenue").code == 0
    assert two_versions.run("lineage", "daily_sales@9").code == 2


def test_names_that_are_not_there_get_the_nearest(published: Any):
    refused = published.run("lineage", "daily_sale.revenue")
    assert (refused.code, "did you mean 'daily_sales'?" in refused.err) == (2, True)
    refused = published.run("lineage", "daily_sales.revenu")
    assert (refused.code, "did you mean 'revenue'?" in refused.err) == (2, True)
    refused = published.run("lineage", "orders.amount")
    assert (refused.code, "workbench impact orders.amount" in refused.err) == (2, True)
    assert published.run("impact", "a'; DROP TABLE x").code == 2
