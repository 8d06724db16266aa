"""The warehouse keeps immutable files behind views that are swapped as a whole; readers never see half of anything."""

from __future__ import annotations

import datetime as dt
import multiprocessing
import subprocess
import sys
import time
from pathlib import Path

import duckdb
import ibis
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from workbench.config import Settings, Source, Workspace
from workbench.errors import InfrastructureError, LockHeld, UsageError
from workbench.model import Interval, Snapshot
from workbench.runtime.merge import Rules
from workbench.runtime.warehouse import Warehouse


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    sources = {
        "orders": Source(read="raw/*.parquet", key=["id"]),
        "lines": Source(read="raw/lines.csv"),
        "table": Source(read="duckdb:raw.duckdb#main.t"),
    }
    return Warehouse.open(Workspace(tmp_path, Settings(sources=sources)))


@pytest.fixture
def con(warehouse: Warehouse):
    backend = warehouse.connect()
    yield backend
    backend.disconnect()


def table(con, sql: str):
    """A table of the session by a query."""
    return con.sql(sql)


def days(con, first: str, count: int, factor: int = 1):
    return table(con, f"SELECT DATE '{first}' + (i // 2)::INT AS day, i AS id, i * {factor} AS x FROM range({count * 2}) r(i)")


def content(warehouse: Warehouse, con, snapshot: Snapshot) -> list[tuple]:
    return sorted((tuple(row.values()) for row in warehouse.read(con, snapshot).to_pyarrow().to_pylist()), key=str)


def files(warehouse: Warehouse) -> set[Path]:
    return set(warehouse.folder.rglob("*.parquet"))


def test_nothing_is_made_until_something_is_written(warehouse):
    assert warehouse.live() == {}
    assert not warehouse.folder.exists()


def test_equal_data_gives_one_snapshot_whatever_its_order(warehouse, con):
    one = warehouse.write(table(con, "SELECT i AS id, i / 3 AS x FROM range(1000) r(i)"), pipeline="p", version=1, key=["id"])
    there = files(warehouse)
    two = warehouse.write(
        table(con, "SELECT i AS id, i / 3 AS x FROM range(1000) r(i) ORDER BY id DESC"), pipeline="p", version=1, key=["id"]
    )
    assert one == two
    assert files(warehouse) == there
    assert one.rows == 1000


def test_the_bytes_of_a_partition_are_those_of_its_rows_alone(warehouse, con):
    def written(before: int) -> str:
        first = f"SELECT 'a' AS part, i AS id, i * 0.5 AS x FROM range({before}) r(i)"
        sql = f"{first} UNION ALL SELECT 'b', i, CASE WHEN i % 3 > 0 THEN i / 7 END FROM range(5000) r(i)"
        snapshot = warehouse.write(table(con, sql), pipeline="p", version=1, key=["id"], partition_by="part")
        return next(file.sha256 for file in snapshot.files if file.partition == "b")

    assert written(3) == written(2048) == written(130_000)


def test_an_empty_output_keeps_its_columns(warehouse, con):
    snapshot = warehouse.write(table(con, "SELECT 1 AS a, 'x' AS b WHERE false"), pipeline="p", version=1, partition_by="a")
    assert (snapshot.rows, snapshot.files) == (0, ())
    assert list(warehouse.read(con, snapshot).columns) == ["a", "b"]
    with warehouse.lock():
        warehouse.swap("O-1", {"p": snapshot})
    with duckdb.connect(str(warehouse.folder / "current.duckdb"), read_only=True) as reader:
        assert reader.execute("SELECT a, b FROM p").fetchall() == []


@pytest.mark.parametrize("name", ['a"b', "a b", "a;drop table x", "größe", "select", "a'b", "100%", "a/b", "\N{SNOWMAN}"])
def test_hostile_column_names_survive_also_as_partitions(warehouse, con, name):
    expr = ibis.memtable(pa.table({name: ["../x", "b", None, ""], "n": [1, 2, 3, 4]}))
    con.create_table("hostile", expr, temp=True)
    snapshot = warehouse.write(con.table("hostile"), pipeline="p", version=1, key=["n"], partition_by=name)
    assert [row[name] for row in warehouse.read(con, snapshot).order_by("n").to_pyarrow().to_pylist()] == [
        "../x",
        "b",
        None,
        "",
    ]
    inside = warehouse.folder.resolve()
    assert all(path.resolve().is_relative_to(inside) for path in files(warehouse))
    with warehouse.lock():
        warehouse.swap("O-1", {"p": snapshot})
    with duckdb.connect(str(warehouse.folder / "current.duckdb"), read_only=True) as reader:
        assert reader.execute("SELECT count(*) FROM p").fetchone() == (4,)


