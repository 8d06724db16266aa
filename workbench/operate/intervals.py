"""What a run means for the intervals that the scheduler keeps account of: begun, done, to be tried again, given up."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from workbench.catalog.contract import Contract
from workbench.config import Workspace
from workbench.errors import InfrastructureError, LockHeld, WorkbenchError
from workbench.model import Interval
from workbench.operate import lease
from workbench.operate.cron import Partitions, computed
from workbench.operate.schedule import PipelineConfig, read_config
from workbench.store import Store, intervals
from workbench.store.records import IntervalRecord, IntervalState, RunRecord

Ending = Literal["done", "degraded", "failed", "passing"]


class NothingToDo(LockHeld):
    """Another scheduler has settled the interval meanwhile."""


def partitions_of(contract: Contract) -> Partitions | None:
    """How an output is cut up in time; None when it is not."""
    kind = contract.schema.get(contract.partition_by or "", "").removeprefix("!")
    if kind.startswith("date"):
        return "date"
    return "timestamp" if kind.startswith("timestamp") else None


@dataclass(frozen=True, slots=True)
class Account:
    """One interval of one pipeline, as the scheduler asked for it.

    ``partitions`` is how the output is cut up in time, ``attempts`` how many there were when it was planned.
    """

    pipeline: str
    interval: Interval
    config: PipelineConfig
    partitions: Partitions | None
    attempts: int = 0
    chance: Callable[[], float] = random.random

    @property
    def wanted(self) -> Interval | None:
        """What a run computes for it; None for all data."""
        return computed(self.interval, self.partitions, self.config.zone)

    def begin(self, workspace: Workspace, store: Store, run: str) -> None:
        """Write down that an attempt begins, in the transaction that takes the lease.

        Raises ``NothingToDo`` when the interval is settled, ``LockHeld`` when the pool is full.
        """
        if intervals.is_settled(store, self.pipeline, self.interval):
            raise NothingToDo(f"{self.pipeline} for {self.interval} is settled", hint=f"workbench runs ls {self.pipeline}")
        refuse_full_pool(workspace, store, self.pipeline, self.config)
        known = intervals.find(store, self.pipeline, self.interval.start)
        attempt = 1 if known is None else known.attempt + 1
        intervals.put(store, IntervalRecord(self.pipeline, self.interval, "running", attempt, run=run))

    def end(self, store: Store, ending: Ending, *, now: dt.datetime, run: str | None, error: str = "") -> None:
        """Write down how an attempt ended, in the transaction that ends its run.

        What is passing is tried again, as often as the settings say, after a pause that chance draws.
        """
        known = intervals.find(store, self.pipeline, self.interval.start)
        attempt = max(1, 0 if known is None else known.attempt)
        if known is not None and known.run not in (None, run):
            return  # whoever took over keeps the account
        state: IntervalState = "failed" if ending == "passing" else ending
        not_before = None
        if ending == "passing" and attempt <= self.config.retries:
            state, not_before = "retry", now + pause(self.config, attempt, self.chance())
        intervals.put(store, IntervalRecord(self.pipeline, self.interval, state, attempt, not_before, run, error))

    def refused(self, store: Store, error: WorkbenchError, *, now: dt.datetime) -> None:
        """Write down an attempt that ended before its run began, unless another scheduler has begun one since."""
        with store.transaction():
            known = intervals.find(store, self.pipeline, self.interval.start)
            if (0 if known is None else known.attempt) == self.attempts and not intervals.is_settled(
                store, self.pipeline, self.interval
            ):
                intervals.put(store, IntervalRecord(self.pipeline, self.interval, "running", self.attempts + 1))
                ending: Ending = "passing" if isinstance(error, InfrastructureError) else "failed"
                self.end(store, ending, now=now, run=None, error=error.message)


def of_backfill(run: RunRecord) -> bool:
    """Whether a backfill started a run."""
    return str(run.facts.get("trigger", "")).startswith("backfill ")


def refuse_full_pool(workspace: Workspace, store: Store, pipeline: str, config: PipelineConfig) -> None:
    """Raise ``LockHeld`` when a pool has no room for one more run; an undeclared one has room for one."""
    if config.pool is None:
        return
    others = [name for name in lease.running(store) if name != pipeline and read_config(workspace, name).pool == config.pool]
    if len(others) >= workspace.settings.scheduler.pools.get(config.pool, 1):
        raise LockHeld(f"pool {config.pool} is full: {', '.join(others)}", hint="workbench schedule ls")


def give_back(store: Store, account: Account, *, now: dt.datetime) -> None:
    """An attempt that was stopped from outside does not count: the interval is due again at once."""
    with store.transaction():
        known = intervals.find(store, account.pipeline, account.interval.start)
        if known is not None and known.state in ("retry", "failed") and known.attempt == account.attempts + 1:
            intervals.put(store, replace(known, state="retry", attempt=account.attempts, not_before=now))


def leave_out(store: Store, skipped: Sequence[IntervalRecord]) -> None:
    """Write down what catching up leaves out, where nobody has begun it since it was planned."""
    if not skipped:
        return
    with store.transaction():
        newest = intervals.newest(store)
        for record in skipped:
            last = newest.get(record.pipeline)
            if last is None or last.interval.end <= record.interval.start:
                intervals.put(store, record)


def pause(config: PipelineConfig, attempt: int, chance: float) -> dt.timedelta:
    """How long to wait after an attempt: full jitter below a bound that doubles, up to ``retry_limit``.

    >>> settings = PipelineConfig(retry_delay="1m", retry_limit="1h")
    >>> str(pause(settings, 1, 0.5)), str(pause(settings, 3, 1.0)), str(pause(settings, 30, 1.0))
    ('0:00:30', '0:04:00', '1:00:00')
    """
    bound = min(config.seconds_at_most, config.seconds_between * 2.0 ** min(attempt - 1, 40))
    return dt.timedelta(seconds=bound * chance)


def covered(store: Store, run: RunRecord, partitions: Partitions | None, config: PipelineConfig) -> None:
    """A run that succeeded settles what it computed again: failed intervals, and those that wait for another attempt."""
    for record in intervals.unsettled(store, run.pipeline):
        wanted = computed(record.interval, partitions, config.zone)
        inside = run.interval is None or (
            wanted is not None and run.interval.start <= wanted.start and wanted.end <= run.interval.end
        )
        before = record.interval.end <= run.started
        if record.state != "running" and inside and before:
            intervals.put(store, replace(record, state="done", not_before=None, run=run.id, error=""))


def recovered(store: Store, pipeline: str, *, now: dt.datetime) -> None:
    """Settle intervals whose last attempt has ended without anybody who wrote it down, as its run says.

    Call it after lost runs are settled: what was published is done, everything else is tried again at once.
    """
    for record in intervals.unsettled(store, pipeline):
        if record.state != "running" or record.run is None:
            continue
        run = store.run(record.run)
        if run is not None and run.status == "running":
            continue
        if run is not None and run.status in ("succeeded", "degraded"):
            state: IntervalState = "done" if run.status == "succeeded" else "degraded"
            intervals.put(store, replace(record, state=state))
        else:
            error = "" if run is None else run.error
            intervals.put(store, replace(record, state="retry", not_before=now, error=error))
