"""What a version reads is held against what it was promoted with: presence and type of every column that it reaches."""

from __future__ import annotations

import gzip
import json
import os
from dataclasses import replace

import duckdb
import pytest

from workbench.config import find_workspace
from workbench.errors import InfrastructureError, UsageError, WorkbenchError
from workbench.model import Check, Input
from workbench.operate.upstream import check_inputs
from workbench.render.run import next_command


def rewrite(production, columns: str, name: str = "orders") -> None:
    """Let another program replace a file of orders by one with these columns."""
    file = production.root / "raw" / "orders" / f"{name}.parquet"
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


def test_a_file_that_is_not_whole_may_pass_and_is_named(production):
    file = production.root / "raw" / "orders" / "z.parquet"
    file.write_bytes((production.root / "raw" / "orders" / "orders.parquet").read_bytes()[:300])
    with pytest.raises(
        InfrastructureError, match=r"source 'orders': z\.parquet is not whole: it does not end as a Parquet file"
    ):
        check_inputs(production.workspace, production.warehouse, production.daily[0])
    file.unlink()
    assert said(production) == ""


def test_a_column_that_one_of_several_files_lacks_is_named_with_the_file(production):
    production.orders(1, first="2024-01-04", name="z")
    assert said(production) == ""
    rewrite(production, "day, order_id", "z")
    assert said(production) == "column amount (float64) is gone from z.parquet"
    rewrite(production, "order_id, day, 1.5 AS AMOUNT, 2 AS more", "z")
    assert said(production) == "", "other columns don't matter, nor does their order"


def test_files_that_are_gone_may_come_back_and_links_that_lead_nowhere_are_not_passed_over(production):
    file = production.root / "raw" / "orders" / "orders.parquet"
    (file.parent / "a.parquet").symlink_to("b.parquet")
    (file.parent / "b.parquet").symlink_to("a.parquet")
    with pytest.raises(
        InfrastructureError, match=r"a\.parquet, which 'raw/orders/\*\.parquet' finds, is a link that leads nowhere"
    ):
        check_inputs(production.workspace, production.warehouse, production.daily[0])
    (file.parent / "a.parquet").unlink()
    (file.parent / "b.parquet").unlink()
    (file.parent / "part.parquet").mkdir()
    with pytest.raises(UsageError, match=r"part\.parquet, which 'raw/orders/\*\.parquet' finds, is a folder"):
        check_inputs(production.workspace, production.warehouse, production.daily[0])
    (file.parent / "part.parquet").rmdir()
    file.rename(file.with_name("elsewhere"))
    with pytest.raises(InfrastructureError, match=r"no file 'raw/orders/\*\.parquet' .* there was one when daily_sales@1 was"):
        check_inputs(production.workspace, production.warehouse, production.daily[0])


@pytest.fixture
def regions(production):
    """A source of compressed CSV, of which ``daily_sales`` reads a column, and its bytes."""
    settings = production.root / "pyproject.toml"
    settings.write_text(settings.read_text() + '\n[tool.workbench.sources.regions]\nread = "raw/regions.csv.gz"\n')
    made = replace(production, workspace=find_workspace(production.root))
    inputs = (*made.daily[0].inputs, Input("regions", "regions", "source", ("region",)))
    rows = "".join(f"{number},{'north' if number % 2 else 'south'}\n" for number in range(1000))
    # Two halves that each end with a line, so that the first one alone reads as well.
    halves = [gzip.compress(each.encode()) for each in (f"id,region\n{rows}", rows)]
    return made, replace(made.daily[0], inputs=inputs), b"".join(halves)


