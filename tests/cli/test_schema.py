"""workbench schema compat: what a version means to readers of another one."""

from __future__ import annotations

from typing import Any


def test_a_version_is_compared_with_the_one_before(two_versions: Any):
    same = two_versions.run("schema", "compat", "daily_sales@1", "daily_sales@2", "--exit-code", "--json")
    assert (same.code, same.json["class"], same.json["lost"]) == (0, "behaviour-only", {})
    other = two_versions.run("schema", "compat", "daily_sales@1", "region_totals@1", "--exit-code")
    assert other.code == 1
    assert "region_totals@1 is breaking to readers of daily_sales@1" in other.out
    assert "lost  orders: removed" in other.out
    assert two_versions.run("schema", "compat", "daily_sales@1", "region_totals@1").code == 0


def test_versions_that_are_not_there_are_named(two_versions: Any):
    assert two_versions.run("schema", "compat", "daily_sales@1", "daily_sales@9").code == 2
    assert two_versions.run("schema", "compat", "daily_sales", "daily_sales@2").code == 2
