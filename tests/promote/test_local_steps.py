"""A declared local step goes all the way: proved, tried, published and run, and stopped where it does not keep its word."""

from __future__ import annotations

import duckdb
import pytest

from tests.conftest import write_orders

STEP = """
import pandas as pd
back = wb.param("back", 2, ge=1, le=4, doc="days to look back")

@wb.local(schema={"day": "date", "region": "string", "rolled": "decimal(12, 2)"}, max_rows=5_000)
def rolled(daily, days):
    daily = daily.sort_values(["region", "day"])
    sums = daily.groupby("region")["revenue"].transform(lambda one: one.rolling(days, min_periods=1).sum())
    return pd.DataFrame({"day": daily["day"], "region": daily["region"], "rolled": sums.round(2)})
"""
MARK = """
known = orders.join(wb.source("customers"), "customer_id")
daily = known.group_by("day", "region").agg(revenue=known.amount.sum())
wb.output("rolled_sales", rolled(daily, back.value), key=["day", "region"], doc="Revenue of the last days.", partition_by="day")
"""


@pytest.mark.usefixtures("cold")
def test_a_local_step_is_proved_by_data_published_and_run(sandboxed):
    sandboxed.cells(STEP, MARK)
    ran = sandboxed.promote("--json")
    assert ran.code == 3, ran.err
    (output,) = ran.json["outputs"]
    assert {(check["verdict"], check["how"]) for check in output["equality"]["checked"]} == {("equal", "data")}
    assert sandboxed.run("approve", "P-1").code == 0
    assert sandboxed.run("publish", "P-1").code == 0

    def seen():
        with duckdb.connect(str(sandboxed.root / "warehouse" / "current.duckdb"), read_only=True) as con:
            return con.execute("SELECT * FROM rolled_sales ORDER BY ALL").fetchall()

    before = seen()
    write_orders(sandboxed.root, ["2024-02-01"], name="more")
    run = sandboxed.run("run", "rolled_sales", "-p", "back=1")
    assert run.code == 0, run.err
    after = seen()
    assert len(after) > len(before) > 0
    assert {str(row[0]) for row in after} - {str(row[0]) for row in before} == {"2024-02-01"}
    assert "wb.local" in (sandboxed.root / "promoted" / "rolled_sales" / "v1" / "__init__.py").read_text()


def test_a_step_that_gives_another_result_each_time_is_not_promoted(sandboxed):
    sandboxed.cells(
        """
        @wb.local(schema={"where": "string"}, frames="pyarrow")
        def placed(table):
            import pyarrow as pa

            return pa.table({"where": [str([object() for _ in range(5_000)])]})  # addresses in memory
        """,
        'wb.output("placed_orders", placed(orders))',
    )
    ran = sandboxed.promote("--dry-run")
    assert ran.code == 1
    assert "differ" in ran.out


def test_a_step_given_too_many_rows_of_production_stops_the_promotion(sandboxed):
    sandboxed.cells(
        """
        @wb.local(schema={"n": "int64"}, frames="polars", max_rows=70)
        def counted(table):
            import polars as pl

            return pl.DataFrame({"n": [table.height]})
        """,
        'wb.output("counted_orders", counted(orders), key=["n"])',
    )
    assert sandboxed.promote("--dry-run").code == 0
    write_orders(sandboxed.root, ["2024-02-01"], name="more")
    ran = sandboxed.promote("--dry-run")
    assert ran.code == 4
    assert "local step counted: table has more than 70 rows" in ran.err
    assert "max_rows=" in ran.err
