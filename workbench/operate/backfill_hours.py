"""The hours of a day in which a backfill may begin intervals."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from workbench.errors import UsageError
from workbench.operate.schedule import known_zone


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
        try:
            clock = known_zone(zone)
        except ValueError as error:
            raise UsageError(str(error), hint="give --timezone a name such as Europe/Berlin") from None
        hour = r"((?:[01]\d|2[0-3]):[0-5]\d)"
        found = re.fullmatch(f"{hour}-{hour}", text)
        if found is None or found[1] == found[2]:
            raise UsageError(f"{text!r} is no span of hours", hint="write it as HH:MM-HH:MM, for example 02:00-05:00")
        return cls(dt.time.fromisoformat(found[1]), dt.time.fromisoformat(found[2]), clock)

    def __str__(self) -> str:
        return f"{self.start:%H:%M}-{self.end:%H:%M}"

    def open(self, now: dt.datetime) -> bool:
        """Whether an interval may begin now."""
        at = now.astimezone(self.zone).time()
        return self.start <= at < self.end if self.start < self.end else at >= self.start or at < self.end
