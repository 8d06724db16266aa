"""Carrying out the plan of a backfill: its intervals and nothing else, once each, below what is scheduled.

Every step is in the store, so whoever is killed goes on where it was: ``--apply`` with the same plan, or ``--resume``. Whoever
carries one out holds its lease, so that others, also on another machine, know whether it lives.
"""

from __future__ import annotations

import datetime as dt
import os
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from workbench.config import Workspace
from workbench.errors import GuardRefused, LeaseLost, LockHeld, UnknownName, WorkbenchError
from workbench.model import Interval
from workbench.operate import lease, process
from workbench.operate.backfill_first import begins_soon
from workbench.operate.backfill_hours import Hours
from workbench.operate.backfill_lease import give_up, is_carried_out, lease_name
from workbench.operate.backfill_plan import BackfillPlan, refuse_other_code
from workbench.operate.definitions import Reader
from workbench.operate.intervals import of_backfill, refuse_full_pool
from workbench.operate.run import run_pipeline, run_together
from workbench.operate.schedule import read_config
from workbench.operate.settle import is_lost
from workbench.runtime.failpoint import reached
from workbench.store import Store, backfills, leases, tables
from workbench.store.records import BackfillRecord, Lease, RunRecord, WindowState

POLL_SECONDS = 1.0


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
    _reader: Reader = field(init=False)
    _lost: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self._reader = Reader(self.workspace)

    def apply(self, plan: BackfillPlan) -> BackfillRecord:
        """Carry out a plan from where it is. What it already published is left alone.

        Raises ``LockHeld`` when another backfill holds part of the range, or another process this one; ``GuardRefused`` when
        other code is live than the plan was made for.
        """
        refuse_other_code(self.workspace, plan)
        self._lost.clear()
        with Store.open(self.workspace) as store:
            identity, held = self._begin(store, plan)
            store.write_head()
            reached("after_backfill_begun")
            if held is not None:
                with lease.kept(self.workspace, store, held, self._lost.set):
                    self._go_on(store, identity, plan)
                    self._finish(store, identity, held)
            return _get(store, identity)

    def _go_on(self, store: Store, identity: str, plan: BackfillPlan) -> None:
        waiting = [each.interval for each in _get(store, identity).windows if each.state == "pending"]
        while waiting and (state := _state(store, identity)) in backfills.ACTIVE:
            if self._lost.is_set():
                raise LeaseLost(f"another process has taken over {identity}", hint="workbench backfill --list")
            reason = (
                f"paused; next: workbench backfill --resume {identity}" if state == "paused" else self._must_wait(store, plan)
            )
            if reason:
                self._wait(reason)
                continue
            together = waiting[: self.max_parallel if plan.together else 1]
            if self._run(store, identity, plan, together):
                del waiting[: len(together)]
            reached("after_backfill_interval")

    def _finish(self, store: Store, identity: str, held: Lease) -> None:
        """Say that every interval has ended, unless somebody has cancelled or paused it meanwhile, and give the lease back."""
        with store.transaction():
            leases.release(store, held)
            record = _get(store, identity)
            if record.state == "running":
                backfills.set_state(store, identity, "done", finished=self.now())
                backfills.tell(store, record, "finished", who=self.who, at=self.now())
        store.write_head()

    def _begin(self, store: Store, plan: BackfillPlan) -> tuple[str, Lease | None]:
        """The backfill to carry out, and the lease on it; None when all of it is done."""
        known = _latest(store, plan)
        try:
            over = None if known is None else lease.abandoned(self.workspace, store, lease_name(known.id))
        except LockHeld:
            assert known is not None
            raise LockHeld(
                f"{known.id} is being carried out by {known.who}", hint=f"workbench backfill --pause {known.id}"
            ) from None
        with store.transaction():
            mine = _latest(store, plan)
            span = Interval(plan.intervals[0].start, plan.intervals[-1].end)
            holder = backfills.silenced(store, plan.pipeline, span)
            if holder is not None and (mine is None or holder != mine.id):
                raise _taken(store, _get(store, holder))
            if mine is not None and mine.state == "done" and all(each.state == "succeeded" for each in mine.windows):
                if over is not None:  # whoever said so had no time to give it back
                    leases.release(store, over)
                return mine.id, None
            begun = mine or backfills.add(
                store,
                pipeline=plan.pipeline,
                version=plan.version,
                digest=plan.digest,
                plan=plan.to_json(),
                intervals=plan.intervals,
                who=self.who,
                process=self._process(),
                at=self.now(),
            )
            if mine is not None:
                backfills.take_over(store, mine.id, self._process())
                backfills.tell(store, mine, "taken over", who=self.who, at=self.now())
            return begun.id, lease.take(self.workspace, store, lease_name(begun.id), over=over)

    def _process(self) -> dict[str, Any]:
        """Who carries it out, and how, for whoever goes on with it."""
        how: dict[str, Any] = {"max_parallel": self.max_parallel}
        if self.hours is not None:
            how |= {"window": str(self.hours), "timezone": self.hours.zone.key}
        return {"host": process.host(), "pid": os.getpid(), "process": process.started(os.getpid()), **how}

    def _must_wait(self, store: Store, plan: BackfillPlan) -> str:
        """Why nothing may begin now; "" when something may."""
        if self.hours is not None and not self.hours.open(self.now()):
            return f"waits for {self.hours.start:%H:%M} {self.hours.zone.key}"
        first = [each for each in store.runs(status="running") if not of_backfill(each) and not is_lost(each)]
        if first:
            return f"{first[0].id} of {first[0].pipeline} goes first"
        due = begins_soon(self._reader, store)
        if due:
            return f"{due} is due and goes first"
        try:
            refuse_full_pool(self.workspace, store, plan.pipeline, read_config(self.workspace, plan.pipeline))
        except LockHeld as error:
            return error.message
        return ""

    def _run(self, store: Store, identity: str, plan: BackfillPlan, intervals: Sequence[Interval]) -> bool:
        """Run some intervals, and write down how they ended. False when somebody else runs the pipeline: later."""
        # A version that was published meanwhile computes something else than was planned.
        refuse_other_code(self.workspace, plan)

        def stand(state: WindowState, error: str = "") -> None:
            for interval in intervals:
                backfills.set_window(store, identity, interval, state, error=error)

        stand("running")
        try:
            ended = self._carry_out(identity, plan, intervals)
        except LockHeld as error:
            stand("pending")
            self._wait(error.message)
            return False
        except WorkbenchError as error:
            stand("failed", error.message)
            return True
        except KeyboardInterrupt:
            stand("pending")
            raise
        for interval, run in zip(intervals, ended, strict=True):
            state: WindowState = run.status if run.status in ("succeeded", "degraded") else "failed"
            backfills.set_window(store, identity, interval, state, run=run.id, error=run.error)
            self.say(f"{interval}: {run.id} {run.status}")
        return True

    def _carry_out(self, identity: str, plan: BackfillPlan, intervals: Sequence[Interval]) -> tuple[RunRecord, ...]:
        how: dict[str, Any] = {"parameters": plan.parameters, "who": self.who, "now": self.now(), "engine": self.engine}
        how["trigger"] = f"backfill {identity}"
        if len(intervals) > 1:
            return run_together(self.workspace, plan.pipeline, intervals, **how)
        return (run_pipeline(self.workspace, plan.pipeline, interval=intervals[0], **how),)

    def _wait(self, reason: str) -> None:
        """A moment, saying why once."""
        if reason != self._said:
            self._said = reason
            self.say(reason)
        self.sleep(POLL_SECONDS)


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
                    if not is_carried_out(store, record.id):
                        give_up(store, record.id)
                        for each in record.windows:
                            if each.state == "running":
                                backfills.set_window(store, record.id, each.interval, "pending")
                    did = "cancelled"
            backfills.tell(store, record, did, who=who, at=now)
        store.write_head()
        return find(store, record.id)


