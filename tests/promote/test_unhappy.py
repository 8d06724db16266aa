"""What goes wrong around a promotion: lost folders, crashes between two writes, people who change their minds, odd data."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys

import pytest

from workbench.config import find_workspace
from workbench.runtime.warehouse import Warehouse
from workbench.store import Store


def failing_at(point: str, *arguments: str) -> int:
    """The exit code of a command that is killed at a fail-point."""
    return subprocess.run(
        [sys.executable, "-m", "workbench", *arguments],
        env={**os.environ, "WORKBENCH_FAIL_AT": point},
        capture_output=True,
        check=False,
    ).returncode


def test_an_output_whose_promotion_is_superseded_comes_along_with_the_next(waiting):
    waiting.edit("min_amount.value)", "min_amount.value + 1)")
    ran = waiting.promote("--json")
    assert ran.code == 3
    shown = waiting.run("show", "P-2", "--json").json["candidates"]
    assert {(each["pipeline"], each["version"]) for each in shown} == {("daily_sales", 2), ("region_totals", 1)}
    assert waiting.run("approve", "P-2").code == 0
    assert waiting.run("publish", "region_totals@1").code == 0
    assert set(Warehouse.open(find_workspace()).live()) == {"daily_sales", "region_totals"}


def test_a_rejected_version_can_be_promoted_again(waiting):
    assert waiting.run("reject", "P-1", "--why", "not now").code == 0
    assert waiting.promote().code == 3
    assert waiting.run("approve", "P-2").code == 0
    assert waiting.run("publish", "P-2").code == 0


def test_a_lost_warehouse_is_told_and_made_again_by_a_promotion(published):
    shutil.rmtree(published.root / "warehouse")
    told = published.run("doctor")
    assert told.code == 1
    assert "workbench promote notebooks/sales.py" in " ".join(told.out.split())
    assert published.promote().code == 3
    assert published.run("approve", "P-2").code == 0
    assert published.run("publish", "P-2").code == 0
    assert published.run("doctor").code == 0


@pytest.mark.parametrize("lost", ["data", "current.duckdb"])
def test_the_doctor_tells_of_a_warehouse_that_can_t_be_read(published, lost):
    place = published.root / "warehouse" / lost
    shutil.rmtree(place) if place.is_dir() else place.write_text("no database")
    told = published.run("doctor")
    assert told.code == 1
    assert "problem  data" in told.out


def test_a_lost_store_is_taken_up_from_what_readers_see(published):
    for name in ("store.db", "ledger.key"):
        (published.root / ".workbench" / name).unlink()
    assert "fresh clone" in published.run("doctor").out
    assert published.promote().code == 3
    assert published.run("approve", "P-1").code == 0
    assert published.run("publish", "P-1").code == 0
    assert published.run("show", "P-1", "--json").json["status"] == "published"
    assert published.run("doctor").code == 0


def test_an_operation_of_a_lost_store_is_not_taken_for_one_of_the_new_store(two_versions):
    """Operation ids begin anew with a store, but the warehouse still carries the last one of the old store."""
    (two_versions.root / ".workbench" / "store.db").unlink()
    (two_versions.root / ".workbench" / "ledger.key").unlink()
    assert two_versions.promote("--allow-change", "100%").code == 3
    assert two_versions.run("approve", "P-1").code == 0
    assert failing_at("after_intent", "publish", "P-1") == 137
    assert "was undone" in two_versions.run("doctor").out
    assert two_versions.run("show", "P-1", "--json").json["status"] == "approved"
    assert Warehouse.open(find_workspace()).live()["daily_sales"].version == 1


def test_publishing_a_published_promotion_again_keeps_what_runs_made_since(published):
    (published.root / "raw" / "customers.csv").write_text("customer_id,name,region\nc1,One,north\n")
    assert published.run("run", "daily_sales").code == 0
    live = Warehouse.open(find_workspace()).live()["daily_sales"].snapshot.id
    assert published.run("publish", "P-1").code == 0
    assert Warehouse.open(find_workspace()).live()["daily_sales"].snapshot.id == live


def test_a_promotion_that_is_rejected_while_its_publication_is_planned_is_not_published(two_versions):
    from workbench.catalog.operation import move_readers
    from workbench.errors import GuardRefused
    from workbench.promote.publish import plan_publish

    workspace = find_workspace()
    warehouse = Warehouse.open(workspace)
    with Store.open(workspace) as store:
        plan = plan_publish(workspace, store, warehouse, "P-2")
        assert two_versions.run("reject", "P-2", "--why", "wait").code == 0
        at = store.promotions()[0].at
        with pytest.raises(GuardRefused, match="rejected"):
            move_readers(store, warehouse, plan.kind, plan.targets, who="bo", at=at, promotion=plan.promotion)
    assert warehouse.live()["daily_sales"].version == 1


def test_a_version_without_its_changelog_gets_it_with_the_next_promotion(sandboxed):
    """A process that is killed between the version and what stands beside it leaves only the version."""
    assert sandboxed.promote().code == 3
    for file in ("CHANGELOG.md", "pipeline.toml"):
        (sandboxed.root / "promoted" / "daily_sales" / file).unlink()
    (sandboxed.root / ".workbench" / "store.db").unlink()
    (sandboxed.root / ".workbench" / "ledger.key").unlink()
    assert sandboxed.promote().code == 3
    assert (sandboxed.root / "promoted" / "daily_sales" / "CHANGELOG.md").read_text().count("## v1,") == 1
    assert (sandboxed.root / "promoted" / "daily_sales" / "pipeline.toml").is_file()
    assert (sandboxed.root / "promoted" / "region_totals" / "CHANGELOG.md").read_text().count("## v1,") == 1


def test_two_promotions_at_once_leave_one_version_and_no_traceback(sandboxed):
    command = [sys.executable, "-m", "workbench", "promote", "notebooks/sales.py", "--why", "x"]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    errors = [process.communicate(timeout=120)[1] for process in both]
    assert not any("Traceback" in error for error in errors)
    assert {process.returncode for process in both} <= {0, 3, 5}
    assert sandboxed.run("doctor").code == 0
    assert sandboxed.promote().code in (0, 3)


@pytest.mark.parametrize(
    ("value", "key", "check"),
    [
        ('orders.amount.cast("decimal(10,2)")', "order_id", ', checks=[wb.check.between("x", 0, 5)]'),
        ('orders.customer_id.cast("binary")', "order_id", ', checks=[wb.check.unique("x")]'),
        ('orders.day.cast("timestamp")', "x", ""),
        ('orders.amount.cast("decimal(10,2)")', "x", ""),
        ('ibis.literal(float("nan"))', "order_id", ', checks=[wb.check.between("x", 0, 5)]'),
    ],
)
def test_rows_that_break_a_rule_are_evidence_whatever_their_type(sandboxed, value, key, check):
    sandboxed.cells(f"found = orders.mutate(x={value})", f'wb.output("odd", found, key=["{key}"]{check})')
    ran = sandboxed.promote("--json")
    assert (ran.code, ran.json["status"]) == (1, "refused")
    json.loads(sandboxed.run("gates", "P-1", "--json").out, parse_constant=pytest.fail)


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        ('wb.output("odd", orders.mutate(x=orders.customer_id.cast("int64")), key=["order_id"])', "Could not convert"),
        ('wb.output("odd", orders, checks=[wb.check.between("customer_id", 1, 2)])', "check of odd"),
    ],
)
def test_what_fails_on_production_s_values_alone_is_told_without_a_traceback(sandboxed, cell, said):
    sandboxed.cells(cell)
    ran = sandboxed.promote()
    assert ran.code == 2
    assert said in ran.err
    assert " next: " in ran.err


@pytest.mark.parametrize(
    ("check", "said"),
    [
        ('wb.check.fresh("day", "soon")', "'soon' is not a duration"),
        ('wb.check.matches("customer_id", "^(?=c)")', "without looking around"),
        ("wb.check.row_count(10, 5)", "no number of rows is at least 10"),
    ],
)
def test_a_notebook_whose_only_mark_can_t_be_read_is_refused_and_not_called_unchanged(sandboxed, check, said):
    sandboxed.cells(f'wb.output("o", orders, key=["order_id"], doc="O.", checks=[{check}])')
    for wanted in ((), ("o",)):
        ran = sandboxed.run("promote", "notebooks/sales.py", *wanted, "--why", "because")
        assert ran.code == 1
        assert "[mark-arguments]" in ran.out
        assert said in ran.out
        assert "nothing was promoted; next: correct what is refused" in ran.out


def test_a_remark_that_is_no_text_is_kept_as_text(sandboxed):
    ran = sandboxed.run("promote", "notebooks/sales.py", "--why", "caf\udce9 \x1b[31mred\n# forged")
    assert ran.code == 3
    assert sandboxed.run("show", "P-1", "--json").json["why"] == "caf\ufffd [31mred\n# forged"
    assert "\n# forged" not in (sandboxed.root / "promoted" / "daily_sales" / "CHANGELOG.md").read_text()


def test_a_table_that_grows_many_times_over_can_be_declared(published):
    published.edit('sales = known.group_by("day", "region")', 'sales = known.group_by("day", "region", "order_id")')
    published.edit('key=["day", "region"]', 'key=["day", "region", "order_id"]')
    assert published.promote().code == 1
    assert published.promote("--allow-change", "100%").code == 1, "readers lose the key that they join on"
    assert published.promote("--allow-change", "100%", "--allow-breaking").code == 3


def test_a_notebook_outside_of_the_workspace_is_refused_before_any_work(sandboxed, tmp_path):
    outside = tmp_path / "sales.py"
    outside.write_bytes(sandboxed.notebook.read_bytes())
    assert sandboxed.run("promote", str(outside), "--why", "x").code == 2
    assert not (sandboxed.root / "warehouse").exists()


def test_the_next_command_can_be_typed_as_it_stands(sandboxed):
    place = sandboxed.root / "notebooks" / "my notes.py"
    place.write_bytes(sandboxed.notebook.read_bytes())
    assert "workbench promote 'notebooks/my notes.py'" in sandboxed.run("promote", "notebooks/my notes.py").err
    assert "workbench check 'notebooks/my notes.py'" in sandboxed.run("promote", "notebooks/my notes.py", "x", "--why", "y").err
