"""A predicate is read as a closed language: columns of one row, literals, operators, and methods that look at one row."""

from __future__ import annotations

import datetime as dt

import ibis
import pytest

from workbench.errors import UnknownName, UsageError
from workbench.runtime import checks
from workbench.runtime.predicate import METHODS, build, columns_of


@pytest.fixture
def con():
    backend = ibis.duckdb.connect()
    yield backend
    backend.disconnect()


@pytest.fixture
def flights(con):
    rows = {
        "origin": ["JFK", "EWR", "XXX", None],
        "late": [1, 9, None, 2],
        "departures": [2, 4, 3, 2],
        "day": [dt.date(2024, 1, day) for day in (1, 2, 3, 4)],
    }
    return con.create_table("flights", ibis.memtable(rows))


@pytest.mark.parametrize(
    ("text", "broken"),
    [
        ("_.late <= _.departures", 1),
        ("(_.late <= _.departures) | (_.origin == 'EWR')", 0),
        ("~_.late.isnull()", 1),
        ("_.late.fill_null(0) * 2 - 1 < _.departures / 1", 2),
        ("_['origin'].length() == 3", 0),
        ("_.origin.isin(['JFK', 'EWR'])", 1),
        ("_.day.year() == 2024", 0),
        ("_.day.day() % 2 == 0", 2),
        ("-_.departures < 0", 0),
    ],
)
def test_rows_for_which_it_is_false_are_counted_and_null_passes(flights, text, broken):
    (result,) = checks.evaluate(flights, [checks.holds(text)])
    assert result.violations == broken
    assert len(result.examples) == min(broken, 3)


def test_it_is_pushed_down_as_sql(flights):
    assert '"late" <= ' in ibis.to_sql(flights.filter(build("_.late <= _.departures", flights)))


@pytest.mark.parametrize(
    "text",
    [
        "_.late.execute()",
        "_.late.sum()",
        "_.late.over()",
        "_.origin.to_pandas()",
        "__import__('os').system('true')",
        "open('x').read() == _.origin",
        "other.late > 1",
        "_.late > min_delay",
        "(lambda r: r.late)(_)",
        "[_.late for x in (1,)]",
        "_.late if True else _.day",
        "f'{_.late}' == 'x'",
        "_.late.__class__.mro()",
        "_.a.b",
        "_.late and _.departures",
        "0 < _.late < 9",
        "not _.late",
        "_.late.cast(*['int64'])",
        "_.late.round(**{'digits': 1})",
        "(",
        "",
        "1 == 1",
        "_",
        "_.late := 3",
    ],
)
def test_what_is_no_predicate_over_one_row_is_refused(text):
    with pytest.raises(UsageError) as refused:
        checks.holds(text)
    assert refused.value.hint


def test_what_ibis_can_t_type_is_refused_when_it_is_computed(flights):
    for text in ("_.late + _.departures", "_.origin < _.late", "_.late.startswith('x')"):
        with pytest.raises(UsageError, match="predicate"):
            checks.evaluate(flights, [checks.holds(text)])


def test_every_method_is_one_of_ibis():
    kinds = [ibis.expr.types.StringColumn, ibis.expr.types.NumericColumn, ibis.expr.types.TimestampColumn]
    kinds += [ibis.expr.types.FloatingColumn]
    assert [name for name in sorted(METHODS) if not any(hasattr(kind, name) for kind in kinds)] == []


def test_columns_are_those_that_it_names():
    assert columns_of("(_.b > 1) & (_['a b'] < _.b)") == ("b", "a b")
    with pytest.raises(UnknownName, match="late"):
        checks.evaluate(ibis.memtable({"lat": [1]}), [checks.holds("_.late > 0")])


def test_rows_that_break_it_can_be_held_back(flights):
    rule = checks.holds("_.late <= _.departures", on_failure="quarantine")
    kept = flights.filter(~checks.breaks(flights, [rule])).to_pyarrow().to_pylist()
    assert [row["origin"] for row in kept] == ["JFK", "XXX", None]


def test_a_value_refers_to_one_of_the_other_table(con, flights):
    known = con.create_table("airports", ibis.memtable({"faa": ["JFK", "EWR", "LGA", None, "JFK"], "alt": [1, 2, 3, 4, 5]}))
    rules = [checks.references("origin", "airports", "faa"), checks.references("late", "airports", "alt")]
    first, second = checks.evaluate(flights, rules, others={"airports": known}.__getitem__)
    assert (first.violations, [row["origin"] for row in first.examples]) == (1, ["XXX"]), "NULL refers to nothing"
    assert (second.violations, second.examples[0]["late"]) == (1, 9)
    with pytest.raises(UnknownName, match="faa"):
        checks.evaluate(flights, [checks.references("origin", "airports", "fa")], others=lambda name: known)
    with pytest.raises(UsageError, match="can't be read here"):
        checks.evaluate(flights, rules)


@pytest.mark.parametrize(
    ("now", "stale"), [("2024-01-05T00:00", 0), ("2024-01-06T23:59", 0), ("2024-01-07T00:00", 1), ("2023-12-31T00:00", 0)]
)
def test_the_newest_day_is_at_most_so_old(flights, now, stale):
    moment = dt.datetime.fromisoformat(now).replace(tzinfo=dt.UTC)
    (result,) = checks.evaluate(flights, [checks.fresh("day", "2d")], now=moment)
    assert (result.violations, result.examples) == (stale, ())


def test_moments_are_held_against_the_clock_and_nothing_is_fresh_without_rows(con, flights):
    late = dt.datetime(2024, 1, 1, 12, tzinfo=dt.UTC)
    moments = con.sql("SELECT TIMESTAMPTZ '2024-01-01 10:00:00+00' AS zoned, TIMESTAMP '2024-01-01 10:00:00' AS naive")
    rules = [checks.fresh(name, within) for name in ("zoned", "naive") for within in ("3h", "1h")]
    assert [each.violations for each in checks.evaluate(moments, rules, now=late)] == [0, 1, 0, 1]
    (empty,) = checks.evaluate(flights.filter(ibis.literal(False)), [checks.fresh("day", "2d")], now=late)
    assert empty.violations == 1
    with pytest.raises(UsageError, match="no date or timestamp"):
        checks.evaluate(flights, [checks.fresh("origin", "2d")])
    with pytest.raises(UsageError):
        checks.fresh("day", "two days")
