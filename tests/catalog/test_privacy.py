"""Columns that are computed from personal ones."""

from __future__ import annotations

from typing import Any

from workbench.catalog.contract import read_contract


def masked_output(shop: Any) -> None:
    shop.cells(
        'wb.output("buyers", orders.select("order_id", "customer_id"), key=["order_id"], doc="Who bought.")',
    )


def test_what_is_computed_from_a_masked_column_is_personal_and_its_reader_inherits_it(sandboxed: Any):
    masked_output(sandboxed)
    made = sandboxed.promote()
    assert made.code == 3
    assert "personal: customer_id from orders.customer_id" in made.out
    contract = read_contract(sandboxed.root / "promoted" / "buyers" / "v1")
    assert {column.name: column.classification for column in contract.columns} == {"order_id": "", "customer_id": "personal"}
    sandboxed.run("approve", "P-1")
    sandboxed.run("publish", "P-1")
    sandboxed.cells(
        'b = wb.output("buyers", orders.select("order_id", "customer_id"), key=["order_id"], doc="Who bought.")',
        'wb.output("n_buyers", b.agg(n=b.customer_id.nunique()), doc="How many bought.")',
    )
    assert "personal: n from buyers.customer_id" in sandboxed.promote("--dry-run").out


def test_a_reason_declassifies_and_stands_with_the_gate(sandboxed: Any):
    masked_output(sandboxed)
    project = sandboxed.root / "pyproject.toml"
    project.write_text(project.read_text() + '\n[tool.workbench.declassified]\n"buyers.customer_id" = "numbers of shops"\n')
    assert sandboxed.promote().code == 3
    contract = read_contract(sandboxed.root / "promoted" / "buyers" / "v1")
    assert not any(column.classification for column in contract.columns)
    assert "numbers of shops" in sandboxed.run("gates", "P-1").out
