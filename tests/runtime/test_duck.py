"""Sessions of DuckDB: tables as Ibis gives them, and threads only where there is work to share."""

from __future__ import annotations

import os

import duckdb
import ibis
import pytest

from workbench.runtime.duck import BYTES_OF_A_THREAD, ROWS_OF_A_THREAD, identifier, table_of, widen
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
