"""The scheduler at work: real runs, real processes, and accounts that survive whatever happens to them."""

from __future__ import annotations

import datetime as dt
import io
import json
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from tests.operate.conftest import DAILY, DAILY_CONTRACT, TOTALS, TOTALS_CONTRACT, Production
from workbench.config import find_workspace
from workbench.errors import InfrastructureError, WorkbenchError
from workbench.operate import idle
from workbench.operate.clock import Clock
from workbench.operate.intervals import Account
from workbench.operate.schedule import PipelineConfig
from workbench.operate.scheduler import Scheduler
from workbench.runtime import forked
from workbench.store import Store, intervals, leases
from workbench.store.records import IntervalRecord

UTC = dt.UTC
DAY = dt.timedelta(days=1)
NOON = dt.datetime(2024, 1, 4, 12, tzinfo=UTC)


def status_of(production: Production, moment: dt.datetime) -> str:
    """What ``workbench status`` prints beneath its table."""
    from rich.console import Console

    from workbench.operate.observe import status
    from workbench.render.status import view

    console = Console(width=300, record=True, file=io.StringIO())
    console.print(view(status(production.workspace, moment), moment))
    return console.export_text()


class Hands:
    """A clock that the test sets."""

    def __init__(self, moment: dt.datetime) -> None:
        self.moment = moment

    def clock(self) -> Clock:
        return Clock(wall=lambda: self.moment, ticks=lambda: self.moment.timestamp(), say=lambda _: None)


def settings(production: Production, text: str, pipeline: str = "daily_sales") -> None:
    (production.root / "promoted" / pipeline / "pipeline.toml").write_text(text)


def scheduler(production: Production, moment: dt.datetime, said: list[str] | None = None) -> Scheduler:
    lines = [] if said is None else said
    return Scheduler(find_workspace(production.root), "scheduler", lines.append, 2, Hands(moment).clock())


def account(production: Production, pipeline: str = "daily_sales") -> IntervalRecord | None:
    with Store.open(production.workspace, read_only=True) as store:
        return intervals.newest(store).get(pipeline)


@pytest.fixture
def scheduled(production: Production) -> Production:
    """Daily at 6; days up to 3 January are published, and those up to the 5th wait in the source."""
    settings(production, 'schedule = "0 6 * * *"\nstart = 2024-01-03\ncatch_up = "all"\nretry_delay = "1s"\n')
    production.orders(5)
    return production


def test_what_is_due_is_run_once_and_then_nothing_is_due(scheduled):
    service = scheduler(scheduled, NOON)
    service.once()
    assert [(run.status, str(run.interval)) for run in service.ended] == [("succeeded", "2024-01-03..2024-01-04")]
    again = scheduler(scheduled, NOON + dt.timedelta(hours=1))
    again.once()
    assert again.ended == []
    assert again.last.wake == dt.datetime(2024, 1, 5, 6, tzinfo=UTC)
    later = scheduler(scheduled, NOON + 2 * DAY)
    later.once()
    assert [str(run.interval) for run in later.ended] == ["2024-01-04..2024-01-05", "2024-01-05..2024-01-06"]
    assert [row[0].day for row in scheduled.read("daily_sales")] == [1, 2, 3, 4, 5]
    with Store.open(scheduled.workspace, read_only=True) as store:
        moved = [each for each in store.operations(state="done") if each.kind == "run"]
        assert [each.run for each in moved] == ["R-2", "R-3"]  # what R-1 found was known
        assert leases.held(store) == ()


def test_downstream_runs_after_its_upstream_in_the_same_pass(scheduled):
    scheduled.publish(TOTALS_CONTRACT, TOTALS)
    settings(scheduled, 'schedule = "after inputs"\nstart = 2024-01-03\n', "sales_total")
    service = scheduler(scheduled, NOON + DAY)
    service.once()
    runs = [(run.pipeline, run.status) for run in service.ended]
    assert runs[0] == ("daily_sales", "succeeded")
    assert ("sales_total", "succeeded") in runs
    assert scheduled.read("sales_total")[0][1] == 4


def test_while_one_run_publishes_the_next_computes_and_never_more_than_may(production):
    names = three(production)
    service = scheduler(production, NOON + DAY)
    service.jobs = 1
    thread = threading.Thread(target=service.once)
    with production.warehouse.lock():
        thread.start()
        assert within(60, lambda: len(records(production)) == 2)  # both were computed, and nothing could be published
        time.sleep(0.2)
        with Store.open(production.workspace, read_only=True) as store:
            assert len(store.runs()) == 2
    thread.join()
    assert {run.pipeline for run in service.ended if run.facts["changed"]} == {*names}
    spans = sorted((each["start_time"], each["end_time"]) for each in records(production))
    assert all(ended <= began for (_, ended), (began, _) in pairwise(spans))


