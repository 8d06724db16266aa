"""Checks as SQL: the same counts as what Ibis compiles, and nothing where the two might differ."""

from __future__ import annotations

import datetime as dt

import ibis
import pytest

from workbench.runtime import checks
from workbench.runtime.counted import violations_sql

ROWS = """
SELECT * FROM (VALUES
    (1, 0.5::DOUBLE, 'a', 'x''y', 10::UTINYINT), (2, 'nan'::DOUBLE, 'b', E'two\\nlines', 20), (2, NULL, 'b', NULL, 20),
    (-9, 1e300, NULL, 'A', NULL), (NULL, -0.0, '', 'a', 255), (NULL, 'inf'::DOUBLE, '', 'a', 255), (7, 1.0, 'ü', '%', 0)
) AS t(n, "f ""loat", s, "Text", small)
"""
SAME = [
    checks.not_null("n"),
    checks.not_null("n", 's', 'f "loat'),
    checks.unique("n"),
    checks.unique("s", "n"),
    checks.unique('f "loat'),
    checks.between("n", 0, 2),
    checks.between("n", -1.5, 1.5),
    checks.between("small", -1, 20),
    checks.between('f "loat', 0, 1),
    checks.between('f "loat', 0.0, 1e300),
    checks.one_of("n", [1, -9]),
    checks.one_of("s", ["a", "it's"]),
    checks.matches("Text", "^[a-z]$"),
    checks.matches("Text", "two.lines"),
    checks.matches("Text", "x'y"),
    checks.row_count(),
    checks.row_count(1, 6),
    checks.row_count(8),
]  # fmt: skip
OTHERWISE = [
    checks.between("s", dt.date(2024, 1, 1), dt.date(2024, 1, 2)),
    checks.between("n", True, True),
    checks.between("n", 0, 2**70),
    checks.between("n", 0.0, float("inf")),
    checks.one_of("s", ["a", 1]),
    checks.one_of("n", [1.5]),
    checks.one_of("n", [True]),
    checks.matches("n", "1"),
    checks.holds("_.n > 0"),
    checks.fresh("n", "1d"),
]


@pytest.mark.parametrize("condition", ["true", "false"])
def test_sql_counts_what_ibis_counts(condition):
    con = ibis.duckdb.connect()
    con.con.execute(f"CREATE TABLE t AS FROM ({ROWS}) WHERE {condition}")
    table = con.table("t")
    assert all(violations_sql(check, table.schema(), "t") for check in SAME)
    computed = table.filter(ibis.literal(True))  # no table: Ibis compiles all of it
    every = [*SAME, checks.holds("_.n > 0")]
    assert checks.evaluate(table, every, examples=0) == checks.evaluate(computed, every, examples=0)


def test_what_may_differ_is_left_to_ibis():
    schema = ibis.duckdb.connect().sql(ROWS).schema()
    assert {str(check): violations_sql(check, schema, "t") for check in OTHERWISE} == {str(check): None for check in OTHERWISE}
