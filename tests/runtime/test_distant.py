"""Tables of a real PostgreSQL in a session: what is read of them is fetched, and the rest is there when it is asked for."""

from __future__ import annotations

import gc
import math
import time
import weakref
from pathlib import Path
from typing import Any

import duckdb
import ibis.expr.types as ir
import psycopg
import pytest

from tests.runtime.test_postgres import typed, warehouse
from workbench.errors import UsageError
from workbench.model import Interval
from workbench.runtime import checks
from workbench.runtime.distant import distant, narrowed, rows_of
from workbench.runtime.local import local
from workbench.runtime.require import require
from workbench.runtime.sources import reading
from workbench.runtime.sql import sql
from workbench.runtime.warehouse import Warehouse

WIDE = """
CREATE TABLE wide (i int PRIMARY KEY, day date, tz timestamptz, f float8, x text, u uuid, n numeric(10, 2), told text);
INSERT INTO wide SELECT i, date '2024-01-01' + i % 3, timestamptz '2024-01-01 00:30+01' + i % 3 * interval '1 day',
    CASE i % 4 WHEN 0 THEN 'NaN' WHEN 1 THEN NULL ELSE i / 8.0 END, 'x' || i % 2, md5(i::text)::uuid, i / 4.0, '2024-01-01'
    FROM generate_series(1, 40) i;
"""
EVERY = {"i", "day", "tz", "f", "x", "u", "n", "told"}


@pytest.fixture
def wide(postgres: str, tmp_path: Path) -> Warehouse:
    typed(postgres, WIDE)
    return warehouse(tmp_path, wide=f"{postgres}#wide")


def fetched(table: ir.Table) -> set[str] | None:
    """The columns of a source that are here; None before anything was asked for."""
    found = distant(table.op())
    assert found is not None
    return set().union(*(each.columns or () for each in found.held.values())) if found.held else None


def test_a_version_fetches_the_columns_that_it_reads(wide: Warehouse) -> None:
    con = wide.connect()
    table = wide.source(con, "wide")
    assert (fetched(table), set(table.columns)) == (None, EVERY)
    late = table.mutate(twice=table.n * 2).filter(table.f > 3)
    kept = wide.write(late.group_by("x").agg(s=table.n.sum()), pipeline="p", version=1)
    assert fetched(table) == {"f", "n", "x"}
    rows = wide.read(con, kept).to_pyarrow().to_pylist()
    assert {row["x"]: float(row["s"]) for row in rows} == {"x0": 87.0, "x1": 33.0}
    wide.write(table.select("i", "x"), pipeline="p", version=2)
    assert fetched(table) == {"f", "n", "x", "i"}
    wide.write(table.select("tz"), pipeline="p", version=3)  # it was fetched often enough
    assert fetched(table) == EVERY
    con.disconnect()


def typed_rows(con: Any, query: str, table: ir.Table) -> list[tuple[Any, ...]]:
    """The rows of a query about all rows as they are read without narrowing, under the name ``x``."""
    found: list[tuple[Any, ...]] = con.con.execute(query.replace("FROM x", f"FROM ({con.compile(table)})")).fetchall()
    return found


def test_a_query_that_nobody_narrowed_sees_everything(wide: Warehouse) -> None:
    con = wide.connect()
    table = wide.source(con, "wide")
    narrowed(table.select("i"))
    assert fetched(table) == {"i"}
    assert typed_rows(con, "SELECT count(*), count(x), min(u)::VARCHAR, max(tz)::VARCHAR FROM x", table) == [
        (40, 40, "02e74f10-e032-7ad8-68d1-38f2b4fdd6f0", "2024-01-02 23:30:00+00")
    ]
    assert typed_rows(con, "SELECT count(*) FROM x WHERE f > 3", table) == [(18,)]
    assert table.filter(table.f > 3).count().to_pyarrow().as_py() == 18
    joined = table.join(table.view(), "i")
    assert joined.count().to_pyarrow().as_py() == 40
    assert fetched(table) == EVERY
    assert all(math.isnan(row["f"]) for row in table.filter(table.i % 4 == 0).select("f").to_pyarrow().to_pylist())
    con.disconnect()