def test_values_of_every_kind_survive(warehouse, con):
    sql = (
        "SELECT * FROM (VALUES (1::HUGEINT, 'NaN'::DOUBLE, 1.10::DECIMAL(10,2), TIMESTAMPTZ '2024-03-31 02:30:00+02', "
        "[1, NULL], {'a': NULL::INT}, true, ''), (NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)) t(a, b, c, d, e, f, g, h)"
    )
    snapshot = warehouse.write(table(con, sql), pipeline="p", version=1)
    assert repr(content(warehouse, con, snapshot)) == repr(content_of(con, sql))  # by text, as NaN differs from NaN


def content_of(con, sql: str) -> list[tuple]:
    return sorted((tuple(row.values()) for row in table(con, sql).to_pyarrow().to_pylist()), key=str)


def test_an_interval_replaces_its_partitions_and_keeps_the_other_files(warehouse, con):
    base = warehouse.write(days(con, "2024-01-01", 5), pipeline="p", version=1, key=["id"], partition_by="day")
    interval = Interval.parse("2024-01-02..2024-01-04")
    new = warehouse.write(
        days(con, "2024-01-01", 5, factor=10),
        pipeline="p",
        version=1,
        key=["id"],
        partition_by="day",
        base=base,
        interval=interval,
    )
    changed = {file.partition for file in new.files} - {file.partition for file in new.files if file in base.files}
    assert changed == {"2024-01-02", "2024-01-03"}
    assert new.rows == 10
    again = warehouse.write(
        days(con, "2024-01-01", 5, factor=10),
        pipeline="p",
        version=1,
        key=["id"],
        partition_by="day",
        base=new,
        interval=interval,
    )
    assert again == new


def test_a_partition_of_the_interval_that_has_no_rows_any_more_goes(warehouse, con):
    base = warehouse.write(days(con, "2024-01-01", 4), pipeline="p", version=1, partition_by="day")
    fewer = days(con, "2024-01-01", 4).filter(ibis._.day != ibis.date("2024-01-02"))
    new = warehouse.write(
        fewer, pipeline="p", version=1, partition_by="day", base=base, interval=Interval.parse("2024-01-01..2024-01-03")
    )
    assert [file.partition for file in new.files] == ["2024-01-01", "2024-01-03", "2024-01-04"]


def test_intervals_of_timestamps_count_in_utc_also_on_a_daylight_saving_night(warehouse, con):
    sql = "SELECT TIMESTAMPTZ '2024-03-31 00:30:00+01' + INTERVAL 1 HOUR * i AS \"at\", i FROM range(4) r(i)"
    base = warehouse.write(table(con, sql), pipeline="p", version=1, partition_by="at")
    interval = Interval(dt.datetime(2024, 3, 31, 0, tzinfo=dt.UTC), dt.datetime(2024, 3, 31, 1, tzinfo=dt.UTC))
    new = warehouse.write(
        table(con, f'SELECT "at", i + 100 AS i FROM ({sql})'),
        pipeline="p",
        version=1,
        partition_by="at",
        base=base,
        interval=interval,
    )
    assert sorted(row["i"] for row in warehouse.read(con, new).to_pyarrow().to_pylist()) == [0, 2, 3, 101]


@pytest.mark.parametrize(
    ("sql", "options", "said"),
    [
        ("SELECT 1 AS a", {"key": ["b"]}, "no column 'b'"),
        ('SELECT 1 AS a, 2 AS "A"', {}, "differ by case"),
        ("SELECT 1 AS a", {"interval": Interval.parse("2024-01-01..2024-01-02")}, "partitioned"),
        ("SELECT 'x' AS a", {"partition_by": "a", "interval": Interval.parse("2024-01-01..2024-01-02")}, "date or a timestamp"),
    ],
)
def test_what_can_t_be_stored_is_refused_and_leaves_nothing(warehouse, con, sql, options, said):
    expr = ibis.memtable(pa.table([pa.array([1]), pa.array([2])], names=["a", "A"])) if '"A"' in sql else table(con, sql)
    with pytest.raises(UsageError, match=said):
        warehouse.write(expr, pipeline="p", version=1, **options)
    assert files(warehouse) == set()


def test_pipelines_swapped_together_become_visible_together_and_carry_the_operation(warehouse, con):
    a = warehouse.write(table(con, "SELECT 1 AS x"), pipeline="a", version=1)
    b = warehouse.write(table(con, "SELECT 2 AS x"), pipeline="b", version=3)
    with warehouse.lock():
        warehouse.swap("O-7", {"a": a, "b": b})
    live = warehouse.live()
    assert {name: (at.version, at.snapshot, at.operation) for name, at in live.items()} == {
        "a": (1, a, "O-7"),
        "b": (3, b, "O-7"),
    }
    assert warehouse.current().operation == "O-7"
    with warehouse.lock():
        warehouse.swap("O-8", {"a": None})
    assert set(warehouse.live()) == {"b"}
    assert warehouse.live()["b"].operation == "O-7"


