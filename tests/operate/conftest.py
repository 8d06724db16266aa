"""Production by hand: sources, and versions written as a promotion would, without a promotion."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import duckdb
import pytest

from workbench.catalog.contract import Column, Contract, to_yaml
from workbench.config import Workspace, find_workspace
from workbench.model import Check, Input, Interval, Parameter
from workbench.operate.run import run_pipeline
from workbench.promote.run_notebook import build
from workbench.runtime.warehouse import Warehouse
from workbench.store.records import RunRecord

PYPROJECT = """
[tool.workbench.sources.orders]
read = "raw/orders/*.parquet"
time = "day"
"""
DAILY = """
from __future__ import annotations

import ibis
from ibis import _


def daily_sales(orders: ibis.Table, *, min_amount: int = 10) -> ibis.Table:
    return orders.filter(_.amount >= min_amount).group_by("day").agg(orders=_.count(), revenue=_.amount.sum())
"""
TOTALS = """
from __future__ import annotations

import ibis
from ibis import _


def sales_total(daily_sales: ibis.Table) -> ibis.Table:
    return daily_sales.agg(revenue=_.revenue.sum(), days=_.count())
"""
DAILY_CONTRACT = Contract(
    pipeline="daily_sales",
    version=1,
    doc="Revenue per day.",
    columns=(Column("day", "date", True), Column("orders", "int64"), Column("revenue", "float64")),
    key=("day",),
    partition_by="day",
    checks=(Check("between", ("revenue",), {"low": 0, "high": 100_000}),),
    parameters=(Parameter("min_amount", "int", 10, ge=0, le=100, doc="smallest amount that counts"),),
    inputs=(Input("orders", "orders", "source", ("day",)),),  # amount is reached through another name
)
TOTALS_CONTRACT = Contract(
    pipeline="sales_total",
    version=1,
    columns=(Column("revenue", "float64"), Column("days", "int64")),
    inputs=(Input("daily_sales", "daily_sales", "pipeline"),),
)


@dataclass(frozen=True)
class Production:
    """A workspace with hand-made versions."""

    workspace: Workspace
    daily: tuple[Contract, str] = (DAILY_CONTRACT, DAILY)
    totals: tuple[Contract, str] = (TOTALS_CONTRACT, TOTALS)

    @property
    def root(self) -> Path:
        return self.workspace.root

    @property
    def warehouse(self) -> Warehouse:
        return Warehouse.open(self.workspace)

    def orders(self, days: int, *, first: str = "2024-01-01", name: str = "orders", amount: str = "20.0") -> None:
        """Ten orders a day, from a first day on."""
        file = self.root / "raw" / "orders" / f"{name}.parquet"
        file.parent.mkdir(parents=True, exist_ok=True)
        query = (
            f"SELECT DATE '{first}' + d::INTEGER AS day, ({amount})::DOUBLE + i AS amount, d * 10 + i AS order_id "
            f"FROM range({days}) AS a(d), range(10) AS b(i)"
        )
        with duckdb.connect() as con:
            con.execute(f"COPY ({query}) TO '{file}' (FORMAT parquet)")

    def go(self, pipeline: str = "daily_sales", interval: str | None = None, **rest: Any) -> RunRecord:
        """Run a pipeline as the command does."""
        span = None if interval is None else Interval.parse(interval)
        return run_pipeline(self.workspace, pipeline, interval=span, who="ada", now=dt.datetime.now(dt.UTC), **rest)

    def version(self, contract: Contract, code: str, *, number: int = 1) -> Path:
        """Write a version directory."""
        contract = replace(contract, version=number)
        folder = self.root / "promoted" / contract.pipeline / f"v{number}"
        files = {"__init__.py": code.lstrip("\n"), "contract.yaml": to_yaml(contract), "run.ipynb": build(contract)}
        hashes = {name: hashlib.sha256(text.encode()).hexdigest() for name, text in files.items()}
        types = {"day": "date", "amount": "float64"}
        inputs = [
            {"argument": each.argument, "name": each.name, "kind": each.kind, "columns": list(each.columns)}
            for each in contract.inputs
        ]
        edges = []
        for each in inputs:
            if each["kind"] == "source":
                each["types"] = types
                if "revenue" in contract.schema:
                    edges.append({"column": "revenue", "role": "value", "input": each["name"], "input_column": "amount"})
        manifest = {
            "schema_version": 1,
            "pipeline": contract.pipeline,
            "version": number,
            "lineage": {"inputs": inputs, "columns": edges},
            "hashes": {"code": hashes["__init__.py"], "contract": hashes["contract.yaml"]},
            "files": hashes,
        }
        for name, text in {**files, "manifest.json": json.dumps(manifest)}.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text)
        return folder

    def publish(self, contract: Contract, code: str) -> None:
        """Compute a version on all data and show it to readers."""
        from workbench.promote.module import load_module

        folder = self.version(contract, code)
        function = load_module(folder / "__init__.py", contract.pipeline)
        con = self.warehouse.connect()
        live = self.warehouse.live()
        tables = {
            each.argument: self.warehouse.source(con, each.name)
            if each.kind == "source"
            else self.warehouse.read(con, live[each.name].snapshot)
            for each in contract.inputs
        }
        snapshot = self.warehouse.write(
            function(**tables), pipeline=contract.pipeline, version=1, key=contract.key, partition_by=contract.partition_by
        )
        con.disconnect()
        with self.warehouse.lock():
            self.warehouse.swap("O-0", {contract.pipeline: snapshot})

    def read(self, pipeline: str) -> list[tuple[object, ...]]:
        """All that a reader sees, in order."""
        with duckdb.connect(str(self.workspace.warehouse / "current.duckdb"), read_only=True) as con:
            return con.execute(f"SELECT * FROM {pipeline} ORDER BY ALL").fetchall()


@pytest.fixture
def production(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, warm: None) -> Production:
    """Three days of orders, and ``daily_sales@1`` published on them."""
    root = tmp_path / "shop"
    root.mkdir()
    (root / "pyproject.toml").write_text("[tool.workbench]\n" + PYPROJECT)
    monkeypatch.chdir(root)
    monkeypatch.setenv("WORKBENCH_USER", "ada@example.org")
    monkeypatch.setenv("NO_COLOR", "1")
    made = Production(find_workspace(root))
    made.orders(3)
    made.publish(DAILY_CONTRACT, DAILY)
    return made
