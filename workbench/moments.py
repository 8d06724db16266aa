"""Times as they are shown: one form for what happened, one for what is planned, one for machines, one for spans."""

from __future__ import annotations

import datetime as dt


def happened(moment: dt.datetime, *, zone: bool = True) -> str:
    """When something happened, in UTC to the second; without the zone where a title has it.

    >>> at = dt.datetime(2026, 11, 21, 12, 24, 27, 5000, tzinfo=dt.timezone(dt.timedelta(hours=1)))
    >>> happened(at), happened(at, zone=False)
    ('2026-11-21 11:24:27 UTC', '2026-11-21 11:24:27')
    """
    return f"{moment.astimezone(dt.UTC):%Y-%m-%d %H:%M:%S}{' UTC' if zone else ''}"


def planned(moment: dt.datetime, *, zone: bool = True) -> str:
    """When something is to happen, or is over, in UTC to the minute; without the zone where a title has it.

    >>> planned(dt.datetime(2026, 11, 21, 6, tzinfo=dt.UTC))
    '2026-11-21 06:00 UTC'
    """
    return f"{moment.astimezone(dt.UTC):%Y-%m-%d %H:%M}{' UTC' if zone else ''}"


def iso(moment: dt.datetime) -> str:
    """ISO 8601 in UTC, for JSON and logs, as exact as the moment is.

    >>> iso(dt.datetime(2026, 11, 21, 6, tzinfo=dt.UTC)), iso(dt.datetime(2026, 11, 21, 6, 0, 0, 250_000, tzinfo=dt.UTC))
    ('2026-11-21T06:00:00Z', '2026-11-21T06:00:00.250000Z')
    """
    return moment.astimezone(dt.UTC).isoformat().replace("+00:00", "Z")


def iso_or_none(moment: dt.datetime | None) -> str | None:
    """The same, where there may be no moment."""
    return None if moment is None else iso(moment)


def age(span: dt.timedelta) -> str:
    """A span in its largest whole unit.

    >>> age(dt.timedelta(minutes=90)), age(dt.timedelta(days=3, hours=5)), age(dt.timedelta(seconds=-5))
    ('90 min', '3 days', '0 s')
    """
    seconds = max(0, int(span.total_seconds()))
    for size, unit in ((2 * 86400, "days"), (2 * 3600, "h"), (120, "min")):
        if seconds >= size:
            return f"{seconds // {'days': 86400, 'h': 3600, 'min': 60}[unit]} {unit}"
    return f"{seconds} s"
