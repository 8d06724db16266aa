"""What is due is a function of definitions, of what was done, and of the clock."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.model import Interval
from workbench.operate.intervals import pause
from workbench.operate.plan import Definition, Progress, inherit, plan
from workbench.operate.schedule import PipelineConfig
from workbench.store.records import IntervalRecord

UTC = dt.UTC
DAY = dt.timedelta(days=1)
SIX = dt.datetime(2026, 3, 2, 6, tzinfo=UTC)


def daily(name: str = "daily", *upstream: str, partitions="date", **config) -> Definition:
    settings = PipelineConfig(**{"schedule": "0 6 * * *", **config})
    return Definition(name, settings, SIX + dt.timedelta(hours=3), upstream, partitions)


def made(*found: Definition) -> dict[str, Definition]:
    return inherit({each.pipeline: each for each in found})


def record(name: str, day: int, state="done", **rest) -> IntervalRecord:
    return IntervalRecord(name, Interval(SIX + day * DAY, SIX + (day + 1) * DAY), state, **{"attempt": 1, **rest})


def after(*records: IntervalRecord, running: str = "") -> Progress:
    newest: dict[str, IntervalRecord] = {}
    for each in sorted(records, key=lambda each: each.interval.start):
        newest[each.pipeline] = each
    unsettled = [each for each in records if each.state in ("running", "retry", "failed")]
    return Progress(newest, unsettled, frozenset(running.split()))


def due(found, now, progress=None, **rest) -> list[tuple[str, str]]:
    return [(each.pipeline, str(each.interval)) for each in plan(found, progress or Progress(), now, **rest).due]


def test_the_first_interval_is_the_one_in_which_a_pipeline_was_published():
    found = made(daily())
    assert due(found, SIX + DAY - dt.timedelta(seconds=1)) == []
    assert plan(found, Progress(), SIX + 4 * dt.timedelta(hours=1)).wake == SIX + DAY
    assert due(found, SIX + DAY) == [("daily", "2026-03-02T06:00:00Z..2026-03-03T06:00:00Z")]


def test_what_is_done_is_not_due_again_and_what_runs_is_not_begun_twice():
    found = made(daily())
    assert due(found, SIX + DAY, after(record("daily", 0))) == []
    assert due(found, SIX + DAY, after(record("daily", 0, "running"), running="daily")) == []
    assert due(found, SIX + DAY, after(record("daily", 0, "failed"))) == []


def test_what_a_dead_process_was_running_is_due_again():
    assert due(made(daily()), SIX + DAY, after(record("daily", 0, "running"))) != []


def test_catching_up_with_all_begins_with_the_oldest_and_leaves_out_what_is_beyond_the_limit():
    found = made(daily(catch_up="all", catch_up_limit=3))
    planned = plan(found, after(record("daily", 0)), SIX + 10 * DAY)
    assert str(planned.due[0].interval) == "2026-03-09T06:00:00Z..2026-03-10T06:00:00Z"
    assert [str(each.interval) for each in planned.skipped] == ["2026-03-03T06:00:00Z..2026-03-09T06:00:00Z"]
    assert planned.wake == SIX + 11 * DAY


def test_catching_up_with_the_latest_leaves_out_the_rest():
    planned = plan(made(daily()), after(record("daily", 0)), SIX + 10 * DAY)
    assert str(planned.due[0].interval) == "2026-03-11T06:00:00Z..2026-03-12T06:00:00Z"
    assert str(planned.skipped[0].interval) == "2026-03-03T06:00:00Z..2026-03-11T06:00:00Z"


def test_without_catching_up_only_what_has_just_become_due_runs():
    found, done = made(daily(catch_up="none")), after(record("daily", 0))
    assert due(found, SIX + 2 * DAY + dt.timedelta(minutes=50), done) != []
    planned = plan(found, done, SIX + 2 * DAY + dt.timedelta(minutes=61))
    assert planned.due == ()
    assert planned.skipped[0].interval == Interval(SIX + DAY, SIX + 2 * DAY)


def test_who_computes_all_data_catches_up_in_one_run():
    planned = plan(made(daily(partitions=None, catch_up="all")), after(record("daily", 0)), SIX + 5 * DAY)
    assert planned.due[0].wanted is None
    assert planned.due[0].interval.start == SIX + 4 * DAY


def test_a_start_says_where_catching_up_begins():
    found = made(daily(start=dt.date(2026, 1, 1), catch_up="all"))
    assert due(found, SIX)[0][1] == "2026-01-01T06:00:00Z..2026-01-02T06:00:00Z"


def test_an_attempt_waits_for_its_time():
    waiting = after(record("daily", 0, "retry", not_before=SIX + DAY + dt.timedelta(minutes=5)))
    found = made(daily())
    planned = plan(found, waiting, SIX + DAY)
    assert planned.due == ()
    assert planned.wake == SIX + DAY + dt.timedelta(minutes=5)
    again = plan(found, waiting, SIX + DAY + dt.timedelta(minutes=5)).due
    assert [each.attempts for each in again] == [1]


def test_a_changed_schedule_goes_on_where_the_old_one_ended():
    found = made(daily(schedule="30 9 * * *", catch_up="all"))
    planned = plan(found, after(record("daily", 0)), SIX + 2 * DAY)
    assert str(planned.due[0].interval) == "2026-03-03T06:00:00Z..2026-03-03T09:30:00Z"


def test_downstream_waits_for_the_interval_of_its_upstream():
    found = made(daily("a"), daily("b", "a"), daily("c", "b"))
    planned = plan(found, Progress(), SIX + DAY)
    assert [each.pipeline for each in planned.due] == ["a"]
    assert [(each.pipeline, each.cause, each.error) for each in planned.held] == [("b", "a", ""), ("c", "a", "")]
    assert [name for name, _ in due(found, SIX + DAY, after(record("a", 0)))] == ["b"]


def test_a_failure_upstream_holds_everything_below_and_is_named_as_the_cause():
    found = made(daily("a"), daily("b", "a"), daily("c", "b"), daily("d"))
    planned = plan(found, after(record("a", 0, "failed", error="R-1 broke")), SIX + DAY)
    assert [each.pipeline for each in planned.due] == ["d"]
    assert [(each.pipeline, each.cause, each.error) for each in planned.held] == [
        ("b", "a", "R-1 broke"),
        ("c", "a", "R-1 broke"),
    ]
    # The next day's interval of upstream makes up for it.
    later = after(record("a", 0, "failed"), record("a", 1))
    assert [name for name, _ in due(found, SIX + 2 * DAY, later)] == ["b", "d"]


def test_a_downstream_that_fires_more_often_waits_for_what_ended_before():
    found = made(daily("a"), daily("hourly", "a", schedule="0 * * * *", partitions="timestamp"))
    moment = SIX + DAY + dt.timedelta(hours=5)
    assert [name for name, _ in due(found, moment, after(record("a", 0)))] == ["hourly"]
    assert [name for name, _ in due(found, moment)] == ["a"]


def test_after_inputs_goes_by_the_slowest_clock_of_its_inputs():
    weekly = daily("w", schedule="0 5 * * 1", timezone="Europe/Berlin")
    found = made(daily("a"), weekly, daily("x", "a", "w", schedule="after inputs"), daily("y", "x", schedule="after inputs"))
    assert found["x"].config.cron == found["y"].config.cron == "0 5 * * 1"
    assert found["y"].config.timezone == "Europe/Berlin"


def test_after_inputs_without_an_input_that_has_a_schedule_is_a_problem():
    found = made(daily("a", schedule="never"), daily("x", "a", schedule="after inputs"))
    assert "none of them has a schedule" in found["x"].problem
    assert due(found, SIX + DAY) == []


def test_the_more_urgent_comes_first_and_a_pool_has_its_room():
    found = made(daily("a", pool="heavy"), daily("b", pool="heavy", priority=5), daily("c"), daily("d", pool="heavy"))
    assert [name for name, _ in due(found, SIX + DAY)] == ["b", "c"]
    assert [name for name, _ in due(found, SIX + DAY, pools={"heavy": 2})] == ["b", "a", "c"]
    assert [name for name, _ in due(found, SIX + DAY, after(running="a"), pools={"heavy": 1})] == ["c"]


def test_a_ring_of_pipelines_is_named_and_the_others_run():
    found = made(daily("a", "b", schedule="after inputs"), daily("b", "a"), daily("c"))
    assert found["a"].problem == "it reads b, which in the end reads it"
    assert [name for name, _ in due(found, SIX + DAY)] == ["b", "c"]


def test_a_chain_of_thousands_is_held_by_its_first():
    names = [f"p{number:04}" for number in range(3000)]
    chain = [daily(name, *names[max(0, number - 1) : number], schedule="after inputs") for number, name in enumerate(names)]
    found = made(daily(names[0]), *chain[1:])
    planned = plan(found, Progress(), SIX + DAY)
    assert [each.pipeline for each in planned.due] == names[:1]
    assert {each.cause for each in planned.held} == {names[0]}
    assert len(planned.held) == 2999


@given(
    st.sampled_from(["0 6 * * *", "*/20 * * * *", "30 2 * * *", "0 0 * * 1", "15 */6 * * *"]),
    st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"]),
    st.lists(st.integers(1, 4000), min_size=2, max_size=25),
    st.sampled_from(["all", "latest", "none"]),
)
@settings(max_examples=60, deadline=None)
def test_whenever_one_looks_intervals_meet_and_none_comes_twice(schedule, timezone, minutes, catch_up):
    """A scheduler that looks at random moments: what it runs and leaves out covers time without gap or overlap."""
    mine = daily(schedule=schedule, timezone=timezone, catch_up=catch_up, catch_up_limit=10_000, partitions="timestamp")
    mine = replace(mine, since=dt.datetime(2026, 3, 27, 12, tzinfo=UTC))
    found, now, covered = made(mine), mine.since, []
    newest: dict[str, IntervalRecord] = {}
    for step in minutes:
        now += dt.timedelta(minutes=step)
        while True:
            planned = plan(found, Progress(newest), now)
            for each in planned.skipped:
                covered.append(each.interval)
                newest["daily"] = each
            if not planned.due:
                break
            assert planned.due[0].interval.end <= now
            covered.append(planned.due[0].interval)
            newest["daily"] = IntervalRecord("daily", planned.due[0].interval, "done")
        if catch_up != "none" and planned.wake is not None:
            assert planned.wake > now
    for one, two in pairwise(covered):
        assert one.end == two.start
    assert not covered or covered[0].start == mine.first()


def test_pauses_double_up_to_their_limit_and_chance_spreads_them():
    config = PipelineConfig(retry_delay="10s", retry_limit="5m")
    bounds = [pause(config, attempt, 1.0).total_seconds() for attempt in range(1, 9)]
    assert bounds == [10, 20, 40, 80, 160, 300, 300, 300]
    assert pause(config, 4, 0.0).total_seconds() == 0


@pytest.mark.parametrize("count", [1000])
def test_planning_for_many_pipelines_with_nothing_due_finds_the_next_moment(count):
    found = made(*(daily(f"p{number}", *([f"p{number - 1}"] if number else [])) for number in range(count)))
    done = after(*(record(f"p{number}", 0) for number in range(count)))
    planned = plan(found, done, SIX + DAY + dt.timedelta(hours=1))
    assert (planned.due, planned.held, planned.wake) == ((), (), SIX + 2 * DAY)
