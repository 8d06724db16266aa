"""A backfill runs exactly its plan, each interval once, whoever is killed meanwhile."""

from __future__ import annotations

import datetime as dt
import io
import json
import os
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from tests.conftest import Ran
from tests.operate.conftest import DAILY, DAILY_CONTRACT
from tests.test_docs import hold
from workbench.catalog.history import history
from workbench.cli.main import main
from workbench.errors import GuardRefused, LockHeld, UsageError
from workbench.model import Check, Interval
from workbench.operate import lease, process
from workbench.operate.backfill import Worker, change
from workbench.operate.backfill_first import begins_soon, kept_waiting
from workbench.operate.backfill_hours import Hours
from workbench.operate.backfill_lease import lease_name
from workbench.operate.backfill_plan import plan_backfill, refuse_other_code, split
from workbench.operate.definitions import Reader
from workbench.operate.heartbeat import Heartbeat, schedulers
from workbench.operate.observe import Readers, status
from workbench.operate.run import may_run_together, run_pipeline, run_together
from workbench.operate.scheduler import Scheduler
from workbench.render.backfill import backfill_view
from workbench.store import Store, backfills, leases
from workbench.store.records import Lease, RunRecord

DAY = dt.timedelta(days=1)
SPAN = Interval.parse("2024-01-02..2024-01-06")
NOW = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


@pytest.fixture
def grown(production):
    """Three days are published, and six are there, with other amounts."""
    production.orders(6, name="orders", amount="50.0")
    return production


def plan(production, span=SPAN):
    return plan_backfill(production.workspace, "daily_sales", span, DAY, {})


def worker(production, **how):
    return Worker(production.workspace, "ada", **how)


def published(production):
    with Store.open(production.workspace, read_only=True) as store:
        assert store.verify_ledger() == ()
        done = [each for each in store.operations(state="done") if each.kind == "run"]
        assert len(done) == len([entry for entry in store.ledger() if entry.kind == "run"])
        runs = {each.id: each for each in store.runs()}
    return [str(runs[each.run].interval) for each in done]


def elsewhere(production, made, *, seconds: float, **how: object) -> None:
    """Another machine has begun a plan, and its lease on that runs out in so many seconds by the clock."""
    with Store.open(production.workspace) as store:
        begun = backfills.add(
            store, pipeline=made.pipeline, version=made.version, digest=made.digest, plan=made.to_json(),
            intervals=made.intervals, who="grace", process={"host": "elsewhere", "pid": 1, "process": "1", **how}, at=NOW,
        )  # fmt: skip
        expires = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=seconds)
        leases.take(store, lease.name_of(lease_name(begun.id)), "elsewhere 1 1", expires=expires)


def entries(production) -> list[tuple[str, str]]:
    """What the ledger says of backfills: what was done, and by whom."""
    with Store.open(production.workspace, read_only=True) as store:
        assert store.verify_ledger() == ()
        return [(entry.payload["did"], entry.payload["who"]) for entry in store.ledger() if entry.kind == "backfill"]


def command(capsys, *arguments: str) -> Ran:
    capsys.readouterr()
    code = main(list(arguments))
    captured = capsys.readouterr()
    assert "Traceback" not in captured.err
    return Ran(code, captured.out, captured.err)


def test_a_plan_has_the_exact_intervals_and_says_what_its_figures_rest_on(grown):
    made = plan(grown)
    assert [str(each) for each in made.intervals] == [
        "2024-01-02..2024-01-03", "2024-01-03..2024-01-04", "2024-01-04..2024-01-05", "2024-01-05..2024-01-06",
    ]  # fmt: skip
    assert (made.estimate.rows_in, made.estimate.rows, made.estimate.seconds) == (40, 4, None)
    assert "no basis for the time" in " ".join(made.estimate.basis)
    grown.go(interval="2024-01-01..2024-01-02")
    about = plan(grown).estimate
    assert about.rows == 4
    assert about.seconds is not None
    assert about.seconds > 0
    assert "1 run of this version over 1 day" in " ".join(about.basis)
    with Store.open(grown.workspace, read_only=True) as store:
        assert backfills.find(store) == ()


