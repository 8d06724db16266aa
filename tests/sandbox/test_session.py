from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import ibis
import pandas as pd
import pytest

from tests.sandbox.conftest import Place
from workbench.errors import UsageError
from workbench.sandbox import registry, session

WAYS_OUT = [
    "SELECT * FROM read_csv('{file}')",
    "SELECT * FROM read_text('{file}')",
    "SELECT * FROM read_blob('{file}')",
    "SELECT * FROM read_parquet('{raw}/stores.parquet')",
    "SELECT * FROM parquet_scan('{raw}/*.parquet')",
    "SELECT * FROM parquet_metadata('{raw}/stores.parquet')",
    "SELECT * FROM parquet_schema('{raw}/stores.parquet')",
    "SELECT * FROM '{raw}/stores.parquet'",
    "SELECT * FROM '{file}'",
    "SELECT * FROM read_json('{file}')",
    "SELECT * FROM read_ndjson_objects('{file}')",
    "SELECT * FROM sniff_csv('{file}')",
    "SELECT * FROM glob('{raw}/*')",
    "FROM query('SELECT * FROM read_csv(''{file}'')')",
    "FROM query_table('{raw}/stores.parquet')",
    "ATTACH '{raw}/other.duckdb'",
    "ATTACH '{raw}/other.duckdb' AS other (READ_ONLY)",
    "ATTACH ':memory:' AS m; COPY FROM DATABASE m TO m",
    "COPY stores TO '{raw}/out.csv'",
    "COPY stores TO '{raw}/out.parquet' (FORMAT parquet)",
    "COPY (SELECT 1) TO '/dev/stdout'",
    "EXPORT DATABASE '{raw}/export'",
    "IMPORT DATABASE '{raw}'",
    "INSTALL httpfs",
    "LOAD httpfs",
    "INSTALL postgres",
    "LOAD '{raw}/evil.duckdb_extension'",
    "INSTALL spatial FROM community",
    "SELECT * FROM 'https://127.0.0.1:9/x.parquet'",
    "SELECT * FROM read_csv('s3://bucket/x.csv')",
    "SELECT * FROM postgres_scan('host=127.0.0.1', 'public', 'orders')",
    "SELECT * FROM sqlite_scan('{raw}/x.db', 't')",
    "CREATE SECRET s (TYPE s3, KEY_ID 'a', SECRET 'b')",
    "CREATE PERSISTENT SECRET s (TYPE s3, KEY_ID 'a', SECRET 'b')",
    "SET enable_external_access = true",
    "RESET enable_external_access",
    "SET lock_configuration = false",
    "RESET lock_configuration",
    "SET allowed_directories = ['{raw}']",
    "SET allowed_paths = ['{file}']",
    "SET temp_directory = '{raw}'",
    "SET home_directory = '{raw}'",
    "SET extension_directory = '{raw}'",
    "SET secret_directory = '{raw}'",
    "SET log_query_path = '{raw}/log.txt'",
    "SET profile_output = '{raw}/profile.json'",
    "PRAGMA enable_profiling = 'json'",
    "SET custom_extension_repository = 'http://127.0.0.1'",
    "SET autoinstall_known_extensions = true",
    "SET allow_unsigned_extensions = true",
    "SELECT getenv('WORKBENCH_MASK_KEY')",
    "CREATE TABLE main.more AS SELECT 1",
    "DELETE FROM stores",
    "UPDATE stores SET city = 'x'",
    "DROP TABLE stores",
    "CREATE VIEW main.v AS SELECT 1",
    "CREATE TEMP VIEW v AS SELECT * FROM read_csv('{file}')",
    "CREATE TEMP TABLE t AS SELECT * FROM read_text('{file}')",
    "PREPARE p AS SELECT * FROM read_text('{file}')",
    "EXPLAIN ANALYZE SELECT * FROM read_text('{file}')",
    "CHECKPOINT; COPY stores TO '{raw}/x.csv'",
]


@pytest.fixture
def session_of(place: Place, opened: Any) -> session.Session:
    (place.root / "raw" / "secret.csv").write_text("a,b\n1,2\n")
    return opened(place.make().path)


def test_at_least_sixty_ways_out_are_listed() -> None:
    assert len(set(WAYS_OUT)) >= 60


@pytest.mark.parametrize("statement", WAYS_OUT)
def test_no_statement_reaches_beyond_the_sandbox(closed: tuple[session.Session, Path], statement: str) -> None:
    import duckdb

    opened, raw = closed
    before = sorted(str(path) for path in raw.rglob("*"))
    with pytest.raises(duckdb.Error):
        opened.con.con.execute(statement.format(raw=raw, file=raw / "secret.csv")).fetchall()
    assert sorted(str(path) for path in raw.rglob("*")) == before


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> Any:
    import duckdb

    raw = tmp_path_factory.mktemp("ways")
    (raw / "secret.csv").write_text("a,b\n1,2\n")
    for file in ("box.duckdb", "other.duckdb"):
        with duckdb.connect(str(raw / file)) as con:
            con.execute("CREATE TABLE stores AS SELECT 1 AS id, 'x' AS city")
            con.execute(f"COPY stores TO '{raw}/stores.parquet'")
    opened = session.open_session(raw / "box.duckdb")
    yield opened, raw
    opened.con.disconnect()