def three(production: Production) -> tuple[str, ...]:
    """Pipelines that don't read each other, and a day that readers don't see yet."""
    names = ("daily_sales", "daily_too", "daily_as_well")
    for name in names:
        production.publish(replace(DAILY_CONTRACT, pipeline=name), DAILY.replace("daily_sales", name))
        settings(production, 'schedule = "0 6 * * *"\nstart = 2024-01-04\nretry_delay = "1s"\n', name)
    production.orders(4)
    return names


def records(production: Production) -> list[dict[str, str]]:
    """What papermill tells of the runs that were executed."""
    found = production.workspace.runs.glob("*/run.ipynb")
    return [json.loads(file.read_text())["metadata"]["papermill"] for file in found]


def within(seconds: float, true: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + seconds
    while not true() and time.monotonic() < deadline:
        time.sleep(0.02)
    return true()


def test_what_can_not_pass_is_tried_once_and_holds_what_reads_it(scheduled):
    scheduled.publish(TOTALS_CONTRACT, TOTALS)
    settings(scheduled, 'schedule = "after inputs"\nstart = 2024-01-03\n', "sales_total")
    scheduled.version(
        scheduled.daily[0], scheduled.daily[1].replace("    return", "    raise ValueError('broken')\n    return")
    )
    service = scheduler(scheduled, NOON)
    service.once()
    assert [run.status for run in service.ended] == ["failed"]
    assert [(each.pipeline, each.cause) for each in service.last.held] == [("sales_total", "daily_sales")]
    assert "ValueError: broken" in service.last.held[0].error
    known = account(scheduled)
    assert (known.state, known.attempt, known.run) == ("failed", 1, "R-1")
    said = status_of(scheduled, NOON)
    assert "daily_sales: R-1 failed: cell compute: ValueError: broken; holds sales_total" in said
    assert len([line for line in said.splitlines() if "broken" in line]) == 1
    scheduled.version(*scheduled.daily)
    run = scheduled.go(interval="2024-01-03..2024-01-04")  # somebody mends it and runs it again by hand
    assert (account(scheduled).state, account(scheduled).run) == ("done", run.id)
    service = scheduler(scheduled, NOON)
    service.once()
    assert [run.pipeline for run in service.ended] == ["sales_total"]


def test_what_may_pass_is_tried_again_after_a_pause_and_survives_the_scheduler(scheduled):
    code = scheduled.daily[1].replace("    return", "    raise ConnectionResetError('cable')\n    return")
    scheduled.version(scheduled.daily[0], code)
    settings(scheduled, 'schedule = "0 6 * * *"\nstart = 2024-01-03\nretries = 2\nretry_delay = "1m"\n')
    hands = Hands(NOON)
    for attempt in (1, 2):
        service = Scheduler(find_workspace(scheduled.root), "scheduler", lambda _: None, 2, hands.clock())
        service.once()
        known = account(scheduled)
        assert (known.state, known.attempt, len(service.ended)) == ("retry", attempt, 1)
        assert service.last.wake == known.not_before
        assert known.not_before - service.ended[0].finished <= dt.timedelta(minutes=2 ** (attempt - 1))
        hands.moment = max(known.not_before, hands.moment)
    Scheduler(find_workspace(scheduled.root), "scheduler", lambda _: None, 2, hands.clock()).once()
    known = account(scheduled)
    assert (known.state, known.attempt) == ("failed", 3)
    assert "ConnectionResetError: cable" in known.error


def test_what_is_refused_before_a_run_begins_is_on_the_account(scheduled):
    (scheduled.root / "promoted/daily_sales/v1/__init__.py").write_text("changed = True\n")
    service = scheduler(scheduled, NOON)
    service.once()
    assert (service.refused, service.ended) == (1, [])
    assert account(scheduled).state == "failed"
    assert "was changed" in account(scheduled).error


def test_a_pass_counts_what_was_refused(scheduled, monkeypatch, capsys):
    from workbench.cli.main import main

    (scheduled.root / "promoted/daily_sales/v1/__init__.py").write_text("changed = True\n")
    settings(scheduled, "start = 2024-01-03\n")
    monkeypatch.chdir(scheduled.root)
    assert main(["scheduler", "run", "--once"]) == 1
    assert "1 run, 1 without success, 0 held; next: workbench schedule ls" in capsys.readouterr().out


def test_a_pass_ends_where_nothing_can_be_written_down(scheduled, monkeypatch):
    monkeypatch.setattr("workbench.operate.scheduler.TICK", 0.01)
    limits, said = resource.getrlimit(resource.RLIMIT_FSIZE), []
    service = scheduler(scheduled, NOON, said)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, limits[1]))  # as on a full disk
    try:
        with pytest.raises(InfrastructureError, match="the store can't be written"):
            service.once()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert len(said) <= 4  # each of the two attempts at most
    assert service.refused == 2
    service.once()
    assert account(scheduled).state == "done"


