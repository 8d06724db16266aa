"""What nobody needs goes, and nothing else: readers, rollbacks, decisions, runs and whatever is under way keep theirs."""

from __future__ import annotations

import datetime as dt
import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest

from tests.conftest import write_orders
from tests.operate.typed import killed_at
from workbench.config import find_workspace
from workbench.operate.gc import collect, plan_gc
from workbench.runtime import files
from workbench.runtime.warehouse import Warehouse
from workbench.store import Store, beside

FAIL_POINTS = ["gc_before_ledger", "gc_after_ledger", "gc_after_snapshots", "gc_after_files"]
GRACE = dt.timedelta(days=1)


def rows(root: Path, pipeline: str = "daily_sales") -> list[tuple[object, ...]]:
    with duckdb.connect(str(root / "warehouse" / "current.duckdb"), read_only=True) as con:
        return con.execute(f"SELECT * FROM {pipeline} ORDER BY ALL").fetchall()


def age(root: Path, days: float = 30) -> None:
    """Everything was written that long ago."""
    then = dt.datetime.now().timestamp() - days * 86400
    for place in ("warehouse/data", ".workbench/runs", ".workbench/environments"):
        for path in (root / place).rglob("*"):
            os.utime(path, (then, then))


def entries(root: Path) -> list[dict]:
    with Store.open(find_workspace(root), read_only=True) as store:
        assert store.verify_ledger() == ()
        return [entry.payload for entry in store.ledger() if entry.kind == "gc"]


def retain(root: Path, text: str, *pipelines: str) -> None:
    for name in pipelines or ("daily_sales", "region_totals"):
        file = root / "promoted" / name / "pipeline.toml"
        file.write_text(file.read_text() + f'retention = "{text}"\n')


def planned(root: Path, days: float = 0, grace: dt.timedelta = GRACE):
    """What a gc would do some days from now."""
    workspace = find_workspace(root)
    with Store.open(workspace, read_only=True) as store:
        now = dt.datetime.now(dt.UTC) + dt.timedelta(days=days)
        return plan_gc(workspace, store, Warehouse.open(workspace), now=now, grace=grace)


@pytest.fixture(scope="module")
def worn(stages, tmp_path_factory) -> Path:
    """v1 of both outputs, then a refused P-2, then v2 published as P-3 and run twice on new data; all of it a month old."""
    import contextlib

    root = tmp_path_factory.mktemp("worn") / "shop"
    stages.copy("published", root)
    run = stages._run
    notebook = root / "notebooks" / "sales.py"
    notebook.write_text(notebook.read_text().replace("min_amount.value)", "min_amount.value + 40)"))
    with pytest.MonkeyPatch.context() as patch, contextlib.chdir(root):
        patch.setenv("WORKBENCH_USER", "ada@example.org")
        assert run(root, "promote", "notebooks/sales.py", "--why", "refused") == 1
        notebook.write_text(notebook.read_text().replace("min_amount.value + 40)", "min_amount.value + 20)"))
        assert run(root, "promote", "notebooks/sales.py", "--why", "better", "--allow-change", "100%") == 3
        assert run(root, "approve", "P-3") == 0
        assert run(root, "publish", "P-3") == 0
        for name in ("a", "b"):
            write_orders(root, [f"2024-02-0{1 + (name == 'b')}"], name=name)
            assert run(root, "run", "daily_sales") == 0
    age(root)
    return root


@pytest.fixture
def shop_(worn, enter, tmp_path, monkeypatch):
    """A copy of it to type commands in."""
    shop = enter("shop")
    shutil.rmtree(shop.root)
    shutil.copytree(worn, shop.root)
    monkeypatch.chdir(shop.root)
    assert shop.run("doctor").code == 0
    return shop


