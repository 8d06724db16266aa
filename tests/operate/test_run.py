"""A run from command to readers: they see all of it or nothing, and the store tells which."""

from __future__ import annotations

import datetime as dt
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import nbformat
import pytest

from workbench.catalog.contract import Column
from workbench.errors import GuardRefused, LockHeld, UnknownName, UsageError, WorkbenchError
from workbench.model import Check
from workbench.operate.settle import settle
from workbench.store import Store

NOW = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


def ledger(production):
    with Store.open(production.workspace, read_only=True) as store:
        return [entry.kind for entry in store.ledger()]


def test_a_run_shows_readers_the_new_data(production):
    production.orders(2, first="2024-01-04", name="new")
    run = production.go()
    assert (run.status, run.rows, run.facts["changed"], run.facts["rows_in"]) == ("succeeded", 5, True, 50)
    assert [str(row[0]) for row in production.read("daily_sales")][-1] == "2024-01-05"
    assert production.warehouse.live()["daily_sales"].snapshot.id == run.snapshot
    assert ledger(production) == ["run"]
    assert {check["check"] for check in run.checks} == {"not_null(day)", "unique(day)", "between(revenue, low=0, high=100000)"}


def test_a_run_for_an_interval_changes_only_its_partitions_and_twice_changes_nothing(production):
    production.orders(3, first="2024-01-03", name="new", amount="50.0")
    first = production.go(interval="2024-01-04..2024-01-05")
    assert first.facts["partitions"] == {"added": 1, "replaced": 0, "removed": 0, "unchanged": 3}
    assert [(str(day), orders) for day, orders, _ in production.read("daily_sales")] == [
        ("2024-01-01", 10), ("2024-01-02", 10), ("2024-01-03", 10), ("2024-01-04", 10)
    ]  # fmt: skip
    current = (production.workspace.warehouse / "current.duckdb").read_bytes()
    again = production.go(interval="2024-01-04..2024-01-05")
    assert (again.status, again.facts["changed"], again.snapshot) == ("succeeded", False, first.snapshot)
    assert (production.workspace.warehouse / "current.duckdb").read_bytes() == current
    assert ledger(production) == ["run"]


def test_both_engines_publish_the_same_data(production):
    production.orders(2, first="2024-01-04", name="new")
    assert production.go(engine="workbench-kernel").snapshot == production.go(engine="workbench").snapshot


def test_the_executed_notebook_is_the_record(production):
    run = production.go(interval="2024-01-02..2024-01-03", parameters={"min_amount": "12"})
    record = nbformat.read(production.root / run.notebook, 4)
    sources = {cell.id: cell for cell in record.cells}
    assert 'interval_start = "2024-01-02T00:00:00+00:00"' in sources["injected-parameters"].source
    assert "min_amount = 12" in sources["injected-parameters"].source
    assert {cell.metadata.papermill.status for cell in record.cells} == {"completed"}
    assert str(production.root) not in (production.root / run.notebook).read_text()


def test_an_empty_interval_is_degraded_and_readers_keep_what_they_had(production):
    before = production.read("daily_sales")
    run = production.go(interval="2030-01-01..2030-01-08")
    assert (run.status, run.error) == ("degraded", "no rows for 2030-01-01..2030-01-08; orders had none")
    assert production.read("daily_sales") == before
    assert ledger(production) == []


def test_rows_that_vanished_upstream_do_not_empty_what_readers_see(production):
    (production.root / "raw/orders/orders.parquet").unlink()
    production.orders(1, first="2030-01-01")
    before = production.read("daily_sales")
    assert production.go(interval="2024-01-01..2024-01-04").status == "degraded"
    assert production.read("daily_sales") == before


