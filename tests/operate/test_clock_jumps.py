"""The wall clock is put an hour or a day ahead or back beneath a scheduler: no interval runs twice, none before its time."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from dataclasses import dataclass

import pytest

from tests.operate.conftest import Production
from workbench.config import find_workspace
from workbench.operate.clock import BELIEVED_AFTER, Clock
from workbench.operate.scheduler import Scheduler
from workbench.store import Store

NOON = dt.datetime(2024, 1, 5, 12, tzinfo=dt.UTC)
HOUR, DAY = dt.timedelta(hours=1), dt.timedelta(days=1)


@dataclass
class Watches:
    """A wall clock that people set, and one that nobody sets."""

    wall: dt.datetime = NOON
    ticks: float = 0.0

    def go_on(self, seconds: float) -> None:
        self.wall, self.ticks = self.wall + dt.timedelta(seconds=seconds), self.ticks + seconds

    def clock(self) -> Clock:
        return Clock(wall=lambda: self.wall, ticks=lambda: self.ticks, say=lambda _: None)


def ran(production: Production) -> Counter[str]:
    """How often each interval was run, by scheduled runs."""
    with Store.open(production.workspace, read_only=True) as store:
        return Counter(str(run.interval) for run in store.runs() if run.facts["trigger"] == "schedule")


@pytest.mark.parametrize("jump", [HOUR, DAY, -HOUR, -DAY], ids=str)
def test_no_interval_runs_twice_and_none_before_its_time(production: Production, jump: dt.timedelta) -> None:
    (production.root / "promoted" / "daily_sales" / "pipeline.toml").write_text(
        'schedule = "0 6 * * *"\nstart = 2024-01-04\ncatch_up = "all"\n'
    )
    production.orders(8)
    watches = Watches()
    service = Scheduler(find_workspace(production.root), "it", lambda _: None, 2, watches.clock())
    service.once()
    first = Counter({"2024-01-04..2024-01-05": 1})
    assert ran(production) == first

    watches.wall += jump
    watches.go_on(30)
    assert service.once().due == ()
    assert ran(production) == first, "a clock that was just set is not believed"

    watches.go_on(BELIEVED_AFTER + 60)
    service.once()
    second = first + Counter({"2024-01-05..2024-01-06": 1} if jump == DAY else {})
    assert ran(production) == second, "what it says for ten minutes is"

    watches.wall -= jump
    watches.go_on(BELIEVED_AFTER + 60)
    service.once()
    fresh = Scheduler(find_workspace(production.root), "another", lambda _: None, 2, watches.clock())
    assert fresh.once().due == ()
    assert ran(production) == second, "what was done is not due again when the clock comes back"

    watches.go_on(DAY.total_seconds())
    fresh.once()
    assert ran(production) == first + Counter({"2024-01-05..2024-01-06": 1})