def _get(store: Store, identity: str) -> BackfillRecord:
    found = backfills.get(store, identity)
    assert found is not None
    return found


def _state(store: Store, identity: str) -> str:
    """How a backfill stands, without its intervals, of which there may be thousands."""
    table = tables.backfills
    return str(store.select(table, table.c.number == int(identity.removeprefix(f"{backfills.PREFIX}-")))[0]["state"])


def _latest(store: Store, plan: BackfillPlan) -> BackfillRecord | None:
    """The backfill that the plan is carried out by, when it was begun and not cancelled."""
    known = [each for each in backfills.find(store, plan.pipeline) if each.digest == plan.digest]
    return known[-1] if known and known[-1].state != "cancelled" else None


def _taken(store: Store, by: BackfillRecord) -> LockHeld:
    done = sum(each.state == "succeeded" for each in by.windows)
    span = Interval(by.windows[0].interval.start, by.windows[-1].interval.end)
    lives = by.state == "paused" or is_carried_out(store, by.id)
    return LockHeld(
        f"{by.id} of {by.who} holds {span} of {by.pipeline}: {done:,} of {len(by.windows):,} intervals done, "
        + (by.state if lives else "and nobody carries it out any more"),
        hint=f"{'wait for it' if lives else f'workbench backfill --resume {by.id}'}, or: workbench backfill --cancel {by.id}",
    )
