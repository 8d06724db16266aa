"""Sources in a real PostgreSQL: types, one moment, and what happens when it is not as declared."""

from __future__ import annotations

import datetime as dt
import decimal
import uuid
from pathlib import Path

import psycopg
import pytest

from workbench.config import Settings, Source, Workspace, find_workspace
from workbench.errors import ConfigError, InfrastructureError, LockHeld, UsageError
from workbench.runtime import postgres
from workbench.runtime.warehouse import Warehouse

TYPES = """
CREATE TYPE mood AS ENUM ('good', 'bad');
CREATE TABLE kinds (i int, b bigint, s smallint, n numeric(10, 2), nn numeric, d date, ts timestamp, tz timestamptz, x text,
    v varchar(10), ch char(5), u uuid, f float8, r real, bo boolean, by bytea, j jsonb, m mood, a int[], iv interval, tm time);
INSERT INTO kinds VALUES (1, -5000000000, 3, -1.50, 2.25, '2020-02-03', '2020-01-01 10:00:00.5',
    '2020-06-01 12:00+02', 'ü ''q''', 'abc', 'ab', '11111111-2222-3333-4444-555555555555', 1.5, 2.5, true,
    '\\x01ff', '{"a": 1}', 'bad', '{1,2}', '1 day', '10:00:01');
INSERT INTO kinds (i) VALUES (2);
"""


def warehouse(root: Path, **sources: str) -> Warehouse:
    return Warehouse.open(Workspace(root, Settings(sources={name: Source(read=read) for name, read in sources.items()})))


def typed(address: str, sql: str) -> None:
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute(sql)


def test_every_type_arrives_as_its_own(postgres: str, tmp_path: Path) -> None:
    typed(postgres, TYPES)
    place = warehouse(tmp_path, kinds=f"{postgres}#kinds")
    con = place.connect()
    table = place.source(con, "kinds")
    assert {name: str(kind) for name, kind in table.schema().items()} == {
        "i": "int32", "b": "int64", "s": "int16", "n": "decimal(10, 2)", "nn": "float64", "d": "date", "ts": "timestamp(6)",
        "tz": "timestamp('UTC', 6)", "x": "string", "v": "string", "ch": "string", "u": "uuid", "f": "float64", "r": "float32",
        "bo": "boolean", "by": "binary", "j": "string", "m": "string", "a": "array<int32>", "iv": "string", "tm": "time",
    }  # fmt: skip
    first, second = sorted(table.to_pyarrow().to_pylist(), key=lambda row: row["i"])
    assert first | {"u": str(first["u"])} == {
        "i": 1, "b": -5000000000, "s": 3, "n": decimal.Decimal("-1.50"), "nn": 2.25, "d": dt.date(2020, 2, 3),
        "ts": dt.datetime(2020, 1, 1, 10, 0, 0, 500000), "tz": dt.datetime(2020, 6, 1, 10, tzinfo=dt.UTC), "x": "ü 'q'",
        "v": "abc", "ch": "ab", "u": str(uuid.UUID("11111111-2222-3333-4444-555555555555")), "f": 1.5, "r": 2.5, "bo": True,
        "by": b"\x01\xff", "j": '{"a": 1}', "m": "bad", "a": [1, 2], "iv": "1 day", "tm": dt.time(10, 0, 1),
    }  # fmt: skip
    assert set(second.values()) == {2, None}
    con.disconnect()


def test_for_its_columns_alone_no_row_is_fetched(postgres: str, tmp_path: Path) -> None:
    typed(postgres, TYPES)
    place = warehouse(tmp_path, kinds=f"{postgres}#kinds")
    con = place.connect()
    empty = place.source(con, "kinds", rows=False)
    assert empty.count().execute() == 0
    table = place.source(con, "kinds")
    assert (empty.schema(), table.count().execute()) == (table.schema(), 2)
    con.disconnect()


def test_all_tables_are_of_one_moment(postgres: str, tmp_path: Path) -> None:
    typed(postgres, "CREATE TABLE a (i int); CREATE TABLE b (i int); INSERT INTO a VALUES (1); INSERT INTO b VALUES (1)")
    place = warehouse(tmp_path, a=f"{postgres}#a", b=f"{postgres}#public.b")
    con = place.connect()
    assert place.source(con, "a").count().execute() == 1
    before = place.source_digest("b", con)
    typed(postgres, "INSERT INTO a VALUES (2); INSERT INTO b VALUES (2)")
    assert place.source(con, "b").count().execute() == 1
    assert place.source_digest("b", con) == before != place.source_digest("b")
    con.disconnect()


