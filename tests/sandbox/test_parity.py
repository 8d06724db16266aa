from __future__ import annotations

import json
import random
import re
from pathlib import Path

import duckdb
import jsonschema
import pytest

from tests.sandbox.conftest import Place
from workbench.cli.main import main
from workbench.config import Reference, Source
from workbench.errors import UsageError
from workbench.sandbox import registry
from workbench.sandbox.compare import Comparison
from workbench.sandbox.figures import figures
from workbench.sandbox.graph import links, plan_roles
from workbench.sandbox.hashing import Recipe
from workbench.sandbox.parity import Parity, judge
from workbench.sandbox.production import Production
from workbench.sandbox.registry import TableInfo
from workbench.sandbox.sample import Sampling


def column(parity: Parity, source: str, name: str) -> float:
    return next(each for each in parity.columns if (each.source, each.column) == (source, name)).excess


def test_a_fair_sample_stays_within_the_noise(place: Place) -> None:
    parity = judge(place.workspace, place.make("20%", anchors=("customers",)), 0.05)
    assert parity.ok
    assert column(parity, "orders", "amount") < 0.02
    assert column(parity, "customers", "region") == 0
    assert sum(figure.holds for figure in parity.figures) >= len(parity.figures) * 0.8


HOSTILE = """
[tool.workbench.sources.members]
read = "raw/Mémbers of Club.parquet"
key = ["Member No"]
references = [{ columns = ["größe"], source = "clubs" }]
mask = { "Member No" = "token", "it's \\"quoted\\"" = "redact", "line\\nbreak" = "redact" }
sample = "anchor"

[tool.workbench.sources.clubs]
read = "raw/clubs.csv"
key = ["id"]

[tool.workbench.sources.nothing]
read = "raw/nothing.csv"
references = [{ columns = ["order"], source = "members" }, { columns = ["from"], source = "clubs" }]
"""