def test_without_retention_only_what_never_was_anything_goes(shop_):
    seen = rows(shop_.root)
    plan = shop_.run("gc", "--dry-run", "--json").json
    assert shop_.run("gc", "--json").json["removed"] == plan["removed"]
    with Store.open(find_workspace(shop_.root), read_only=True) as store:
        (refused,) = (each for each in store.promotions() if each.status == "refused")
        pinned = {
            each.snapshot for promotion in store.promotions() if promotion is not refused for each in promotion.candidates
        }
    assert {each["snapshot"] for each in plan["removed"]} >= {each.snapshot for each in refused.candidates} - pinned
    assert {each["why"] for each in plan["removed"]} == {"no version, reader or successful run has it"}
    assert rows(shop_.root) == seen
    assert shop_.run("doctor", "--deep").code == 0
    assert shop_.run("reproduce", "R-1", "--json").json["match"] is False  # its source has another file by now
    assert shop_.run("rollback", "daily_sales").code == 0
    assert shop_.run("publish", "P-3").code == 0
    assert rows(shop_.root) == seen
    (entry,) = entries(shop_.root)
    assert entry["who"] == "ada@example.org"
    assert sum(map(len, entry["snapshots"].values())) == len(plan["removed"])
    assert entry["bytes"] == plan["bytes"] > 0
    assert shop_.run("gc", "--json").json["files"] == 0
    assert len(entries(shop_.root)) == 1


def test_what_goes_beyond_the_retention_is_what_only_the_past_needs(shop_):
    retain(shop_.root, "5d")
    later = planned(shop_.root, days=10)
    kept = {each.why for each in later.kept}
    assert "readers of daily_sales see it" in kept
    assert "a rollback of daily_sales would go to it" in kept
    assert [run.id for run in later.runs] == ["R-1"], "the newest run of a pipeline keeps its record"
    assert any("kept until" in each.why for each in later.gone)
    assert not planned(shop_.root, days=3).runs
    workspace = find_workspace(shop_.root)
    with Store.open(workspace) as store:
        now = dt.datetime.now(dt.UTC) + dt.timedelta(days=10)
        collect(workspace, store, Warehouse.open(workspace), who="ada", now=now, grace=GRACE)
        assert "expired" in store.run("R-1").facts
        assert store.run("R-1").status == "succeeded"
    assert not (shop_.root / ".workbench" / "runs" / "R-1").exists()
    assert (shop_.root / ".workbench" / "runs" / "R-2").exists()
    assert shop_.run("doctor", "--deep").code == 0
    shown = shop_.run("reproduce", "R-1")
    assert shown.code == 2
    assert "its record was let go" in shown.err
    assert shop_.run("explain", "daily_sales", "--for", "2024-01-02").code == 0
    assert shop_.run("rollback", "daily_sales").code == 0


def test_what_a_run_of_another_pipeline_read_stays_as_long_as_that_run_is_on_record(shop_):
    assert shop_.run("run", "region_totals").code == 0
    write_orders(shop_.root, ["2024-03-01"], name="later")
    assert shop_.run("run", "daily_sales").code == 0
    age(shop_.root)
    with Store.open(find_workspace(shop_.root)) as store:
        (state,) = [each["state"] for each in store.run("R-3").facts["inputs"]]
        later = store.run("R-4")
        assert later.facts["base"] == state
        store.update_run(replace(later, facts={**later.facts, "base": None}))
    retain(shop_.root, "5d")
    assert (state, "R-3 read it") in {(each.snapshot, each.why) for each in planned(shop_.root, days=10).kept}
    with Store.open(find_workspace(shop_.root)) as store:
        run = store.run("R-3")
        store.update_run(replace(run, facts={**run.facts, "expired": "2026-01-01T00:00:00+00:00"}))
    assert state in {each.snapshot for each in planned(shop_.root, days=10).gone}


def test_what_is_open_stays(two_versions):
    retain(two_versions.root, "1d")
    age(two_versions.root)
    shown = {each.snapshot for each in planned(two_versions.root, days=40).kept if each.why == "P-2 is approved"}
    with Store.open(find_workspace(two_versions.root), read_only=True) as store:
        assert {each.snapshot for each in store.promotion("P-2").candidates} <= shown
    assert two_versions.run("demote", "region_totals", "--withdraw", "--why", "no").code == 0
    kept = {each.why for each in planned(two_versions.root, days=40).kept}
    assert "region_totals is demoted, and may come back to it" in kept
    assert two_versions.run("gc", "--grace", "0s").code == 0
    assert two_versions.run("demote", "region_totals", "--undo", "--why", "yes").code == 0
    assert two_versions.run("publish", "P-2").code == 0