def test_rows_are_counted_there(wide: Warehouse) -> None:
    con = wide.connect()
    table = wide.source(con, "wide")
    day = Interval.parse("2024-01-02..2024-01-03")
    found = {time: rows_of(table, time, day) for time in ("day", "tz")} | {"all": rows_of(table, None, day)}
    assert (found, fetched(table)) == ({"day": 14, "tz": 13, "all": 40}, None)
    assert (rows_of(table, "told", day), fetched(table)) == (0, {"told"})
    narrow = {time: typed_rows(con, f"SELECT count(*) FROM x WHERE CAST({time} AS TIMESTAMPTZ) >= '2024-01-02'"
              f" AND CAST({time} AS TIMESTAMPTZ) < '2024-01-03'", table)[0][0] for time in ("day", "tz")}  # fmt: skip
    assert narrow == {"day": 14, "tz": 13}
    assert narrowed(table.count()).to_pyarrow().as_py() == 40
    con.disconnect()


def test_a_run_of_an_interval_fetches_its_rows(wide: Warehouse) -> None:
    con = wide.connect()
    table, day = wide.source(con, "wide"), Interval.parse("2024-01-02..2024-01-03")
    by_day = table.group_by(day=table.tz.date()).agg(n=table.n.sum())
    kept = wide.write(by_day, pipeline="p", version=1, partition_by="day", interval=day)
    found = distant(table.op())
    assert found is not None
    ((condition, held),) = found.held.items()
    assert held.columns == {"tz", "n"}
    assert condition == (
        """s."tz" >= TIMESTAMPTZ '2024-01-02T00:00:00+00:00' AND """
        """(s."tz" <= TIMESTAMPTZ '2024-01-03T00:00:00+00:00' OR s."tz" >= '294247-01-01')"""
    )
    whole = wide.write(narrowed(table), pipeline="all", version=1)
    assert set(found.held) == {condition, ""}
    again = wide.read(con, whole)
    again = again.group_by(day=again.tz.date()).agg(n=again.n.sum())
    assert wide.write(again, pipeline="p", version=1, partition_by="day", interval=day) == kept
    con.disconnect()


def test_a_day_too_late_to_be_a_moment_is_counted_too(postgres: str, tmp_path: Path) -> None:
    typed(postgres, "CREATE TABLE wide (d date); INSERT INTO wide VALUES ('300000-01-01'), ('infinity'), ('2024-01-02')")
    place = warehouse(tmp_path, wide=f"{postgres}#wide")
    con = place.connect()
    assert rows_of(place.source(con, "wide"), "d", Interval.parse("2024-01-02..2024-01-03")) == 1
    con.disconnect()


def test_of_a_count_no_column_is_fetched(wide: Warehouse) -> None:
    con = wide.connect()
    table = wide.source(con, "wide")
    require(table.count() == 40, "all are there")
    assert fetched(table) == set()
    con.disconnect()


def test_sql_local_steps_and_checks_fetch_what_they_name(wide: Warehouse) -> None:
    con = wide.connect()
    table = wide.source(con, "wide")

    @local(schema={"x": "string", "n": "int64"}, frames="pyarrow")
    def counted(rows: Any) -> Any:
        return rows.group_by("x").aggregate([("x", "count")]).rename_columns(["x", "n"])

    assert sorted(counted(table.select("x")).to_pyarrow().to_pydict()["n"]) == [20, 20]
    assert fetched(table) == {"x"}
    found = sql("SELECT s.x, w.N FROM s JOIN w ON w.i = s.n", s=counted(table.select("x")), w=table.filter(table.f < 9))
    assert fetched(table) == {"x"}
    wide.write(found, pipeline="p", version=1)
    assert fetched(table) == {"x", "n", "i", "f"}
    con.disconnect()
    con = wide.connect()
    table = wide.source(con, "wide")
    few = con.create_table("few", {"w": [1, 2, 99]})
    (result,) = checks.evaluate(few, [checks.references("w", "wide", "i")], others=lambda name: wide.source(con, name))
    assert (result.violations, fetched(table)) == (1, {"i"})
    con.disconnect()


