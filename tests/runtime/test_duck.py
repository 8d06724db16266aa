"""Sessions of DuckDB: tables as Ibis gives them, and threads only where there is work to share."""

from __future__ import annotations

import os

import duckdb
import ibis
import pytest

from workbench.runtime.duck import (
    BYTES_OF_A_THREAD,
    ROWS_OF_A_THREAD,
    arrow_rows,
    identifier,
    stored_as,
    table_of,
    widen,
)
from workbench.runtime.pages import collapse

TYPES = (
    "BOOLEAN UTINYINT HUGEINT FLOAT DECIMAL(18,3) DATE TIME TIMESTAMP TIMESTAMP_NS TIMESTAMPTZ INTERVAL BLOB UUID JSON "
    "VARCHAR[] INTEGER[3] STRUCT(a-INTEGER,b-VARCHAR[]) MAP(VARCHAR,DOUBLE) ENUM('x','y')"
).split()
COLUMNS = {f"c{number} {kind}": kind.replace("-", " ") for number, kind in enumerate(TYPES)}


def test_a_table_is_the_one_that_ibis_gives():
    con = ibis.duckdb.connect()
    every = [f"{identifier(name)} {kind}" for name, kind in COLUMNS.items()]
    required = [each + " NOT NULL" * (number % 2) for number, each in enumerate(every)]
    con.con.execute(f"""CREATE TABLE "t ""1" ({", ".join(required)}); CREATE TABLE free ({", ".join(every)})""")
    con.con.execute("CREATE VIEW v AS FROM free")
    for name in ('t "1', "free", "v"):
        assert table_of(con, name).equals(con.table(name))
    kinds = {name: kind for name, kind, *_ in con.con.execute("DESCRIBE v").fetchall()}
    assert table_of(con, "v", kinds).equals(con.table("v"))


def test_values_of_plain_types_are_those_that_arrow_makes():
    con = ibis.duckdb.connect()
    plain = "true a, 1::TINYINT b, 18446744073709551615 c, 1.1::FLOAT d, 0.1 + 0.2::DOUBLE e, 'é' f, DATE '1969-12-31' g"
    con.con.execute(
        f"CREATE TABLE t AS SELECT {plain}, TIMESTAMP '0001-01-01 00:00:00.000001' h, NULL::INTEGER i, 1.5::DECIMAL(9,1) j"
    )
    for columns in ("a, b, e, f, g, h, i", "a, d", "c, j", "*"):
        sql = f"SELECT {columns} FROM t"
        wanted = con.con.execute(sql).to_arrow_table().to_pylist()
        found = arrow_rows(con.table("t"), sql)
        assert found == wanted
        assert [list(map(type, row.values())) for row in found] == [list(map(type, row.values())) for row in wanted]


def test_a_type_is_told_as_duckdb_tells_of_a_column_that_has_it():
    con = ibis.duckdb.connect()
    con.con.execute(f"CREATE TABLE t ({', '.join(f'{identifier(name)} {kind}' for name, kind in COLUMNS.items())})")
    told = {name: kind for name, kind, *_ in con.con.execute("DESCRIBE t").fetchall()}
    kinds = con.table("t").schema()
    assert {name: stored_as(con.con, kinds[name]) for name in kinds if kinds[name].is_primitive()} == {
        name: kind for name, kind in told.items() if kinds[name].is_primitive()
    }


@pytest.mark.parametrize(
    ("rows", "size", "wide"), [(ROWS_OF_A_THREAD, BYTES_OF_A_THREAD, False), (10**6, 0, True), (0, 2e9, True)]
)
def test_a_session_gets_its_threads_when_there_is_work_to_share(rows, size, wide):
    con = ibis.duckdb.from_connection(duckdb.connect(":memory:", config={"threads": 1}))
    with duckdb.connect() as other:
        (every,) = other.execute("SELECT current_setting('threads')").fetchone()
    widen(con, rows=rows, size=size)
    assert con.con.execute("SELECT current_setting('threads')").fetchone() == (every if wide else 1,)


def test_huge_pages_change_nothing_but_how_memory_is_kept():
    held = [os.urandom(1000) for _ in range(20_000)]
    before = hash(tuple(held))
    collapse()
    assert hash(tuple(held)) == before