def test_a_broken_check_fails_the_run_and_readers_keep_what_they_had(production):
    production.orders(1, first="2024-01-04", name="new", amount="200000.0")
    before = production.read("daily_sales")
    run = production.go()
    assert (run.status, run.error) == ("failed", "check between(revenue, low=0, high=100000): 1 row breaks it")
    assert production.read("daily_sales") == before
    record = nbformat.read(production.root / run.notebook, 4)
    assert [c.id for c in record.cells if c.metadata.get("papermill", {}).get("status") == "failed"] == ["checks"]


def test_a_column_that_a_source_lost_is_found_before_the_run_and_named(production):
    import duckdb

    file = production.root / "raw/orders/orders.parquet"
    duckdb.execute(f"COPY (SELECT day, amount AS amonut FROM '{file}') TO '{file}.new' (FORMAT parquet)")
    os.replace(f"{file}.new", file)
    with pytest.raises(
        WorkbenchError,
        match=r"R-1 of daily_sales@1 failed: source orders .* column amount \(float64\) is gone; did you mean 'amonut'",
    ):
        production.go()
    with Store.open(production.workspace, read_only=True) as store:
        assert (store.run("R-1").status, store.run("R-1").notebook) == ("failed", "")


def test_a_column_whose_type_changed_is_named_with_both_types_and_who_else_reads_it(production):
    import duckdb

    twin = replace(production.daily[0], pipeline="twin_sales")
    production.publish(twin, production.daily[1].replace("daily_sales", "twin_sales"))
    production.publish(*production.totals)
    days = replace(production.daily[0], pipeline="days", columns=production.daily[0].columns[:1], parameters=(), checks=())
    days = replace(days, inputs=(replace(days.inputs[0], columns=("day",)),))  # it reads another column, and is not hit
    production.publish(days, "def days(orders):\n    return orders.select('day').distinct()\n")
    file = production.root / "raw/orders/orders.parquet"
    duckdb.execute(f"COPY (SELECT day, amount::VARCHAR AS amount FROM '{file}') TO '{file}.new' (FORMAT parquet)")
    os.replace(f"{file}.new", file)
    with pytest.raises(WorkbenchError, match=r"column amount was float64, is string; it is also read by twin_sales") as found:
        production.go()
    assert found.value.message.endswith("; it is also read by twin_sales; sales_total reads what these compute")


def test_a_pipeline_reads_what_readers_of_another_see(production):
    production.publish(*production.totals)
    production.orders(2, first="2024-01-04", name="new")
    assert production.go("sales_total").facts["changed"] is False
    production.go()
    assert production.go("sales_total").facts["changed"] is True
    assert production.read("sales_total")[0][1] == 5


def test_a_changed_version_is_refused_with_the_file(production):
    module = production.root / "promoted/daily_sales/v1/__init__.py"
    module.write_text(module.read_text() + "# harmless\n")
    with pytest.raises(GuardRefused, match=r"promoted/daily_sales/v1/__init__\.py was changed"):
        production.go()
    with Store.open(production.workspace, read_only=True) as store:
        assert store.runs() == ()


def test_a_run_leaves_nothing_in_the_version_directory(production):
    before = sorted((production.root / "promoted/daily_sales/v1").rglob("*"))
    production.go()
    production.go(engine="workbench-kernel")
    assert sorted((production.root / "promoted/daily_sales/v1").rglob("*")) == before


@pytest.mark.parametrize(
    ("parameters", "error", "said"),
    [
        ({"min_amuont": "3"}, UnknownName, "did you mean 'min_amount'"),
        ({"min_amount": "500"}, UsageError, "above its highest value 100"),
        ({"min_amount": "ten"}, UsageError, "not a value of type int"),
        ({"min_amount": "1e1"}, UsageError, "not a value of type int"),
        ({"min_amount\nimport os": "3"}, UnknownName, "there is no parameter"),
        ({"run_id": "3"}, UnknownName, "there is no parameter"),
    ],
)
def test_parameters_are_held_to_the_contract_before_anything_is_written(production, parameters, error, said):
    with pytest.raises(error, match=said):
        production.go(parameters=parameters)
    assert not production.workspace.state.exists()