def test_steps_that_are_too_many_are_refused():
    with pytest.raises(UsageError, match="more than 10,000"):
        split(Interval.parse("2000-01-01..2024-01-01"), dt.timedelta(minutes=1))


def test_each_interval_is_published_once_however_often_the_plan_is_applied(grown):
    made = plan(grown)
    ended = worker(grown).apply(made)
    assert (ended.state, {each.state for each in ended.windows}) == ("done", {"succeeded"})
    assert published(grown) == [str(each) for each in made.intervals]
    assert [(str(row[0])[-2:], row[2]) for row in grown.read("daily_sales")][1:] == [(f"0{day}", 545.0) for day in (2, 3, 4, 5)]
    again = worker(grown).apply(made)
    assert (again.id, again.state, again.windows) == (ended.id, "done", ended.windows)
    assert len(published(grown)) == 4
    assert entries(grown) == [("begun", "ada"), ("finished", "ada")]


def test_several_at_one_time_publish_the_same_bytes_as_one_after_the_other(grown):
    made = plan(grown)
    assert made.together
    ended = worker(grown, max_parallel=3).apply(made)
    assert {each.state for each in ended.windows} == {"succeeded"}, [each.error for each in ended.windows]
    assert published(grown) == [str(each) for each in made.intervals]
    together = grown.warehouse.live()["daily_sales"].snapshot
    grown.go(interval=str(SPAN))
    assert grown.warehouse.live()["daily_sales"].snapshot == together
    with Store.open(grown.workspace, read_only=True) as store:
        assert store.runs(limit=1)[0].facts["changed"] is False


def test_only_what_can_be_checked_by_itself_runs_together():
    assert may_run_together(DAILY_CONTRACT)
    for other in (
        replace(DAILY_CONTRACT, strategy="upsert"),
        replace(DAILY_CONTRACT, key=("orders",)),
        replace(DAILY_CONTRACT, checks=(Check("unique", ("revenue",)),)),
        replace(DAILY_CONTRACT, checks=(Check("row_count", (), {"at_least": 1}),)),
    ):
        assert not may_run_together(other)


def test_a_plan_for_other_code_is_refused(grown):
    made = plan(grown)
    grown.version(DAILY_CONTRACT, DAILY.replace("_.amount.sum()", "_.amount.sum() * 2"))
    with pytest.raises(GuardRefused, match="the code of daily_sales@1 is not that of the plan"):
        worker(grown).apply(made)
    with pytest.raises(GuardRefused, match="the plan is for daily_sales@7, and daily_sales@1 is live"):
        refuse_other_code(grown.workspace, replace(made, version=7))


def test_a_second_backfill_of_the_range_says_who_holds_it(grown):
    first = plan(grown)
    elsewhere(grown, first, seconds=60)
    with Store.open(grown.workspace) as store:
        assert backfills.silenced(store, "daily_sales", Interval.parse("2024-01-05..2024-01-07")) == "B-1"
        assert backfills.silenced(store, "daily_sales", Interval.parse("2024-01-06..2024-01-07")) is None
        assert backfills.silenced(store, "sales_total", SPAN) is None
        failed = store.add_run(
            RunRecord("", "daily_sales", 1, SPAN, {}, "failed", NOW, finished=NOW, facts={"trigger": "backfill B-1"})
        )
    assert status(grown.workspace, NOW)[0].readers is Readers.GOOD
    other = plan(grown, Interval.parse("2024-01-05..2024-01-07"))
    with pytest.raises(LockHeld, match=r"B-1 of grace holds 2024-01-02\.\.2024-01-06 of daily_sales: 0 of 4 intervals done"):
        worker(grown).apply(other)
    with pytest.raises(LockHeld, match="B-1 is being carried out by grace"):
        worker(grown).apply(first)
    change(grown.workspace, "b-1", "cancel", who="bo", now=NOW)
    assert status(grown.workspace, NOW)[0].reason.startswith(f"{failed.id} failed")
    assert worker(grown).apply(other).state == "done"
    with pytest.raises(GuardRefused, match="B-1 is cancelled"):
        change(grown.workspace, "B-1", "resume", who="bo", now=NOW)


