"""Production in a PostgreSQL: the way from a sandbox to a run, with the address in a variable."""

from __future__ import annotations

from collections.abc import Iterator

import duckdb
import psycopg
import pytest

from tests.conftest import Shop


@pytest.fixture
def served(shop: Shop, postgres: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    """The shop, whose orders are in a PostgreSQL."""
    rows = duckdb.sql(f"SELECT order_id, customer_id, day, amount FROM '{shop.root}/raw/orders/*.parquet'").fetchall()
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute("CREATE TABLE orders (order_id bigint PRIMARY KEY, customer_id text, day date, amount float8)")
        connection.cursor().executemany("INSERT INTO orders VALUES (%s, %s, %s, %s)", rows)
        connection.execute("CREATE USER canary PASSWORD 'canary-91b0'; GRANT SELECT ON orders TO canary")
    settings = shop.root / "pyproject.toml"
    settings.write_text(settings.read_text().replace('read = "raw/orders/*.parquet"', 'read = "env:SHOP_DB#orders"'))
    monkeypatch.setenv("SHOP_DB", postgres.replace("postgres@", "canary:canary-91b0@"))
    yield shop
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute("DROP OWNED BY canary; DROP ROLE canary")


def test_from_the_sandbox_to_a_run(served: Shop, postgres: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert served.run("sandbox", "create", "--sample", "100%").code == 0
    assert served.promote().code == 3
    assert served.run("approve", "P-1").code == 0
    assert served.run("publish", "P-1").code == 0
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute("INSERT INTO orders VALUES (1, 'c1', '2024-01-04', 50)")
    ran = served.run("run", "daily_sales", "--json")
    assert ran.code == 0, ran.err
    assert ran.json["status"] == "succeeded"
    assert "2024-01-04" in (served.root / ".workbench" / "runs" / "R-1" / "run.ipynb").read_text()
    assert not [file for file in served.root.rglob("*") if file.is_file() and b"canary-91b0" in file.read_bytes()]
    assert served.run("reproduce", "R-1").out.startswith("MATCH")
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute("UPDATE orders SET amount = 51 WHERE order_id = 1 AND day = '2024-01-04'")
    assert "DIFFERS  R-1 of daily_sales@1: the input differs; source orders" in served.run("reproduce", "R-1").out
    monkeypatch.delenv("SHOP_DB")
    ran = served.run("run", "daily_sales")
    assert (ran.code, "the variable SHOP_DB is not set" in ran.err) == (2, True)
    monkeypatch.setenv("SHOP_DB", "postgresql://canary:canary-91b0@127.0.0.1:1/shop")
    ran = served.run("run", "daily_sales")
    assert (ran.code, "can't be read" in ran.err + ran.out) == (5, True), ran
    assert "canary-91b0" not in ran.err + ran.out
