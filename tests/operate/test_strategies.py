"""How a run's rows meet those that readers have: every strategy does the same however often, and whenever it is killed."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest

from tests.operate.conftest import DAILY_CONTRACT
from workbench.catalog.contract import Column, from_yaml, to_yaml
from workbench.errors import UsageError
from workbench.model import Check
from workbench.store import Store

ROWS = """
from __future__ import annotations

import ibis


def daily_sales(orders: ibis.Table) -> ibis.Table:
    return orders.select("order_id", "day", "amount")
"""
CONTRACT = replace(
    DAILY_CONTRACT,
    columns=(Column("order_id", "int64", True), Column("day", "date"), Column("amount", "float64")),
    key=("order_id",),
    checks=(),
    parameters=(),
)


def orders(production, *rows: tuple[int, str, float]) -> None:
    """The source holds just these orders: id, day, amount."""
    file = production.root / "raw" / "orders" / "orders.parquet"
    values = ", ".join(f"({number}, DATE '{day}', {amount})" for number, day, amount in rows)
    with duckdb.connect() as con:
        con.execute(
            f"COPY (SELECT day, amount::DOUBLE AS amount, n::BIGINT AS order_id FROM (VALUES {values}) AS t(n, day, amount)) "
            f"TO '{file}' (FORMAT parquet)"
        )


def publish(production, **contract):
    """Two orders on two days are live."""
    orders(production, (1, "2024-01-01", 1), (2, "2024-01-02", 2))
    production.publish(replace(CONTRACT, **contract), ROWS)


def seen(production):
    return [(number, str(day)[-2:], amount) for number, day, amount in production.read("daily_sales")]


def files(production):
    folder = production.workspace.warehouse
    return {each.name: each.read_bytes() for each in (folder / "data" / "daily_sales" / "v1").glob("*.parquet")}


def test_upsert_replaces_rows_by_key_also_where_they_move_to_another_partition(production):
    publish(production, strategy="upsert")
    before = files(production)
    orders(production, (2, "2024-01-03", 20), (3, "2024-01-03", 30))
    run = production.go()
    assert seen(production) == [(1, "01", 1.0), (2, "03", 20.0), (3, "03", 30.0)]
    assert run.facts["merged"] == {"added": 1, "updated": 1, "ignored": 0}
    assert run.facts["partitions"] == {"added": 1, "replaced": 0, "removed": 1, "unchanged": 1}
    assert before.items() <= files(production).items(), "files are never changed"
    again = production.go()
    assert (again.snapshot, again.facts["changed"], again.facts["merged"]["ignored"]) == (run.snapshot, False, 2)


def test_append_adds_what_is_new_by_key_and_never_changes_a_row(production):
    publish(production, strategy="append", partition_by=None)
    orders(production, (2, "2024-01-02", 99), (3, "2024-01-02", 30))
    run = production.go()
    assert seen(production) == [(1, "01", 1.0), (2, "02", 2.0), (3, "02", 30.0)]
    assert run.facts["merged"] == {"added": 1, "updated": 0, "ignored": 1}
    assert production.go().snapshot == run.snapshot


def test_rows_of_one_run_that_agree_in_the_key_fail_it(production):
    publish(production, strategy="upsert")
    orders(production, (3, "2024-01-02", 1), (3, "2024-01-02", 2))
    run = production.go()
    assert run.status == "failed"
    assert "unique(order_id)" in run.error
    assert len(seen(production)) == 2


def test_upserting_day_by_day_equals_upserting_all_at_once(production):
    publish(production, strategy="upsert")
    orders(production, (2, "2024-01-02", 5), (3, "2024-01-03", 30), (4, "2024-01-04", 40))
    for day in ("2024-01-02..2024-01-03", "2024-01-03..2024-01-04", "2024-01-04..2024-01-05"):
        assert production.go(interval=day).status == "succeeded"
    assert production.go().facts["changed"] is False


@pytest.mark.parametrize("strategy", ["replace", "upsert", "append"])
def test_late_rows_reopen_their_partition_within_the_allowed_lateness_and_are_counted(production, strategy):
    publish(production, strategy=strategy, allowed_lateness="2d")
    orders(
        production, (1, "2024-01-01", 1), (2, "2024-01-02", 2), (9, "2024-01-01", 9), (8, "2024-01-02", 8), (4, "2024-01-04", 4)
    )
    run = production.go(interval="2024-01-04..2024-01-05")
    assert seen(production) == [(1, "01", 1.0), (2, "02", 2.0), (4, "04", 4.0), (8, "02", 8.0)]
    assert (run.facts["rows_out"], run.facts["late"]) == (1, {"rows": 1, "partitions": 1})
    again = production.go(interval="2024-01-04..2024-01-05")
    assert (again.facts["changed"], again.facts["late"]["rows"]) == (False, 0)


def test_late_rows_do_not_stand_for_an_interval_that_has_none(production):
    publish(production, allowed_lateness="2d")
    orders(production, (1, "2024-01-01", 1), (2, "2024-01-02", 2), (8, "2024-01-02", 8))
    run = production.go(interval="2024-01-03..2024-01-04")
    assert (run.status, run.error) == ("degraded", "no rows for 2024-01-03..2024-01-04; orders had none")
    assert len(seen(production)) == 2


def test_a_merge_with_other_columns_is_refused(production):
    publish(production, strategy="upsert")
    other = replace(CONTRACT, strategy="upsert", columns=(*CONTRACT.columns, Column("twice", "float64")))
    production.version(other, ROWS.replace('"amount")', '"amount").mutate(twice=orders.amount * 2)'))
    run = production.go()
    assert run.status == "failed"
    assert "upsert can't join what readers see: it has other columns or types than this run: twice" in run.error


POINTS = ("after_run_begun", "after_run_executed", "after_intent", "after_write_new", "after_swap", "before_done", "after_done")


@pytest.mark.parametrize(
    ("strategy", "points"),
    [
        ("upsert", ("after_intent", "after_swap")),
        ("append", ("after_write_new",)),
        *(pytest.param(strategy, POINTS, marks=pytest.mark.drill) for strategy in ("replace", "upsert", "append")),
    ],
)
def test_killed_anywhere_and_run_again_gives_the_same_bytes_and_one_entry(production, strategy, points):
    publish(production, strategy=strategy)
    orders(production, (1, "2024-01-01", 1), (2, "2024-01-03", 20), (3, "2024-01-03", 30))
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])}
    code = (
        "import datetime as dt; from workbench.config import find_workspace; from workbench.operate.run import run_pipeline;"
        "run_pipeline(find_workspace(), 'daily_sales', who='ada', now=dt.datetime.now(dt.UTC))"
    )
    for point in points:
        died = subprocess.run(
            [sys.executable, "-c", code], env={**environment, "WORKBENCH_FAIL_AT": point}, capture_output=True, check=False
        )
        assert died.returncode in (0, 137), died.stderr.decode()
    production.go()
    run = production.go()
    kept = {"replace": (2, "03", 20.0), "upsert": (2, "03", 20.0), "append": (2, "02", 2.0)}
    assert seen(production) == [(1, "01", 1.0), kept[strategy], (3, "03", 30.0)]
    assert run.facts["changed"] is False
    with Store.open(production.workspace, read_only=True) as store:
        assert [entry.kind for entry in store.ledger()] == ["run"]
        assert store.verify_ledger() == ()
    names = {file.path.rpartition("/")[2] for file in production.warehouse.live()["daily_sales"].snapshot.files}
    assert names <= files(production).keys()


def test_the_contract_keeps_the_strategy_and_what_becomes_of_broken_rows():
    contract = replace(
        CONTRACT,
        strategy="upsert",
        allowed_lateness="3d",
        checks=(
            Check("between", ("amount",), {"low": 0, "high": 1}, "quarantine"),
            Check("not_null", ("day",), {}, "quarantine"),
        ),
    )
    assert from_yaml(to_yaml(contract)) == contract
    assert "strategy" not in to_yaml(replace(contract, strategy="replace"))


def test_a_mark_says_what_a_strategy_needs(sandboxed):
    for wrong, said in (
        ('strategy="upsert", key=[]', 'strategy="upsert" needs key='),
        ('strategy="merge"', "none of replace, upsert, append"),
        ('allowed_lateness="soon"', "no duration"),
    ):
        text = sandboxed.notebook.read_text()
        sandboxed.edit('partition_by="day",', f'partition_by="day", {wrong},' if "key" not in wrong else 'strategy="upsert",')
        if "key" in wrong:
            sandboxed.edit('key=["day", "region"],', "key=[],")
        refused = sandboxed.run("check", "notebooks/sales.py")
        assert refused.code == 1
        assert said in refused.out
        sandboxed.notebook.write_text(text)


def test_the_check_of_a_notebook_says_how_its_rows_will_be_written(sandboxed):
    sandboxed.edit('partition_by="day",', 'partition_by="day", strategy="upsert", allowed_lateness="2d",')
    sandboxed.edit('between("orders", 1, 1000000)', "between(\"orders\", 1, 1000000, on_failure='quarantine')")
    checked = sandboxed.run("check", "notebooks/sales.py")
    assert checked.code == 0, checked.err
    for said in ("upsert by key", "the 2d before an interval", "high=1000000); rows that break it are held back"):
        assert said in checked.out


def test_a_mark_in_the_notebook_is_held_to_the_same():
    import ibis

    from workbench.render.card import output

    with pytest.raises(UsageError, match="needs key="):
        output("daily", ibis.memtable({"a": [1]}), strategy="append")
