"""wb.require stops a notebook, a trial and a production run alike, with the same message."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conftest import write_orders
from workbench.errors import RequirementFailed
from workbench.sandbox import session

MESSAGE = "more orders than anybody can count"
GUARDED = f"""
wb.require(orders.count() <= 60, "{MESSAGE}")
totals = orders.group_by("day").agg(revenue=orders.amount.sum())
wb.output("totals", totals, key=["day"], doc="Revenue of each day.")
"""


def test_a_guard_holds_in_notebook_trial_and_production(sandboxed: Any) -> None:
    sandboxed.cells(GUARDED)
    assert sandboxed.promote().code == 3
    sandboxed.run("approve", "P-1")
    assert sandboxed.run("publish", "P-1").code == 0
    assert sandboxed.run("run", "totals").code == 0

    write_orders(sandboxed.root, ["2024-01-04"], name="more")  # 20 orders more than the guard allows
    ran = sandboxed.run("run", "totals")
    assert ran.code == 1
    assert MESSAGE in ran.out + ran.err

    sandboxed.edit("amount.sum()", "amount.sum() + 0")
    tried = sandboxed.promote()
    assert tried.code not in (0, 3)
    assert MESSAGE in tried.out + tried.err

    assert sandboxed.run("sandbox", "create", "--sample", "100%", "--seed", "8").code == 0
    orders = session.source("orders")
    try:
        import workbench as wb

        with pytest.raises(RequirementFailed, match=MESSAGE):
            wb.require(orders.count() <= 60, MESSAGE)
    finally:
        session.deactivate()
    swept = sandboxed.run("sweep", "notebooks/sales.py", "totals")
    assert swept.code == 1
    assert MESSAGE in swept.out