def read_forever(file: str, stop, failures, reads) -> None:
    """A reader as any tool would be one: opens the file, reads both views in one query, closes it."""
    while not stop.is_set():
        try:
            with duckdb.connect(file, read_only=True) as reader:
                found = reader.execute("SELECT (SELECT max(x) FROM a), (SELECT max(x) FROM b)").fetchone()
            if found[0] != found[1]:
                failures.put(f"mixed: {found}")
        except duckdb.Error as error:
            failures.put(str(error))
        with reads.get_lock():
            reads.value += 1


@pytest.mark.parametrize("publishes", [30, pytest.param(1000, marks=[pytest.mark.drill, pytest.mark.timeout(3000)])])
def test_four_reading_processes_see_no_error_and_no_mix_while_others_publish(warehouse, con, publishes):
    snapshots = [
        {name: warehouse.write(table(con, f"SELECT {n} AS x"), pipeline=name, version=1) for name in ("a", "b")}
        for n in range(2)
    ]
    with warehouse.lock():
        warehouse.swap("O-0", snapshots[0])
    context = multiprocessing.get_context("spawn")
    stop, failures, reads = context.Event(), context.Queue(), context.Value("i", 0)
    readers = [
        context.Process(target=read_forever, args=(str(warehouse.folder / "current.duckdb"), stop, failures, reads))
        for _ in range(4)
    ]
    for reader in readers:
        reader.start()
    published = 0
    deadline = time.monotonic() + 60 + 2.5 * publishes
    while (published < publishes or reads.value < 40) and time.monotonic() < deadline:
        published += 1
        with warehouse.lock():
            warehouse.swap(f"O-{published}", snapshots[published % 2])
    stop.set()
    for reader in readers:
        reader.join(30)
    print(f"{reads.value:,} reads by four processes through {published:,} publishes")
    assert failures.empty(), failures.get()
    assert published >= publishes
    assert reads.value >= 40


def test_another_publisher_waits_or_is_told(warehouse):
    with (
        warehouse.lock(),
        pytest.raises(LockHeld, match="another process"),
        Warehouse.open(warehouse.workspace).lock(timeout=0.1),
    ):
        pass


def test_a_source_is_read_from_files_and_from_another_database(warehouse, con, tmp_path):
    (tmp_path / "raw").mkdir()
    duckdb.execute(f"COPY (SELECT 1 AS id) TO '{tmp_path}/raw/a.parquet' (FORMAT parquet)")
    duckdb.execute(f"COPY (SELECT 2 AS id) TO '{tmp_path}/raw/b.parquet' (FORMAT parquet)")
    (tmp_path / "raw" / "lines.csv").write_text("name,n\nü,1\n")
    with duckdb.connect(str(tmp_path / "raw.duckdb")) as other:
        other.execute("CREATE TABLE t AS SELECT 5 AS five")
    assert warehouse.source(con, "orders").count().to_pyarrow().as_py() == 2
    assert warehouse.source(con, "lines").to_pyarrow().to_pylist() == [{"name": "ü", "n": 1}]
    assert warehouse.source(con, "table").to_pyarrow().to_pylist() == [{"five": 5}]
    before = warehouse.source_digest("orders")
    duckdb.execute(f"COPY (SELECT 3 AS id) TO '{tmp_path}/raw/c.parquet' (FORMAT parquet)")
    assert warehouse.source_digest("orders") != before


@pytest.mark.parametrize(
    ("name", "said"), [("orders", "orders"), ("lines", "lines"), ("table", "table"), ("nothing", "nothing")]
)
def test_a_source_that_is_not_there_is_named(warehouse, con, name, said):
    with pytest.raises(UsageError, match=said):
        warehouse.source(con, name)


def test_a_source_that_another_process_writes_to_is_retryable(warehouse, con, tmp_path):
    script = (
        "import duckdb, sys, time; con = duckdb.connect(sys.argv[1]); con.execute('CREATE TABLE t AS SELECT 1 AS x'); "
        "print('held', flush=True); time.sleep(60)"
    )
    holder = subprocess.Popen([sys.executable, "-c", script, str(tmp_path / "raw.duckdb")], stdout=subprocess.PIPE)
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(InfrastructureError):
            warehouse.source(con, "table").to_pyarrow()
    finally:
        holder.kill()
        holder.wait()
        holder.stdout.close()


