"""Schedules in every night in which a clock was put forward or back."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Iterator
from functools import cache
from itertools import pairwise, product
from zoneinfo import ZoneInfo, available_timezones

import pytest
from croniter import croniter

from workbench.model import Interval
from workbench.operate.cron import between, check, computed, following, newest, preceding

UTC = dt.UTC
DAY = dt.timedelta(days=1)
FIXED = [f"{minute} {hour}" for minute, hour in product(("0", "30", "45"), ("0", "1", "2", "3", "6", "23"))]
LISTS = ["0,30 2", "15 1,2,3", "0 */6", "10 2-4", "5 0-23/8"]
RUNNING = ["* *", "*/15 *", "0 *", "30 *", "7,37 *", "*/20 1-3", "* 2"]
DAYS = ["* * *", "1 * *", "* * 0", "* 3,10 *"]
SHAPES = [f"{time} {days}" for days in DAYS for time in (*FIXED, *LISTS)] + [f"{time} * * *" for time in RUNNING]
SHAPES.append("0 0 29 2 *")


@cache
def transitions(zone: str) -> tuple[dt.datetime, ...]:
    """When a zone's clock was put forward or back from 2000 to 2040, to the minute."""
    here, found = ZoneInfo(zone), []
    at, week = dt.datetime(2000, 1, 1, tzinfo=UTC), dt.timedelta(days=7)
    offset = at.astimezone(here).utcoffset()
    while at.year < 2040:
        if (at + week).astimezone(here).utcoffset() != offset:
            before, after = at, at + week
            while after - before > dt.timedelta(seconds=30):
                middle = before + (after - before) / 2
                before, after = (middle, after) if middle.astimezone(here).utcoffset() == offset else (before, middle)
            found.append((after + dt.timedelta(seconds=30)).replace(second=0, microsecond=0))
            offset = (at + week).astimezone(here).utcoffset()
        at += week
    return tuple(found)


def zones() -> Iterator[str]:
    """One name for each clock; aliases have the same transitions."""
    seen = set()
    for zone in sorted(available_timezones() - {"localtime"}):
        clock = transitions(zone), dt.datetime(2000, 1, 1, tzinfo=UTC).astimezone(ZoneInfo(zone)).utcoffset()
        if clock not in seen:
            seen.add(clock)
            yield zone


def hold(zone: str, at: dt.datetime, shape: str) -> None:
    """No gap, no overlap, and once a day what goes by the wall clock, around one transition."""
    reach = DAY / 4 if shape.split()[1] == "*" else 2 * DAY  # what fires in each hour does so often enough in less
    here, start, end = ZoneInfo(zone), at - reach, at + reach
    fired = list(between(shape, here, start, end))
    assert all(one < two for one, two in pairwise(fired))
    for one, two in pairwise(fired):
        # From anywhere inside an interval the next moment is its end: so intervals meet, wherever one begins to look.
        for moment in (one, one + (two - one) / 2, two - dt.timedelta(seconds=1)):
            assert following(shape, here, moment) == two, (zone, shape, moment)
        assert preceding(shape, here, two - dt.timedelta(seconds=1)) == one
    minute, hour, *days = shape.split()
    if minute.isdecimal() and hour.isdecimal() and days == ["*", "*", "*"]:
        first, last = (moment.astimezone(here).date() for moment in (start, end))
        wanted = []
        for number in range((last - first).days + 1):
            day = first + number * DAY
            reading = dt.datetime.combine(day, dt.time(int(hour), int(minute)), here)
            if reading.astimezone(UTC).astimezone(here).date() >= day and start < reading.astimezone(UTC) <= end:
                wanted.append(day)
        assert abs(len(fired) - len(wanted)) <= (1 if zone in LOST_A_DAY else 0), (zone, at, shape, fired)


# They moved across the date line, and one of their days never was.
LOST_A_DAY = {"Pacific/Apia", "Pacific/Fakaofo", "Pacific/Kwajalein", "Pacific/Kiritimati"}


def test_there_are_a_hundred_shapes():
    assert len(set(SHAPES)) >= 100
    for shape in SHAPES:
        check(shape)


def test_no_gap_no_overlap_and_once_a_day_around_changes_of_clocks():
    chance = random.Random(20)
    every = sorted(available_timezones() - {"localtime"})
    for zone in chance.sample(every, 60):
        if transitions(zone):
            for _ in range(10):
                hold(zone, chance.choice(transitions(zone)), chance.choice(SHAPES))