def test_ibis_can_not_read_other_files_either(session_of: session.Session, place: Place) -> None:
    for read in (session_of.con.read_csv, session_of.con.read_parquet):
        with pytest.raises(Exception, match=r"disabled|Permission"):
            read(str(place.root / "raw" / "secret.csv"), table_name="t").execute()
    with pytest.raises(Exception, match=r"disabled|Permission"):
        session_of.con.attach(str(place.root / "raw" / "x.duckdb"))


def test_a_notebook_can_still_use_tables_of_its_own(session_of: session.Session) -> None:
    stores = session.source("stores")
    prices = ibis.memtable(pd.DataFrame({"id": [0, 1], "price": [2.5, 3.5]}))
    assert stores.join(prices, "id").price.sum().execute() == 6.0
    assert stores.filter(stores.id > 2).cache().count().execute() == 3
    assert stores.view().join(ibis.memtable({"id": [1]}), "id").to_pyarrow().num_rows == 1

    @ibis.udf.scalar.python
    def twice(value: int) -> int:
        return value * 2

    assert stores.id.max().execute() == 5
    assert twice(stores.id.cast("int64")).max().execute() == 10


def test_times_are_utc(session_of: session.Session) -> None:
    assert session_of.con.con.execute("SELECT current_setting('TimeZone')").fetchone() == ("UTC",)


def test_the_active_sandbox_is_opened_when_first_asked_for(place: Place) -> None:
    info = place.make()
    try:
        assert session.source("stores").count().execute() == 6
        assert session.current().path == info.path
        assert session.current() is session.current()
    finally:
        session.deactivate()


def test_the_environment_names_the_sandbox(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    first, _ = place.make(), place.make()
    monkeypatch.setenv("WORKBENCH_SANDBOX", str(first.path))
    try:
        assert session.current().path == first.path
    finally:
        session.deactivate()


def test_without_a_sandbox_the_next_command_is_named(place: Place) -> None:
    with pytest.raises(UsageError, match="no sandbox yet") as caught:
        session.source("stores")
    assert caught.value.hint == "workbench sandbox create"


def test_an_expired_sandbox_is_not_read(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    info = place.make(ttl="1s")
    later = info.expires + dt.timedelta(seconds=1)
    with pytest.raises(UsageError, match="expired on") as caught:
        registry.active(place.workspace, later)
    assert caught.value.hint == "workbench sandbox create"
    with pytest.raises(UsageError, match="expired on"):
        registry.check_alive(info.path, later)
    monkeypatch.setenv("WORKBENCH_SANDBOX", str(place.root / "gone.duckdb"))
    with pytest.raises(UsageError, match="sandbox gone, on which this notebook was opened, is gone") as caught:
        session.source("stores")
    assert "workbench edit" in caught.value.hint


def test_sources_that_the_sandbox_lacks(place: Place, opened: Any) -> None:
    opened(place.make().path)
    with pytest.raises(UsageError, match="no source 'store'; did you mean 'stores'"):
        session.source("store")
    place.table("returns", "SELECT 1 AS id")
    place.change(
        "[tool.workbench.sources.stores]",
        '[tool.workbench.sources.returns]\nread = "raw/returns.parquet"\n[tool.workbench.sources.stores]',
    )
    with pytest.raises(UsageError, match="'returns' was declared after this sandbox was made") as caught:
        session.source("returns")
    assert caught.value.hint == "workbench sandbox create"
    with pytest.raises(UsageError, match="not a text"):
        session.source(7)


def test_a_session_replaces_the_one_before(place: Place, opened: Any) -> None:
    first, second = place.make(), place.make()
    opened(first.path, {"limit": 3})
    assert session.current().parameters == {"limit": 3}
    again = opened(second.path)
    assert session.current() is again
    assert again.parameters == {}


def test_a_file_made_anew_under_the_same_name_is_read_anew(tmp_path: Path, opened: Any) -> None:
    import duckdb

    file = tmp_path / "box.duckdb"
    for count in (1, 2):
        with duckdb.connect(str(tmp_path / "new.duckdb")) as con:
            con.execute(f"CREATE TABLE t AS FROM range({count})")
        (tmp_path / "new.duckdb").replace(file)
        current = opened(file)
        assert current.source("t").count().to_pyarrow().as_py() == count


def test_a_sandbox_that_is_not_there_leaves_the_session_open(place: Place, opened: Any, tmp_path: Path) -> None:
    current = opened(place.make().path)
    with pytest.raises(UsageError, match="no sandbox at"):
        session.activate(tmp_path / "gone.duckdb")
    assert session.current() is current
    assert current.source("stores").count().execute() == 6


def test_support_rows_are_counted(place: Place, opened: Any) -> None:
    info = place.make(anchors=("customers",))
    current = opened(info.path)
    assert current.support_rows("products") == info.tables["products"].support > 0
    assert current.support_rows("customers") == 0
