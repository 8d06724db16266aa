"""Planning many pipelines takes work in proportion to their number: counted in steps of the interpreter, not in time."""

from __future__ import annotations

import datetime as dt
import sys
from collections.abc import Callable
from dataclasses import replace
from types import FrameType
from typing import Any

import pytest

from tests.operate.conftest import DAILY, DAILY_CONTRACT, Production
from tests.operate.test_plan import DAY, SIX, daily, record
from workbench.operate.agenda import Agenda, entries, firings
from workbench.operate.clock import Clock
from workbench.operate.plan import Definition, Progress, inherit, plan
from workbench.operate.scheduler import Scheduler
from workbench.runtime.parquet import save
from workbench.store import Store, intervals

NOW = SIX + DAY + dt.timedelta(minutes=1)
SIZES = pytest.mark.parametrize("few", [30, pytest.param(2500, marks=[pytest.mark.drill, pytest.mark.timeout(1200)])])


def steps(call: Callable[[], object]) -> int:
    """How many steps the interpreter takes for a call."""
    count = 0

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal count
        count += event == "opcode"
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        return trace

    call()  # what is kept from call to call is there
    before = sys.gettrace()
    sys.settrace(trace)
    try:
        call()
    finally:
        sys.settrace(before)
    return count


def nothing_due(count: int) -> tuple[list[Definition], Progress]:
    found = [daily(f"p{number}") for number in range(count)]
    return found, Progress({each.pipeline: record(each.pipeline, 0) for each in found})


def all_due(count: int) -> tuple[list[Definition], Progress]:
    return [daily(f"p{number}", priority=number % 7, pool=f"pool{number % 5}") for number in range(count)], Progress()


def all_to_be_tried_again(count: int) -> tuple[list[Definition], Progress]:
    found = [daily(f"p{number}") for number in range(count)]
    again = [record(each.pipeline, 0, "retry", not_before=SIX) for each in found]
    return found, Progress({each.pipeline: each for each in again}, again)


def all_held_by_one(count: int) -> tuple[list[Definition], Progress]:
    found = [daily("source"), *(daily(f"p{number}", "source", schedule="after inputs") for number in range(count))]
    failed = record("source", 0, "failed", error="no")
    return found, Progress({"source": failed}, [failed])


def a_chain(count: int) -> tuple[list[Definition], Progress]:
    later = [daily(f"p{number:05}", f"p{number - 1:05}", schedule="after inputs") for number in range(1, count)]
    return [daily("p00000"), *later], Progress()


SHAPES = (nothing_due, all_due, all_to_be_tried_again, all_held_by_one, a_chain)


@SIZES
@pytest.mark.parametrize("shape", SHAPES, ids=lambda each: each.__name__)
def test_planning_four_times_as_many_takes_four_times_the_work(shape, few):
    def work(count: int) -> int:
        found, progress = shape(count)
        named = {each.pipeline: each for each in found}

        def whole() -> None:
            made = inherit(named)
            made = Agenda(made, progress, plan(made, progress, NOW))
            entries(made)
            firings(made, 20, NOW)

        return steps(whole)

    assert work(4 * few) < 4.4 * work(few)


def test_what_grows_faster_is_seen():
    """The measure itself: a search for each in all."""

    def search(count: int) -> list[int]:
        return [next(other for other in range(count) if other == each) for each in range(count)]

    assert steps(lambda: search(80)) > 8 * steps(lambda: search(20))


def test_a_pass_of_the_scheduler_over_four_times_as_many_takes_four_times_the_work(production: Production):
    live = production.warehouse.live()["daily_sales"].snapshot

    def work(count: int) -> int:
        names = [f"p{number}" for number in range(count)]
        shown = {name: replace(live, pipeline=name) for name in names}
        for name, snapshot in shown.items():
            production.version(replace(DAILY_CONTRACT, pipeline=name), DAILY)
            (production.root / "promoted" / name / "pipeline.toml").write_text('schedule = "0 6 * * *"\nstart = 2026-03-01\n')
            save(production.workspace.warehouse, snapshot)
        with production.warehouse.lock():
            production.warehouse.swap("O-1", shown)
        with Store.open(production.workspace) as store, store.transaction():
            for name in names:
                intervals.put(store, record(name, 0))
        found = Scheduler(production.workspace, "it", print, 2, Clock(wall=lambda: NOW, ticks=lambda: 0.0))
        assert len(found.look().due) <= 1
        return steps(found.look)

    assert work(40) < 4.4 * work(10)
