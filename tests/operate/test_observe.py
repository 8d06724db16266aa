"""status says what readers see, and why it is not good when it is not."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

from workbench.operate.observe import Readers, status
from workbench.store import Store
from workbench.store.records import RunRecord


def one(production, *, later=dt.timedelta(), pipeline="daily_sales"):
    (found,) = [each for each in status(production.workspace, dt.datetime.now(dt.UTC) + later) if each.pipeline == pipeline]
    return found


def test_nothing_is_known_of_an_empty_workspace(tmp_path):
    from workbench.config import find_workspace

    (tmp_path / "pyproject.toml").write_text("[tool.workbench]\n")
    assert status(find_workspace(tmp_path), dt.datetime.now(dt.UTC)) == ()
    assert [place.name for place in tmp_path.iterdir()] == ["pyproject.toml"]


def test_fresh_and_whole_data_is_good(production):
    production.orders(2, first="2024-01-04", name="new")
    run = production.go()
    found = one(production)
    assert (found.readers, found.reason, found.version, found.through, found.rows) == (Readers.GOOD, "", 1, "2024-01-05", 5)
    assert (found.confirmed, found.last_run.id) == (run.finished, "R-1")
    assert found.published is not None
    assert found.due is not None


def test_data_grows_stale_after_what_was_promised(production):
    production.go()
    assert one(production, later=dt.timedelta(hours=35)).readers is Readers.GOOD
    found = one(production, later=dt.timedelta(hours=49))
    assert found.readers is Readers.STALE
    assert "last brought up to date 2 days ago, promised every 36h" in found.reason
    (production.root / "promoted/daily_sales/pipeline.toml").write_text('freshness = "3d"')
    assert one(production, later=dt.timedelta(hours=49)).readers is Readers.GOOD


def test_a_run_that_changed_nothing_keeps_data_fresh(production):
    production.go()
    run = production.go()
    assert not run.facts["changed"]
    assert one(production).confirmed == run.finished


def test_readers_keep_old_data_while_the_last_run_failed(production):
    production.go()
    production.orders(1, first="2024-01-04", name="new", amount="200000.0")
    production.go()
    found = one(production)
    assert found.readers is Readers.KEPT
    assert found.reason.startswith("R-2 failed: check between(revenue")
    (production.root / "raw/orders/new.parquet").unlink()
    production.go()
    assert one(production).readers is Readers.GOOD


def test_a_degraded_run_is_no_success(production):
    production.go(interval="2030-01-01..2030-01-02")
    found = one(production)
    assert (found.readers, found.reason) == (Readers.KEPT, "R-1 degraded: no rows for 2030-01-01..2030-01-02; orders had none")


def test_a_run_whose_process_is_gone_was_killed(production):
    from workbench.operate import process

    facts = {"pid": 999_999_999, "process": "1", "host": process.host()}
    with Store.open(production.workspace) as store:
        store.add_run(RunRecord("", "daily_sales", 1, None, {}, "running", dt.datetime.now(dt.UTC), facts=facts))
    found = one(production)
    assert (found.lost, found.readers, found.reason) == (True, Readers.KEPT, "R-1 was killed")


def test_a_run_under_way_is_not_lost(production):
    import os

    from workbench.operate import process

    facts = {"pid": os.getpid(), "process": process.started(os.getpid()), "host": process.host()}
    with Store.open(production.workspace) as store:
        run = store.add_run(RunRecord("", "daily_sales", 1, None, {}, "running", dt.datetime.now(dt.UTC), facts=facts))
        store.update_run(replace(run, facts={**facts, "host": "elsewhere", "pid": 1}))
    assert not one(production).lost


def test_damage_is_seen_without_reading_the_data(production):
    file = production.warehouse.live()["daily_sales"].snapshot.files[1]
    place = production.workspace.warehouse / file.path
    content = place.read_bytes()
    place.write_bytes(content[:-1])
    assert one(production).readers is Readers.DAMAGED
    place.unlink()
    found = one(production)
    assert (found.readers, found.reason) == (Readers.DAMAGED, f"{file.path} is missing or has another size")
    place.write_bytes(content)
    assert one(production).readers is Readers.GOOD
    next((production.workspace.warehouse / "data/daily_sales/snapshots").glob("*.json")).unlink()
    assert one(production).readers is Readers.DAMAGED


def test_what_is_promoted_but_not_published_is_listed(production):
    production.version(*production.totals)
    found = one(production, pipeline="sales_total")
    assert (found.readers, found.version, found.reason) == (Readers.NOT_PUBLISHED, None, "no version is published")


def test_a_wrong_pipeline_toml_is_a_reason_and_no_failure(production):
    (production.root / "promoted/daily_sales/pipeline.toml").write_text("a = 1")
    found = one(production)
    assert "promoted/daily_sales/pipeline.toml: a: no such key" in found.reason
    assert found.due is None


def test_status_imports_nothing_heavy():
    import subprocess
    import sys

    program = "import sys, workbench.cli.status, workbench.operate.observe, workbench.render.status; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    assert not {"ibis", "pandas", "numpy", "alembic", "papermill", "nbformat", "marimo"} & set(loaded)


def test_status_writes_nothing(production):
    production.go()
    before = {place: place.stat().st_mtime_ns for place in production.root.rglob("*")}
    status(production.workspace, dt.datetime.now(dt.UTC))
    assert {place: place.stat().st_mtime_ns for place in production.root.rglob("*")} == before
