"""What is due: a pure function of definitions, of what was done, and of the clock.

A schedule cuts time into intervals, each from one firing to the next; an interval is due at its end. What a changed schedule
finds done stays done: the next interval begins where the last one ended, so there is neither gap nor overlap.
"""

from __future__ import annotations

import contextlib
import datetime as dt
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise
from zoneinfo import ZoneInfo

from workbench.model import Interval
from workbench.operate import cron
from workbench.operate.intervals import Account
from workbench.operate.schedule import AFTER_INPUTS, PipelineConfig
from workbench.store.records import IntervalRecord

LATE = dt.timedelta(hours=1)  # with catch_up = "none", what was due longer ago than this, or than half its length, is missed


@dataclass(frozen=True, slots=True)
class Definition:
    """What planning knows of a published pipeline.

    ``upstream`` are the pipelines that its live version reads, ``since`` when it was first published, ``problem`` why it can't
    be planned.
    """

    pipeline: str
    config: PipelineConfig
    since: dt.datetime
    upstream: tuple[str, ...] = ()
    partitions: cron.Partitions | None = None
    problem: str = ""

    @property
    def zone(self) -> ZoneInfo:
        return self.config.zone

    def first(self) -> dt.datetime | None:
        """Where the first interval begins; None when the schedule never fires."""
        if self.config.cron is None:
            return None
        if self.config.start is not None:
            midnight = dt.datetime.combine(self.config.start, dt.time(), self.zone).astimezone(dt.UTC)
            return cron.following(self.config.cron, self.zone, midnight - dt.timedelta(seconds=1))
        return cron.preceding(self.config.cron, self.zone, self.since) or self.since

    def due_after(self, moment: dt.datetime) -> dt.datetime | None:
        """When the interval that begins at a moment is due."""
        return None if self.config.cron is None else cron.following(self.config.cron, self.zone, moment)


