"""A run is reproduced from what it read, or the first thing that stands in the way is named."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import duckdb
import pytest

from tests.operate.conftest import DAILY
from tests.operate.test_strategies import orders, publish
from workbench.errors import GuardRefused, UsageError, WorkbenchError
from workbench.model import Check, Interval
from workbench.operate.quarantine import release
from workbench.operate.reproduce import reproduce
from workbench.operate.run import run_together
from workbench.store import Store


def records(production):
    with Store.open(production.workspace, read_only=True) as store:
        return len(store.runs()), len(store.operations()), len(store.ledger())


def again(production, run):
    """Reproduce a run, and see that production does not notice."""
    files = sorted(production.workspace.warehouse.rglob("*"))
    before, runs = records(production), sorted(production.workspace.runs.iterdir())
    found = reproduce(production.workspace, run)
    assert records(production) == before
    assert sorted(production.workspace.warehouse.rglob("*")) == files
    assert sorted(production.workspace.runs.iterdir()) == runs
    return found


def test_a_run_gives_the_same_digest_again_though_readers_have_moved_on(production):
    production.orders(2, first="2024-01-04", name="new")
    first = production.go(parameters={"min_amount": "22"})
    part = production.go(interval="2024-01-02..2024-01-03", parameters={"min_amount": 27})
    production.publish(*production.totals)
    total = production.go("sales_total")
    production.go()
    assert part.snapshot != first.snapshot
    for run in (first, part, total):
        found = again(production, run)
        assert (found.match, found.found) == (True, run.snapshot)


def test_runs_that_were_computed_together_match_by_their_own_partitions(production):
    production.orders(3, name="orders", amount="30.0")
    spans = [Interval.parse(f"2024-01-0{day}..2024-01-0{day + 1}") for day in (1, 2)]
    runs = run_together(production.workspace, "daily_sales", spans, parameters={}, who="ada", now=dt.datetime.now(dt.UTC))
    assert [each.status for each in runs] == ["succeeded", "succeeded"]
    assert [again(production, each).match for each in runs] == [True, True]


def test_a_source_that_differs_or_is_gone_is_named(production):
    run = production.go()
    production.orders(1, first="2024-02-01", name="late")
    found = again(production, run)
    assert (found.what, found.name, found.recorded) == ("input", "orders", run.facts["inputs"][0]["state"])
    assert found.found not in ("", found.recorded)
    for file in (production.root / "raw" / "orders").iterdir():
        file.unlink()
    found = again(production, run)
    assert (found.what, found.name, found.found) == ("input", "orders", "")


def test_a_snapshot_that_was_changed_or_removed_is_named(production):
    production.publish(*production.totals)
    run = production.go("sales_total")
    snapshot = production.warehouse.live()["daily_sales"].snapshot
    file = production.workspace.warehouse / snapshot.files[0].path
    whole = file.read_bytes()
    file.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    found = again(production, run)
    assert (found.what, found.name, found.found) == ("input", "daily_sales", "")
    assert snapshot.files[0].path in found.why
    file.write_bytes(whole)
    assert again(production, run).match
    (production.workspace.warehouse / "data" / "daily_sales" / "snapshots" / f"{snapshot.id}.json").unlink()
    assert "was removed" in again(production, run).why


def test_another_environment_or_another_result_is_named(production):
    run = production.go()
    other = replace(run, facts={**run.facts, "environment_sha256": "ab"})
    found = again(production, other)
    assert (found.what, found.recorded) == ("environment", "ab")
    forged = replace(run, snapshot=production.go(parameters={"min_amount": 25}).snapshot)
    found = again(production, forged)
    assert (found.what, found.recorded, found.found) == ("output", forged.snapshot, run.snapshot)
    assert "2024-01-01" in found.why


def test_what_has_no_result_or_was_tampered_with_is_refused(production):
    run = production.go()
    with pytest.raises(UsageError, match="gave no result"):
        reproduce(production.workspace, replace(run, snapshot=None, status="failed"))
    with duckdb.connect() as con:
        con.execute(
            f"COPY (SELECT 'x' AS day, 1.0 AS amount) TO '{production.root}/raw/orders/orders.parquet' (FORMAT parquet)"
        )
    with pytest.raises(WorkbenchError, match="R-2 of"):
        production.go()
    with Store.open(production.workspace, read_only=True) as store:
        failed = store.run("R-2")
    with pytest.raises(UsageError, match="gave no result"):
        reproduce(production.workspace, failed)
    (production.root / "promoted" / "daily_sales" / "v1" / "__init__.py").write_text(DAILY + "\n# later\n")
    with pytest.raises(GuardRefused, match="not as it was promoted"):
        reproduce(production.workspace, run)


def test_a_merge_is_done_again_onto_what_readers_saw_then(production):
    publish(production, strategy="upsert")
    orders(production, (2, "2024-01-03", 20), (3, "2024-01-03", 30))
    run = production.go()
    assert run.facts["merged"]["updated"] == 1
    assert production.go().facts["changed"] is False
    assert again(production, run).match
    (production.workspace.warehouse / "data" / "daily_sales" / "snapshots" / f"{run.facts['base']}.json").unlink()
    found = again(production, run)
    assert (found.what, found.name, found.recorded) == ("input", "daily_sales", run.facts["base"])


def test_rows_that_were_held_back_or_released_are_so_again(production):
    positive = Check("between", ("amount",), {"low": 0, "high": 100}, "quarantine")
    publish(production, checks=(positive,))
    orders(production, (1, "2024-01-01", 1), (2, "2024-01-02", 2), (3, "2024-01-03", -3))
    held = production.go()
    release(production.workspace, "Q-1", who="ada", why="a refund", now=dt.datetime.now(dt.UTC))
    released = production.go()
    assert (held.rows, released.rows) == (2, 3)
    assert [again(production, each).match for each in (held, released)] == [True, True]
