"""How fast two tables are compared, beside the limit: the time that the engine needs to hash every row of both once.

``WORKBENCH_BENCH_ROWS`` sets the size (default 500,000 rows; TPC-H at scale factor 1 has 6,000,000). The table has the 15
columns of a line item, made by SQL; its mutated copy has 0.1% of the rows changed, 0.05% added and 0.05% removed. Ratios
are printed beside the goals; twice a goal fails where the size is large enough that a time means something.
"""

from __future__ import annotations

import functools
import os
import shutil
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import ibis
import pytest

from workbench.promote.diff import TableDiff, diff, diff_snapshots
from workbench.promote.diff.files import open_table

ROWS = int(os.environ.get("WORKBENCH_BENCH_ROWS", "500000"))
KEY = ["l_orderkey", "l_linenumber"]
LINEITEM = """
    SELECT i // 4 + 1 AS l_orderkey, (i % 4 + 1)::INTEGER AS l_linenumber, (hash(i, 1) % 200000)::BIGINT AS l_partkey,
        (hash(i, 2) % 10000)::BIGINT AS l_suppkey, (hash(i, 3) % 50 + 1)::DECIMAL(15, 2) AS l_quantity,
        ((hash(i, 4) % 10000000) / 100)::DECIMAL(15, 2) AS l_extendedprice, ((hash(i, 5) % 11) / 100)::DOUBLE AS l_discount,
        ((hash(i, 6) % 9) / 100)::DOUBLE AS l_tax, (['A', 'N', 'R'])[(hash(i, 7) % 3 + 1)::INT] AS l_returnflag,
        (['O', 'F'])[(hash(i, 8) % 2 + 1)::INT] AS l_linestatus, DATE '1992-01-01' + (hash(i, 9) % 2500)::INT AS l_shipdate,
        DATE '1992-01-01' + (hash(i, 10) % 2500)::INT AS l_receiptdate,
        (['DELIVER IN PERSON', 'COLLECT COD', 'NONE', 'TAKE BACK RETURN'])[(hash(i, 11) % 4 + 1)::INT] AS l_shipinstruct,
        (['REG AIR', 'AIR', 'RAIL', 'SHIP', 'TRUCK', 'MAIL', 'FOB'])[(hash(i, 12) % 7 + 1)::INT] AS l_shipmode,
        substr(md5(i::VARCHAR) || ' ' || md5((i * 7)::VARCHAR), 1, (hash(i, 13) % 34 + 10)::INT) AS l_comment
    FROM range({rows}) t(i)
"""
MUTATED = """
    SELECT * REPLACE (CASE WHEN hash(l_orderkey, l_linenumber, 'c') % 1000 = 0 THEN l_extendedprice + 1 ELSE l_extendedprice END
        ::DECIMAL(15, 2) AS l_extendedprice) FROM base WHERE hash(l_orderkey, l_linenumber, 'r') % 2000 > 0
    UNION ALL SELECT * REPLACE (l_orderkey + 100000000 AS l_orderkey) FROM base
        WHERE hash(l_orderkey, l_linenumber, 'a') % 2000 = 0
"""
NOISY = "SELECT *, l_discount * 2 AS extra FROM (SELECT * REPLACE (l_tax * (1 + 1e-12) AS l_tax) FROM mutated)"
TABLES = {"base": LINEITEM.format(rows=ROWS), "same": "FROM base", "mutated": MUTATED, "noisy": NOISY}

# What, candidate, options, and the goals: at most so many times the limit, from native tables and from Parquet.
CASES: list[tuple[str, str, dict[str, Any], float, float]] = [
    ("identical", "same", {"key": KEY}, 1.4, 1.2),
    ("mutated", "mutated", {"key": KEY}, 2.2, 2.2),
    ("key with copies", "mutated", {"key": ["l_orderkey"]}, 4.0, 4.0),
    ("no key", "mutated", {}, 4.0, 4.0),
    ("noise in every row", "noisy", {"key": KEY}, 4.0, 3.0),
]
# Beyond this share of a goal a case fails: a goal is a goal, and a machine at work is no reason to stop.
SLACK = 2.0

