"""Columns that are computed from personal ones."""

from __future__ import annotations

import re
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
        'b = wb.output("buyers", orders.select("order_id", customer_id=orders.customer_id.upper()), key=["order_id"], '
        'doc="Who bought.", checks=[wb.check.one_of("customer_id", ["C1"])])',
        'wb.output("n_buyers", b.agg(n=b.customer_id.nunique()), doc="How many bought.")',
    )
    made = sandboxed.promote("--allow-change", "100%", "--json")
    assert made.code == 1
    assert "personal: n from buyers.customer_id" in made.out
    # What is kept as evidence tells how many rows differ, and of no customer.
    assert made.json["outputs"][0]["diff"]["logic"]["rows"]["changed"] == 60
    kept = sandboxed.root / ".workbench" / "promotions" / "P-2" / "buyers"
    texts = [made.out, *(file.read_text() for file in kept.rglob("*") if file.is_file()), sandboxed.run("gates", "P-2").out]
    assert sum("(personal)" in text for text in texts) >= 4
    assert [text[at.start() - 80 : at.end()] for text in texts for at in re.finditer(r"\b[cC][2-9]\b", text)] == []


def test_a_reason_declassifies_and_stands_with_the_gate(sandboxed: Any):
    masked_output(sandboxed)
    project = sandboxed.root / "pyproject.toml"
    project.write_text(project.read_text() + '\n[tool.workbench.declassified]\n"buyers.customer_id" = "numbers of shops"\n')
    assert sandboxed.promote().code == 3
    contract = read_contract(sandboxed.root / "promoted" / "buyers" / "v1")
    assert not any(column.classification for column in contract.columns)
    assert "numbers of shops" in sandboxed.run("gates", "P-1").out