def test_compressed_text_that_was_cut_off_is_not_read_as_if_it_were_all(regions):
    production, contract, whole = regions
    file = production.root / "raw" / "regions.csv.gz"
    file.write_bytes(whole)
    assert said(production, contract) == ""
    for cut in (whole[:-200], whole[:-8], b"id,region\n1,north\n"):
        file.write_bytes(cut)
        with pytest.raises(InfrastructureError, match=r"source 'regions': regions\.csv\.gz is not whole: ") as found:
            check_inputs(production.workspace, production.warehouse, contract)
        assert found.value.hint.endswith("type the same command again")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("id,region\n1,north\n2\n", "line 3 of regions.csv has 1 field, its header 2"),
        ("id;region\n1;north;x\n" + "1;north\n" * 9, "line 2 of regions.csv has 3 fields, its header 2"),
        ("id,region\n1,n\xf6rd\n", "line 2 of regions.csv is not UTF-8"),
        ("\x1b[31m\x00\x01", "column region is gone; there are: "),
    ],
)
def test_what_is_wrong_with_text_is_told_by_its_line(regions, text, expected):
    production, contract, _ = regions
    settings = production.root / "pyproject.toml"
    settings.write_text(settings.read_text().replace("regions.csv.gz", "regions.csv"))
    production = replace(production, workspace=find_workspace(production.root))
    (production.root / "raw" / "regions.csv").write_bytes(text.encode("latin-1"))
    with pytest.raises(WorkbenchError) as found:
        check_inputs(production.workspace, production.warehouse, contract)
    assert expected in found.value.message
    assert found.value.message.isprintable()
    assert "type the same command again" in found.value.hint or "promote" in found.value.hint


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ("* REPLACE ('much' AS amount)", "column amount is string in z.parquet, where much is no float64 as in orders.parquet"),
        (
            "* REPLACE (order_id + 0.5::DOUBLE AS order_id)",
            "column order_id is float64 in z.parquet, where 0.5 is no int64 as in",
        ),
        (
            "* REPLACE ([1] AS amount)",
            "column amount is array<int32> in z.parquet, where [1] is no float64 as in orders.parquet",
        ),
        ("* REPLACE (amount::VARCHAR AS amount, order_id::INTEGER AS order_id, day::TIMESTAMP AS day)", ""),
        ("*, {'a': 1} AS more", ""),
    ],
)
def test_values_of_other_files_that_the_first_ones_type_has_not_are_found_before_they_are_cast(production, columns, expected):
    reads(production, "order_id", "int64")
    inputs = (replace(production.daily[0].inputs[0], columns=("day", "amount")),)
    production.orders(1, first="2024-01-04", name="z")
    rewrite(production, columns, "z")
    found = said(production, replace(production.daily[0], inputs=inputs))
    assert found.startswith(expected)
    assert bool(found) == bool(expected)


def test_after_a_run_without_success_the_next_command_is_told_and_no_advice_that_nobody_can_follow(production):
    file = production.root / "promoted" / "daily_sales" / "v1" / "__init__.py"
    text = file.read_text().replace("_.amount.sum()", "_.day.cast(str).cast(float).sum()")
    production.publish(production.daily[0], production.daily[1])
    production.version(production.daily[0], text)
    run = production.go()
    assert (run.status, next_command(run)) == ("failed", "workbench runs open R-1")
    assert run.error.startswith("cell compute: ConversionException: Conversion Error: Could not convert string '2024-01-01'")
    assert "Possible" not in run.error
    assert next_command(replace(run, facts={**run.facts, "passing": True})) == "workbench runs retry R-1"
    assert next_command(replace(run, status="succeeded")) == ""


def test_a_csv_file_that_lacks_a_column_of_the_others_is_named(regions):
    production, contract, _ = regions
    settings = production.root / "pyproject.toml"
    settings.write_text(settings.read_text().replace("regions.csv.gz", "regions*.csv"))
    production = replace(production, workspace=find_workspace(production.root))
    for name, text in (("regions1.csv", "id,region\n1,north\n"), ("regions2.csv", "region,id\nsouth,2\n")):
        (production.root / "raw" / name).write_text(text)
    assert said(production, contract) == "", "the order of columns does not matter"
    (production.root / "raw" / "regions2.csv").write_text("id,area\n2,south\n")
    assert said(production, contract) == "column region is gone from regions2.csv"


def test_data_of_another_pipeline_that_is_damaged_is_named_with_the_way_to_mend_it(production):
    production.publish(*production.totals)
    lost = next((production.workspace.warehouse / "data" / "daily_sales" / "v1").glob("*.parquet"))
    lost.unlink()
    with pytest.raises(InfrastructureError, match=r"input daily_sales: .* is damaged: .* is missing or cut off") as found:
        check_inputs(production.workspace, production.warehouse, production.totals[0])
    assert found.value.hint.startswith("workbench run daily_sales, ")
    assert production.go().facts["changed"] is False, "readers see the same as before the file was lost"
    assert said(production, production.totals[0]) == ""
    assert len(production.read("daily_sales")) == 3