def test_missing_and_altered_files_are_found(warehouse, con):
    snapshot = warehouse.write(days(con, "2024-01-01", 3), pipeline="p", version=1, partition_by="day")
    assert warehouse.damaged(snapshot, deep=True) == ()
    first, second, _ = (warehouse.folder / file.path for file in snapshot.files)
    data = bytearray(first.read_bytes())
    data[len(data) // 2] ^= 1
    first.write_bytes(data)
    second.unlink()
    assert len(warehouse.damaged(snapshot)) == 1
    assert len(warehouse.damaged(snapshot, deep=True)) == 2


def test_computing_everything_writes_a_file_that_is_missing_again_and_what_builds_on_it_says_so(warehouse, con):
    expr = days(con, "2024-01-01", 3)
    base = warehouse.write(expr, pipeline="p", version=1, partition_by="day")
    lost, cut, _ = (warehouse.folder / file.path for file in base.files)
    lost.unlink()
    cut.write_bytes(cut.read_bytes()[:40])
    for rest, mend in (
        ({"interval": Interval.parse("2024-01-03..2024-01-04")}, "workbench run p"),
        ({"rules": Rules("upsert")}, f"restore {base.files[0].path}, then: workbench doctor"),
    ):
        with pytest.raises(InfrastructureError, match=r"what readers see of p is damaged: .* is missing or cut off") as found:
            warehouse.stage(expr, pipeline="p", version=1, partition_by="day", base=base, key=["day"], **rest)
        assert found.value.hint == mend
    again = warehouse.write(expr, pipeline="p", version=1, partition_by="day", base=base)
    assert again == base
    assert warehouse.damaged(base, deep=True) == ()


def test_garbage_is_what_no_snapshot_that_is_kept_or_seen_needs(warehouse, con):
    old = warehouse.write(table(con, "SELECT 1 AS x"), pipeline="p", version=1)
    kept = warehouse.write(table(con, "SELECT 2 AS x"), pipeline="p", version=1)
    seen = warehouse.write(table(con, "SELECT 3 AS x"), pipeline="p", version=1)
    with warehouse.lock():
        warehouse.swap("O-1", {"p": seen})
    garbage = warehouse.garbage({kept.id})
    assert {path.name for path in garbage} == {f"{old.id}.json", Path(old.files[0].path).name}
    warehouse.remove(garbage)
    assert warehouse.damaged(kept) == warehouse.damaged(seen) == ()


def test_a_dry_run_s_warehouse_writes_outside_of_the_workspace_and_is_gone_at_the_end(warehouse, con):
    with warehouse.scratch() as scratch:
        snapshot = scratch.write(table(con, "SELECT 1 AS x"), pipeline="p", version=1)
        assert content(scratch, con, snapshot) == [(1,)]
        place = scratch.folder
    assert not place.exists()
    assert not warehouse.folder.exists()


def test_a_disk_that_fills_leaves_no_half_written_file(tmp_path):
    script = (
        "import resource, signal, sys; from pathlib import Path\n"
        "from workbench.config import Settings, Workspace; from workbench.runtime.warehouse import Warehouse\n"
        "from workbench.errors import InfrastructureError\n"
        "warehouse = Warehouse.open(Workspace(Path(sys.argv[1]), Settings())); con = warehouse.connect()\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN); resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))\n"
        "try: warehouse.write(con.sql('SELECT i, md5(i::VARCHAR) AS h FROM range(20000) r(i)'), pipeline='p', version=1)\n"
        "except InfrastructureError as error: print('refused', error.exit_code)\n"
    )
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, check=True)
    assert done.stdout == "refused 5\n"
    assert not [path for path in (tmp_path / "warehouse").rglob("*") if path.is_file()]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.tuples(st.integers(0, 5), st.one_of(st.none(), st.text(max_size=5))), max_size=12),
    st.integers(0, 6),
    st.integers(1, 4),
)
def test_replacing_an_interval_equals_computing_everything(warehouse, con, rows, start, length):
    """Old data outside of the interval and new data inside of it: the same as if both had been written at once."""
    origin = dt.date(2024, 1, 1)

    def write(pairs, **options):
        days, texts = [origin + dt.timedelta(days=day) for day, _ in pairs], [text for _, text in pairs]
        data = pa.table({"day": pa.array(days, pa.date32()), "t": pa.array(texts, pa.string())})
        con.create_table("given", data, overwrite=True, temp=True)
        return warehouse.write(con.table("given"), pipeline="p", version=1, partition_by="day", **options)

    old, new = rows[::2], rows[1::2]
    low = origin + dt.timedelta(days=start)
    interval = Interval.parse(f"{low}..{low + dt.timedelta(days=length)}")
    inside = range(start, start + length)
    merged = [pair for pair in old if pair[0] not in inside] + [pair for pair in new if pair[0] in inside]
    assert write(new, base=write(old), interval=interval) == write(merged)
