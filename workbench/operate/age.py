"""How long ago, in words."""

from __future__ import annotations

import datetime as dt


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
