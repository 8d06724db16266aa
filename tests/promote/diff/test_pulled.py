"""Tables of other connections: no value is lost, or read as another one, on the way."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ibis
import pytest

from workbench.errors import UsageError
from workbench.promote.diff import diff
from workbench.promote.diff.files import open_table
from workbench.promote.diff.thin import held, thinned
from workbench.promote.server import Servers

# What PostgreSQL writes, a value that differs from it, and the first as DuckDB writes it where it has the type.
VALUES = {
    "a moment": ("timestamp '2024-01-01 12:34:56.7'", "timestamp '2024-01-01 12:34:56.8'", "TIMESTAMP '2024-01-01 12:34:56.7'"),
    "before 1970": ("timestamp '1969-12-31 23:59:59.5'", "timestamp '1970-01-01'", "TIMESTAMP '1969-12-31 23:59:59.5'"),
    "an instant": (
        "timestamptz '2024-01-01 01:00+01'",
        "timestamptz '2024-01-01 01:00+02'",
        "TIMESTAMPTZ '2024-01-01 00:00:00Z'",
    ),
    "infinite dates": ("date 'infinity'", "date '-infinity'", "DATE 'infinity'"),
    "infinite moments": ("timestamp '-infinity'", "timestamp 'infinity'", "TIMESTAMP '-infinity'"),
    "infinite instants": ("timestamptz 'infinity'", "timestamptz '-infinity'", "TIMESTAMPTZ 'infinity'"),
    "years before 1": ("date '0044-03-15 BC'", "date '0044-03-15'", "DATE '0044-03-15 (BC)'"),
    "months are no days": ("interval '1 month'", "interval '30 days'", "INTERVAL '1 month'"),
    "days back and hours on": ("interval '-1 days +02:03:00.5'", "interval '-1 days'", "INTERVAL '-1 days 02:03:00.5'"),
    "the end of the day": ("time '24:00'", "time '00:00'", "TIME '24:00:00'"),
    "numerics": ("1.5::numeric(10,2)", "1.51::numeric(10,2)", "1.5::DECIMAL(10,2)"),
    "numerics of any scale": ("1.50000000001::numeric", "1.5::numeric", "1.50000000001::DECIMAL(38,18)"),
    "bytes": ("'\\x00ff'::bytea", "''::bytea", "'\\x00\\xFF'::BLOB"),
    "uuids": (
        "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid",
        "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a12'::uuid",
        "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::UUID",
    ),
    "lists": ("array[1, NULL]", "array[NULL, 1]", "[1, NULL]::INTEGER[]"),
    "enums": ("'calm'::mood", "'cross'::mood", "'calm'"),
    "bits": ("B'0101'::varbit", "B'00101'::varbit", "'0101'"),
    "addresses": ("'10.0.0.1'::inet", "'10.0.0.2'::inet", "'10.0.0.1/32'"),
    "ranges": ("int4range(1, 5)", "int4range(1, 6)", "'[1,5)'"),
    "documents": ("'{\"a\": 1}'::jsonb", "'{\"a\": 2}'::jsonb", "'{\"a\": 1}'"),
    "rows within rows": ("row(1, 'x')::place", "row(1, 'y')::place", "'(1,x)'"),
    "points": ("point(1, 2)", "point(1, 3)", "'(1,2)'"),
    "sums of money": ("12345.5::money", "12345.51::money", "'$12,345.50'"),
    "times with a zone": ("timetz '12:00+02'", "timetz '10:00+00'", "'12:00:00+02'"),
    "texts of one length": ("'a'::char(5)", "'b'::char(5)", "'a'"),
    "names": ("'a'::name", "'A'::name", "'a'"),
    "markup": ("'<a/>'::xml", "'<a></a>'::xml", "'<a/>'"),
    "JSON as it is written": ("'{\"a\":1}'::json", "'{\"a\": 1}'::json", "'{\"a\":1}'"),
    "a null of JSON": ("'null'::jsonb", "NULL::jsonb", "'null'"),
    "ranges of numerics": ("numrange(1, 2, '[]')", "numrange(1, 2)", "'[1,2]'"),
    "several ranges": ("'{[1,2),[3,4)}'::int4multirange", "'{[1,2)}'::int4multirange", "'{[1,2),[3,4)}'"),
    "networks": ("'10.0.0.0/8'::cidr", "'10.0.0.0/9'::cidr", "'10.0.0.0/8'"),
    "words": ("'a b'::tsvector", "'a c'::tsvector", "'''a'' ''b'''"),
    "lists of numerics": ("array[1.50, NULL]", "array[1.51, NULL]", "'{1.50,NULL}'"),
    "lists of instants": (
        "array[timestamptz '2024-01-01 01:00+01']", "array[timestamptz '2024-01-01 01:00+02']", "'{\"2024-01-01 00:00:00+00\"}'"
    ),
    "lists of intervals": ("array[interval '1 month']", "array[interval '30 days']", "'{\"1 mon\"}'"),
    "NULL in a list of text": ("array[NULL]::text[]", "array['NULL']", "[NULL]::VARCHAR[]"),
    "domains": ("5::pieces", "6::pieces", "5::BIGINT"),
    "domains of domains": ("1.5::price", "1.51::price", "1.5::DECIMAL(10,2)"),
}  # fmt: skip


@pytest.fixture
def engines(postgres: str) -> Iterator[tuple[Any, Any]]:
    """A DuckDB, and a PostgreSQL whose settings write values in ways of their own."""
    here, there = ibis.duckdb.connect(), ibis.connect(postgres)
    here.raw_sql("SET TimeZone = 'Asia/Kolkata'")
    with contextlib.closing(there.con):
        for statement in (
            "SET DateStyle = 'German'", "SET IntervalStyle = 'iso_8601'", "SET TimeZone = 'Pacific/Auckland'",
            "CREATE TYPE mood AS ENUM ('calm', 'cross')", "CREATE TYPE place AS (x int, y text)",
            "CREATE DOMAIN pieces AS int8", "CREATE DOMAIN cents AS numeric(10, 2)",
            "CREATE DOMAIN price AS cents CHECK (VALUE > 0)",
        ):  # fmt: skip
            there.con.execute(statement)
        yield here, there


# No checksum tells these apart beside another engine, or it takes equal ones for different.
UNTOLD = {"years before 1", "lists", "NULL in a list of text", "bytes", "months are no days", "days back and hours on"}


def test_values_of_postgresql_keep_their_meaning(engines: tuple[Any, Any], postgres: str) -> None:
    here, there = engines
    columns = ", ".join(f'{{}} AS "{name}"' for name in VALUES)
    for table, which in (("one", 0), ("other", 1)):
        values = columns.format(*(each[which] for each in VALUES.values()))
        there.con.execute(f"CREATE TABLE {table} AS SELECT 1::int8 AS id, {values}")
        there.con.execute(f"INSERT INTO {table} (id) VALUES (2)")
    ours = columns.format(*(each[2] for each in VALUES.values()))
    here.raw_sql(f"CREATE TABLE one AS SELECT 1::BIGINT AS id, {ours}")
    here.raw_sql("INSERT INTO one (id) VALUES (2)")
    same = diff(here.table("one"), there.table("one"), key=["id"])
    assert (same.schema.type_changed, same.columns) == ({}, {})
    assert same.identical
    found = diff(there.table("one"), there.table("other"), key=["id"])
    assert found.columns.keys() == VALUES.keys()
    assert found.schema.identical
    wide = diff(there.table("one"), there.table("other"), key=["id"], distributions=False).to_json()
    assert diff(there.table("one"), there.table("other"), key=["id"], thin=True).to_json() == wide
    there.con.commit()
    con = ibis.duckdb.connect()
    with contextlib.closing(Servers()) as servers:
        named = [servers.pull(con, f"{postgres}#{name}", name) for name in ("one", "other")]
        assert diff(here.table("one"), named[0], key=["id"]).identical
        assert diff(*named, key=["id"], distributions=False).to_json() == wide
    told = ", ".join(f'"{name}"' for name in ("id", *VALUES) if name not in UNTOLD)
    for name in ("one", "other"):
        there.con.execute(f"CREATE VIEW told_{name} AS SELECT {told} FROM {name}")
    here.raw_sql(f"CREATE VIEW told AS SELECT {told} FROM one")
    left = thinned(held(here.table("told")), held(there.table("told_one")), ["id"])
    assert left is not None
    assert left.shared == 2
    found = diff(here.table("told"), there.table("told_other"), key=["id"], thin=True)
    assert (found.columns.keys(), found.schema.identical) == (VALUES.keys() - UNTOLD, True)
    assert there.con.execute("SHOW DateStyle").fetchone() == ("German, DMY",)


def test_a_query_of_postgresql_is_a_side_as_well(engines: tuple[Any, Any]) -> None:
    here, there = engines
    there.con.execute("CREATE TABLE t AS SELECT i::int8 AS id, interval '1 month' * i AS v FROM generate_series(1, 9) i")
    here.raw_sql("CREATE TABLE t AS SELECT i AS id, INTERVAL 1 MONTH * i AS v FROM range(1, 6) t(i)")
    rest = there.table("t").filter(ibis._.id < 6)
    assert diff(here.table("t"), rest, key=["id"]).identical
    there.con.rollback()
    with there.con.transaction():
        there.con.execute("DELETE FROM t WHERE id = 1")
        assert diff(here.table("t"), rest, key=["id"]).rows.removed == 1  # what is not committed yet is seen


def test_what_the_server_can_not_run_is_told_in_a_line(engines: tuple[Any, Any]) -> None:
    _, there = engines
    there.con.execute("CREATE TABLE t AS SELECT 1 AS id, point(1, 2) AS p")
    assert diff(there.table("t"), there.table("t"), key=["id"], thin=True).identical
    chosen = there.table("t").filter(ibis._.id > 0)  # which Ibis wraps in a function of PostGIS
    for thinly in (False, True):
        with pytest.raises(UsageError, match="can't run what the comparison asks: function st_asewkb"):
            diff(chosen, chosen, key=["id"], thin=thinly)


def test_arrays_of_several_dimensions_are_not_those_of_their_elements(engines: tuple[Any, Any], postgres: str) -> None:
    _, there = engines
    values = {"plain": "array[1, 2, 3, 4]", "square": "array[[1, 2], [3, 4]]", "wide": "array[[1, 2, 3, 4]]"}
    for name, value in {**values, "moved": "'[0:3]={1,2,3,4}'::int[]"}.items():
        there.con.execute(f'CREATE TABLE "{name}" AS SELECT 1 AS id, {value}::int[] AS v')
    there.con.commit()
    con = ibis.duckdb.connect()
    with contextlib.closing(Servers()) as servers:
        pulled = {name: servers.pull(con, f"{postgres}#{name}", name) for name in (*values, "moved")}
        for read in (pulled.__getitem__, there.table):
            assert diff(read("plain"), read("square"), key=["id"]).schema.not_compared == ("v",)
            assert diff(read("square"), read("wide"), key=["id"]).rows.changed == 1
            assert diff(read("square"), read("moved"), key=["id"]).rows.changed == 1
            assert diff(read("square"), read("square"), key=["id"]).identical
    assert not diff(there.table("square"), there.table("plain"), key=["id"], thin=True).identical


def test_a_union_comes_from_parquet_as_text(tmp_path: Path) -> None:
    con = ibis.duckdb.connect()
    for name, value in (("a", "k := 1"), ("b", "j := '1'")):
        value = f"union_value({value})::UNION(k INT, j VARCHAR)"
        con.raw_sql(f"COPY (SELECT 1 AS id, {value} AS v, [{value}] AS w) TO '{tmp_path}/{name}.parquet'")
    one, other, again = (open_table(con, str(tmp_path / f"{name}.parquet"), side) for name, side in ("ax", "by", "az"))
    assert diff(one, again, key=["id"]).identical
    assert diff(one, other, key=["id"]).columns.keys() == {"v", "w"}
