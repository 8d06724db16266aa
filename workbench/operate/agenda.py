"""What ``workbench schedule`` tells: how far each pipeline is, and what comes next."""

from __future__ import annotations

import datetime as dt
import heapq
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from zoneinfo import ZoneInfo

from workbench.config import Workspace
from workbench.errors import UnknownName
from workbench.model import Interval
from workbench.moments import happened
from workbench.operate.definitions import Reader
from workbench.operate.intervals import Account
from workbench.operate.plan import Definition, Held, Plan, Progress, plan
from workbench.store import Store, intervals
from workbench.store.records import IntervalRecord


@dataclass(frozen=True, slots=True)
class Entry:
    """One pipeline: its clock, its last interval, the next one and when it is due, and why it is not begun."""

    pipeline: str
    schedule: str
    timezone: str
    last: IntervalRecord | None
    due: dt.datetime | None
    interval: Interval | None
    reason: str = ""
    upstream: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, order=True)
class Firing:
    """One moment at which a pipeline is due."""

    due: dt.datetime
    pipeline: str
    interval: Interval
    zone: ZoneInfo


@dataclass(frozen=True, slots=True)
class Agenda:
    """The plan at one moment, with what it was made from."""

    definitions: dict[str, Definition]
    progress: Progress
    plan: Plan


def agenda(workspace: Workspace, now: dt.datetime) -> Agenda:
    """What is planned now. Changes nothing."""
    with Store.open(workspace, read_only=True) as store:
        definitions = Reader(workspace).read(store)
        progress = Progress(intervals.newest(store), intervals.unsettled(store))
    return Agenda(definitions, progress, plan(definitions, progress, now, workspace.settings.scheduler.pools))


def entries(found: Agenda) -> tuple[Entry, ...]:
    """One entry a published pipeline, by name."""
    opened = {each.pipeline: each for each in found.progress.unsettled}  # the last of each
    waits: dict[str, Held | Account] = {each.pipeline: each for each in found.plan.held}
    waits |= {each.pipeline: each for each in found.plan.due}
    return tuple(
        _entry(mine, opened.get(name), found.progress.newest.get(name), waits.get(name))
        for name, mine in sorted(found.definitions.items())
    )


def firings(found: Agenda, count: int, now: dt.datetime, pipeline: str | None = None) -> tuple[Firing, ...]:
    """The next ``count`` moments at which something is due after ``now``, of all pipelines or one."""
    if pipeline is not None and pipeline not in found.definitions:
        raise UnknownName.of("published pipeline", pipeline, found.definitions, hint="workbench schedule ls")
    chosen = [mine for name, mine in found.definitions.items() if pipeline in (None, name)]
    return tuple(islice(heapq.merge(*(_coming(found, mine, now) for mine in chosen)), count))


def _coming(found: Agenda, mine: Definition, now: dt.datetime) -> Iterable[Firing]:
    due = mine.due_after(now)
    last = found.progress.newest.get(mine.pipeline)
    start = last.interval.end if last is not None and last.interval.end > now else _begun(mine, now)
    while due is not None:
        if due > start:
            yield Firing(due, mine.pipeline, Interval(start, due), mine.zone)
            start = due
        due = mine.due_after(due)


def _begun(mine: Definition, now: dt.datetime) -> dt.datetime:
    """When the interval under way began."""
    from workbench.operate.cron import preceding

    first = mine.first()
    return max(preceding(mine.config.cron or "", mine.zone, now) or now, first or now) if mine.config.cron else now


def _entry(
    mine: Definition, opened: IntervalRecord | None, newest: IntervalRecord | None, waits: Held | Account | None
) -> Entry:
    last = opened or newest
    interval = _next(mine, newest) if waits is None else waits.interval
    moment = None if interval is None else interval.end
    return Entry(
        mine.pipeline,
        mine.config.schedule or "never",
        mine.config.timezone,
        last,
        moment,
        interval,
        _reason(mine, last, waits if isinstance(waits, Held) else None),
        mine.upstream,
    )


def _next(mine: Definition, newest: IntervalRecord | None) -> Interval | None:
    """The first interval that has not been begun."""
    start = mine.first() if newest is None else newest.interval.end
    end = None if start is None else mine.due_after(start)
    return None if start is None or end is None else Interval(start, end)


def _reason(mine: Definition, last: IntervalRecord | None, held: Held | None) -> str:
    if mine.problem:
        return mine.problem
    if held is not None:
        return f"waits for {held.cause}" + (f", which failed: {held.error}" if held.error else "")
    if last is not None and last.state == "retry" and last.not_before is not None:
        return f"attempt {last.attempt} failed: {last.error}; the next one from {happened(last.not_before)}"
    if last is not None and last.state == "failed":
        return f"{last.interval} failed: {last.error}; next: workbench runs retry {last.run or 'RUN'}"
    return ""