def test_rows_keep_the_order_in_which_they_are_stored(postgres: str, tmp_path: Path) -> None:
    typed(postgres, "CREATE TABLE wide (i int PRIMARY KEY, pad text); INSERT INTO wide SELECT i, repeat('x', 900) "
          "FROM generate_series(2000, 1, -1) i")  # fmt: skip
    typed(postgres, "VACUUM ANALYZE wide")
    with psycopg.connect(postgres) as other:
        (plan,) = other.execute("EXPLAIN SELECT i FROM wide").fetchall()
    assert "Index Only Scan" in plan[0]  # which is in another order
    con = (place := warehouse(tmp_path, wide=f"{postgres}#wide")).connect()
    table = place.source(con, "wide")
    one = [row["i"] for row in narrowed(table.select("i")).to_pyarrow().to_pylist()]
    whole = [row["i"] for row in table.to_pyarrow().to_pylist()]
    assert one == whole == [*range(2000, 0, -1)]
    there = reading(con, f"{postgres}")
    assert there.rows("SELECT current_setting('enable_indexscan'), current_setting('max_parallel_workers_per_gather')") == [
        ("on", "2")
    ]
    con.disconnect()


def test_a_view_is_fetched_whole(postgres: str, tmp_path: Path) -> None:
    typed(postgres, WIDE + "CREATE VIEW shown AS SELECT x, max(n) AS n FROM wide GROUP BY x")
    place = warehouse(tmp_path, shown=f"{postgres}#shown")
    con = place.connect()
    table = place.source(con, "shown")
    assert rows_of(table, None, None) == 2
    assert fetched(table) == {"x", "n"}
    con.disconnect()


def test_a_source_that_was_opened_cannot_be_emptied_meanwhile(postgres: str, wide: Warehouse) -> None:
    con = wide.connect()
    table = wide.source(con, "wide")
    with psycopg.connect(postgres, options="-c lock_timeout=20") as other, pytest.raises(psycopg.errors.LockNotAvailable):
        other.execute("TRUNCATE wide")
    typed(postgres, "DELETE FROM wide")
    assert narrowed(table.select("x")).count().to_pyarrow().as_py() == 40
    con.disconnect()


def test_what_fails_late_is_said_of_the_source(postgres: str, tmp_path: Path) -> None:
    typed(postgres, "CREATE TABLE wide (i int, n numeric(38, 0)); INSERT INTO wide VALUES (1, 'NaN')")
    place = warehouse(tmp_path, wide=f"{postgres}#wide")
    con = place.connect()
    table = place.source(con, "wide")
    assert narrowed(table.select("i")).to_pyarrow().to_pylist() == [{"i": 1}]
    with pytest.raises(UsageError, match=r"source 'wide' can't be read from .*#wide.: Conversion Error"):
        narrowed(table.select("n"))
    with pytest.raises(duckdb.Error, match="source 'wide' can't be read"):
        table.to_pyarrow()
    assert narrowed(table.select("i")).to_pyarrow().to_pylist() == [{"i": 1}]
    con.disconnect()


def test_a_session_that_nobody_holds_ends_with_its_transaction(postgres: str, wide: Warehouse) -> None:
    con = wide.connect()
    wide.write(sql("SELECT i FROM wide", wide=wide.source(con, "wide")), pipeline="p", version=1)
    wide.source(con, "wide").to_pyarrow()
    end = weakref.ref(con)
    del con
    gc.collect()
    assert end() is None
    with psycopg.connect(postgres, autocommit=True) as other:
        query = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        while other.execute(query).fetchone() != (0,):  # the server needs a moment
            time.sleep(0.01)