def test_paused_it_waits_and_cancelled_it_ends(grown):
    told: list[str] = []

    def sleep(_: float) -> None:
        change(grown.workspace, "B-1", "resume", who="bo", now=NOW)

    def say(text: str) -> None:
        told.append(text)
        if text.startswith("2024-01-02"):
            change(grown.workspace, "B-1", "pause", who="bo", now=NOW)
        if text.startswith("2024-01-03"):
            change(grown.workspace, "B-1", "cancel", who="bo", now=NOW)

    ended = worker(grown, sleep=sleep, say=say).apply(plan(grown))
    assert ended.state == "cancelled"
    assert [each.state for each in ended.windows] == ["succeeded", "succeeded", "pending", "pending"]
    assert any("paused" in text for text in told)
    assert len(published(grown)) == 2
    assert entries(grown) == [("begun", "ada"), ("paused", "bo"), ("resumed", "bo"), ("cancelled", "bo")]
    happened = [each.what for each in history(grown.workspace, "daily_sales") if each.happened == "backfill"]
    assert "begun: 2024-01-02..2024-01-06, 4 intervals" in happened


def test_what_is_scheduled_goes_first_and_hours_are_kept(grown):
    clock = [dt.datetime(2026, 1, 1, 1, 59, tzinfo=dt.UTC)]
    told: list[str] = []
    with Store.open(grown.workspace) as store:
        done = grown.go()
        facts = {**done.facts, "trigger": "schedule"}
        store.update_run(replace(done, status="running", pipeline="other", facts=facts))

    def sleep(_: float) -> None:
        clock[0] += dt.timedelta(minutes=1)
        if clock[0].hour == 2:
            with Store.open(grown.workspace) as store:
                store.update_run(done)

    hours = Hours.parse("02:00-05:00", "UTC")
    ended = worker(grown, now=lambda: clock[0], sleep=sleep, say=told.append, hours=hours).apply(plan(grown))
    assert ended.state == "done"
    assert told[0] == "waits for 02:00 UTC"


def test_what_a_living_scheduler_is_about_to_run_goes_first_and_a_full_pool_is_waited_for(grown):
    settings = grown.root / "promoted/daily_sales/pipeline.toml"
    settings.write_text('schedule = "@yearly"\n')
    told: list[str] = []
    others: list[Lease] = []

    def sleep(_: float) -> None:
        with Store.open(grown.workspace) as store:
            if others:
                leases.release(store, others[0])
                return
            Scheduler(grown.workspace, "service", told.append, 1).once()
            for each in (settings, grown.root / "promoted/other/pipeline.toml"):
                each.parent.mkdir(exist_ok=True)
                each.write_text('schedule = "@yearly"\npool = "heavy"\n')
            others.append(lease.take(grown.workspace, store, "other"))

    made = plan(grown, Interval.parse("2024-01-02..2024-01-03"))
    with Heartbeat(grown.workspace):
        assert worker(grown, sleep=sleep, say=told.append).apply(made).state == "done"
    assert told[0] == "daily_sales is due and goes first"
    assert told[-2] == "pool heavy is full: other"
    with Store.open(grown.workspace, read_only=True) as store:
        assert [run.facts["trigger"] for run in reversed(store.runs())] == ["schedule", "backfill B-1"]


def test_a_pool_that_filled_since_it_was_looked_at_takes_no_run_of_a_backfill(grown):
    for name in ("daily_sales", "other"):
        place = grown.root / f"promoted/{name}/pipeline.toml"
        place.parent.mkdir(exist_ok=True)
        place.write_text('schedule = "@yearly"\npool = "heavy"\n')
    with Store.open(grown.workspace) as store:
        lease.take(grown.workspace, store, "other")
    days = Interval.parse("2024-01-02..2024-01-03"), Interval.parse("2024-01-03..2024-01-04")
    how = {"who": "ada", "now": NOW, "trigger": "backfill B-1"}
    with pytest.raises(LockHeld, match="pool heavy is full: other"):
        run_pipeline(grown.workspace, "daily_sales", interval=days[0], **how)
    with pytest.raises(LockHeld, match="pool heavy is full: other"):
        run_together(grown.workspace, "daily_sales", days, parameters={}, **how)
    with Store.open(grown.workspace, read_only=True) as store:
        assert (store.runs(), lease.running(store)) == ((), ("other",))