def test_a_pipeline_that_is_unknown_or_not_published_is_told_apart(production):
    with pytest.raises(UnknownName, match="did you mean 'daily_sales'"):
        production.go("daily_sale")
    production.version(*production.totals)
    with pytest.raises(UsageError, match="nothing is published of sales_total"):
        production.go("sales_total")


def test_an_interval_needs_partitions_in_time(production):
    production.publish(*production.totals)
    with pytest.raises(UsageError, match="it has no partition_by"):
        production.go("sales_total", interval="2024-01-01..2024-01-02")


def test_a_function_that_breaks_its_contract_fails_the_run(production):
    contract, code = production.daily
    production.publish(contract, code)
    wrong = replace(contract, columns=(*contract.columns[:2], Column("revenue", "int64")))
    production.version(wrong, code)
    run = production.go()
    assert (run.status, run.facts["cell"]) == ("failed", "compute")
    assert "column revenue is float64, the contract says int64" in run.error


@pytest.mark.usefixtures("cold")  # a process that has imported more has more memory to give
def test_memory_and_time_limits_come_from_pipeline_toml(production):
    settings = production.root / "promoted/daily_sales/pipeline.toml"
    settings.write_text('memory_limit = "60MB"\n')
    run = production.go()
    assert run.status == "failed"
    assert run.error.startswith("cell parameters: MemoryError: the limit is 60,000,000 bytes, and ")
    settings.write_text('time_limit = "1s"\n')
    slow = production.daily[1].replace("    return", "    import time; time.sleep(30)\n    return")
    production.version(production.daily[0], slow)
    run = production.go()
    assert (run.status, run.error) == ("failed", "cell compute: TimeLimit: the run took longer than 1 s")


def test_two_runs_of_one_pipeline_do_not_meet(production):
    from workbench.operate import lease

    with Store.open(production.workspace) as store:
        lease.take(production.workspace, store, "daily_sales")
    with pytest.raises(LockHeld, match="another run"):
        production.go()


def test_readers_moved_meanwhile_are_left_alone(production, monkeypatch):
    """Somebody publishes while a run computes: its result builds on what is no longer there."""
    from workbench.operate import under_way as module

    production.orders(2, first="2024-01-04", name="new")
    whole = production.warehouse.live()["daily_sales"].snapshot
    other = production.warehouse.write(
        production.warehouse.read(production.warehouse.connect(), whole).limit(1),
        pipeline="daily_sales",
        version=1,
        partition_by="day",
    )

    def meanwhile(name):
        if name == "after_run_executed":
            production.warehouse.swap("O-9", {"daily_sales": other})

    monkeypatch.setattr(module, "reached", meanwhile)
    with pytest.raises(WorkbenchError, match="readers of daily_sales were moved meanwhile"):
        production.go()
    assert len(production.read("daily_sales")) == 1


COMMAND = [sys.executable, "-m", "workbench", "run", "daily_sales"]


def environment(**more):
    home = str(Path(__file__).resolve().parents[2])
    return {**os.environ, "PYTHONPATH": home, **more}


BEFORE = ("after_run_begun", "after_run_executed", "after_intent", "before_swap", "after_write_new")
AFTER = ("after_swap", "before_done", "after_done", "after_ledger_head", "after_run_published")
ENDED = ("after_done", "after_ledger_head", "after_run_published")  # what ends the run says that readers were moved


SHORT = ("after_intent", "after_swap", "after_ledger_head")  # the others are for `make drills`