def test_what_a_run_under_way_may_read_stays(shop_):
    retain(shop_.root, "1d")
    workspace = find_workspace(shop_.root)
    gone = {each.snapshot for each in planned(shop_.root, days=10).gone}
    with Store.open(workspace) as store:
        last = store.run("R-2")
        begun = replace(last, status="running", started=last.started - dt.timedelta(days=1), snapshot=None, finished=None)
        store.add_run(replace(begun, facts={"host": "elsewhere", "pid": 1}))
    under_way = planned(shop_.root, days=10)
    assert {each.why for each in under_way.kept} >= {"something under way may read it"}
    assert {each.snapshot for each in under_way.gone} < gone
    with Store.open(workspace) as store:
        store.update_run(replace(store.run("R-3"), status="killed", finished=last.finished))
    assert {each.snapshot for each in planned(shop_.root, days=10).gone} == gone


def test_what_was_written_a_moment_ago_stays(published):
    workspace = find_workspace(published.root)
    live = Warehouse.open(workspace).live()["daily_sales"].snapshot
    stray = published.root / "warehouse" / Path(live.files[0].path).parent / "stray.parquet"
    stray.write_bytes(b"staged by something under way")
    assert not planned(published.root).files
    assert planned(published.root, days=2).files == (stray,)
    assert published.run("gc", "--grace", "0s").code == 0
    assert not stray.exists()


def test_what_is_used_again_while_it_goes_stays(tmp_path):
    old = tmp_path / "a.parquet"
    old.write_bytes(b"rows")
    os.utime(old, (1000, 1000))
    assert files.used_again(old, 4)
    assert not files.remove_old(old, before=2000)
    assert old.read_bytes() == b"rows"
    os.utime(old, (1000, 1000))
    assert files.remove_old(old, before=2000)
    assert os.listdir(tmp_path) == []
    assert not files.remove_old(old, before=2000)


def test_publishing_what_was_let_go_is_answered_no_and_not_try_again(two_versions):
    assert two_versions.run("publish", "P-2").code == 0
    workspace = find_workspace(two_versions.root)
    with Store.open(workspace) as store:
        snapshot = next(each.snapshot for each in store.promotion("P-1").candidates if each.pipeline == "daily_sales")
        (workspace.warehouse / "data" / "daily_sales" / "snapshots" / f"{snapshot}.json").unlink()
        assert two_versions.run("publish", "daily_sales@1").code == 5, "nobody removed it on purpose"
        at = dt.datetime(2026, 5, 1, tzinfo=dt.UTC)
        store.append_ledger("gc", {"who": "ada", "snapshots": {"daily_sales": [snapshot]}}, at=at)
        store.write_head()
    shown = two_versions.run("publish", "daily_sales@1")
    assert shown.code == 1
    assert "the data of daily_sales@1 was removed on 2026-05-01" in shown.err
    assert 'workbench promote notebooks/sales.py daily_sales --why "as daily_sales@1"' in shown.err
    assert two_versions.run("rollback", "daily_sales").code == 1


def test_what_another_scheduler_staged_stays_for_a_week(published):
    runs = published.root / ".workbench" / "runs" / "airflow-1"
    runs.mkdir(parents=True)
    (runs / "result.json").write_text(json.dumps({"snapshot": "nothing-v1-abc", "base": None}))
    age(published.root, days=3)
    assert not planned(published.root).folders
    age(published.root, days=8)
    assert planned(published.root).folders == (runs,)
    assert published.run("gc").code == 0
    assert not runs.exists()


def test_old_trials_beside_production_go_unless_readers_see_or_somebody_decides_on_what_they_tried(published):
    runs = published.root / ".workbench" / "runs"
    began = dt.datetime.now(dt.UTC)
    with Store.open(find_workspace(published.root)) as store:
        (promotion,) = store.promotions()
        ended = beside.BesideRecord(0, "shadow", promotion.id, "ended", {}, 0, "ada", began, ended=began, outcome="done")
        first = beside.add(store, ended, {}).number
        other = beside.add(store, replace(ended, state="running", ended=None, outcome=""), {}).number
        for row, version in ((first, 1), (first, 7), (other, 8)):
            trial = beside.TrialRecord("", row, "daily_sales", version, "R-1", "judged", began)
            (runs / beside.add_trial(store, trial).id).mkdir(parents=True)
    age(published.root, days=6)
    assert not planned(published.root).folders
    age(published.root, days=8)
    assert planned(published.root).folders == (runs / "T-2",), "T-1 tried what is live, T-3 runs beside it"