def test_a_single_pass_waits_for_the_interval_under_way_and_then_goes_first(grown, capsys):
    (grown.root / "promoted/daily_sales/pipeline.toml").write_text('schedule = "@yearly"\n')
    elsewhere(grown, plan(grown), seconds=3600)
    with Store.open(grown.workspace) as store:
        expires = dt.datetime.now(dt.UTC) + dt.timedelta(hours=1)
        interval = leases.take(store, lease.name_of("daily_sales"), "elsewhere 1 1", expires=expires)
    assert kept_waiting(grown.workspace) == ("daily_sales",)

    def end_the_interval() -> None:
        while not schedulers(grown.workspace):
            time.sleep(0.02)
        with Store.open(grown.workspace) as store:
            leases.release(store, interval)

    other = threading.Thread(target=end_the_interval)
    other.start()
    passed = command(capsys, "scheduler", "run", "--once", "--json")
    other.join()
    assert [run["pipeline"] for run in passed.json["runs"]] == ["daily_sales"]
    assert "waiting until a backfill lets daily_sales go first" in passed.err
    assert kept_waiting(grown.workspace) == ()


def test_what_is_due_does_not_hold_up_a_backfill_where_no_scheduler_lives(grown):
    (grown.root / "promoted/daily_sales/pipeline.toml").write_text('schedule = "@yearly"\n')
    with Store.open(grown.workspace) as store, Heartbeat(grown.workspace) as heart:
        assert begins_soon(Reader(grown.workspace), store) == "daily_sales"
        said = json.loads(heart.place.read_text())
        long_ago = dt.datetime.now(dt.UTC) - dt.timedelta(minutes=5)
        heart.place.write_text(json.dumps(said | {"host": "elsewhere", "at": long_ago.isoformat()}))
        assert begins_soon(Reader(grown.workspace), store) == ""


def test_what_another_machine_leaves_lying_is_taken_over_when_its_lease_has_run_out_and_done_in_the_same_way(grown, capsys):
    with (grown.root / "pyproject.toml").open("a") as file:
        file.write('\n[tool.workbench.scheduler]\nlease = "1s"\n')
    how = {"window": "00:00-23:59", "timezone": "UTC", "max_parallel": 2}
    elsewhere(grown, plan(grown, Interval.parse("2024-01-02..2024-01-03")), seconds=-60, **how)
    assert command(capsys, "backfill", "--resume", "B-1").code == 0
    with Store.open(grown.workspace, read_only=True) as store:
        (only,) = backfills.find(store)
    assert (only.state, only.process["pid"]) == ("done", os.getpid())
    assert {name: only.process[name] for name in how} == how
    assert [did for did, _ in entries(grown)] == ["begun", "resumed", "taken over", "finished"]


def test_a_lease_that_could_not_be_given_back_is_freed_by_who_comes_next(grown):
    made = plan(grown, Interval.parse("2024-01-02..2024-01-03"))
    ended = worker(grown).apply(made)

    def leave_behind(identity: str) -> None:
        with Store.open(grown.workspace) as store:
            gone = f"{process.host()} 1 0"
            leases.take(store, lease.name_of(lease_name(identity)), gone, expires=dt.datetime.now(dt.UTC) + DAY)

    def held() -> tuple[Lease, ...]:
        with Store.open(grown.workspace, read_only=True) as store:
            return leases.held(store)

    leave_behind(ended.id)
    assert worker(grown).apply(made) == ended
    assert held() == ()
    elsewhere(grown, plan(grown), seconds=-60)
    assert len(held()) == 1
    change(grown.workspace, "B-2", "cancel", who="bo", now=NOW)
    assert held() == ()


