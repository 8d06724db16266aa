"""A small shop: a workspace with real Parquet sources and a marimo notebook, and the command run in this process."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

PYPROJECT = """
[tool.workbench.sources.orders]
read = "raw/orders/*.parquet"
key = ["order_id"]
references = [{ columns = ["customer_id"], source = "customers" }]
mask = { customer_id = "token" }

[tool.workbench.sources.customers]
read = "raw/customers.csv"
key = ["customer_id"]
sample = "whole"
mask = { name = "redact" }
"""

NOTEBOOK = """
import marimo

__generated_with = "0.25.2"
app = marimo.App()

with app.setup:
    import marimo as mo
    import ibis
    import workbench as wb


@app.cell
def _():
    orders = wb.source("orders")
    customers = wb.source("customers")
    return customers, orders


@app.cell
def _():
    min_amount = wb.param("min_amount", 10, ge=0, le=100, doc="smallest amount that counts, in EUR")
    min_amount
    return (min_amount,)


@app.cell
def _(customers, min_amount, orders):
    # only what was really paid
    paid = orders.filter(ibis._.amount >= min_amount.value)
    known = paid.join(customers, "customer_id")
    sales = known.group_by("day", "region").agg(orders=ibis._.count(), revenue=ibis._.amount.sum())
    mo.md(f"smallest amount: {min_amount.value}")
    return (sales,)


@app.cell
def _(sales):
    daily_sales = wb.output(
        "daily_sales",
        sales,
        key=["day", "region"],
        doc="Orders and revenue per day and region.",
        columns={"revenue": "EUR"},
        checks=[wb.check.not_null("revenue"), wb.check.between("orders", 1, 1000000)],
        partition_by="day",
    )
    daily_sales
    return (daily_sales,)


@app.cell
def _(daily_sales):
    totals = daily_sales.group_by("region").agg(revenue=ibis._.revenue.sum())
    wb.output("region_totals", totals, key=["region"], doc="Revenue per region over all days.")
    return


if __name__ == "__main__":
    app.run()
"""


@dataclass(frozen=True)
class Ran:
    """One finished command."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self.out)
        return document


@dataclass(frozen=True)
class Shop:
    """A workspace to type commands in."""

    root: Path
    run: Callable[..., Ran]

    @property
    def notebook(self) -> Path:
        return self.root / "notebooks" / "sales.py"

    def edit(self, old: str, new: str) -> None:
        """Change the notebook as an analyst would."""
        text = self.notebook.read_text()
        assert old in text
        self.notebook.write_text(text.replace(old, new))

    def cells(self, *cells: str, sources: str = 'orders = wb.source("orders")') -> None:
        """Replace the notebook by these cells after one that reads sources."""
        head = NOTEBOOK[: NOTEBOOK.index("@app.cell")]
        body = "\n\n".join(
            "@app.cell\ndef _():\n" + "\n".join("    " + line for line in dedent(cell).strip().splitlines())
            for cell in (sources, *cells)
        )
        self.notebook.write_text(head + body + "\n")

    def promote(self, *arguments: str) -> Ran:
        return self.run("promote", "notebooks/sales.py", "--why", "because", *arguments)

    def publish(self) -> None:
        """Promote, approve and publish all outputs."""
        assert self.promote().code == 3
        promotion = self.run("show", "--json").json["promotions"][0]["promotion"]
        assert self.run("approve", promotion).code == 0
        assert self.run("publish", promotion).code == 0


def write_orders(root: Path, days: list[str], *, name: str = "orders", amount: str = "(i * 7) % 90 + 0.25") -> None:
    """Twenty orders a day, by ten customers of which one is unknown."""
    import duckdb

    file = root / "raw" / "orders" / f"{name}.parquet"
    file.parent.mkdir(parents=True, exist_ok=True)
    with duckdb.connect() as con:
        con.execute("CREATE TABLE days (day DATE)")
        con.executemany("INSERT INTO days VALUES (?)", [(day,) for day in days])
        con.execute(
            "COPY (SELECT (epoch(day) / 86400 * 100 + i)::BIGINT AS order_id, 'c' || (i % 10) AS customer_id, day, "
            f"({amount})::DOUBLE AS amount FROM days, range(20) r(i) ORDER BY ALL) TO '{file}' (FORMAT parquet)"
        )


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Shop:
    from workbench.cli.main import main

    root = tmp_path / "shop"
    root.mkdir()
    monkeypatch.chdir(root)
    monkeypatch.setenv("WORKBENCH_USER", "ada@example.org")
    monkeypatch.setenv("NO_COLOR", "1")

    def run(*arguments: str) -> Ran:
        capfd.readouterr()
        code = main(list(arguments))
        captured = capfd.readouterr()
        assert "Traceback" not in captured.err
        return Ran(code, captured.out, captured.err)

    assert run("init").code == 0
    with (root / "pyproject.toml").open("a") as stream:
        stream.write(PYPROJECT)
    write_orders(root, ["2024-01-01", "2024-01-02", "2024-01-03"])
    regions = "\n".join(f"c{i},Customer {i},{'north' if i % 2 else 'south'}" for i in range(9))
    (root / "raw" / "customers.csv").write_text(f"customer_id,name,region\n{regions}\n")
    shop = Shop(root, run)
    shop.notebook.write_text(NOTEBOOK)
    return shop


@pytest.fixture
def sandboxed(shop: Shop) -> Shop:
    """The shop with a sandbox of all its rows."""
    assert shop.run("sandbox", "create", "--sample", "100%", "--seed", "7").code == 0
    return shop
