"""Checks count what breaks a promise, whatever the data."""

from __future__ import annotations

import ibis
import pyarrow as pa
import pytest

from workbench.errors import UnknownName, UsageError
from workbench.runtime import checks


def table(**columns: list[object]) -> ibis.Table:
    return ibis.memtable(columns)


def counts(data: ibis.Table, *promised: object) -> list[int]:
    return [result.violations for result in checks.evaluate(data, promised)]


def test_each_rule_counts_its_violations():
    data = table(origin=["JFK", "EWR", "xx", None], rate=[0.5, 1.5, 0.0, 1.0])
    assert counts(
        data,
        checks.not_null("origin"),
        checks.between("rate", 0, 1),
        checks.one_of("origin", ["JFK", "EWR"]),
        checks.matches("origin", "^[A-Z]{3}$"),
        checks.row_count(at_least=5),
        checks.row_count(at_most=4),
    ) == [1, 1, 1, 1, 1, 0]


def test_nan_is_never_between_two_numbers_and_null_is_left_to_not_null():
    data = ibis.memtable(pa.table({"x": [float("nan"), None, 0.5]}))
    assert counts(data, checks.between("x", 0, 1)) == [1]


def test_unique_counts_surplus_copies_and_takes_nulls_as_equal():
    data = table(a=[1, 1, None, None], b=["x", "x", None, None])
    assert counts(data, checks.unique("a", "b")) == [2]


def test_examples_are_rows_that_break_the_check():
    (result,) = checks.evaluate(table(a=[2, 1, 2], b=[1, 2, 3]), [checks.unique("a")])
    assert [row["a"] for row in result.examples] == [2, 2]
    assert not result.ok


def test_an_empty_table_breaks_only_a_row_count():
    data = table(a=[1]).filter(ibis._.a > 1)
    assert counts(data, checks.not_null("a"), checks.unique("a"), checks.between("a", 0, 1), checks.row_count()) == [0, 0, 0, 1]


def test_hostile_column_names_are_quoted():
    name = "a\"; drop table x; --'"
    assert counts(table(**{name: [None, 1]}), checks.not_null(name), checks.unique(name)) == [1, 0]


def test_a_missing_column_is_named_with_its_nearest():
    with pytest.raises(UnknownName, match="did you mean 'rate'"):
        checks.evaluate(table(rate=[1.0]), [checks.not_null("rat")])


@pytest.mark.parametrize(
    ("rule", "args"),
    [("between", ("x", 2, 1)), ("one_of", ("x", [])), ("matches", ("x", "(")), ("not_null", ()), ("between", ("x",))],
)
def test_a_check_that_can_hold_for_nothing_is_refused(rule, args):
    with pytest.raises(UsageError):
        checks.build(rule, *args)


def test_an_unknown_rule_offers_the_nearest():
    with pytest.raises(UnknownName, match="did you mean 'not_null'"):
        checks.build("notnull", "x")
