"""workbench contract check: production is held to its promises, the sandbox is warned about."""

from __future__ import annotations

from typing import Any

import ibis
import yaml

from tests.test_docs import hold
from workbench.catalog.contract import Column, Contract
from workbench.catalog.promises import judge
from workbench.config import find_workspace
from workbench.runtime import checks
from workbench.runtime.warehouse import Warehouse


def show(shop: Any, query: str) -> None:
    """Put other data before readers of daily_sales, past every check."""
    warehouse = Warehouse.open(find_workspace(shop.root))
    con = warehouse.connect()
    snapshot = warehouse.write(con.sql(query), pipeline="daily_sales", version=1)
    con.disconnect()
    with warehouse.lock():
        warehouse.swap("O-99", {"daily_sales": snapshot})


def checked(shop: Any, *arguments: str, code: int = 0) -> Any:
    ran = shop.run("contract", "check", *arguments, "--json")
    assert ran.code == code, ran.err
    hold("contract-check" if code < 2 else "error", ran)
    return ran.json


def printed(shop: Any, *arguments: str) -> str:
    return " ".join(shop.run("contract", "check", *arguments).out.split())


def rules(found: Any) -> dict[str, int]:
    return {each["rule"]: each["violations"] for each in found["pipelines"][0]["rules"]}


def test_what_is_live_keeps_its_promises(published: Any) -> None:
    found = checked(published)
    assert [(each["pipeline"], each["broken"]) for each in found["pipelines"]] == [("daily_sales", 0), ("region_totals", 0)]
    assert rules(found) == {
        "4 columns": 0,
        "not_null(day, region)": 0,
        "unique(day, region)": 0,
        "not_null(revenue)": 0,
        "between(orders, low=1, high=1000000)": 0,
    }
    assert "pass key unique(day, region)" in printed(published, "daily_sales")


def test_broken_rules_of_production_are_counted_with_rows(published: Any) -> None:
    north = "DATE '2024-01-02' AS day, 'north' AS region"
    show(published, f"SELECT {north}, unnest([0, 0, 5])::BIGINT AS orders, 1.0::DOUBLE AS revenue")
    found = checked(published, "daily_sales", code=1)
    assert {rule: count for rule, count in rules(found).items() if count} == {
        "unique(day, region)": 2,
        "between(orders, low=1, high=1000000)": 2,
    }
    example = found["pipelines"][0]["rules"][-1]["examples"][0]
    assert (example["day"], example["orders"]) == ("2024-01-02", 0)
    assert "2 rows break it, for example" in printed(published, "daily_sales")
    assert checked(published, "daily_sales", "--sandbox")["pipelines"][0]["broken"] == 0, "there the version is computed anew"


def test_rows_that_break_a_rule_say_nothing_of_what_personal_columns_hold() -> None:
    columns = (Column("id", "int64"), Column("who", "string", classification="personal"))
    contract = Contract("buyers", 1, columns, checks=(checks.one_of("who", ["Bo"]),))
    table = ibis.memtable({"id": [1, 2, 3], "who": ["Ann", None, "Bo"]})
    found = judge(table, contract, {}, {}, lambda _: table)
    assert [(rule.violations, rule.examples) for rule in found.rules if rule.violations] == [
        (1, ({"id": 1, "who": "(personal)"},))
    ]


def test_a_lost_column_and_another_type_are_named(published: Any) -> None:
    show(published, "SELECT DATE '2024-01-02' AS day, 'north' AS region, 5::INTEGER AS orders")
    found = {each["rule"]: each["note"] for each in checked(published, "daily_sales", code=1)["pipelines"][0]["rules"]}
    assert "column revenue is missing; column orders is INTEGER, the contract says BIGINT" in found["4 columns"]
    assert found["not_null(revenue)"] == "column revenue is missing"


def test_the_sandbox_only_warns(published: Any) -> None:
    import duckdb

    sandbox = find_workspace(published.root).state / "sandboxes"
    (file,) = sandbox.rglob("*.duckdb")
    with duckdb.connect(str(file)) as con:
        con.execute("UPDATE orders SET day = NULL WHERE day = DATE '2024-01-02'")
    found = checked(published, "daily_sales", "--sandbox")
    assert (found["blocks"], found["pipelines"][0]["broken"]) == (False, 1)
    assert rules(found)["not_null(day, region)"] > 0
    assert "warn key not_null(day, region)" in printed(published, "daily_sales", "--sandbox")


def test_what_can_not_be_checked_is_said(published: Any) -> None:
    assert "did you mean 'daily_sales'?" in checked(published, "daily_sale", code=2)["error"]["message"]
    for file in (published.root / "warehouse" / "data" / "daily_sales" / "v1").iterdir():
        file.unlink()
    assert "is damaged or missing" in checked(published, code=5)["error"]["message"]


def test_nothing_published_is_nothing_broken(shop: Any) -> None:
    assert checked(shop)["pipelines"] == []
    assert "nothing is published yet" in shop.run("contract", "check").out


def test_the_whole_contract_says_who_owns_it_and_how_fresh_and_how_long_it_is(published: Any) -> None:
    file = published.root / "promoted" / "daily_sales" / "pipeline.toml"
    file.write_text(file.read_text().replace('# retention = "400d"', 'retention = "400d"'))
    ran = published.run("contract", "export", "daily_sales", "--json")
    hold("contract-export", ran)
    contract = ran.json["contract"]
    assert contract["id"] == "daily_sales@1"
    assert contract["team"]["members"] == [{"username": "ada@example.org", "role": "Owner"}]
    assert [(each["property"], each["value"]) for each in contract["slaProperties"]] == [
        ("latency", 36),
        ("retention", 400),
        ("frequency", "0 6 * * *"),
    ]
    text = published.run("contract", "export", "daily_sales@1").out
    assert yaml.safe_load(text) == contract


def test_a_contract_of_a_version_that_is_not_there_names_those_that_are(published: Any) -> None:
    ran = published.run("contract", "export", "daily_sales@7")
    assert ran.code == 2
    assert "daily_sales@1" in ran.err
    assert published.run("contract", "export", "nothing").code == 2
