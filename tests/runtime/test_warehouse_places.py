"""The warehouse where it is awkward: odd folders, moved workspaces, held files, a disk that fills while publishing."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from workbench.config import Settings, Source, Workspace
from workbench.errors import InfrastructureError, UsageError
from workbench.model import Interval
from workbench.runtime.warehouse import Warehouse


def at(root: Path, **sources: str) -> Warehouse:
    return Warehouse.open(Workspace(root, Settings(sources={name: Source(read=read) for name, read in sources.items()})))


def publish(warehouse: Warehouse, sql: str, operation: str) -> None:
    con = warehouse.connect()
    snapshot = warehouse.write(con.sql(sql), pipeline="p", version=1)
    con.disconnect()
    with warehouse.lock():
        warehouse.swap(operation, {"p": snapshot})


def read(warehouse: Warehouse) -> list[tuple]:
    with duckdb.connect(str(warehouse.folder / "current.duckdb"), read_only=True) as reader:
        return reader.execute("SELECT * FROM p").fetchall()


def test_folders_whose_names_look_like_patterns_work(tmp_path):
    root = tmp_path / "it's [a] *day* ü"
    (root / "raw").mkdir(parents=True)
    (tmp_path / "it's a day ü" / "raw").mkdir(parents=True)
    with duckdb.connect() as con:
        con.sql("SELECT 1 AS x").write_parquet(str(root / "raw" / "a.parquet"))
        con.sql("SELECT 2 AS x").write_parquet(str(root / "raw" / "b.parquet"))
    warehouse = at(root, numbers="raw/*.parquet")
    con = warehouse.connect()
    assert sorted(warehouse.source(con, "numbers").to_pyarrow()["x"].to_pylist()) == [1, 2]
    con.disconnect()
    publish(warehouse, "SELECT 7 AS x", "O-1")
    assert read(warehouse) == [(7,)]


def test_a_moved_workspace_reads_again_after_the_next_swap(tmp_path):
    old = at(tmp_path / "old")
    publish(old, "SELECT 7 AS x", "O-1")
    shutil.move(tmp_path / "old", tmp_path / "new")
    new = at(tmp_path / "new")
    live = new.live()["p"]
    assert new.damaged(live.snapshot, deep=True) == ()
    with pytest.raises(duckdb.Error):
        read(new)
    with new.lock():
        new.swap("O-2", {})
    assert read(new) == [(7,)]
    assert new.live()["p"].operation == "O-1"


def test_what_readers_see_is_told_truly_while_a_reader_of_this_process_holds_the_old_file_open(tmp_path):
    warehouse = at(tmp_path)
    publish(warehouse, "SELECT 1 AS x", "O-1")
    with duckdb.connect(str(warehouse.folder / "current.duckdb"), read_only=True) as reader:
        assert reader.execute("SELECT x FROM p").fetchall() == [(1,)]
        publish(warehouse, "SELECT 2 AS x", "O-2")
        assert warehouse.current().operation == "O-2"
        assert reader.execute("SELECT x FROM p").fetchall() == [(1,)]
    assert read(warehouse) == [(2,)]


def test_a_warehouse_that_another_process_writes_to_is_retryable_and_stays_as_it_was(tmp_path):
    warehouse = at(tmp_path)
    publish(warehouse, "SELECT 1 AS x", "O-1")
    script = "import duckdb, sys; con = duckdb.connect(sys.argv[1]); print('held', flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", script, str(warehouse.folder / "current.duckdb")]
    holder = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(InfrastructureError, match="another process holds"):
            publish(warehouse, "SELECT 2 AS x", "O-2")
    finally:
        holder.communicate()
    assert read(warehouse) == [(1,)]


def test_a_disk_that_fills_while_publishing_leaves_the_old_view_and_no_file(tmp_path):
    warehouse = at(tmp_path)
    publish(warehouse, "SELECT 1 AS x", "O-1")
    script = (
        "import resource, signal, sys; from pathlib import Path\n"
        "from workbench.config import Settings, Workspace; from workbench.runtime.warehouse import Warehouse\n"
        "from workbench.errors import InfrastructureError\n"
        "warehouse = Warehouse.open(Workspace(Path(sys.argv[1]), Settings())); con = warehouse.connect()\n"
        "snapshot = warehouse.write(con.sql('SELECT 2 AS x'), pipeline='p', version=2)\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN); resource.setrlimit(resource.RLIMIT_FSIZE, (50000, 50000))\n"
        "try: warehouse.swap('O-2', {'p': snapshot})\n"
        "except InfrastructureError as error: print('refused', error.exit_code)\n"
    )
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, check=True)
    assert done.stdout == "refused 5\n"
    assert read(warehouse) == [(1,)]
    assert {path.name for path in warehouse.folder.iterdir()} == {".publish.lock", ".current.json", "current.duckdb", "data"}


@pytest.mark.skipif(os.name == "nt" or not hasattr(os, "geteuid") or os.geteuid() != 0, reason="mounting needs root")
def test_a_full_file_system_leaves_no_half_written_file(tmp_path):
    place = tmp_path / "small"
    place.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "none", str(place)], capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip("mounting is not permitted here")
    try:
        warehouse = at(place)
        con = warehouse.connect()
        data = con.sql("SELECT i, md5(i::VARCHAR) AS h FROM range(50000) r(i)")
        with pytest.raises(InfrastructureError, match="full"):
            warehouse.write(data, pipeline="p", version=1)
        con.disconnect()
        assert not [path for path in place.rglob("*") if path.is_file()]
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


def test_a_killed_writer_leaves_nothing_that_is_not_tidied_and_a_living_one_is_left_alone(tmp_path):
    warehouse = at(tmp_path)
    script = (
        "import os, sys; from pathlib import Path; from workbench.runtime.files import working_folder\n"
        "with working_folder(Path(sys.argv[1])) as folder:\n"
        "    (folder / 'part.parquet').write_text('half'); print(folder.name, flush=True); sys.stdin.read(1); os._exit(9)\n"
    )
    place = warehouse.folder / "data" / "p" / "v1"
    writer = subprocess.Popen(
        [sys.executable, "-c", script, str(place)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert writer.stdout is not None
    name = writer.stdout.readline().strip()
    assert warehouse.tidy() == ()
    writer.communicate("x")
    assert (place / name / "part.parquet").exists()
    assert [path.name for path in warehouse.tidy()] == [name]
    assert list(place.iterdir()) == []


def test_bytes_depend_on_the_data_of_a_partition_alone_also_beyond_one_row_group(tmp_path):
    warehouse = at(tmp_path)
    con = warehouse.connect()

    def write(before: int):
        rows = f"SELECT 1 AS part, i AS id, (i * 7919 % 1003) / 7.0 AS x FROM range({before}) r(i)"
        more = "SELECT 2 AS part, i AS id, (i * 7919 % 1003) / 7.0 AS x FROM range(150000) r(i)"
        return warehouse.write(
            con.sql(f"{rows} UNION ALL {more}"), pipeline="p", version=1, key=["part", "id"], partition_by="part"
        )

    one, two = write(10), write(777)
    con.disconnect()
    assert one.files[0] != two.files[0]
    assert one.files[1] == two.files[1]


def test_an_interval_over_other_columns_than_readers_see_is_refused(tmp_path):
    warehouse = at(tmp_path)
    con = warehouse.connect()
    base = warehouse.write(con.sql("SELECT DATE '2024-01-01' AS day, 1 AS x"), pipeline="p", version=1, partition_by="day")
    with pytest.raises(UsageError, match="other columns or types than this run: x"):
        warehouse.write(
            con.sql("SELECT DATE '2024-01-02' AS day, 'a' AS x"),
            pipeline="p",
            version=1,
            partition_by="day",
            base=base,
            interval=Interval.parse("2024-01-02..2024-01-03"),
        )
    con.disconnect()