def test_a_version_that_is_published_meanwhile_stops_it(grown, capsys):
    def say(text: str) -> None:
        grown.version(DAILY_CONTRACT, DAILY.replace("_.amount.sum()", "_.amount.sum() * 2"))

    with pytest.raises(GuardRefused, match="the code of daily_sales@1 is not that of the plan"):
        worker(grown, say=say).apply(plan(grown))
    listed = command(capsys, "backfill", "--list")
    assert "1 of 4 done" in listed.out
    assert "stopped" in listed.out
    found = [each for each in command(capsys, "doctor", "--json").json["findings"] if each["subject"] == "interrupted"]
    assert found == [
        {
            "subject": "interrupted", "state": "warning", "message": "nobody carries out B-1 of daily_sales any more",
            "hint": "workbench backfill --resume B-1",
        }
    ]  # fmt: skip
    with pytest.raises(LockHeld, match="1 of 4 intervals done, and nobody carries it out any more") as refused:
        worker(grown).apply(plan(grown, Interval.parse("2024-01-05..2024-01-07")))
    assert refused.value.hint == "workbench backfill --resume B-1, or: workbench backfill --cancel B-1"
    resumed = command(capsys, "backfill", "--resume", "B-1")
    assert (resumed.code, "is not that of the plan" in resumed.err) == (4, True)
    assert command(capsys, "backfill", "--cancel", "B-1").code == 0
    assert worker(grown).apply(plan(grown, Interval.parse("2024-01-05..2024-01-06"))).state == "done"


def test_hours_go_by_the_clock_on_the_wall_also_when_that_is_changed():
    night, at = Hours.parse("02:00-03:00", "Europe/Berlin"), dt.datetime
    assert [night.open(at(2026, 10, 25, hour, 30, tzinfo=dt.UTC)) for hour in range(4)] == [True, True, False, False]
    assert not any(night.open(at(2026, 3, 29, hour, 30, tzinfo=dt.UTC)) for hour in range(4))
    across = Hours.parse("23:30-00:30", "UTC")
    assert [across.open(at(2026, 1, 1, hour, 29, tzinfo=dt.UTC)) for hour in (22, 23, 0, 1)] == [False, False, True, False]
    for text, zone in (("2-5", "UTC"), ("24:00-05:00", "UTC"), ("02:00-02:00", "UTC"), ("02:00-05:00", "Europe/Berlni")):
        with pytest.raises(UsageError, match=r"no span of hours|did you mean 'Europe/Berlin'"):
            Hours.parse(text, zone)


def test_an_interval_that_failed_is_run_again_with_the_plan(grown):
    made = plan(grown, Interval.parse("2024-01-05..2024-01-08"))
    ended = worker(grown).apply(made)
    assert [each.state for each in ended.windows] == ["succeeded", "succeeded", "degraded"]
    broken = replace(
        ended, windows=(*ended.windows[:2], replace(ended.windows[2], state="failed", run=None, error="no server"))
    )
    Console(file=(out := io.StringIO()), width=200).print(backfill_view(broken, carried_out=False))
    shown = out.getvalue().rstrip()
    assert "failed before a run: no server" in shown
    assert shown.endswith("once that is mended, the same plan again: workbench backfill --apply PLAN")
    grown.orders(1, first="2024-01-07", name="late")
    again = worker(grown).apply(made)
    assert (again.id, {each.state for each in again.windows}) == (ended.id, {"succeeded"})
    assert published(grown) == [str(each) for each in made.intervals]


