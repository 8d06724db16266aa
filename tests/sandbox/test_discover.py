"""Proposals: what databases declare, what the data proves, and what names alone or values alone do not."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from pathlib import Path

import duckdb
import psycopg
import pytest

from tests.sandbox.conftest import Place
from workbench.errors import ConfigError, UsageError
from workbench.sandbox import declare
from workbench.sandbox.discover import Proposal, propose
from workbench.sandbox.found import tables

FLIGHTS = {
    "flights": "SELECT 2013 AS year, 1 + i % 12 AS month, "
    "CASE WHEN i % 7 = 0 THEN 'X' || i ELSE 'N' || i % 300 END AS tailnum, ['AA', 'UA', 'B6'][1 + i % 3] AS carrier, "
    "['EWR', 'JFK', 'LGA'][1 + i % 3] AS origin, 'A' || i % 40 AS dest, "
    "(i % 90)::DOUBLE AS dep_delay, TIMESTAMPTZ '2013-01-01 00:00:00+00' + INTERVAL 1 HOUR * (i % 500) AS time_hour "
    "FROM range(6000) t(i)",
    "planes": "SELECT 'N' || i AS tailnum, 1990 + i % 30 AS year, 100 + i % 200 AS seats FROM range(300) t(i)",
    "airlines": "SELECT unnest(['AA', 'UA', 'B6']) AS carrier, unnest(['American', 'United', 'JetBlue']) AS name",
    "airports": "SELECT 'A' || i AS faa, 'Airport ' || i AS name FROM range(40) t(i)",
    "weather": "SELECT o AS origin, TIMESTAMPTZ '2013-01-01 00:00:00+00' + INTERVAL 1 HOUR * h AS time_hour, "
    "h % 9 AS temp_celsius FROM (SELECT unnest(['EWR', 'JFK', 'LGA']) AS o), range(500) t(h)",
}
TPCH = {
    "region": "SELECT i AS r_regionkey, 'R' || i % 4 AS r_name FROM range(5) t(i)",
    "nation": "SELECT i AS n_nationkey, i % 5 AS n_regionkey FROM range(25) t(i)",
    "supplier": "SELECT i AS s_suppkey, i % 25 AS s_nationkey FROM range(40) t(i)",
    "customer": "SELECT i AS c_custkey, i % 25 AS c_nationkey, '10-' || i AS c_phone FROM range(150) t(i)",
    "part": "SELECT i AS p_partkey, i % 50 AS p_size, (900 + i)::DECIMAL(15, 2) AS p_retailprice FROM range(200) t(i)",
    "partsupp": "SELECT i // 4 AS ps_partkey, (i // 4 + i % 4 * 10) % 40 AS ps_suppkey, i % 9 AS ps_qty FROM range(800) t(i)",
    "orders": "SELECT i AS o_orderkey, i % 150 AS o_custkey, DATE '1992-01-01' + (i % 900)::INT AS o_orderdate "
    "FROM range(1500) t(i)",
    "lineitem": "SELECT i // 4 AS l_orderkey, i % 4 AS l_linenumber, p AS l_partkey, (p + s * 10) % 40 AS l_suppkey, "
    "DATE '1992-01-01' + (i % 900)::INT AS l_shipdate, DATE '1992-02-01' + (i % 900)::INT AS l_receiptdate "
    "FROM (SELECT i, i * 7 % 200 AS p, i % 4 AS s FROM range(6000) t(i))",
}
TPCH_REFERENCES = {
    "nation": {(("n_regionkey",), "region", ("r_regionkey",))},
    "supplier": {(("s_nationkey",), "nation", ("n_nationkey",))},
    "customer": {(("c_nationkey",), "nation", ("n_nationkey",))},
    "partsupp": {(("ps_partkey",), "part", ("p_partkey",)), (("ps_suppkey",), "supplier", ("s_suppkey",))},
    "orders": {(("o_custkey",), "customer", ("c_custkey",))},
    "lineitem": {
        (("l_orderkey",), "orders", ("o_orderkey",)),
        (("l_partkey", "l_suppkey"), "partsupp", ("ps_partkey", "ps_suppkey")),
    },
}
Discover = Callable[..., dict[str, Proposal]]


@pytest.fixture
def discover(empty: Place) -> Discover:
    def found(*places: str) -> dict[str, Proposal]:
        with tables(empty.workspace, places, lambda _: None) as listed:
            return {each.name: each for each in propose(empty.workspace, listed)}

    return found


def references(proposal: Proposal) -> set[tuple[tuple[str, ...], str, tuple[str, ...]]]:
    return {(each.columns, each.source, each.to) for each in proposal.references}


def database(empty: Place, sql: str, name: str = "shop.duckdb") -> None:
    with duckdb.connect(str(empty.root / name)) as con:
        con.execute(sql)


def test_flights_and_what_they_refer_to_are_found_in_files(empty: Place, discover: Discover) -> None:
    for name, query in FLIGHTS.items():
        empty.table(name, query)
    found = discover()
    assert {name: each.key for name, each in found.items()} == {
        "flights": (), "planes": ("tailnum",), "airlines": ("carrier",), "airports": ("faa",),
        "weather": ("origin", "time_hour"),
    }  # fmt: skip
    assert references(found["flights"]) == {
        (("tailnum",), "planes", ("tailnum",)),
        (("carrier",), "airlines", ("carrier",)),
        (("origin", "time_hour"), "weather", ("origin", "time_hour")),
    }
    planes = next(each for each in found["flights"].references if each.source == "planes")
    assert planes.why == "it has the name of tailnum, 85.7% of the rows find theirs"
    assert [(each.columns, each.source) for each in found["flights"].doubtful] == [(("dest",), "airports")]
    assert found["flights"].why["key"] == "no key of up to 3 columns was found"
    assert (found["flights"].time, found["weather"].time, found["planes"].time) == ("time_hour", "time_hour", None)
    assert found["airports"].masks == {"name": "redact"}
    assert found["weather"].units == {"temp_celsius": "celsius"}


def test_composite_keys_and_references_of_a_warehouse_are_found(empty: Place, discover: Discover) -> None:
    for name, query in TPCH.items():
        empty.table(name, query)
    found = discover("raw")
    assert {name: references(each) for name, each in found.items() if each.references} == TPCH_REFERENCES
    assert found["partsupp"].key == ("ps_partkey", "ps_suppkey")
    assert found["lineitem"].key == ("l_orderkey", "l_linenumber")
    assert found["orders"].time == "o_orderdate"
    assert found["lineitem"].time is None
    assert found["customer"].reasons == {"c_phone": "its name says a phone number"}


def test_what_is_written_makes_a_sandbox(empty: Place, discover: Discover) -> None:
    for name, query in TPCH.items():
        empty.table(name, query)
    declare.write(empty.workspace, list(discover("raw").values()))
    info = empty.make("10%", anchors=("customer",))
    assert info.tables["lineitem"].rows > 0
    assert not discover("raw")


def test_constraints_of_a_duckdb_file_come_first(empty: Place, discover: Discover) -> None:
    database(
        empty,
        "CREATE TABLE buyers (code VARCHAR PRIMARY KEY, id INT); CREATE TABLE sales (id INT, "
        "ref VARCHAR REFERENCES buyers(code), email VARCHAR, UNIQUE (id)); INSERT INTO buyers VALUES ('a', 1), ('b', 2); "
        "INSERT INTO sales VALUES (1, 'a', 'x@y.org'); "
        "CREATE VIEW large AS SELECT * FROM sales",
    )
    found = discover("shop.duckdb")
    assert found["buyers"].key == ("code",)
    assert found["buyers"].why["key"] == "declared in the database"
    assert [(each.columns, each.source, each.to, each.why) for each in found["sales"].references] == [
        (("ref",), "buyers", ("code",), "declared in the database")
    ]
    assert found["sales"].read == "duckdb:shop.duckdb#main.sales"
    assert found["large"].read == "duckdb:shop.duckdb#main.large"
    assert found["sales"].masks == {"email": "token"}


SHOP = """
CREATE SCHEMA sales;
CREATE TABLE sales.customers (id int PRIMARY KEY, full_name text, joined date, balance_eur numeric(10, 2));
CREATE TABLE sales.orders (no int, line int, buyer int REFERENCES sales.customers, note text, PRIMARY KEY (no, line));
CREATE TABLE sales.refunds (refund_id bigint NOT NULL, order_no int, order_line int, customer_id int,
    FOREIGN KEY (order_no, order_line) REFERENCES sales.orders (no, line));
