"""Carrying out the plan of a backfill: its intervals and nothing else, once each, below what is scheduled.

Every step is in the store, so whoever is killed goes on where it was: ``--apply`` with the same plan, or ``--resume``.
"""

from __future__ import annotations

import datetime as dt
import os
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from zoneinfo import ZoneInfo

from workbench.config import Workspace
from workbench.errors import GuardRefused, InfrastructureError, LockHeld, UnknownName, UsageError, WorkbenchError
from workbench.model import Interval
from workbench.operate import process
from workbench.operate.backfill_plan import BackfillPlan, refuse_other_code
from workbench.operate.run import run_pipeline, run_together
from workbench.operate.settle import is_lost
from workbench.runtime.failpoint import reached
from workbench.store import Store, backfills
from workbench.store.records import BackfillRecord, RunRecord, Window, WindowState

POLL_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Hours:
    """The hours of a day in which intervals may begin, by the clock of a time zone; ``start`` after ``end`` spans midnight.

    >>> nights = Hours.parse("22:00-05:00", "Europe/Berlin")
    >>> nights.open(dt.datetime(2024, 1, 1, 3, tzinfo=dt.UTC)), nights.open(dt.datetime(2024, 1, 1, 4, tzinfo=dt.UTC))
    (True, False)
    """

    start: dt.time
    end: dt.time
    zone: ZoneInfo

    @classmethod
    def parse(cls, text: str, zone: str) -> Hours:
        """The hours that ``02:00-05:00`` stands for."""
        found = re.fullmatch(r"([0-2]\d:[0-5]\d)-([0-2]\d:[0-5]\d)", text)
        try:
            if found is None or found[1] == found[2]:
                raise ValueError(text)
            return cls(dt.time.fromisoformat(found[1]), dt.time.fromisoformat(found[2]), ZoneInfo(zone))
        except ValueError:
            raise UsageError(f"{text!r} is no span of hours", hint="write it as HH:MM-HH:MM, for example 02:00-05:00") from None

    def open(self, now: dt.datetime) -> bool:
        """Whether an interval may begin now."""
        at = now.astimezone(self.zone).time()
        return self.start <= at < self.end if self.start < self.end else at >= self.start or at < self.end


@dataclass(slots=True)
class Worker:
    """Who carries out a backfill: how many intervals at a time, when, and by which clock."""

    workspace: Workspace
    who: str
    engine: str = "workbench"
    max_parallel: int = 1
    hours: Hours | None = None
    now: Callable[[], dt.datetime] = lambda: dt.datetime.now(dt.UTC)
    sleep: Callable[[float], None] = time.sleep
    say: Callable[[str], None] = lambda _: None
    _said: str = field(default="")

    def apply(self, plan: BackfillPlan) -> BackfillRecord:
        """Carry out a plan from where it is. What it already published is left alone.

        Raises ``LockHeld`` when another backfill holds part of the range, or another process this one; ``GuardRefused`` when
        other code is live than the plan was made for.
        """
        refuse_other_code(self.workspace, plan)
        with Store.open(self.workspace) as store:
            identity = self._begin(store, plan)
            store.write_head()
            reached("after_backfill_begun")
            while True:
                record = _get(store, identity)
                waiting = [each for each in record.windows if each.state == "pending"]
                if record.state not in backfills.ACTIVE or not waiting:
                    break
                reason = self._must_wait(store, record)
                if reason:
                    self._tell(reason)
                    self.sleep(POLL_SECONDS)
                    continue
                self._run(store, record, plan, waiting[: self.max_parallel if plan.together else 1])
                reached("after_backfill_interval")
            self._finish(store, identity)
            return _get(store, identity)

    def _finish(self, store: Store, identity: str) -> None:
        """Say that every interval has ended, unless somebody has cancelled or paused it meanwhile."""
        with store.transaction():
            record = _get(store, identity)
            if record.state == "running":
                backfills.set_state(store, identity, "done", finished=self.now())
                backfills.tell(store, record, "finished", who=self.who, at=self.now())
        store.write_head()

    def _begin(self, store: Store, plan: BackfillPlan) -> str:
        with store.transaction():
            known = [each for each in backfills.find(store, plan.pipeline) if each.digest == plan.digest]
            mine = known[-1] if known and known[-1].state != "cancelled" else None
            if mine is not None and mine.state in backfills.ACTIVE and alive(mine):
                raise LockHeld(f"{mine.id} is being carried out by {mine.who}", hint=f"workbench backfill --pause {mine.id}")
            span = Interval(plan.intervals[0].start, plan.intervals[-1].end)
            held = backfills.silenced(store, plan.pipeline, span)
            if held is not None and (mine is None or held != mine.id):
                raise _taken(_get(store, held))
            if mine is not None and mine.state == "done" and all(each.state == "succeeded" for each in mine.windows):
                return mine.id
            if mine is not None:
                backfills.take_over(store, mine.id, _process())
                backfills.tell(store, mine, "taken over", who=self.who, at=self.now())
                return mine.id
            return backfills.add(
                store,
                pipeline=plan.pipeline,
                version=plan.version,
                digest=plan.digest,
                plan=plan.to_json(),
                intervals=plan.intervals,
                who=self.who,
                process=_process(),
                at=self.now(),
            ).id

    def _must_wait(self, store: Store, record: BackfillRecord) -> str:
        """Why nothing may begin now; "" when something may."""
        if record.state == "paused":
            return f"paused; next: workbench backfill --resume {record.id}"
        if self.hours is not None and not self.hours.open(self.now()):
            return f"waits for {self.hours.start:%H:%M} {self.hours.zone.key}"
        first = [each for each in store.runs(status="running") if not _of_backfill(each) and not is_lost(each)]
        return f"{first[0].id} of {first[0].pipeline} goes first" if first else ""

    def _run(self, store: Store, record: BackfillRecord, plan: BackfillPlan, windows: Sequence[Window]) -> None:
        # A version that was published meanwhile computes something else than was planned.
        refuse_other_code(self.workspace, plan)
        intervals = [each.interval for each in windows]
        for interval in intervals:
            backfills.set_window(store, record.id, interval, "running")
        try:
            ended = self._carry_out(record, plan, intervals)
        except LockHeld as error:  # somebody else runs the pipeline: later
            for interval in intervals:
                backfills.set_window(store, record.id, interval, "pending")
            self._tell(error.message)
            self.sleep(POLL_SECONDS)
            return
        except (WorkbenchError, InfrastructureError) as error:
            for interval in intervals:
                backfills.set_window(store, record.id, interval, "failed", error=error.message)
            return
        for interval, run in zip(intervals, ended, strict=True):
            state: WindowState = run.status if run.status in ("succeeded", "degraded") else "failed"
            backfills.set_window(store, record.id, interval, state, run=run.id, error=run.error)
            self.say(f"{interval}: {run.id} {run.status}")

    def _carry_out(self, record: BackfillRecord, plan: BackfillPlan, intervals: Sequence[Interval]) -> tuple[RunRecord, ...]:
        how: dict[str, Any] = {"parameters": plan.parameters, "who": self.who, "now": self.now(), "engine": self.engine}
        how["trigger"] = f"backfill {record.id}"
        if len(intervals) > 1:
            return run_together(self.workspace, plan.pipeline, intervals, **how)
        return (run_pipeline(self.workspace, plan.pipeline, interval=intervals[0], **how),)

    def _tell(self, reason: str) -> None:
        if reason != self._said:
            self._said = reason
            self.say(reason)


