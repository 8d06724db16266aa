"""Where tables live: memory tables, views, streams, snapshots of the warehouse; and that nothing is left behind."""

from __future__ import annotations

import functools
from pathlib import Path

import ibis
import pyarrow as pa
import pytest

from workbench.config import Settings, Workspace
from workbench.errors import UnknownName, UsageError
from workbench.promote.diff import diff, diff_snapshots
from workbench.runtime.warehouse import Warehouse


def leftovers(con) -> list:
    return con.raw_sql("SELECT table_name FROM duckdb_tables() WHERE temporary OR table_name LIKE 'workbench%'").fetchall()


def test_tables_in_memory():
    old, new = ibis.memtable({"id": [1, 2], "v": ["a", "b"]}), ibis.memtable({"id": [1, 2], "v": ["a", "c"]})
    assert diff(old, new, key=["id"]).rows.changed == 1


def test_a_table_in_memory_beside_one_of_a_database(tmp_path):
    con = ibis.duckdb.connect(tmp_path / "shop.duckdb")
    table = con.create_table("t", {"id": [1, 2], "v": ["a", "b"]})
    assert diff(table, ibis.memtable({"id": [1, 2], "v": ["a", "c"]}), key=["id"]).rows.changed == 1
    assert diff(table, table.union(ibis.memtable({"id": [3], "v": ["z"]})), key=["id"]).rows.added == 1
    assert not leftovers(con)


def test_two_database_files(tmp_path):
    tables = [
        ibis.duckdb.connect(tmp_path / f"{name}.duckdb").create_table("t", {"id": [1, number]})
        for number, name in enumerate("ab")
    ]
    assert diff(*tables).rows.added == 1


def test_tables_of_another_engine(tmp_path):
    pytest.importorskip("ibis.backends.sqlite")
    con = ibis.sqlite.connect(tmp_path / "shop.sqlite")
    con.raw_sql("CREATE TABLE t (id INTEGER, v TEXT)").close()
    con.raw_sql("INSERT INTO t VALUES (1, 'a'), (2, 'b')").close()
    other = ibis.duckdb.connect().create_table("t", {"id": [1, 2], "v": ["a", "c"]})
    assert diff(con.table("t"), other, key=["id"]).columns["v"].changed == 1


def test_a_database_that_is_read_only(tmp_path):
    con = ibis.duckdb.connect(tmp_path / "shop.duckdb")
    con.create_table("t", {"id": [1, 2]})
    con.disconnect()
    con = ibis.duckdb.connect(tmp_path / "shop.duckdb", read_only=True)
    assert diff(con.table("t"), con.table("t").filter(ibis._.id > 1), key=["id"]).rows.removed == 1
    assert not leftovers(con)


def test_a_stream_is_read_once():
    con = ibis.duckdb.connect()
    stream = pa.RecordBatchReader.from_batches(pa.schema([("id", pa.int64())]), [pa.record_batch({"id": [1, 2, 3]})])
    con.con.register("stream", stream)
    table = con.create_table("t", {"id": [1, 2, 3]})
    assert diff(table, con.table("stream"), key=["id"]).identical


def test_a_view_that_computes_at_random_is_read_once():
    con = ibis.duckdb.connect()
    con.raw_sql("CREATE VIEW v AS SELECT i AS id, random() AS x FROM range(10) t(i)")
    found = diff(con.table("v"), con.table("v"), key=["id"], samples=10)
    assert found.rows.changed == len(found.samples.changed) == 10


def test_names_of_the_engine_are_no_danger():
    con = ibis.duckdb.connect()
    con.raw_sql('CREATE TABLE "a""; DROP TABLE b; --" AS SELECT 1 AS id')
    con.raw_sql("CREATE TABLE b AS SELECT 1 AS id")
    assert diff(con.table('a"; DROP TABLE b; --'), con.table("b"), key=["id"]).identical
    assert con.list_tables() == ['a"; DROP TABLE b; --', "b"]


def test_bad_keys_are_told():
    one, other = ibis.memtable({"id": [1], "v": [1]}), ibis.memtable({"id": ["1"], "w": [1]})
    with pytest.raises(UnknownName, match="did you mean 'id'"):
        diff(one, other, key=["idd"])
    with pytest.raises(UsageError, match="rows can't be matched"):
        diff(one, other, key=["id"])
    with pytest.raises(UsageError, match="twice"):
        diff(one, one, key=["id", "id"])


@pytest.mark.parametrize("tolerance", [-1.0, float("nan"), float("inf")])
def test_a_tolerance_is_a_number_of_at_least_0(tolerance):
    table = ibis.memtable({"id": [1]})
    with pytest.raises(UsageError, match="at least 0"):
        diff(table, table, abs_tol=tolerance)


def test_values_that_the_engine_can_not_convert_are_told():
    con = ibis.duckdb.connect()
    con.raw_sql("CREATE TABLE a AS SELECT 1 AS id, DATE '5000000-01-01' AS v")
    con.raw_sql("CREATE TABLE b AS SELECT 1 AS id, TIMESTAMP '2024-01-01' AS v")
    ours, theirs = con.table("a"), con.table("b")
    with pytest.raises(UsageError, match="can't be compared"):
        diff(ours, theirs, key=["id"])
    assert not leftovers(con)


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    return Warehouse.open(Workspace(tmp_path, Settings()))


def write(warehouse, con, version, *, changed=""):
    query = "SELECT DATE '2024-01-01' + (i // 10)::INT AS day, i AS id, i % 7 AS v FROM range(100) t(i)"
    con.raw_sql(f"CREATE OR REPLACE TABLE t AS {query}")
    if changed:
        con.raw_sql(changed)
    return warehouse.write(con.table("t"), pipeline="p", version=version, key=("day", "id"), partition_by="day")


def test_equal_snapshots_are_the_same_without_reading_a_row(warehouse):
    con = warehouse.connect()
    old, new = write(warehouse, con, 1), write(warehouse, con, 2)
    assert {file.sha256 for file in old.files} == {file.sha256 for file in new.files}
    found = diff_snapshots(old, new, lambda snapshot: warehouse.read(con, snapshot), key=["id"])
    assert found.identical
    assert found.rows.unchanged == 100


def test_only_partitions_that_differ_are_read(warehouse):
    con = warehouse.connect()
    old = write(warehouse, con, 1)
    new = write(warehouse, con, 2, changed="UPDATE t SET v = 50 WHERE id IN (13, 14); DELETE FROM t WHERE id = 99")
    assert len({file.sha256 for file in old.files} ^ {file.sha256 for file in new.files}) == 4
    read = functools.partial(warehouse.read, con)
    for key in (["day", "id"], []):
        assert diff_snapshots(old, new, read, key=key).to_json() == diff(read(old), read(new), key=key, largest=10).to_json()
