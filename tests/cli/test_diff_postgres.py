"""Tables of a real PostgreSQL as sides of a comparison."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import psycopg
import pytest

from workbench.cli.main import main
from workbench.runtime.postgres import Reading

Typed = Callable[..., tuple[int, str, str]]


@pytest.fixture
def typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Typed:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NO_COLOR", "1")

    def run(*arguments: str) -> tuple[int, str, str]:
        capfd.readouterr()
        code = main(["diff", *arguments])
        captured = capfd.readouterr()
        assert "Traceback" not in captured.err
        return code, captured.out, captured.err

    return run


def sql(address: str, *statements: str) -> None:
    with psycopg.connect(address, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement.encode())


def said(typed: Typed, *arguments: str) -> dict[str, Any]:
    code, out, err = typed(*arguments, "--json")
    assert code == 0, err
    document: dict[str, Any] = json.loads(out)
    return document


def test_two_tables_of_one_server_and_a_file_meet(postgres: str, typed: Typed) -> None:
    sql(
        postgres,
        "CREATE SCHEMA sales",
        "CREATE TABLE sales.old AS SELECT i::int8 AS id, i * 10 AS net FROM generate_series(1, 5) i",
        "CREATE TABLE sales.new AS SELECT id, CASE WHEN id = 2 THEN net + 500 ELSE net END AS net FROM sales.old WHERE id > 1",
    )
    with duckdb.connect() as con:
        con.execute("COPY (SELECT i AS id, (i * 10)::INT AS net FROM range(1, 6) t(i)) TO 'old.parquet'")
    found = said(typed, f"{postgres}#sales.old", f"{postgres}#sales.new", "--key", "id")
    assert found["rows"] == {"base": 5, "candidate": 4, "added": 0, "removed": 1, "changed": 1, "unchanged": 3}
    assert said(typed, "old.parquet", f"{postgres}#sales.old", "--key", "id")["identical"]
    other = postgres.replace("postgresql://", "postgres://")
    assert said(typed, f"{other}#sales.new", "old.parquet", "--key", "id")["rows"]["added"] == 1


@pytest.mark.parametrize(
    ("here", "there"),
    [
        ("123456789012345678.25::numeric(20,2)", "123456789012345678.25::DECIMAL(20,2)"),
        ("9007199254740993::int8", "9007199254740993::BIGINT"),
        ("'NaN'::float8", "'nan'::DOUBLE"),
        ("'-infinity'::float4", "'-inf'::FLOAT"),
        ("'x '::text", "'x '::VARCHAR"),
        ("NULL::text", "NULL::VARCHAR"),
        ("date '2024-02-29'", "DATE '2024-02-29'"),
        ("timestamp '2024-02-29 01:02:03.456789'", "TIMESTAMP '2024-02-29 01:02:03.456789'"),
        ("timestamptz '2024-02-29 01:02:03+05'", "TIMESTAMPTZ '2024-02-28 20:02:03+00'"),
        ("date '-infinity'", "DATE '-infinity'"),
        ("timestamp 'infinity'", "TIMESTAMP 'infinity'"),
        ("timestamptz '-infinity'", "TIMESTAMPTZ '-infinity'"),
        ("date '0044-03-15 BC'", "DATE '0044-03-15 (BC)'"),
        ("time '23:59:59.999999'", "TIME '23:59:59.999999'"),
        ("interval '1 month 2 days 3 seconds'", "INTERVAL '1 month 2 days 3 seconds'"),
        ("'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid", "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::UUID"),
        ("'\\x00ff'::bytea", "'\\x00\\xFF'::BLOB"),
        ("true", "true"),
        ("array[1, NULL]::int4[]", "[1, NULL]::INTEGER[]"),
        ("array['a,b', '']::text[]", "['a,b', '']::VARCHAR[]"),
    ],
)
def test_types_arrive_without_loss(postgres: str, typed: Typed, here: str, there: str) -> None:
    sql(postgres, f"CREATE TABLE one AS SELECT 1 AS id, {here} AS v")
    with duckdb.connect() as con:
        con.execute("SET timezone = 'UTC'")
        con.execute(f"COPY (SELECT 1::INT AS id, {there} AS v) TO 'one.parquet'")
    found = said(typed, f"{postgres}#public.one", "one.parquet", "--key", "id")
    assert found["schema"]["type_changed"] == {}
    assert found["identical"]


def test_digits_of_any_number_are_kept(postgres: str, typed: Typed) -> None:
    sql(
        postgres,
        "CREATE TABLE a (id int, v numeric, w numeric, x numeric(5, 2), y numeric)",
        "INSERT INTO a VALUES (1, 0.1, 1e30, 'NaN', 1e-20), (2, 1.50, 1, 2, 3)",
        "CREATE TABLE b AS SELECT id, CASE id WHEN 1 THEN v + 0.00000000000000001 ELSE 1.5 END AS v, w + (id = 1)::int AS w, "
        "x, y + 0.00 AS y FROM a",
        "ALTER TABLE b ALTER x TYPE numeric(5, 2)",
    )
    found = said(typed, f"{postgres}#a", f"{postgres}#b", "--key", "id")
    assert {name: column["changed"] for name, column in found["columns"].items()} == {"v": 1, "w": 1}
    assert found["samples"]["changed"][0]["candidate"]["v"].startswith("0.10000000000000001")
    assert found["schema"]["not_compared"] == []


def test_names_may_be_any_text(postgres: str, typed: Typed) -> None:
    sql(
        postgres,
        'CREATE SCHEMA "My.Schema; DROP"',
        'CREATE TABLE "My.Schema; DROP"."Ta""b#le" AS SELECT 1 AS "I d", 2 AS "a""b; --", 3 AS "ünï"',
        'CREATE TABLE "Orders" AS SELECT 1 AS id',
    )
    hostile = f'{postgres}#"My.Schema; DROP"."Ta""b#le"'
    found = said(typed, hostile, hostile, "--key", "I d")
    assert found["identical"]
    assert found["compared"]["base"] == hostile
    assert said(typed, f"{postgres}#Orders", f"{postgres}#public.Orders")["identical"]
    code, _, err = typed(f"{postgres}#public.orders", hostile)
    assert code == 2
    assert "did you mean 'public.Orders'?" in err


def test_columns_that_differ_in_case_alone_are_told(postgres: str, typed: Typed) -> None:
    sql(postgres, 'CREATE TABLE t AS SELECT 1 AS a, 2 AS "A"')
    code, _, err = typed(f"{postgres}#t", f"{postgres}#t")
    assert code == 2
    assert "two columns named 'a'" in err


def test_nothing_can_be_written_through_a_view(postgres: str, typed: Typed) -> None:
    sql(
        postgres,
        "CREATE TABLE seen (at int)",
        "CREATE FUNCTION poison() RETURNS int LANGUAGE plpgsql AS $$ BEGIN INSERT INTO seen VALUES (1); RETURN 1; END $$",
        "CREATE VIEW v AS SELECT poison() AS id",
    )
    code, _, err = typed(f"{postgres}#v", f"{postgres}#seen")
    assert code == 2
    assert "read-only transaction" in err
    with psycopg.connect(postgres) as connection:
        assert connection.execute("SELECT count(*) FROM seen").fetchone() == (0,)


def test_what_is_not_there_or_not_allowed_is_told_without_the_password(
    postgres: str, typed: Typed, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = postgres.partition("@")[2]
    user = f"locked_{place.rpartition('/')[2][-8:]}"
    sql(postgres, "CREATE TABLE t AS SELECT 1 AS id", f"CREATE ROLE {user} LOGIN PASSWORD 'c4nary-right'")
    with psycopg.connect(postgres, autocommit=True) as connection:
        file = Path(str(connection.execute("SHOW hba_file").fetchone()[0]))
        file.write_text(f"host all {user} 127.0.0.1/32 scram-sha-256\n" + file.read_text())
        connection.execute("SELECT pg_reload_conf()")
    try:
        right = f"postgresql://{user}:c4nary-right@{place}"
        for address, code, words in (
            (f"{postgres}#public.tt", 2, "did you mean 'public.t'?"),
            (f"{postgres}#gone.t", 2, "there are: public.t"),
            (f"{postgres}_gone#t", 2, "does not exist"),
            (f"postgresql://{user}:c4nary-wrong@{place}#t", 2, "password authentication failed"),
            (f"postgresql://{user}:c4/n#ary@{place}#t", 2, "can't be read"),
            (f"{right}#t", 2, "permission denied for table t"),
            (f"{right}?password=c4nary&no=1#t", 2, "invalid URI query parameter"),
            (f"postgresql://{user}:c4nary%zz@{place}#t", 2, "invalid percent-encoded"),
            (f"postgresql://{user}:c4nary@127.0.0.1:port/x#t", 2, "invalid"),
            (f"postgresql://{user}:c4nary@127.0.0.1:1/x#t", 5, "Connection refused"),
            (right, 2, "names no table"),
        ):
            ran = typed(address, f"{postgres}#t", "--json")
            assert ran[0] == code, (address, ran)
            assert words in ran[2]
            assert " next: " in ran[2]
            assert "c4nary" not in ran[1] + ran[2], ran
            assert "#ary" not in ran[1] + ran[2], ran
        sql(postgres, f"GRANT SELECT ON t TO {user}")
        monkeypatch.setenv("PGPASSWORD", "c4nary-right")
        ran = typed(f"postgresql://{user}@{place}#t", f"{right}#t", "--html", "page.html")
        assert ran[0] == 0, ran[2]
        assert "c4nary" not in ran[1] + ran[2] + Path("page.html").read_text()
        assert "c4nary" not in json.dumps(said(typed, f"{right}#t", f"{right}#t"))
        assert "c4nary" not in typed(f"{right}#t", f"{right}#t", "--format", "github")[1]
        monkeypatch.setenv("SHOP", right)
        assert said(typed, "env:SHOP#t", f"{right}#t")["compared"]["base"] == "env:SHOP#t"
        for address in (
            right.replace("right", "wrong"),
            f"{right}?password=c4nary&no=1",
            "c4nary",
            "host=127.0.0.1 port=1 password=c4nary",
        ):
            monkeypatch.setenv("SHOP", address)
            code, out, err = typed("env:SHOP#t", "env:SHOP#t", "--json")
            assert code in (2, 5)
            assert "c4nary" not in out + err, (address, err)
    finally:
        with psycopg.connect(postgres, autocommit=True) as connection:
            file.write_text(file.read_text().partition("\n")[2])
            connection.execute("SELECT pg_reload_conf()")
            connection.execute(f"DROP OWNED BY {user}".encode())
            connection.execute(f"DROP ROLE {user}".encode())


def test_without_the_driver_the_hint_says_how_to_install_it(
    postgres: str, typed: Typed, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "adbc_driver_postgresql", None)
    code, _, err = typed(f"{postgres}#t", f"{postgres}#t")
    assert code == 2
    assert "pip install 'ibis-workbench[postgres]'" in err


def test_a_thin_comparison_says_the_same_and_reads_what_differs_alone(
    postgres: str, typed: Typed, monkeypatch: pytest.MonkeyPatch
) -> None:
    sql(
        postgres,
        "CREATE TYPE mood AS ENUM ('calm', 'cross')",
        "CREATE TABLE a AS SELECT i::int8 AS id, i % 7 AS v, i::numeric(10, 2) / 4 AS price, 'calm'::mood AS m, array[i] AS l, "
        "i / 8.0 AS loose, date '2024-01-01' + i AS day FROM generate_series(1, 3000) i",
        "CREATE TABLE b AS SELECT * FROM a WHERE id <> 40",
        "UPDATE b SET v = 100, l = array[NULL, 1] WHERE id = 50",
        "UPDATE b SET loose = loose + 0.001 WHERE id = 60",
        "CREATE TABLE c AS SELECT id, v, m, day FROM a",
    )
    pulled: list[int] = []

    def counting(self: Reading, con: Any, query: str, columns: Any, into: str, *more: Any) -> None:
        pull(self, con, query, columns, into, *more)
        pulled.append(con.execute(f"SELECT count(*) FROM {into}").fetchone()[0])

    pull = Reading.pull
    monkeypatch.setattr(Reading, "pull", counting)
    with duckdb.connect() as con:
        con.execute(
            "COPY (SELECT i AS id, (i % 7 + (i = 9)::INT)::INT AS v, 'calm' AS m, DATE '2024-01-01' + i::INT AS day "
            "FROM range(1, 3001) r(i)) TO 'c.parquet'"
        )
    for one, other, most in ((f"{postgres}#a", f"{postgres}#b", 3), (f"{postgres}#c", "c.parquet", 600)):
        for key in (("--key", "id"), ()):
            wide = said(typed, one, other, *key)
            pulled.clear()
            thin = said(typed, one, other, *key, "--thin")
            assert {**thin, "distributions": {}} == {**wide, "distributions": {}}
            assert not thin["distributions"]
            assert max(pulled) <= most
    pulled.clear()
    assert said(typed, f"{postgres}#a", f"{postgres}#a", "--thin")["identical"]
    assert max(pulled) == 0


def test_thin_is_for_servers_and_not_for_every_row(postgres: str, typed: Typed) -> None:
    sql(postgres, "CREATE TABLE a AS SELECT 1 AS id")
    with duckdb.connect() as con:
        con.execute("COPY (SELECT 1 AS id) TO 'a.parquet'")
    code, _, err = typed("a.parquet", "a.parquet", "--thin")
    assert (code, "--thin is for a side on a server" in err) == (2, True)
    code, _, err = typed(f"{postgres}#a", "a.parquet", "--thin", "--verify")
    assert (code, "--verify compares every row" in err) == (2, True)
    code, _, err = typed(f"{postgres}#a", f"{postgres}#nothing", "--thin")
    assert (code, "nothing" in err) == (2, True)
    code, _, err = typed(f"{postgres}#a", "a.parquet", "--key", "idd", "--thin")
    assert (code, "did you mean 'id'" in err) == (2, True)