def alive(record: BackfillRecord) -> bool:
    """Whether the process that carries out a backfill still runs; another machine's is taken to."""
    found: Mapping[str, Any] = record.process
    if found.get("host") != process.host():
        return True
    if found.get("pid") == os.getpid():
        return False
    return process.alive(int(found.get("pid", 0)), str(found.get("process", "")))


def find(store: Store, identity: str) -> BackfillRecord:
    """The backfill of that id; ``UnknownName`` when there is none."""
    found = backfills.get(store, identity.upper())
    if found is None:
        known = [each.id for each in backfills.find(store)]
        raise UnknownName.of("backfill", identity, known, hint="workbench backfill --list")
    return found


def change(workspace: Workspace, identity: str, verb: str, *, who: str, now: dt.datetime) -> BackfillRecord:
    """Pause, resume or cancel a backfill, on the ledger; intervals that run come to their end."""
    with Store.open(workspace) as store:
        with store.transaction():
            record = find(store, identity)
            if record.state not in backfills.ACTIVE:
                raise GuardRefused(f"{record.id} is {record.state}", hint="workbench backfill --list")
            match verb:
                case "pause":
                    backfills.set_state(store, record.id, "paused")
                    did: backfills.Did = "paused"
                case "resume":
                    backfills.set_state(store, record.id, "running")
                    did = "resumed"
                case _:
                    backfills.set_state(store, record.id, "cancelled", finished=now)
                    did = "cancelled"
            backfills.tell(store, record, did, who=who, at=now)
        store.write_head()
        return find(store, record.id)


def _get(store: Store, identity: str) -> BackfillRecord:
    found = backfills.get(store, identity)
    assert found is not None
    return found


def _of_backfill(run: RunRecord) -> bool:
    return str(run.facts.get("trigger", "")).startswith("backfill ")


def _process() -> dict[str, Any]:
    return {"host": process.host(), "pid": os.getpid(), "process": process.started(os.getpid())}


def _taken(by: BackfillRecord) -> LockHeld:
    done = sum(each.state == "succeeded" for each in by.windows)
    span = Interval(by.windows[0].interval.start, by.windows[-1].interval.end)
    return LockHeld(
        f"{by.id} of {by.who} holds {span} of {by.pipeline}: {done} of {len(by.windows)} intervals done, {by.state}",
        hint=f"wait for it, or: workbench backfill --cancel {by.id}",
    )