@pytest.mark.parametrize("most", ["1", "3"])
@pytest.mark.parametrize(
    "points",
    [
        ("after_backfill_interval", "after_swap"),
        pytest.param(
            (
                "after_backfill_begun",
                "after_run_begun",
                "after_run_executed",
                "after_intent",
                "after_done",
                "after_run_published",
            ),
            marks=pytest.mark.drill,
        ),
    ],
)
def test_killed_anywhere_it_goes_on_and_publishes_each_interval_once(grown, points, most, capsys):
    assert (
        command(capsys, "backfill", "daily_sales", "--from", "2024-01-02", "--to", "2024-01-06", "--plan", "p.json").code == 0
    )
    home = str(Path(__file__).resolve().parents[2])
    apply = ["backfill", "--apply", "p.json", "--max-parallel", most]
    for point in points:
        died = subprocess.run(
            [sys.executable, "-m", "workbench", *apply], env={**os.environ, "PYTHONPATH": home, "WORKBENCH_FAIL_AT": point},
            capture_output=True, check=False,
        )  # fmt: skip
        assert died.returncode in (0, 137), died.stderr.decode()
        (listed,) = command(capsys, "backfill", "--list", "--json").json["backfills"]
        assert (listed["state"], listed["carried_out"]) in (("running", False), ("done", False))
    assert command(capsys, *apply).code == 0
    assert sorted(published(grown)) == [str(each) for each in plan(grown).intervals]
    with Store.open(grown.workspace, read_only=True) as store:
        (only,) = backfills.find(store)
        assert {each.state for each in only.windows} == {"succeeded"}
        assert store.runs(status="running") == ()


def test_the_command_from_plan_to_end(grown, capsys):
    made = command(
        capsys, "backfill", "daily_sales", "--from", "2024-01-04", "--to", "2024-01-06", "--plan", "p.json", "--json"
    )
    hold("backfill", made)
    assert json.loads((grown.root / "p.json").read_text()) == made.json["plan"]
    shown = command(capsys, "backfill", "daily_sales", "--from", "2024-01-04", "--to", "2024-01-06")
    assert "2: 2024-01-04..2024-01-05, 2024-01-05..2024-01-06" in shown.out
    assert "about 20" in shown.out
    ended = command(capsys, "backfill", "--apply", "p.json", "--json")
    assert ended.code == 0, ended.err
    hold("backfill", ended)
    hold("backfill", command(capsys, "backfill", "--list", "--json"))
    assert "2 of 2 done" in command(capsys, "backfill", "--list").out
    changed = json.loads((grown.root / "p.json").read_text())
    changed["intervals"].pop()
    (grown.root / "p.json").write_text(json.dumps(changed))
    assert command(capsys, "backfill", "--apply", "p.json").code == 4
    changed["version"] = float("inf")
    (grown.root / "p.json").write_text(json.dumps(changed))
    assert command(capsys, "backfill", "--apply", "p.json").code == 2
    (grown.root / "p.json").write_text("{}")
    for wrong in (
        ("backfill", "--apply", "p.json"),
        ("backfill", "--apply", "nowhere.json"),
        ("backfill", "--apply", "."),
        ("backfill", "daily_sales"),
        ("backfill", "--apply", "p.json", "--list"),
        ("backfill", "--pause", "B-9"),
        ("backfill", "daily_sales", "--from", "2024-01-04", "--to", "2024-01-06", "--step", "0d"),
        ("backfill", "daily_sales", "--from", "2024-01-04", "--to", "2024-01-06", "--plan", "no/where/p.json"),
        ("backfill", "daily_sales", "--from", "2024-01-04", "--to", "2024-01-06", "--step", "12h"),
        ("backfill", "daily_sales", "--from", "2024-01-04", "--to", "2024-01-06", "--max-parallel", "2"),
        ("backfill", "daily_sales", "--from", "2024-01-04", "--to", "2024-01-06", "--window", "02:00-05:00"),
        ("backfill", "daily_sales", "--from", "2024-01-04", "--to", "2024-01-04"),
        ("backfill", "daily_sales", "--apply", "p.json"),
    ):
        assert command(capsys, *wrong).code == 2, wrong
    assert command(capsys, "backfill", "--resume", "B-1").code == 4
    ahead = command(capsys, "backfill", "daily_sales", "--from", "2999-01-04", "--to", "2999-01-06")
    assert (ahead.code, "not ended yet: 2 intervals" in ahead.err) == (0, True)
