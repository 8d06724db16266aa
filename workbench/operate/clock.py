"""The time that a service goes by: the wall clock, held against one that nobody sets."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from workbench.moments import happened

JUMP = dt.timedelta(minutes=1)  # further from what has elapsed than this, the wall clock was set
BELIEVED_AFTER = 600.0  # seconds for which a clock that was set must keep its new time


def elapsed() -> float:
    """Seconds that only grow, also while the machine sleeps where the system can tell."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()


@dataclass(slots=True)
class Clock:
    """The wall clock, whose jumps are believed only once they last.

    A clock that jumps an hour ahead and back would have intervals computed before their data is there.
    """

    wall: Callable[[], dt.datetime] = lambda: dt.datetime.now(dt.UTC)
    ticks: Callable[[], float] = elapsed
    say: Callable[[str], None] = print
    _wall: dt.datetime | None = None
    _ticks: float = 0.0
    _jumped: float | None = field(default=None)

    def now(self) -> dt.datetime:
        """The moment that planning goes by, in UTC."""
        wall, ticks = self.wall(), self.ticks()
        if self._wall is None:
            self._wall, self._ticks = wall, ticks
            return wall
        expected = self._wall + dt.timedelta(seconds=ticks - self._ticks)
        if abs(wall - expected) <= JUMP:
            self._wall, self._ticks, self._jumped = wall, ticks, None
            return wall
        if self._jumped is None:
            self._jumped = ticks
            self.say(f"the clock was set from {happened(expected)} to {happened(wall)}; believed in 10 minutes")
        elif ticks - self._jumped >= BELIEVED_AFTER:
            self._wall, self._ticks, self._jumped = wall, ticks, None
            return wall
        return expected