CREATE TABLE public.orders (id int);
INSERT INTO sales.customers SELECT i, 'Person ' || i, '2020-01-01', -i FROM generate_series(1, 50) s(i);
INSERT INTO sales.orders SELECT i / 3, i % 3, 1 + i % 50, CASE WHEN i % 4 = 0 THEN 'mail me: p' || i || '@example.org' END
    FROM generate_series(0, 299) s(i);
INSERT INTO sales.refunds SELECT i, i, 1, 1 + i % 50 FROM generate_series(1, 60) s(i);
"""


def test_a_postgresql_with_declared_and_undeclared_keys(
    empty: Place, discover: Discover, postgres: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(SHOP)
    monkeypatch.setenv("SHOP_DB", postgres)
    found = discover("env:SHOP_DB#sales")
    assert {name: each.key for name, each in found.items()} == {
        "customers": ("id",), "orders": ("no", "line"), "refunds": ("refund_id",)
    }  # fmt: skip
    assert found["customers"].read == "env:SHOP_DB#sales.customers"
    assert found["refunds"].why["key"] == "unique and never NULL"
    assert references(found["orders"]) == {(("buyer",), "customers", ("id",))}
    assert references(found["refunds"]) == {
        (("order_no", "order_line"), "orders", ("no", "line")), (("customer_id",), "customers", ("id",))
    }  # fmt: skip
    assert found["orders"].reasons == {"note": "75 of its values look like an e-mail address"}
    assert found["customers"].masks == {"full_name": "redact"}
    assert (found["customers"].time, found["customers"].units) == ("joined", {"balance_eur": "EUR"})
    everything = discover("env:SHOP_DB")
    assert sorted(everything) == ["customers", "orders", "refunds", "sales_orders"]


def test_names_without_data_and_data_without_names_are_not_enough(empty: Place, discover: Discover) -> None:
    empty.table("customers", "SELECT i AS id FROM range(100) t(i)")
    empty.table("visits", "SELECT i AS visit_id, i + 5000 AS customer_id, i % 50 AS seconds FROM range(1000) t(i)")
    found = discover()
    assert found["visits"].references == ()
    assert found["visits"].doubtful == ()


def test_a_column_that_is_unique_by_chance_is_no_key(empty: Place, discover: Discover) -> None:
    empty.table(
        "payments", "SELECT i % 10 AS shop, (i * 1.25)::DECIMAL(9, 2) AS amount, 'x' || i AS remark FROM range(50) t(i)"
    )
    empty.table("holes", "SELECT CASE WHEN i > 0 THEN i END AS id, 1 AS x FROM range(50) t(i)")
    empty.table("twice", "SELECT i % 49 AS id, 1 AS x FROM range(50) t(i)")
    empty.table("nothing", "SELECT 1 AS id LIMIT 0")
    assert {name: each.key for name, each in discover().items()} == {"payments": (), "holes": (), "twice": (), "nothing": ()}


def test_a_reference_to_the_own_table_needs_a_name_for_it(empty: Place, discover: Discover) -> None:
    empty.table("staff", "SELECT i AS id, i // 3 AS manager_id, i % 9 AS grade FROM range(60) t(i)")
    assert references(discover()["staff"]) == {(("manager_id",), "staff", ("id",))}


def test_folders_series_and_single_files_are_sources(empty: Place, discover: Discover) -> None:
    (empty.root / "raw" / "clicks").mkdir()
    for name in ("clicks/a", "clicks/b", "sales_2023", "sales_2024", "odd name"):
        empty.table(name, "SELECT 1 AS id")
    (empty.root / "raw" / "select.csv").write_text("id,x\n1,2\n")
    (empty.root / "raw" / "README").write_text("no data")
    assert {name: each.read for name, each in discover().items()} == {
        "clicks": "raw/clicks/*.parquet", "sales": "raw/sales_[0-9]*.parquet", "odd_name": "raw/odd name.parquet",
        "select_rows": "raw/select.csv",
    }  # fmt: skip


@pytest.mark.parametrize("given", [["nowhere"], ["raw"], ["broken.parquet"]])
def test_places_without_tables_are_refused(empty: Place, discover: Discover, given: list[str]) -> None:
    (empty.root / "broken.parquet").write_text("no")
    with pytest.raises(UsageError):
        discover(*given)


def test_writing_keeps_every_byte_that_is_there(empty: Place, discover: Discover) -> None:
    empty.table("orders", "SELECT i AS id, i % 9 AS customer_id FROM range(90) t(i)")
    empty.table("customers", "SELECT i AS id, 'x' AS name FROM range(9) t(i)")
    before = (
        '# mine\n[tool.workbench]   # keep\n\n[tool.workbench.sources.customers]\nread = "raw/customers.parquet" # why\n'
        'key = ["id"]\n\n[tool.x]\ny = 1'
    )
    (empty.root / "pyproject.toml").write_text(before)
    declare.write(empty.workspace, list(discover().values()))
    text = (empty.root / "pyproject.toml").read_text()
    assert text.startswith(before)
    sources = tomllib.loads(text)["tool"]["workbench"]["sources"]
    assert sources["orders"] == {
        "read": "raw/orders.parquet", "key": ["id"], "references": [{"columns": ["customer_id"], "source": "customers"}]
    }  # fmt: skip
    assert sources["customers"] == {"read": "raw/customers.parquet", "key": ["id"]}


def test_a_file_that_tables_can_not_be_added_to_stays_as_it_is(empty: Place, discover: Discover) -> None:
    empty.table("orders", "SELECT 1 AS id")
    text = '[tool.workbench]\nsources = { a = { read = "a.parquet" } }\n'
    (empty.root / "pyproject.toml").write_text(text)
    with pytest.raises(ConfigError, match="written in another way"):
        declare.write(empty.workspace, list(discover("raw").values()))
    assert (empty.root / "pyproject.toml").read_text() == text


def test_a_date_of_birth_is_masked_and_no_event(empty: Place, discover: Discover) -> None:
    empty.table("leute", "SELECT i AS id, DATE '1990-01-01' + i::INTEGER AS geburtsdatum FROM range(3) t(i)")
    found = discover()["leute"]
    assert (found.time, found.masks) == (None, {"geburtsdatum": "generalise:year"})


def test_odd_names_of_columns_survive_being_written(empty: Place, discover: Discover) -> None:
    empty.table("people", 'SELECT i AS id, \'x\' AS "e mail ""quoted""", \'y\' AS "full name\n= \'z\'" FROM range(3) t(i)')
    declare.write(empty.workspace, list(discover().values()))
    assert empty.workspace.source("people").mask == {'e mail "quoted"': "token", "full name\n= 'z'": "redact"}


def test_discovery_writes_nothing_beside(empty: Place, discover: Discover) -> None:
    empty.table("orders", "SELECT 1 AS id")
    before = {path: path.stat().st_mtime_ns for path in Path(empty.root).rglob("*")}
    discover()
    assert {path: path.stat().st_mtime_ns for path in Path(empty.root).rglob("*")} == before