def test_a_source_without_rows_for_its_day_is_degraded_and_not_tried_again(scheduled):
    scheduled.orders(3)
    service = scheduler(scheduled, NOON + DAY)
    service.once()
    assert [run.status for run in service.ended] == ["succeeded", "degraded"]
    assert account(scheduled).state == "degraded"
    assert len(scheduled.read("daily_sales")) == 3


def test_what_a_killed_scheduler_published_is_not_run_again(scheduled):
    """Killed after readers were moved, before anybody wrote down that the run had ended."""
    settings(scheduled, 'schedule = "0 6 * * *"\nstart = 2024-01-04\n')
    assert kill_at(scheduled, "before_done", NOON + DAY) == 137
    assert account(scheduled).state == "running"
    service = scheduler(scheduled, NOON + DAY)
    service.once()
    assert len(scheduled.read("daily_sales")) == 4
    with Store.open(scheduled.workspace, read_only=True) as store:
        moved = [each for each in store.operations(state="done") if each.kind == "run"]
        assert len(moved) == 1
        assert {run.status for run in store.runs()} == {"succeeded"}
        assert intervals.unsettled(store) == ()


@pytest.mark.parametrize(
    "place", ["before_scheduled", "after_run_begun", "after_run_executed", "after_swap", "after_scheduled"]
)
def test_killed_anywhere_the_next_scheduler_goes_on_unattended(production, place):
    names = three(production)  # of which one is killed there, and the others wherever they are
    assert kill_at(production, place, NOON + DAY) == 137
    started = time.monotonic()
    service = scheduler(production, NOON + DAY)
    service.once()
    assert time.monotonic() - started < 200
    for name in names:
        assert [row[0].day for row in production.read(name)] == [1, 2, 3, 4]
    with Store.open(production.workspace, read_only=True) as store:
        moved = [each for each in store.operations(state="done") if each.kind == "run"]
        assert sorted(target.pipeline for each in moved for target in each.targets) == sorted(names)
        assert store.operations(state="begun") == ()
        assert {run.status for run in store.runs()} <= {"succeeded", "killed"}
        assert store.verify_ledger() == ()
        assert intervals.unsettled(store) == ()
        assert leases.held(store) == ()


ONCE = """
import datetime as dt, sys
from workbench.config import find_workspace
from workbench.operate.clock import Clock
from workbench.operate.scheduler import Scheduler
moment = dt.datetime.fromisoformat(sys.argv[1])
clock = Clock(wall=lambda: moment, ticks=lambda: 0.0)
Scheduler(find_workspace(), "scheduler", lambda line: print(line, file=sys.stderr), 2, clock).once()
"""


