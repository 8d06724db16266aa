"""pipeline.toml is read strictly, and what is due next is right in every night of the year."""

from __future__ import annotations

import datetime as dt
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.errors import ConfigError
from workbench.operate.schedule import PipelineConfig, default_pipeline_toml, next_due, parse_pipeline_toml, read_config

ZONES = [
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "America/Sao_Paulo",
    "Asia/Kathmandu",
    "Pacific/Apia",
]


def test_the_default_file_holds_the_defaults():
    assert parse_pipeline_toml(default_pipeline_toml("ada")) == PipelineConfig(owner="ada")


def test_a_pipeline_without_a_file_has_the_defaults(production):
    assert read_config(production.workspace, "daily_sales") == PipelineConfig()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('shedule = "0 6 * * *"', "x.toml: shedule: no such key; did you mean 'schedule'?"),
        ("zebra = 1", "the keys are: catch_up, catch_up_limit, freshness"),
        ('schedule = "0 25 * * *"', "x.toml: schedule: '0 25 * * *' is not a schedule"),
        ('timezone = "Europe/Berln"', "did you mean 'Europe/Berlin'"),
        ('timezone = "../etc"', "there is no time zone"),
        ('freshness = "soon"', "'soon' is not a duration"),
        ('memory_limit = "4 bananas"', "is not a size"),
        ("timezone = 3", "timezone"),
        ('start = "18.11.2026"', "x.toml: start: '18.11.2026' is no date; write it as YYYY-MM-DD"),
        ("owner = ", "does not parse"),
    ],
)
def test_what_is_wrong_is_named_with_its_key(text, said):
    with pytest.raises(ConfigError) as error:
        parse_pipeline_toml(text, where="x.toml")
    assert said in error.value.message
    assert error.value.hint == "correct x.toml, then: workbench status"


def test_the_file_of_a_pipeline_is_named_relative_to_the_workspace(production):
    (production.root / "promoted/daily_sales/pipeline.toml").write_text("a = 1")
    with pytest.raises(ConfigError, match=r"^promoted/daily_sales/pipeline\.toml: a"):
        read_config(production.workspace, "daily_sales")


def test_a_pipeline_without_a_schedule_is_never_due():
    assert next_due(PipelineConfig(schedule=None), dt.datetime(2026, 1, 1, tzinfo=dt.UTC)) is None


def test_a_date_in_quotes_is_that_date():
    quoted, plain = (parse_pipeline_toml(f"start = {date}") for date in ('"2026-11-18"', "2026-11-18"))
    assert quoted == plain


@pytest.mark.parametrize(("nickname", "hour"), [("@daily", 0), ("@midnight", 0), ("0 6 * * *", 6)])
def test_nicknames_are_schedules(nickname, hour):
    due = next_due(PipelineConfig(schedule=nickname), dt.datetime(2026, 1, 1, 12, tzinfo=dt.UTC))
    assert due == dt.datetime(2026, 1, 2, hour, tzinfo=dt.UTC)


@given(
    st.datetimes(dt.datetime(2000, 1, 1), dt.datetime(2040, 1, 1)),
    st.sampled_from(ZONES),
    st.integers(0, 59),
    st.integers(0, 23),
)
@settings(max_examples=150, deadline=None)
def test_a_daily_job_runs_once_on_every_local_day(moment, zone, minute, hour):
    config = PipelineConfig(schedule=f"{minute} {hour} * * *", timezone=zone)
    due = moment.replace(tzinfo=dt.UTC)
    days = []
    for _ in range(4):
        following = next_due(config, due)
        assert following is not None
        assert following > due
        due = following
        days.append(due.astimezone(ZoneInfo(zone)).date())
    gaps = {(later - earlier).days for earlier, later in pairwise(days)}
    # Samoa left out 30 December 2011 when it moved across the date line.
    assert gaps <= ({1, 2} if zone == "Pacific/Apia" else {1})


@given(st.datetimes(dt.datetime(2000, 1, 1), dt.datetime(2040, 1, 1)), st.sampled_from(ZONES))
@settings(max_examples=50, deadline=None)
def test_the_next_moment_depends_on_the_clock_alone(moment, zone):
    config = PipelineConfig(schedule="*/30 * * * *", timezone=zone)
    now = moment.replace(tzinfo=dt.UTC)
    first = next_due(config, now)
    assert first == next_due(config, now)
    assert first is not None
    assert next_due(config, first - dt.timedelta(seconds=1)) == first
