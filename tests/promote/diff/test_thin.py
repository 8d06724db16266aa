"""Over a thin link: checksums of buckets computed by DuckDB and by a real PostgreSQL, then just the rows in doubt."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import ibis
import pytest

from workbench.promote.diff import diff, thin

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


def test_equal_tables_send_no_row(engines):
    here, there = engines
    found = thin.thinned(here.table("t"), there.table("t"), ["id"])
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
    left = thin.thinned(here.table("t"), there.table("t"), ["id"])
    assert left is not None
    assert left.shared > 500
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
    assert thin.thinned(here.table("u"), there.table("u"), ["id"]) is None
    assert diff(here.table("u"), there.table("u"), key=["id"], thin=True).identical
