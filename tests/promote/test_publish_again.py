"""Publishing again, between runs and beside other publishers: readers never lose days that a run brought."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import duckdb
import pytest

from workbench.config import find_workspace
from workbench.store import Store


def seen(shop: Any) -> dict[str, tuple[int, float]]:
    """Days and revenue that readers see, by pipeline."""
    with duckdb.connect(str(shop.root / "warehouse" / "current.duckdb"), read_only=True) as con:
        (days, daily), (total,) = (
            con.execute("SELECT count(DISTINCT day), sum(revenue) FROM daily_sales").fetchone(),
            con.execute("SELECT sum(revenue) FROM region_totals").fetchone(),
        )
    return {"daily_sales": (days, daily), "region_totals": (0, total)}


def add_days(shop: Any, *days: str) -> None:
    file = shop.root / "raw" / "orders" / "more.parquet"
    with duckdb.connect() as con:
        con.execute("CREATE TABLE days (day DATE)")
        con.executemany("INSERT INTO days VALUES (?)", [(day,) for day in days])
        con.execute(
            "COPY (SELECT (epoch(day) / 86400 * 100 + i)::BIGINT AS order_id, 'c' || (i % 10) AS customer_id, day, "
            f"50.0::DOUBLE AS amount FROM days, range(20) r(i)) TO '{file}' (FORMAT parquet)"
        )


def refresh(shop: Any) -> None:
    for pipeline in ("daily_sales", "region_totals"):
        assert shop.run("run", pipeline).code == 0


def test_publishing_what_is_live_and_was_refreshed_takes_no_new_day_away(two_versions):
    assert two_versions.run("publish", "P-2").code == 0
    add_days(two_versions, "2024-01-04")
    refresh(two_versions)
    fresh = seen(two_versions)
    assert fresh["daily_sales"][0] == 4
    ran = two_versions.run("publish", "P-2")
    assert ran.code == 0
    assert "already" in ran.out
    assert seen(two_versions) == fresh


def test_publishing_again_after_an_undo_brings_back_the_last_data_of_the_promotion(two_versions):
    assert two_versions.run("publish", "P-2").code == 0
    add_days(two_versions, "2024-01-04")
    refresh(two_versions)
    fresh = seen(two_versions)
    undone = two_versions.run("rollback", "daily_sales")
    assert undone.code == 0
    assert "workbench run daily_sales" in undone.out
    assert seen(two_versions)["daily_sales"][0] == 3
    assert two_versions.run("publish", "P-2").code == 0
    assert seen(two_versions) == fresh


def test_a_run_between_publishing_one_version_alone_and_its_promotion_is_kept(two_versions):
    assert two_versions.run("publish", "P-2").code == 0
    assert two_versions.run("rollback", "daily_sales", "--to", "1").code == 0
    assert two_versions.run("publish", "daily_sales@2").code == 0
    add_days(two_versions, "2024-01-04", "2024-01-05")
    refresh(two_versions)
    fresh = seen(two_versions)
    assert fresh["daily_sales"][0] == 5
    assert two_versions.run("publish", "P-2").code == 0
    assert seen(two_versions) == fresh


def test_two_publishers_at_once_publish_once(two_versions):
    command = [sys.executable, "-m", "workbench", "publish", "P-2"]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    for each in both:
        out, err = each.communicate(timeout=120)
        told = "readers see" in out or "already" in out or "moved meanwhile" in err or "another process" in err
        assert told, out + err
        assert each.returncode in (0, 1, 5)
    assert 0 in [each.returncode for each in both]
    with Store.open(find_workspace(two_versions.root), read_only=True) as store:
        assert [entry.payload["promotion"] for entry in store.ledger() if entry.kind == "publish"] == ["P-1", "P-2"]
        assert store.verify_ledger() == ()


@pytest.mark.parametrize("point", ["before_swap", "after_swap"])
def test_the_next_publish_mends_what_a_killed_one_left_without_a_doctor(two_versions, point):
    command = [sys.executable, "-m", "workbench", "publish", "P-2"]
    killed = subprocess.run(command, env=os.environ | {"WORKBENCH_FAIL_AT": point}, capture_output=True, check=False)
    assert killed.returncode == 137
    assert two_versions.run("publish", "P-2").code == 0
    with Store.open(find_workspace(two_versions.root), read_only=True) as store:
        assert [entry.payload["promotion"] for entry in store.ledger() if entry.kind == "publish"] == ["P-1", "P-2"]
        assert store.operations(state="begun") == ()