def test_hostile_names_a_table_of_one_row_and_a_csv_file_without_rows_in_a_whole_sample(
    empty: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    columns = (
        """i * 0.31 AS "select", CASE WHEN i % 9 THEN i % 5 END AS "größe", 'a' AS "it's ""quoted\"\"", 'b' AS "line\nbreak\""""
    )
    empty.table("Mémbers of Club", f'SELECT i AS "Member No", {columns} FROM range(3000) r(i)')
    (empty.root / "raw" / "clubs.csv").write_text("id,where\n0,here\n")
    (empty.root / "raw" / "nothing.csv").write_text("order,from\n")  # no rows, no types
    empty.settings(HOSTILE)
    made = empty.make("100%")
    assert {name: table.rows for name, table in made.tables.items()} == {"members": 3000, "clubs": 1, "nothing": 0}
    assert "nothing(order) -> members was not followed: a file without rows does not tell its types" in made.notes
    parity = judge(empty.workspace, made, 0.05)
    assert max(each.excess for each in parity.columns) == 0
    assert all(figure.holds for figure in parity.figures)
    assert all(each.complete for each in parity.fan_outs)
    assert main(["sandbox", "parity"]) == 0
    assert r"members.line\nbreak" in capsys.readouterr().out


def test_a_skewed_sample_is_found_out(place: Place) -> None:
    info = place.make("20%", anchors=("customers",))
    place.table(
        "orders",
        f"SELECT * REPLACE (CASE WHEN id % 3 = 0 THEN 500 ELSE amount END AS amount) FROM '{place.root}/raw/orders.parquet'",
    )
    parity = judge(place.workspace, info, 0.05)
    assert not parity.ok
    assert parity.worst is not None
    assert (parity.worst.source, parity.worst.column) == ("orders", "amount")
    assert "production has changed since this sandbox was made: orders" in parity.notes


def test_fan_outs_show_what_is_complete_and_what_is_thinned(place: Place) -> None:
    fans = {
        (fan.child, fan.parent): fan for fan in judge(place.workspace, place.make("10%", anchors=("customers",)), 0.05).fan_outs
    }
    lines = fans["lines", "orders"]
    assert (lines.production, lines.sandbox, lines.complete) == (3, 3, True)
    products = fans["lines", "products"]
    assert products.production == 20
    assert products.sandbox < 5
    assert not products.complete


def test_masked_columns_are_compared_as_far_as_masks_allow(place: Place) -> None:
    parity = judge(place.workspace, place.make("20%", anchors=("customers",)), 0.05)
    by_name = {f"{each.source}.{each.column}": each for each in parity.columns}
    assert by_name["customers.email"].distance is None
    assert by_name["customers.email"].nulls == (0, 0)
    assert by_name["customers.born"].measure == "KS"
    assert by_name["customers.born"].excess == 0
    assert by_name["orders.customer"].nulls == (pytest.approx(0.02), pytest.approx(0.02, abs=0.02))


def test_a_sample_under_a_condition_is_compared_with_what_meets_it(place: Place) -> None:
    parity = judge(place.workspace, place.make("50%", anchors=("orders",), where="month >= 6"), 0.05)
    assert parity.ok
    count = next(figure for figure in parity.figures if (figure.source, figure.figure) == ("orders", "count"))
    assert (
        count.production
        == duckdb.sql(f"SELECT count(*) FROM '{place.root}/raw/orders.parquet' WHERE month >= 6").fetchall()[0][0]
    )


def test_groups_have_figures_of_their_own(place: Place) -> None:
    info = place.make("30%", anchors=("customers",))
    found = judge(place.workspace, info, 0.05, "region").figures
    assert {figure.group for figure in found if figure.source == "customers"} == {
        "",
        "region=0",
        "region=1",
        "region=2",
        "region=3",
    }
    with pytest.raises(UsageError, match="no sampled source has that column"):
        judge(place.workspace, info, 0.05, "nothing")


def test_values_of_few_anchors_have_no_interval_and_the_largest_numbers_are_added_up(place: Place) -> None:
    rare, large = "CASE WHEN id % 1000 = 7 THEN 1.5 END AS rare", "CAST('9' || repeat('0', 37) AS DECIMAL(38, 0)) AS large"
    place.table("orders", f"SELECT *, {rare}, {large} FROM '{place.root}/raw/orders.parquet'")
    parity = judge(place.workspace, place.make("20%", anchors=("customers",)), 0.05)
    named = {figure.figure for figure in parity.figures if figure.source == "orders" and not figure.group}
    assert "mean(large)" in named
    assert not named & {"sum(rare)", "mean(rare)"}


def test_the_report_in_the_terminal_as_json_and_as_a_page(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    place.table("orders", f"SELECT *, '<script>' || (id % 3) AS tag FROM '{place.root}/raw/orders.parquet'")
    place.make("20%", anchors=("customers",))
    capsys.readouterr()
    assert main(["sandbox", "parity", "--html", "parity.html"]) == 0
    assert "95% interval" in capsys.readouterr().out
    page = Path("parity.html").read_text()
    assert "<script>" not in page
    assert len(re.findall("<svg", page)) > 10
    assert len(re.findall("<polyline", page)) == len(re.findall("<polygon", page)) > 5
    assert "--good" in page.partition("as expected")[0]
    assert not re.search(r"https?://|<link|@import", page)
    assert main(["sandbox", "parity", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["ok"] is True
    schemas = Path(__file__).parents[2] / "docs" / "json-schema"
    jsonschema.validate(report, json.loads((schemas / "sandbox-parity.schema.json").read_text()))
    place.table("orders", f"SELECT * REPLACE (amount * 9 AS amount) FROM '{place.root}/raw/orders.parquet'")
    assert main(["sandbox", "parity"]) == 1
    assert "orders.amount differs by" in capsys.readouterr().out
    assert main(["sandbox", "parity", "--threshold", "1"]) == 0
    assert main(["sandbox", "parity", "--threshold", "7"]) == 2


def test_a_source_that_is_gone_from_the_settings(place: Place) -> None:
    info = place.make("20%")
    place.settings("")
    with pytest.raises(UsageError, match="are no sources any more"):
        judge(place.workspace, info, 0.05)
    assert registry.ls(place.workspace) == (info,)


def test_clustered_intervals_cover_the_truth_where_naive_ones_do_not() -> None:
    """Orders of one customer are alike, so that rows are no independent witnesses: 200 salts, one figure."""
    rng = random.Random(11)
    customers = 1500
    rows = [(number, rng.gauss(50, 20), rng.choice([1, 1, 2, 5, 30])) for number in range(customers)]
    clustered = naive = 0
    with duckdb.connect() as con:
        con.execute("CREATE TABLE customers (id BIGINT, level DOUBLE, orders BIGINT)")
        con.executemany("INSERT INTO customers VALUES (?, ?, ?)", rows)
        con.execute(
            "CREATE TABLE orders AS SELECT id * 1000 + n AS id, id AS customer, level + n % 3 AS amount "
            "FROM customers, range(orders) r(n)"
        )
        truth = con.execute("SELECT avg(amount) FROM orders").fetchall()[0][0]
        sources = {
            "customers": Source(read="-", key=["id"], sample="anchor"),
            "orders": Source(read="-", key=["id"], references=[Reference(columns=["customer"], source="customers")]),
        }
        types = {
            "customers": {"id": "BIGINT", "level": "DOUBLE", "orders": "BIGINT"},
            "orders": {"id": "BIGINT", "customer": "BIGINT", "amount": "DOUBLE"},
        }
        counts = {"customers": customers, "orders": con.execute("SELECT count(*) FROM orders").fetchall()[0][0]}
        production = Production(
            con,
            {name: f"(FROM {name})" for name in sources},
            types,
            counts,
            dict.fromkeys(sources, 0),
            dict.fromkeys(sources, ""),
        )
        steps, all_links = plan_roles(sources, counts), links(sources)
        con.execute("ATTACH ':memory:' AS box; CREATE SCHEMA box.workbench_rows")
        tables = {step.source: TableInfo(counts[step.source], 1, 0, step.role.value) for step in steps}
        now = registry.utc_now()
        info = registry.SandboxInfo("s", Path(), "10%", 0.1, 7, now, now, "", (), "", (), 0, {}, tables)
        comparison = Comparison(production, info, all_links, production.relations)
        for salt in range(200):
            Sampling(production, sources, all_links, steps, Recipe(0.1, salt, "10%"), lambda _: None).take()
            con.execute(
                "CREATE OR REPLACE TABLE box.orders AS "
                "SELECT * EXCLUDE (__wb_core, __wb_weight, __wb_cluster) FROM stage.orders"
            )
            con.execute(
                "CREATE OR REPLACE TABLE box.workbench_rows.orders AS "
                "SELECT rowid AS row, __wb_core AS core, __wb_weight AS weight, "
                "dense_rank() OVER (ORDER BY __wb_cluster) AS cluster FROM stage.orders"
            )
            figure = next(each for each in figures(comparison, "orders", "") if each.figure == "mean(amount)")
            assert figure.production == pytest.approx(truth)
            mean = figure.estimate
            half = con.execute("SELECT 1.96 * stddev(amount) / sqrt(count(*)) FROM stage.orders").fetchall()[0][0]
            clustered += figure.holds
            naive += abs(mean - truth) <= half
            con.execute("DROP SCHEMA stage CASCADE")
    assert clustered >= 182
    assert naive <= 120
