"""What a version reads is held against what it was promoted with: presence and type of every column that it reaches."""

from __future__ import annotations

import json
import os
from dataclasses import replace

import duckdb
import pytest

from workbench.errors import WorkbenchError
from workbench.model import Check
from workbench.operate.upstream import check_inputs


def rewrite(production, columns: str) -> None:
    """Let another program replace the file of orders by one with these columns."""
    file = production.root / "raw/orders/orders.parquet"
    duckdb.execute(f"COPY (SELECT {columns} FROM '{file}') TO '{file}.new' (FORMAT parquet)")
    os.replace(f"{file}.new", file)


def lineage(production, contract, **changed) -> None:
    """Have the manifest of a version say something else of what it reads."""
    file = production.root / "promoted" / contract.pipeline / "v1" / "manifest.json"
    manifest = json.loads(file.read_text())
    file.write_text(json.dumps(manifest | {"lineage": manifest["lineage"] | changed}))


def reads(production, path: str, kind: str):
    """Have ``daily_sales`` reach a column of orders through its lineage alone."""
    inputs = [
        {"argument": "orders", "name": "orders", "kind": "source", "columns": ["day"], "types": {path.split(".")[0]: kind}}
    ]
    edge = {"column": "*", "role": "join", "input": "orders", "input_column": path}
    lineage(production, production.daily[0], inputs=inputs, columns=[edge])


def said(production, contract=None) -> str:
    """What is said of the inputs of a version; "" when they are as they were."""
    try:
        check_inputs(production.workspace, production.warehouse, contract or production.daily[0])
    except WorkbenchError as error:
        return error.message.partition("promoted against: ")[2]
    return ""


def test_a_promoted_version_knows_the_types_of_all_that_it_reaches_also_through_joins(published):
    manifest = json.loads((published.root / "promoted/daily_sales/v1/manifest.json").read_text())
    orders, customers = manifest["lineage"]["inputs"]
    assert (orders["columns"], customers["columns"]) == (["amount"], []), "what the code names"
    assert orders["types"] == {"amount": "float64", "customer_id": "string", "day": "date"}
    assert customers["types"] == {"customer_id": "string", "region": "string"}
    assert manifest["lineage"]["referred"] == []
    file = published.root / "raw" / "customers.csv"
    file.write_text("customer_id,name,region\n" + "".join(f"{i},Customer {i},north\n" for i in range(9)))
    ran = published.run("run", "daily_sales")
    assert ran.code == 1
    assert (
        "source customers is not as daily_sales@1 was promoted against: column customer_id was string, is int64; "
        "region_totals reads what daily_sales computes" in " ".join(ran.err.split())
    )
    assert "restore customers" in ran.err


def test_the_type_of_a_column_that_only_lineage_reaches_is_compared(production):
    reads(production, "order_id", "int64")
    assert said(production) == ""
    rewrite(production, "day, amount, order_id::VARCHAR AS order_id")
    assert said(production) == "column order_id was int64, is string"


def test_a_manifest_without_types_is_held_to_the_presence_of_columns(production):
    reads(production, "order_id", "int64")
    lineage(production, production.daily[0], inputs=[])
    rewrite(production, "day, amount, order_id::VARCHAR AS order_id")
    assert said(production) == ""
    rewrite(production, "day, amount")
    assert said(production).startswith("column order_id is gone; there are: amount, day")


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        ("{'city': 'Ulm', 'zip': 1}", ""),
        ("{'city': 1}", "column place.city was string, is int32"),
        ("{'town': 'Ulm'}", "column place.city (string) is gone"),
        ("'Ulm'", "column place.city (string) is gone"),
    ],
)
def test_of_a_struct_only_the_fields_that_are_read_count(production, now, expected):
    reads(production, "place.city", "struct<city: string>")
    rewrite(production, f"*, {now} AS place")
    assert said(production) == expected


def test_what_a_check_looks_for_in_another_table_is_compared_too(production):
    contract = replace(production.totals[0], checks=(Check("references", ("days",), {"table": "orders", "key": "order_id"}),))
    production.publish(contract, production.totals[1])
    assert said(production, contract) == "", "its manifest says nothing of types"
    lineage(production, contract, referred=[{"name": "orders", "types": {"order_id": "int64"}}])
    assert said(production, contract) == ""
    rewrite(production, "day, amount, order_id::VARCHAR AS order_id")
    assert said(production, contract) == "column order_id was int64, is string"
    rewrite(production, "day, amount")
    assert said(production, contract).startswith("column order_id (int64) is gone")
