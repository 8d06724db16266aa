"""workbench run and runs, typed as a user would after a promotion."""

from __future__ import annotations

import duckdb
import nbformat
import pytest


def add_orders(shop, day: str) -> None:
    """Twenty more orders on one day."""
    file = shop.root / "raw" / "orders" / f"{day}.parquet"
    old = shop.root / "raw" / "orders" / "orders.parquet"
    query = f"SELECT order_id + 1000000 AS order_id, customer_id, DATE '{day}' AS day, amount FROM '{old}' LIMIT 20"
    with duckdb.connect() as con:
        con.execute(f"COPY ({query}) TO '{file}' (FORMAT parquet)")


def days(shop) -> list[str]:
    with duckdb.connect(str(shop.root / "warehouse" / "current.duckdb"), read_only=True) as con:
        return [str(day) for (day,) in con.execute("SELECT DISTINCT day FROM daily_sales ORDER BY day").fetchall()]


@pytest.fixture
def published(sandboxed):
    assert sandboxed.promote().code == 3
    assert sandboxed.run("approve", "P-1").code == 0
    assert sandboxed.run("publish", "P-1").code == 0
    return sandboxed


def test_new_days_arrive_and_a_run_for_them_shows_them_to_readers(published):
    add_orders(published, "2024-01-04")
    add_orders(published, "2024-01-05")
    ran = published.run("run", "daily_sales", "--interval", "2024-01-04..2024-01-05")
    assert ran.code == 0
    assert ran.err == ""
    assert ran.out.splitlines()[0] == "R-1 daily_sales@1 succeeded"
    assert "1 added, 0 replaced, 0 removed, 3 unchanged" in ran.out
    assert ".workbench/runs/R-1/run.ipynb" in ran.out
    assert "the new data" in ran.out
    assert days(published) == ["2024-01-01", "2024-01-02", "2024-01-03", "2024-01-04"]

    again = published.run("run", "daily_sales", "--interval", "2024-01-04..2024-01-05", "--json")
    assert again.code == 0
    assert (again.json["readers"], again.json["facts"]["changed"]) == ("the same data: nothing changed", False)
    assert again.json["schema_version"] == 1

    listed = published.run("runs", "ls", "daily_sales", "--json").json["runs"]
    assert [(run["run"], run["status"]) for run in listed] == [("R-2", "succeeded"), ("R-1", "succeeded")]
    shown = published.run("runs", "show", "r-1")
    assert shown.code == 0
    assert "source orders:" in shown.out
    record = published.root / published.run("runs", "show", "R-1", "--json").json["record"]
    assert nbformat.read(record, 4).metadata.papermill.exception is False

    opened = published.run("runs", "open", "R-1", "--no-browser", "--json").json
    assert (opened["page"], opened["failed_cell"]) == (".workbench/runs/R-1/run.html", None)
    assert "daily_sales@1" in (published.root / opened["page"]).read_text()

    retried = published.run("runs", "retry", "R-1", "--json")
    assert (retried.code, retried.json["run"]) == (0, "R-3")
    assert retried.json["interval"] == again.json["interval"]

    downstream = published.run("run", "region_totals", "--json")
    assert downstream.json["facts"]["changed"] is True

    status = published.run("status")
    assert status.code == 0
    assert [line.split()[0] for line in status.out.splitlines()] == ["pipeline", "daily_sales", "region_totals"]
    assert all(line.rstrip().endswith("good") for line in status.out.splitlines()[1:])
    (daily, _) = published.run("status", "--json").json["pipelines"]
    assert (daily["version"], daily["readers"], daily["data_through"]) == (1, "good", "2024-01-04")
    assert daily["last_run"]["run"] == "R-3"

    empty = published.run("run", "daily_sales", "--interval", "2030-01-01..2030-01-02")
    assert empty.code == 1
    assert "degraded" in empty.out
    assert "old data kept" in published.run("status").out

    damaged = published.root / "raw" / "orders" / "2024-01-06.parquet"
    with duckdb.connect() as con:
        con.execute(
            f"COPY (SELECT 1 AS order_id, 'c1' AS customer_id, DATE '2024-01-06' AS day) TO '{damaged}' (FORMAT parquet)"
        )
    for old in (published.root / "raw" / "orders").glob("*.parquet"):
        if old != damaged:
            old.unlink()
    lost = published.run("run", "daily_sales")
    assert lost.code == 1
    assert "column amount (float64) is gone" in lost.err
    assert "daily_sales" in lost.err
    assert "next:" in lost.err
    assert days(published) == ["2024-01-01", "2024-01-02", "2024-01-03", "2024-01-04"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nothing"], "there is no pipeline 'nothing'"),
        (["daily_sales", "--interval", "yesterday"], "is not an interval"),
        (["daily_sales", "--interval", "2024-01-02..2024-01-01"], "is empty"),
        (["daily_sales", "-p", "min_amount"], "sets nothing"),
        (["daily_sales", "-p", "a=1", "-p", "a=2"], "is set twice"),
        (["daily_sales", "--engine", "steam"], "steam"),
        ([], "PIPELINE"),
    ],
)
def test_what_can_not_be_run_is_a_usage_error(shop, arguments, said):
    ran = shop.run("run", *arguments)
    assert ran.code == 2
    assert said in ran.err
    assert not (shop.root / ".workbench").exists()


def test_runs_of_an_empty_workspace(shop):
    assert "no runs yet" in shop.run("runs", "ls").out
    assert shop.run("runs", "ls", "--json").json == {"schema_version": 1, "runs": []}
    assert shop.run("runs", "ls", "nothing").code == 2
    shown = shop.run("runs", "show", "R-1")
    assert (shown.code, "there is no run 'R-1'" in shown.err) == (2, True)
    assert shop.run("runs", "show", "R-1\n").code == 2