def test_the_digest_is_that_of_the_rows_not_of_their_order(postgres: str, tmp_path: Path) -> None:
    typed(postgres, "CREATE TABLE a (i int, t timestamptz); INSERT INTO a VALUES (1, now()), (2, NULL)")
    place = warehouse(tmp_path, a=f"{postgres}#a")
    first = place.source_digest("a")
    typed(postgres, "UPDATE a SET i = 1 WHERE i = 1")
    assert place.source_digest("a") == first
    typed(postgres, "UPDATE a SET i = 3 WHERE i = 1")
    assert place.source_digest("a") != first


def test_nothing_can_be_written_through_it(postgres: str) -> None:
    typed(postgres, "CREATE TABLE a (i int)")
    reading = postgres_reading(postgres)
    with pytest.raises(InfrastructureError, match="read-only transaction"):
        reading.rows("INSERT INTO a VALUES (1) RETURNING i")
    reading.close()


def test_a_server_that_is_down_is_retryable(tmp_path: Path) -> None:
    place = warehouse(tmp_path, a="postgresql://ada@127.0.0.1:1/shop#a")
    with pytest.raises(InfrastructureError, match=r"can't be read: .*Connection refused") as caught:
        place.source(place.connect(), "a")
    assert caught.value.exit_code == 5


def test_a_query_that_takes_too_long_is_retryable(postgres: str) -> None:
    reading = postgres_reading(f"{postgres}?options=-c%20statement_timeout%3D50")
    with pytest.raises(InfrastructureError, match="cancelled a query: canceling statement due to statement timeout"):
        reading.rows("SELECT pg_sleep(30)")
    reading.close()


def test_a_held_lock_is_retryable(postgres: str, tmp_path: Path) -> None:
    typed(postgres, "CREATE TABLE a (i int)")
    place = warehouse(tmp_path, a=f"{postgres}?options=-c%20lock_timeout%3D50#a")
    with psycopg.connect(postgres) as holder:
        holder.execute("LOCK TABLE a IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(LockHeld, match="a lock is held"):
            place.source(place.connect(), "a")


def test_limits_hold_unless_the_address_sets_others(postgres: str) -> None:
    reading = postgres_reading(postgres)
    assert reading.rows("SELECT current_setting('statement_timeout'), current_setting('TimeZone')") == [("15min", "UTC")]
    reading.close()


def test_a_table_that_is_not_there_is_named_with_those_that_are(postgres: str, tmp_path: Path) -> None:
    typed(postgres, "CREATE TABLE orders (i int)")
    place = warehouse(tmp_path, a=f"{postgres}#ordrs")
    with pytest.raises(UsageError, match=r"has no table public\.ordrs; there are: public\.orders"):
        place.source(place.connect(), "a")


def test_a_missing_permission_is_named(postgres: str, tmp_path: Path) -> None:
    typed(postgres, "CREATE TABLE secret (i int); DROP ROLE IF EXISTS guest; CREATE ROLE guest LOGIN")
    place = warehouse(tmp_path, a=f"{postgres.replace('postgres@', 'guest@')}#secret")
    with pytest.raises(UsageError, match="permission denied for table secret"):
        place.source(place.connect(), "a")


def test_an_address_may_come_from_the_environment(postgres: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    typed(postgres, "CREATE TABLE a AS SELECT 7 AS i")
    place = warehouse(tmp_path, a="env:SHOP_DB#a")
    with pytest.raises(UsageError, match="the environment has no SHOP_DB"):
        place.source(place.connect(), "a")
    monkeypatch.setenv("SHOP_DB", postgres)
    con = place.connect()
    assert place.source(con, "a").to_pyarrow().to_pylist() == [{"i": 7}]


@pytest.mark.parametrize("address", ["postgresql://ada:secret@db/shop", "postgres://db/shop?password=secret"])
def test_a_password_in_a_file_is_refused(tmp_path: Path, address: str) -> None:
    (tmp_path / "pyproject.toml").write_text(f'[tool.workbench.sources.a]\nread = "{address}#a"\n')
    with pytest.raises(ConfigError, match=r"sources\.a\.read: the address has a password in it") as caught:
        find_workspace(tmp_path)
    assert "secret" not in str(caught.value) + caught.value.hint


def postgres_reading(address: str) -> postgres.Reading:
    return postgres.Reading(address)