@dataclass(frozen=True, slots=True)
class Progress:
    """What was done: the ``newest`` interval of each pipeline, those that are ``unsettled``, and what runs now."""

    newest: Mapping[str, IntervalRecord] = field(default_factory=dict)
    unsettled: Sequence[IntervalRecord] = ()
    running: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Held:
    """An interval that is due and waits for another pipeline.

    ``cause`` is the pipeline at the head of the chain, and ``error`` what it failed with; "" while it is only not done yet.
    """

    pipeline: str
    interval: Interval
    cause: str
    error: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to begin now, the most urgent first; what waits for others; what catching up leaves out; when to look again."""

    due: tuple[Account, ...] = ()
    held: tuple[Held, ...] = ()
    skipped: tuple[IntervalRecord, ...] = ()
    wake: dt.datetime | None = None


def inherit(definitions: Mapping[str, Definition]) -> dict[str, Definition]:
    """Definitions with a clock, upstream before downstream.

    What runs after its inputs goes by that of its inputs which fires least often.
    """
    found: dict[str, Definition] = {}
    for name in _ordered(definitions):
        mine = definitions[name]
        ring = [each for each in mine.upstream if each in definitions and each not in found]
        if ring:
            mine = replace(mine, problem=mine.problem or f"it reads {', '.join(ring)}, which in the end reads it")
        elif mine.config.schedule == AFTER_INPUTS:
            clocks = [found[each].config for each in mine.upstream if each in found and found[each].config.cron is not None]
            if clocks:
                slowest = max(clocks, key=lambda each: (_rarity(each), each.timezone))
                by = {"schedule": slowest.cron, "timezone": slowest.timezone}
                mine = replace(mine, config=mine.config.model_copy(update=by))
            else:
                mine = replace(mine, problem=mine.problem or "it runs after its inputs, and none of them has a schedule")
        found[name] = mine
    return found


def _ordered(definitions: Mapping[str, Definition]) -> list[str]:
    """Upstream before downstream, else by name; rings come last."""
    sorter = TopologicalSorter({name: definitions[name].upstream for name in sorted(definitions)})
    with contextlib.suppress(CycleError):
        sorter.prepare()
    found: dict[str, None] = {}
    while ready := sorter.get_ready():
        found |= dict.fromkeys(name for name in ready if name in definitions)
        sorter.done(*ready)
    return [*found, *(name for name in sorted(definitions) if name not in found)]


def plan(
    definitions: Mapping[str, Definition], progress: Progress, now: dt.datetime, pools: Mapping[str, int] | None = None
) -> Plan:
    """What is due at a moment. Each pipeline runs one interval at a time, the oldest first, and each pool (one run where
    ``pools`` does not say how many) as many as it has room for.

    ``definitions`` as ``inherit`` makes them. The plan is the same until ``wake``, unless a definition or a run changes.
    """
    opened: dict[str, list[IntervalRecord]] = {}
    for record in progress.unsettled:
        opened.setdefault(record.pipeline, []).append(record)
    due: list[Account] = []
    waiting: list[tuple[Definition, Interval]] = []
    skipped: list[IntervalRecord] = []
    moments: list[dt.datetime] = []
    for name, mine in definitions.items():
        if mine.problem:
            continue
        new, left_out, following = _missed(mine, progress.newest.get(name), now)
        skipped += left_out
        if following is not None:
            moments.append(following)
        again = [each for each in opened.get(name, ()) if each.state == "retry"]
        moments += [each.not_before for each in again if each.not_before is not None and each.not_before > now]
        if name in progress.running:
            continue
        lost = [each.interval for each in opened.get(name, ()) if each.state == "running"]
        ready = [each.interval for each in again if each.not_before is None or each.not_before <= now]
        for interval in sorted([*lost, *ready, *new], key=lambda each: each.start):
            waiting.append((mine, interval))
            break
    held: dict[str, Held] = {}
    free: list[tuple[Definition, Interval]] = []
    for mine, interval in waiting:  # upstream first
        reason = _held(mine, interval, definitions, progress, opened, held)
        if reason is None:
            free.append((mine, interval))
        else:
            held[mine.pipeline] = reason
    busy = Counter(definitions[name].config.pool for name in progress.running if name in definitions)
    for mine, interval in sorted(free, key=lambda each: (-each[0].config.priority, each[1].end, each[0].pipeline)):
        pool = mine.config.pool
        if pool is None or busy[pool] < (pools or {}).get(pool, 1):
            busy[pool] += 1
            known = next((each for each in opened.get(mine.pipeline, ()) if each.interval.start == interval.start), None)
            attempts = 0 if known is None else known.attempt
            due.append(Account(mine.pipeline, interval, mine.config, mine.partitions, attempts))
    return Plan(tuple(due), tuple(held.values()), tuple(skipped), min(moments, default=None))


def _missed(
    mine: Definition, last: IntervalRecord | None, now: dt.datetime
) -> tuple[list[Interval], list[IntervalRecord], dt.datetime | None]:
    """The intervals that are due and were not begun; those that catching up leaves out, as one; when the next one is due."""
    schedule = mine.config.cron
    start = last.interval.end if last is not None else mine.first()
    if schedule is None or start is None:
        return [], [], None
    end = mine.due_after(start)
    if end is None or end > now:
        return [], [], end
    # Whoever computes all data needs to do it once.
    count = mine.config.catch_up_limit if mine.config.catch_up == "all" and mine.partitions is not None else 1
    fired = cron.newest(schedule, mine.zone, start, now, count + 1)
    following = mine.due_after(fired[-1])
    ends = [start, *fired] if len(fired) <= count else fired
    found = [Interval(*each) for each in pairwise(ends)]
    if mine.config.catch_up == "none":
        newest = found[-1]
        if now - newest.end > min(LATE, (newest.end - newest.start) / 2):
            found, ends = [], [newest.end]
    left_out = []
    if ends[0] > start:
        left_out.append(IntervalRecord(mine.pipeline, Interval(start, ends[0]), "skipped"))
    return found, left_out, following


def _held(
    mine: Definition,
    interval: Interval,
    definitions: Mapping[str, Definition],
    progress: Progress,
    opened: Mapping[str, Sequence[IntervalRecord]],
    held: Mapping[str, Held],
) -> Held | None:
    """Which pipeline an interval waits for: one whose newest interval that ends no later is not done."""
    for name in mine.upstream:
        other = definitions.get(name)
        if other is None or other.problem or other.config.cron is None:
            continue
        end = cron.preceding(other.config.cron, other.zone, interval.end)
        first = other.first()
        if end is None or first is None or end <= first:
            continue  # it has none that ends by then
        last = progress.newest.get(name)
        at = next((each for each in opened.get(name, ()) if each.interval.end == end), None)
        if at is not None and at.state == "failed":
            return Held(mine.pipeline, interval, name, at.error or "it failed")
        if at is not None or last is None or last.interval.end < end:
            head = held.get(name)
            return Held(mine.pipeline, interval, name if head is None else head.cause, "" if head is None else head.error)
    return None


def _rarity(config: PipelineConfig) -> dt.timedelta:
    """How long a schedule takes to fire five times."""
    assert config.cron is not None
    first = at = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)
    for _ in range(5):
        at = cron.following(config.cron, config.zone, at) or dt.datetime.max.replace(tzinfo=dt.UTC)
        if at.year == dt.MAXYEAR:
            break
    return at - first