def test_an_environment_that_was_made_again_goes_when_nobody_used_it_for_a_week(published):
    place = published.root / ".workbench" / "environments"
    (place / "ab" / "bin").mkdir(parents=True)
    (place / "ab.txt").write_text("# python 3.11.2 cpython-linux-x86_64\n")
    age(published.root, days=6)
    assert not planned(published.root).folders
    age(published.root, days=8)
    assert published.run("gc").code == 0
    assert not (place / "ab").exists()
    assert (place / "ab.txt").exists()


@pytest.mark.parametrize("point", FAIL_POINTS)
def test_killed_at_any_point_readers_keep_what_they_see_and_the_next_one_removes_the_rest(shop_, point):
    root = shop_.root
    seen = rows(root), rows(root, "region_totals")
    doomed = planned(root)
    assert doomed.files
    assert killed_at(point, root, "gc") == 137
    assert (rows(root), rows(root, "region_totals")) == seen
    assert len(entries(root)) == (point != "gc_before_ledger")
    left = [path for path in doomed.files if path.exists()]
    assert bool(left) is (point != "gc_after_files")
    assert shop_.run("doctor", "--deep").code == 0
    assert shop_.run("gc").code == 0
    assert not any(path.exists() for path in doomed.files)
    assert planned(root).empty
    assert {each.snapshot for each in planned(root).kept} == {each.snapshot for each in doomed.kept}
    assert shop_.run("rollback", "daily_sales").code == 0


def test_two_at_once_remove_everything_once(shop_):
    """The second one waits for the first, or says that it is under way."""
    warehouse = Warehouse.open(find_workspace(shop_.root))
    with warehouse.lock(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(Warehouse.lock, "__wrapped__", Warehouse.lock.__wrapped__, raising=False)
        patch.setattr(Warehouse.lock.__wrapped__, "__defaults__", (0.05,))
        ran = shop_.run("gc")
    assert ran.code == 5
    assert entries(shop_.root) == []
    assert shop_.run("gc").code == 0
    assert shop_.run("gc").code == 0
    assert len(entries(shop_.root)) == 1


def test_a_folder_that_can_not_be_written_to_loses_nothing(shop_, monkeypatch):
    doomed = planned(shop_.root).files
    writable = os.access

    def access(path, mode, **rest):
        return (
            False if mode == os.W_OK and Path(path).is_relative_to(shop_.root / "warehouse") else writable(path, mode, **rest)
        )

    monkeypatch.setattr(os, "access", access)
    ran = shop_.run("gc")
    assert ran.code == 5
    assert "is read-only" in ran.err
    assert all(path.exists() for path in doomed)
    assert entries(shop_.root) == []


def test_a_retention_that_can_not_be_read_and_a_broken_ledger_remove_nothing(shop_):
    import sqlite3

    file = shop_.root / "promoted" / "daily_sales" / "pipeline.toml"
    text = file.read_text()
    doomed = planned(shop_.root).files
    file.write_text(text + 'retention = "a while"\n')
    ran = shop_.run("gc")
    assert ran.code == 2
    assert "retention" in ran.err
    file.write_text(text)
    with sqlite3.connect(shop_.root / ".workbench" / "store.db") as con:
        con.execute("UPDATE ledger SET payload = replace(payload, 'because', 'nothing') WHERE seq = 2")
    con.close()
    assert shop_.run("gc").code == 4
    assert all(path.exists() for path in doomed)


def test_an_empty_workspace_has_nothing_to_remove(shop):
    ran = shop.run("gc", "--dry-run")
    assert (ran.code, ran.out.strip()) == (0, "nothing to remove")
    assert shop.run("gc").code == 0
    assert shop.run("gc", "--grace", "soon").code == 2