def once(moment: dt.datetime, **environment: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", ONCE, moment.isoformat()],
        env={**os.environ, **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def kill_at(production: Production, place: str, moment: dt.datetime) -> int:
    return once(moment, WORKBENCH_FAIL_AT=place).wait(timeout=200)


def test_two_schedulers_on_one_workspace_publish_each_interval_once(scheduled):
    processes = [once(NOON + 2 * DAY) for _ in range(2)]
    assert [process.wait(timeout=200) for process in processes] == [0, 0]
    assert [row[0].day for row in scheduled.read("daily_sales")] == [1, 2, 3, 4, 5]
    with Store.open(scheduled.workspace, read_only=True) as store:
        assert sorted(str(run.interval) for run in store.runs()) == [
            "2024-01-03..2024-01-04",
            "2024-01-04..2024-01-05",
            "2024-01-05..2024-01-06",
        ]
        assert len([each for each in store.operations(state="done") if each.kind == "run"]) == 2


def test_a_pool_with_room_for_one_is_never_overbooked(scheduled):
    held = IntervalRecord("other", Account("other", next_day(), PipelineConfig(), None).interval, "running", 1)
    other = scheduled.root / "promoted" / "other"
    other.mkdir()
    (other / "pipeline.toml").write_text('pool = "heavy"\n')
    settings(scheduled, 'schedule = "0 6 * * *"\nstart = 2024-01-03\npool = "heavy"\n')
    with Store.open(scheduled.workspace) as store:
        from workbench.operate import lease

        intervals.put(store, held)
        lease.take(scheduled.workspace, store, "other")
        mine = Account("daily_sales", next_day(), PipelineConfig(pool="heavy"), "date")
        with pytest.raises(InfrastructureError, match="pool heavy is full: other"), store.transaction():
            mine.begin(scheduled.workspace, store, "R-9")


def next_day():
    from workbench.model import Interval

    return Interval.parse("2024-01-03T06:00..2024-01-04T06:00")


def test_an_account_refused_twice_at_once_counts_once(scheduled):
    mine = Account("daily_sales", next_day(), PipelineConfig(), "date")
    with Store.open(scheduled.workspace) as store:
        mine.refused(store, WorkbenchError("no"), now=NOON)
        mine.refused(store, WorkbenchError("no"), now=NOON)
        (known,) = intervals.unsettled(store)
    assert (known.state, known.attempt) == ("failed", 1)


def test_a_pass_with_nothing_due_reads_no_store(scheduled, monkeypatch):
    service = scheduler(scheduled, NOON)
    service.once()
    found, wake = idle.nothing_before(scheduled.workspace, NOON)
    assert (found, wake) == (True, dt.datetime(2024, 1, 5, 6, tzinfo=UTC))
    assert not idle.nothing_before(scheduled.workspace, wake)[0]
    settings(scheduled, 'schedule = "0 7 * * *"\n')
    assert not idle.nothing_before(scheduled.workspace, NOON)[0]
    scheduler(scheduled, NOON).once()
    assert idle.nothing_before(scheduled.workspace, NOON)[0]
    scheduled.go()
    assert not idle.nothing_before(scheduled.workspace, NOON)[0]


# The service


def service_of(production: Production, *options: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "workbench", "scheduler", "run", *options],
        cwd=production.root,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def until(true, seconds: float = 200) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def beating(root: Path) -> bool:
    return bool(list((root / ".workbench" / "schedulers").glob("[!.]*.json")))


def test_the_service_runs_what_becomes_due_reads_its_settings_again_and_ends_in_order(scheduled):
    settings(scheduled, 'schedule = "never"\n')
    process = service_of(scheduled)
    until(lambda: beating(scheduled.root))
    settings(scheduled, 'schedule = "0 6 * * *"\nstart = 2024-01-03\ncatch_up = "all"\ncatch_up_limit = 2\n')
    until(lambda: account(scheduled) is not None and account(scheduled).state == "degraded")
    with (scheduled.root / "pyproject.toml").open("a") as file:
        file.write("[tool.workbench.scheduler]\njobz = 3\n")
    process.send_signal(signal.SIGHUP)
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=200)
    assert process.returncode == 0, err
    assert "degraded" in err
    assert "settings stay as they were: tool.workbench.scheduler.jobz" in err
    assert "scheduler stopped" in err
    assert not beating(scheduled.root)
    with Store.open(scheduled.workspace, read_only=True) as store:
        assert leases.held(store) == ()


@pytest.mark.parametrize(("moment", "ready"), [(NOON, False), (dt.datetime(2024, 1, 5, 5, 59, 30, tzinfo=UTC), True)])
def test_a_service_gets_ready_shortly_before_its_first_run_is_due(scheduled, moment, ready):
    scheduler(scheduled, NOON).once()
    forked.cool_down()
    stop = threading.Event()
    scheduler(scheduled, moment).serve(stop, lambda: 0.0, stop.set)
    assert (forked._warm is not None and forked._warm.alive) == ready


def test_a_stopped_service_ends_its_runs_and_they_are_due_again(scheduled):
    settings(scheduled, 'schedule = "0 6 * * *"\nstart = 2024-01-03\n')
    slow = scheduled.daily[1].replace("    return", "    import time; time.sleep(60)\n    return")
    scheduled.version(scheduled.daily[0], slow)

    def computing(run: str) -> bool:
        file = scheduled.root / ".workbench/runs" / run / "result.json"
        return file.exists() and bool(json.loads(file.read_text()).get("inputs"))

    # A service does not count the attempt that it ends; a single pass does.
    for run, option, code, attempts in (("R-1", (), 0, 0), ("R-2", ("--once",), 130, 1)):
        process = service_of(scheduled, *option, "--grace", "0", "--json")
        until(lambda run=run: computing(run))
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=200)
        assert process.returncode == code, err
        (ended,) = json.loads(out)["runs"]
        assert (ended["status"], ended["error"]) == (
            "killed", "cell compute: KernelDied: its process was ended: the scheduler was stopped",
        )  # fmt: skip
        with Store.open(scheduled.workspace, read_only=True) as store:
            (known,) = intervals.unsettled(store)
            assert (known.state, known.attempt) == ("retry", attempts)
            assert leases.held(store) == ()
            assert {run.status for run in store.runs()} == {"killed"}
    assert len(scheduled.read("daily_sales")) == 3


def test_a_run_that_takes_too_long_is_ended_and_not_tried_again(scheduled):
    settings(scheduled, 'schedule = "0 6 * * *"\nstart = 2024-01-03\ntime_limit = "1s"\n')
    slow = scheduled.daily[1].replace("    return", "    import time; time.sleep(60)\n    return")
    scheduled.version(scheduled.daily[0], slow)
    service = scheduler(scheduled, NOON)
    service.once()
    assert "TimeLimit" in service.ended[0].error
    assert account(scheduled).state == "failed"
