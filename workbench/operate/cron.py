"""Moments at which a schedule fires, and the spans between them. Pure: the clock is passed in.

A job with a fixed hour fires once on every local day, also when clocks are put forward or back; one with ``*`` or ``*/n`` hours
or minutes goes by elapsed time. Two moments that a change of clocks makes one are one.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from functools import lru_cache
from typing import Literal
from zoneinfo import ZoneInfo

from workbench.model import Interval

NICKNAMES = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
# What an output is partitioned by: calendar days, or moments. None for an output without partitions in time.
Partitions = Literal["date", "timestamp"]


def check(schedule: str) -> None:
    """Raise ``ValueError`` for what is no cron expression or nickname."""
    from cronsim import CronSim, CronSimError

    text = cron_of(schedule)
    try:
        if len(text.split()) != 5:  # the parser also knows seconds, with other rules
            raise CronSimError("Wrong number of fields")
        next(CronSim(text, dt.datetime(2024, 1, 1, tzinfo=dt.UTC)))
    except StopIteration:
        raise ValueError(f"{schedule!r} never fires") from None
    except CronSimError as error:
        raise ValueError(
            f"{schedule!r} is not a schedule ({error}); write 'minute hour day month weekday', for example '0 6 * * *'"
        ) from None


def cron_of(schedule: str) -> str:
    """The five fields that a nickname stands for; other text as it is.

    >>> cron_of("@daily"), cron_of(" 0 6 * * * ")
    ('0 0 * * *', '0 6 * * *')
    """
    return NICKNAMES.get(schedule.strip().lower(), schedule.strip())


@lru_cache(maxsize=1 << 16)
def following(schedule: str, zone: ZoneInfo, moment: dt.datetime) -> dt.datetime | None:
    """The first time that a schedule fires after a moment, in UTC; None when it never does again.

    >>> berlin = ZoneInfo("Europe/Berlin")
    >>> first = following("30 2 * * *", berlin, dt.datetime(2026, 10, 24, 12, tzinfo=dt.UTC))
    >>> first.isoformat(), following("30 2 * * *", berlin, first).isoformat()
    ('2026-10-25T00:30:00+00:00', '2026-10-26T01:30:00+00:00')
    """
    cron = cron_of(schedule)
    minute, hour = cron.split()[:2]
    by_elapsed_time = minute.startswith("*") or hour.startswith("*")
    return (_elapsed if by_elapsed_time else _wall)(cron, zone, moment)


def _wall(cron: str, zone: ZoneInfo, moment: dt.datetime) -> dt.datetime | None:
    """Once on every local day."""
    from cronsim import CronSim

    # In the hour that clocks repeat, the parser starts from the reading of the clock, which was there an hour before.
    for found in CronSim(cron, moment.astimezone(zone)):
        at: dt.datetime = found.astimezone(dt.UTC)
        if at > moment:
            return at
    return None


def _elapsed(cron: str, zone: ZoneInfo, moment: dt.datetime) -> dt.datetime | None:
    """Whenever the clock shows a reading.

    The parser sees one stretch at a time in which the clock is left alone: it goes in whole hours, and loses its step where a
    clock is put by half of one.
    """
    from cronsim import CronSim

    begin, offset = moment, _offset(zone, moment)
    reading = (moment + offset).replace(tzinfo=None)
    while True:
        found: dt.datetime | None = next(CronSim(cron, reading), None)
        if found is None:
            return None
        at = found.replace(tzinfo=dt.UTC) - offset
        changed = _changed(zone, begin, at, offset)
        if changed is None:
            return at
        begin, offset = changed, _offset(zone, changed)
        reading = (changed + offset).replace(tzinfo=None) - dt.timedelta(seconds=1)


def _changed(zone: ZoneInfo, begin: dt.datetime, end: dt.datetime, offset: dt.timedelta) -> dt.datetime | None:
    """When a clock was first put forward or back after ``begin`` and not after ``end``, to the second."""
    at = begin
    while at < end:
        following = min(end, at + dt.timedelta(days=7))
        if _offset(zone, following) != offset:
            while following - at > dt.timedelta(seconds=1):
                middle = at + (following - at) / 2
                at, following = (middle, following) if _offset(zone, middle) == offset else (at, middle)
            return following.replace(microsecond=0)
        at = following
    return None


def _offset(zone: ZoneInfo, moment: dt.datetime) -> dt.timedelta:
    return moment.astimezone(zone).utcoffset() or dt.timedelta()


def between(schedule: str, zone: ZoneInfo, start: dt.datetime, end: dt.datetime) -> Iterator[dt.datetime]:
    """Every time that a schedule fires after ``start`` and not after ``end``, in order."""
    at = following(schedule, zone, start)
    while at is not None and at <= end:
        yield at
        at = following(schedule, zone, at)


def newest(schedule: str, zone: ZoneInfo, start: dt.datetime, end: dt.datetime, count: int) -> list[dt.datetime]:
    """The last ``count`` times that a schedule fires after ``start`` and not after ``end``, in order.

    >>> berlin, day = ZoneInfo("Europe/Berlin"), dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    >>> [at.isoformat() for at in newest("0 * * * *", berlin, day - dt.timedelta(days=9999), day, 2)]
    ['2025-12-31T23:00:00+00:00', '2026-01-01T00:00:00+00:00']
    """
    reach = dt.timedelta(hours=1)
    while True:
        begin = max(start, end - reach)
        found = list(between(schedule, zone, begin, end))
        if len(found) >= count or begin == start:
            return found[-count:]
        reach *= 4


def preceding(schedule: str, zone: ZoneInfo, moment: dt.datetime) -> dt.datetime | None:
    """The last time that a schedule fired, not after a moment; None when it had not for nine years."""
    found = newest(schedule, zone, moment - dt.timedelta(days=9 * 366), moment, 1)
    return found[0] if found else None


def computed(interval: Interval, partitions: Partitions | None, zone: ZoneInfo) -> Interval | None:
    """What a run computes for an interval of the schedule; None for all data.

    An output by calendar days has the days that end in the interval by the schedule's clock, or the day under way where none
    ends; they are told as midnights in UTC, as the partitions are.

    >>> six = dt.datetime(2026, 3, 2, 6, tzinfo=dt.UTC)
    >>> str(computed(Interval(six, six + dt.timedelta(days=1)), "date", ZoneInfo("UTC")))
    '2026-03-02..2026-03-03'
    >>> str(computed(Interval(six, six + dt.timedelta(hours=1)), "date", ZoneInfo("UTC")))
    '2026-03-02..2026-03-03'
    """
    if partitions != "date":
        return interval if partitions == "timestamp" else None
    first, last = (moment.astimezone(zone).date() for moment in (interval.start, interval.end))
    if last <= first:
        last = first + dt.timedelta(days=1)
    start, end = (dt.datetime.combine(day, dt.time(), dt.UTC) for day in (first, last))
    return Interval(start, end)