def changes() -> dict[tuple[object, ...], list[tuple[str, dt.datetime]]]:
    """All changes of all clocks; together those that no schedule can tell apart, since clocks show the same for days around."""
    found: dict[tuple[object, ...], list[tuple[str, dt.datetime]]] = {}
    for zone in zones():
        here, every = ZoneInfo(zone), transitions(zone)
        for at in every:
            near = [each for each in every if abs(each - at) <= 5 * DAY]
            shown = [(each, *((each + side * DAY / 24).astimezone(here).utcoffset() for side in (-1, 1))) for each in near]
            found.setdefault((zone if zone in LOST_A_DAY else "", at, *shown), []).append((zone, at))
    return found


@pytest.mark.drill
@pytest.mark.timeout(7200)
def test_every_change_of_every_clock_with_every_shape():
    count, broken, same = 0, [], changes()
    for each in same.values():
        zone, at = each[0]
        for shape in SHAPES:
            try:
                hold(zone, at, shape)
                count += 1
            except AssertionError:
                broken.append((zone, at, shape))
    every = sum(map(len, same.values()))
    print(f"{every} changes of clocks, {len(same)} of them different, each with {len(SHAPES)} shapes: {count} pairs held")
    assert broken == []
    assert every > 6000


@pytest.mark.parametrize("zone", ["America/Caracas", "Australia/Lord_Howe", "Asia/Pyongyang"])
def test_where_clocks_are_put_by_half_an_hour_nothing_is_left_out(zone):
    """In Caracas six o'clock came half an hour later on one day, and the parser alone went on to noon."""
    for at in transitions(zone)[:4]:
        for shape in SHAPES:
            hold(zone, at, shape)


@pytest.mark.parametrize("shape", [shape for shape in SHAPES if shape.split()[2:] != ["29", "2", "*"]][::4])
def test_where_no_clock_changes_another_parser_agrees(shape):
    start = dt.datetime(2026, 5, 10, 5, 4, tzinfo=ZoneInfo("Europe/Berlin"))
    oracle = croniter(shape, start)
    at = start.astimezone(UTC)
    for _ in range(20):
        expected = oracle.get_next(dt.datetime)
        found = following(shape, ZoneInfo("Europe/Berlin"), at)
        if expected.utcoffset() != start.utcoffset():
            return
        assert found == expected
        at = found


def test_the_night_in_which_another_parser_fires_twice():
    berlin, evening = ZoneInfo("Europe/Berlin"), dt.datetime(2026, 10, 24, 20, tzinfo=UTC)
    fired = list(between("30 2 * * *", berlin, evening, evening + DAY))
    assert fired == [dt.datetime(2026, 10, 25, 0, 30, tzinfo=UTC)]
    # In the repeated hour the clock shows 2:10 again; what fired at 2:30 does not fire once more.
    assert following("30 2 * * *", berlin, dt.datetime(2026, 10, 25, 1, 10, tzinfo=UTC)) == fired[0] + 25 * DAY / 24


def test_two_moments_that_a_change_of_clocks_makes_one_are_one():
    berlin, evening = ZoneInfo("Europe/Berlin"), dt.datetime(2026, 3, 28, 20, tzinfo=UTC)
    fired = list(between("15,45 2 * * *", berlin, evening, evening + DAY))
    assert fired == [dt.datetime(2026, 3, 29, 1, tzinfo=UTC)]


@pytest.mark.parametrize("shape", ["0 6 * * *", "*/7 * * * *", "0 0 1 * *"])
def test_the_newest_moments_are_the_last_of_all(shape):
    zone, end = ZoneInfo("America/New_York"), dt.datetime(2026, 3, 9, 12, tzinfo=UTC)
    start = end - 90 * DAY
    every = list(between(shape, zone, start, end))
    for count in (1, 2, 5, 10_000_000):
        assert newest(shape, zone, start, end, count) == every[-count:]


@pytest.mark.parametrize(
    ("schedule", "said"),
    [
        ("0 25 * * *", "is not a schedule"),
        ("* * * *", "fields"),
        ("0 0 6 * * *", "fields"),
        ("0 0 30 2 *", "not"),
        ("", "fields"),
    ],
)
def test_what_is_no_schedule_is_refused(schedule, said):
    with pytest.raises(ValueError, match=said):
        check(schedule)


def test_days_are_those_of_the_schedule_s_clock():
    midnight = dt.datetime(2026, 7, 1, 22, tzinfo=UTC)  # 2 July in Berlin
    interval = Interval(midnight, midnight + DAY)
    assert str(computed(interval, "date", ZoneInfo("Europe/Berlin"))) == "2026-07-02..2026-07-03"
    assert computed(interval, "timestamp", ZoneInfo("Europe/Berlin")) == interval
    assert computed(interval, None, ZoneInfo("Europe/Berlin")) is None