# How the warehouse writes Parquet.
OWN_COPY = "(FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 122880)"
# The same rows as Parquet of one writer, sorted by key: what, the rows, the goal.
OWN: list[tuple[str, str, float]] = [
    ("the same bytes", "FROM base", 0.1),
    (
        "rows appended",
        "FROM base UNION ALL SELECT * REPLACE (l_orderkey + 100000000 AS l_orderkey) FROM base LIMIT {more}",
        0.1,
    ),
    (
        "two columns changed",
        "SELECT * REPLACE (CASE WHEN hash(l_orderkey, 1) % 1000 = 0 THEN l_tax + 1 ELSE l_tax END AS l_tax, "
        "CASE WHEN hash(l_orderkey, 2) % 1000 = 0 THEN l_extendedprice + 1 ELSE l_extendedprice END::DECIMAL(15, 2) "
        "AS l_extendedprice) FROM base",
        0.35,
    ),
    (
        "two columns everywhere",
        "SELECT * REPLACE (l_tax + 1 AS l_tax, (l_extendedprice + 1)::DECIMAL(15, 2) AS l_extendedprice) FROM base",
        0.35,
    ),
    (
        "scattered in one text",
        "SELECT * REPLACE (CASE WHEN hash(l_orderkey, 1) % 1000 = 0 THEN l_comment || '!' ELSE l_comment END AS l_comment) "
        "FROM base",
        0.95,
    ),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bench_diff")
    con = ibis.duckdb.connect(folder / "tables.duckdb")
    for name, query in TABLES.items():
        con.raw_sql(f"CREATE TABLE {name} AS {query}")
        # Equal rows in other row groups, so that their bytes say nothing.
        how = " (ROW_GROUP_SIZE 100000)" if name == "same" else ""
        con.raw_sql(f"COPY {name} TO '{folder}/{name}.parquet'{how}")
    con.disconnect()
    shutil.copy(folder / "base.parquet", folder / "copy.parquet")
    return folder


@pytest.fixture(scope="module", params=["native", "parquet"])
def tables(request: pytest.FixtureRequest, folder: Path) -> Any:
    con = ibis.duckdb.connect()
    con.raw_sql("SET threads = 2")
    con.raw_sql(f"ATTACH '{folder}/tables.duckdb' AS bench (READ_ONLY)")
    native = {name: con.table(name, database=("bench", "main")) for name in TABLES}
    parquet = {name: con.read_parquet(folder / f"{name}.parquet") for name in TABLES}
    yield con, request.param, native if request.param == "native" else parquet
    con.disconnect()


class Took(NamedTuple):
    """Seconds on the clock and of the processor."""

    clock: float
    processor: float

    def over(self, floor: Took) -> str:
        """The ratios to the limit; the processor's tells more where other work runs beside."""
        return f"{self.clock / floor.clock:5.2f}x, processor {self.processor / floor.processor:5.2f}x"


def best(work: Callable[[], Any], times: int = 3) -> tuple[Took, Any]:
    """The fastest of several goes, on the clock and of the processor, and the last result."""
    clock, processor, result = [], [], None
    for _ in range(times):
        start, used = time.perf_counter(), time.process_time()
        result = work()
        clock.append(time.perf_counter() - start)
        processor.append(time.process_time() - used)
    return Took(min(clock), max(min(processor), 1e-3)), result


def limit(con: Any, base: Any, candidate: Any) -> Took:
    """Seconds to hash every row of both tables once."""
    names = ", ".join(f'"{name}"' for name in base.columns)
    both = " UNION ALL ".join(f"SELECT hash({names}) AS h FROM ({con.compile(table)})" for table in (base, candidate))
    return best(lambda: con.con.execute(f"SELECT sum(h) FROM ({both})").fetchall(), 5)[0]


def outer_join(con: Any, base: Any, candidate: Any) -> Took:
    """Seconds of a careful full outer join with a count for each column."""
    values = [name for name in base.columns if name not in KEY]
    flags = ", ".join(f'count(*) FILTER (b.h AND c.h AND b."{name}" IS DISTINCT FROM c."{name}")' for name in values)
    on = " AND ".join(f"b.{name} IS NOT DISTINCT FROM c.{name}" for name in KEY)
    sides = [f"(SELECT *, TRUE AS h FROM ({con.compile(table)}))" for table in (base, candidate)]
    query = f"SELECT count(b.h), count(c.h), {flags} FROM {sides[0]} b FULL JOIN {sides[1]} c ON {on}"
    return best(lambda: con.con.execute(query).fetchall(), 2)[0]


def test_every_kind_of_difference_beside_the_limit(folder: Path, tables: Any, capsys: pytest.CaptureFixture[str]) -> None:
    con, kind, named = tables
    floor = limit(con, named["base"], named["mutated"])
    lines = [f"{kind}, {ROWS:,} rows: hashing every row of both once takes {floor.clock:.3f} s"]
    for what, other, options, native, parquet in CASES:
        work = partial(diff, named["base"], named[other], distributions=False, **options)
        took, found = best(work)
        goal = native if kind == "native" else parquet
        lines.append(f"  {what:<24} {took.clock:7.3f} s  {took.over(floor)}  (goal {goal:g}x)  {counts(found)}")
        if ROWS >= 3_000_000:
            assert took.processor / floor.processor < goal * SLACK, lines[-1]
    if kind == "parquet":
        copy = con.read_parquet(folder / "copy.parquet")
        took, found = best(partial(diff, named["base"], copy, distributions=False, key=KEY))
        lines.append(f"  {'a copy of the file':<24} {took.clock:7.3f} s  {took.over(floor)}  {counts(found)}")
    took, _ = best(partial(diff, named["base"], named["noisy"], distributions=False, key=KEY, rel_tol=1e-9))
    lines.append(f"  {'noise within tolerance':<24} {took.clock:7.3f} s  {took.over(floor)}")
    join = outer_join(con, named["base"], named["mutated"])
    lines.append(f"  {'(full outer join)':<24} {join.clock:7.3f} s  {join.over(floor)}")
    with capsys.disabled():
        print("\n" + "\n".join(lines))


def counts(found: TableDiff) -> str:
    rows = found.rows
    return f"+{rows.added:,} -{rows.removed:,} ~{rows.changed:,} ={rows.unchanged:,}"


def test_snapshots_that_share_files_are_nearly_free(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from workbench.config import Settings, Workspace
    from workbench.runtime.warehouse import Warehouse

    warehouse = Warehouse.open(Workspace(folder, Settings()))
    con = warehouse.connect()
    con.raw_sql("SET threads = 2")
    base = con.read_parquet(folder / "base.parquet").mutate(part=ibis._.l_orderkey // (ROWS // 4 // 12 + 1))
    changed = base.mutate(l_tax=ibis.ifelse(base.part == 3, base.l_tax + 1, base.l_tax))
    old, new = (warehouse.write(table, pipeline="p", version=1, key=KEY, partition_by="part") for table in (base, changed))
    read = functools.partial(warehouse.read, con)
    floor = limit(con, read(old), read(new))
    same, found = best(lambda: diff_snapshots(old, old, read, key=KEY, distributions=False))
    assert found.identical
    one, found = best(lambda: diff_snapshots(old, new, read, key=KEY, distributions=False))
    assert found.columns.keys() == {"l_tax"}
    with capsys.disabled():
        print(f"\nsnapshots, {ROWS:,} rows: identical {same.over(floor)}; one part of twelve changed {one.over(floor)}")


def test_files_of_one_writer_are_compared_by_their_bytes(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    con = ibis.duckdb.connect(folder / "tables.duckdb", read_only=True)
    con.raw_sql("SET threads = 2")
    con.raw_sql(f"COPY (FROM base ORDER BY l_orderkey, l_linenumber) TO '{folder}/own.parquet' {OWN_COPY}")
    base = open_table(con, str(folder / "own.parquet"), "own")
    floor = limit(con, base, base)
    lines = [f"Parquet of one writer, {ROWS:,} rows: hashing every row of both once takes {floor.clock:.3f} s"]
    for number, (what, query, goal) in enumerate(OWN):
        rows = query.format(more=ROWS + ROWS // 100)
        con.raw_sql(f"COPY (FROM ({rows}) ORDER BY l_orderkey, l_linenumber) TO '{folder}/own{number}.parquet' {OWN_COPY}")
        other = open_table(con, str(folder / f"own{number}.parquet"), f"own{number}")
        took, found = best(partial(diff, base, other, key=KEY, distributions=False))
        lines.append(f"  {what:<24} {took.clock:7.3f} s  {took.over(floor)}  (goal {goal:g}x)  {counts(found)}")
    con.disconnect()
    with capsys.disabled():
        print("\n" + "\n".join(lines))
