"""Over a thin link: checksums of buckets computed by DuckDB and by a real PostgreSQL, then just the rows in doubt."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import ibis
import pytest

from workbench.promote.diff import TableDiff, diff, thin
from workbench.promote.server import Servers

COLUMNS = {
    "whole": ("BIGINT", ["0", "-1", "9007199254740993"]),
    "small": ("SMALLINT", ["7", "-32768"]),
    "money": ("DECIMAL(18, 4)", ["1.5", "-0.0001", "12345678901234.5678"]),
    "ratio": (
        "DOUBLE PRECISION",
        ["0", "-0.0", "0.1", "1e16", "-1.5e-7", "123456.75", "1e300", "5e-324", "'NaN'", "'Infinity'", "'-Infinity'"],
    ),
    "single": ("REAL", ["0.1", "16777217", "1e-10"]),
    "label": ("VARCHAR", ["''", "'a'", "'a '", "'é'", "'e\u0301'", "'日本 🎈'", "'NULL'", "'1:-'", "''''"]),
    "flag": ("BOOLEAN", ["TRUE", "FALSE"]),
    "day": ("DATE", ["'2024-02-29'", "'0001-01-01'", "'9999-12-31'"]),
    "local": ("TIMESTAMP", ["'2024-01-01 00:00:00'", "'2024-01-01 12:34:56.789'", "'1969-12-31 23:59:59.000001'"]),
    "instant": ("TIMESTAMP WITH TIME ZONE", ["'2024-07-01 12:00:00+02'", "'2024-01-01 00:00:00.5+00'"]),
    "uid": ("UUID", ["'00000000-0000-0000-0000-00000000000a'"]),
}


def create(name: str, rows: int) -> Iterator[str]:
    """Statements that both engines understand: a table with all values of all columns, NULL among them."""
    yield f"CREATE TABLE {name} (id BIGINT, {', '.join(f'{column} {kind}' for column, (kind, _) in COLUMNS.items())})"
    values = []
    for i in range(rows):
        picked = [
            choices[i % (len(choices) + 1)] if i % (len(choices) + 1) < len(choices) else "NULL"
            for _, choices in COLUMNS.values()
        ]
        values.append(f"({i}, {', '.join(picked)})")
    yield f"INSERT INTO {name} VALUES {', '.join(values)}"


@pytest.fixture
def engines(postgres: str) -> Iterator[tuple[Any, Any]]:
    """The same table in DuckDB and in PostgreSQL."""
    here, there = ibis.duckdb.connect(), ibis.connect(postgres)
    here.raw_sql("SET TimeZone = 'Asia/Kolkata'")
    with contextlib.closing(there.con):
        for statement in create("t", 700):
            here.raw_sql(statement)
            there.raw_sql(statement).close()
        there.con.commit()
        yield here, there


def change(there: Any, statement: str) -> None:
    there.raw_sql(statement).close()
    there.con.commit()


def left(one: Any, other: Any, key: list[str]) -> thin.Thinned | None:
    return thin.thinned(thin.held(one), thin.held(other), key)


def test_equal_tables_send_no_row(engines):
    here, there = engines
    found = left(here.table("t"), there.table("t"), ["id"])
    assert found is not None
    assert found.shared == 700
    assert found.candidate.count().execute() == 0
    assert diff(here.table("t"), there.table("t"), key=["id"], thin=True).rows.unchanged == 700


@pytest.mark.parametrize(("column", "value"), [(name, choices[0]) for name, (_, choices) in COLUMNS.items()])
def test_one_changed_value_of_any_type_is_found_in_one_bucket(engines, column, value):
    here, there = engines
    # The last choice and NULL are never the first, so that these rows change.
    choices = COLUMNS[column][1]
    row = next(i for i in range(300, 700) if i % (len(choices) + 1) == len(choices))
    change(there, f"UPDATE t SET {column} = {value} WHERE id = {row}")
    found = left(here.table("t"), there.table("t"), ["id"])
    assert found is not None
    assert found.shared > 500
    found = diff(here.table("t"), there.table("t"), key=["id"], thin=True)
    assert (found.rows.base, found.rows.candidate, found.rows.changed) == (700, 700, 1)
    assert found.columns.keys() == {column}
    assert found.samples.changed[0].key == {"id": row}


@pytest.mark.parametrize("key", [["id"], []], ids=["key", "no key"])
def test_rows_that_come_and_go_are_counted_as_over_a_wide_link(engines, key):
    here, there = engines
    change(there, "DELETE FROM t WHERE id IN (3, 4)")
    change(there, "INSERT INTO t (id, label) VALUES (9000, 'new'), (9000, 'new')")
    one = diff(here.table("t"), there.table("t"), key=key, thin=True, distributions=False)
    assert one.to_json() == diff(here.table("t"), there.table("t"), key=key, distributions=False).to_json()
    assert (one.rows.added, one.rows.removed, one.rows.unchanged) == (2, 2, 698)


def test_types_without_a_common_text_are_pulled_whole(engines):
    here, there = engines
    change(there, "CREATE TABLE u AS SELECT id, ARRAY[id] AS l FROM t")
    here.raw_sql("CREATE TABLE u AS SELECT id, [id] AS l FROM t")
    assert left(here.table("u"), there.table("u"), ["id"]) is None
    assert diff(here.table("u"), there.table("u"), key=["id"], thin=True).identical


def test_the_same_digits_of_another_width_are_another_number(engines):
    here, there = engines
    change(there, "CREATE TABLE u AS SELECT 1::int8 AS id, 0.1::float8 AS x")
    here.raw_sql("CREATE TABLE u AS SELECT 1::BIGINT AS id, 0.1::FLOAT AS x")
    assert diff(here.table("u"), there.table("u"), key=["id"], thin=True).columns["x"].changed == 1
    change(there, "CREATE TABLE w AS SELECT 1::int8 AS id, 0.1::float4 AS x")
    assert diff(there.table("w"), there.table("u"), key=["id"], thin=True).columns["x"].changed == 1


@pytest.mark.parametrize("listed", [20_000, 1], ids=["keys sent", "keys found again"])
@pytest.mark.parametrize("key", [["id"], ["id", "label"], ["small"], []], ids=["key", "two columns", "copies", "no key"])
def test_two_tables_of_one_server_are_compared_there(engines, monkeypatch, key, listed):
    _, there = engines
    monkeypatch.setattr(thin, "_LISTED", listed)
    for statement in (
        "CREATE TYPE mood AS ENUM ('calm', 'cross')",
        "ALTER TABLE t ADD l int[], ADD m mood, ADD j jsonb, ADD i interval, ADD b bytea",
        "UPDATE t SET l = array[id, NULL], m = 'calm', j = jsonb_build_object('a', id), i = id * interval '1 hour', "
        "b = CASE WHEN id % 2 = 0 THEN '\\x00ff'::bytea END WHERE id % 3 > 0",
        "CREATE TABLE u AS TABLE t",
        "UPDATE u SET ratio = -ratio WHERE ratio = 0",  # no change, but other text
        "UPDATE u SET m = 'cross' WHERE id = 1",
        "UPDATE u SET l = array[NULL, id], i = '30 days' WHERE id = 4",
        "UPDATE u SET label = 'changed' WHERE id IN (10, 11, 12)",
        "DELETE FROM u WHERE id IN (20, 21)",
        "INSERT INTO u SELECT * FROM t WHERE id = 30",
        "INSERT INTO u (id, label) VALUES (NULL, 'no key'), (NULL, 'no key')",
    ):
        change(there, statement)
    one, other = there.table("t"), there.table("u")
    found = diff(one, other, key=key, thin=True, largest=3)
    assert found.to_json() == diff(one, other, key=key, distributions=False, largest=3).to_json()
    assert not found.identical
    assert diff(one, one.order_by("id"), key=key, thin=True).identical


def test_rows_of_equal_keys_do_not_leave_the_server(engines):
    _, there = engines
    change(there, "CREATE TABLE u AS SELECT id, CASE id WHEN 5 THEN 'x' ELSE label END AS label, whole FROM t")
    found = left(there.table("t"), there.table("u"), ["id"])
    assert found is not None
    assert (found.shared, found.base.count().execute(), found.candidate.count().execute()) == (699, 1, 1)


def test_what_was_perhaps_renamed_is_seen_in_all_rows(engines):
    _, there = engines
    change(there, "CREATE TABLE u AS SELECT id, whole AS renamed FROM t")
    found = diff(there.table("t").select("id", "whole"), there.table("u"), key=["id"], thin=True)
    assert found.schema.renamed == {"whole": "renamed"}


def through(postgres: str, thinly: bool, *names: str, key: tuple[str, ...] = ("id",)) -> TableDiff:
    """Two tables named on a command line."""
    con = ibis.duckdb.connect()
    with contextlib.closing(Servers()) as servers:
        if not thinly:
            one, other = (servers.pull(con, f"{postgres}#{name}", side) for name, side in zip(names, "xy", strict=True))
            return diff(one, other, key=key, distributions=False)
        sides = [servers.held(con, f"{postgres}#{name}", side)[1] for name, side in zip(names, "xy", strict=True)]
        found = thin.thinned(*sides, key)
        assert found is not None
        return diff(found.base, found.candidate, key=key, distributions=False, shared=found.shared)


@pytest.mark.parametrize("everywhere", [True, False], ids=["a common row", "one side"])
def test_a_type_is_told_from_all_rows_not_from_those_in_doubt(engines, postgres, everywhere):
    """A row that makes the columns text is in both tables, or in the candidate alone."""
    _, there = engines
    rows = "SELECT i, 1.5, 1.5, '{1}'::int[] FROM generate_series(1, 300) i UNION ALL SELECT 400"
    for name, values in (("u", "1.5, 1.5, '{1}'"), ("w", "2.5, 2.5, '{2}'")):
        change(there, f"CREATE TABLE {name} (id int8, n numeric, d numeric(10, 2), l int[])")
        change(there, f"INSERT INTO {name} {rows}, {values}")
        if name == "w" or everywhere:
            change(there, f"INSERT INTO {name} VALUES (500, 'NaN', 'NaN', '{{{{1,2}},{{3,4}}}}')")
    wide = diff(there.table("u"), there.table("w"), key=["id"], distributions=False)
    assert wide.schema.not_compared == (() if everywhere else ("n", "d", "l"))
    assert wide.columns.keys() == ({"n", "d", "l"} if everywhere else set())
    assert wide.to_json() == diff(there.table("u"), there.table("w"), key=["id"], thin=True).to_json()
    assert wide.to_json() == through(postgres, False, "u", "w").to_json() == through(postgres, True, "u", "w").to_json()


def test_numerics_of_any_size_are_narrowed_beside_another_engine(engines, monkeypatch):
    here, there = engines
    monkeypatch.setattr(thin, "_FEWEST", 4)  # a row a bucket
    values = ["1.50", "-0.000000000000000000000000000001", "100", "0.0", "12345678"]
    rows = ", ".join(f"({i}, '{value}')" for i, value in enumerate(values))
    change(there, f"CREATE TABLE u AS SELECT id::int8, v::numeric, 7::numeric(50, 3) AS w FROM (VALUES {rows}) t(id, v)")
    made = "id::BIGINT AS id, v::DECIMAL(38, 2) AS v, 7::DECIMAL(5, 1) AS w"
    here.raw_sql(f"CREATE TABLE u AS SELECT {made} FROM (VALUES {rows}) t(id, v)")
    found = left(here.table("u"), there.table("u"), ["id"])
    assert found is not None
    assert (found.shared, found.base.count().execute()) == (4, 1)
    found = diff(here.table("u"), there.table("u"), key=["id"], thin=True)
    assert (found.columns.keys(), found.rows.changed) == ({"v"}, 1)
    assert found.samples.changed[0].key == {"id": 1}