@pytest.mark.parametrize(
    "point", [pytest.param(each, marks=[] if each in SHORT else [pytest.mark.drill]) for each in (*BEFORE, *AFTER)]
)
def test_a_run_killed_at_any_point_leaves_old_or_new_and_the_next_mends_it(production, point):
    old = production.read("daily_sales")
    production.orders(2, first="2024-01-04", name="new")
    died = subprocess.run(COMMAND, env=environment(WORKBENCH_FAIL_AT=point), capture_output=True, text=True, check=False)
    assert died.returncode not in (0, 1, 2), died.stderr
    seen = production.read("daily_sales")
    assert len(seen) == (3 if point in BEFORE else 5)
    assert seen == old or point in AFTER
    with Store.open(production.workspace) as store:
        lost = settle(store, production.warehouse, now=NOW)
        assert [each.id for each in lost] == ([] if point in ENDED else ["R-1"])
        assert store.run("R-1").status == ("killed" if point in BEFORE else "succeeded")
    run = production.go()
    assert (run.status, run.facts["changed"]) == ("succeeded", point in BEFORE)
    assert len(production.read("daily_sales")) == 5
    assert ledger(production) == ["run"]
    with Store.open(production.workspace) as store:
        assert store.verify_ledger() == ()
        assert store.operations(state="begun") == ()


def test_ctrl_c_leaves_readers_what_they_had_and_says_so(production):
    slow = production.daily[1].replace("    return", "    import time; open('begun', 'x').close(); time.sleep(30)\n    return")
    production.version(production.daily[0], slow)
    before = production.read("daily_sales")
    started = subprocess.Popen(COMMAND, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    begun = production.workspace.runs / "R-1" / "begun"
    for _ in range(200):
        if begun.exists():
            break
        time.sleep(0.1)
    started.send_signal(signal.SIGINT)
    _, said = started.communicate(timeout=30)
    assert started.returncode == 130
    assert "interrupted" in said
    assert "Traceback" not in said
    assert production.read("daily_sales") == before
    with Store.open(production.workspace, read_only=True) as store:
        run = store.run("R-1")
    assert (run.status, run.error) == ("killed", "interrupted")
    record = nbformat.read(production.root / run.notebook, 4)
    assert {c.id: c.metadata.papermill.status for c in record.cells if c.cell_type == "code"}["compute"] == "failed"


def test_a_check_may_be_promised_twice(production):
    contract = replace(production.daily[0], checks=(Check("unique", ("day",)), *production.daily[0].checks))
    production.version(contract, production.daily[1])
    assert production.go().status == "succeeded"


def test_what_another_scheduler_s_papermill_has_staged_is_published(production):
    from papermill import execute_notebook

    production.orders(4)
    parameters = {
        "workspace": str(production.root),
        "run_id": "airflow-1",
        "interval_start": "2024-01-04",
        "interval_end": "2024-01-05",
    }
    record = production.root / ".workbench" / "airflow-1.ipynb"
    record.parent.mkdir(exist_ok=True)
    execute_notebook(
        str(production.root / "promoted/daily_sales/v1/run.ipynb"),
        str(record),
        parameters,
        engine_name="workbench",
        progress_bar=False,
    )
    assert len(production.read("daily_sales")) == 3
    with pytest.raises(WorkbenchError, match=r"airflow-1 is of interval 2024-01-04\.\.2024-01-05"):
        production.go(staged="airflow-1")
    run = production.go(interval="2024-01-04..2024-01-05", staged="airflow-1")
    assert (run.status, run.facts["changed"], run.notebook) == ("succeeded", True, f".workbench/runs/{run.id}/run.ipynb")
    assert len(production.read("daily_sales")) == 4
    assert not record.exists()
    with pytest.raises(UsageError, match="nothing is staged as"):
        production.go(staged="../airflow-1")


@pytest.mark.parametrize("fault", ["raise TimeoutError('slow')", "import os; os.kill(os.getpid(), 9)"])
def test_a_failure_that_may_pass_has_an_exit_code_of_its_own(production, capsys, fault):
    from workbench.cli.main import main

    production.version(production.daily[0], production.daily[1].replace("    return", f"    {fault}\n    return"))
    assert main(["run", "daily_sales"]) == 5
    assert main(["run", "daily_sales", "--json"]) == 5
    capsys.readouterr()
