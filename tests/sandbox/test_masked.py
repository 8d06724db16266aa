from __future__ import annotations

from tests.sandbox.conftest import Place


def test_a_token_of_a_value_that_repeats_leaves_each_row_once(empty: Place) -> None:
    """Neither the column nor the row is unique, nothing refers to it, and there is no key."""
    empty.table("calls", "SELECT i % 7 AS day, 'Clerk ' || i % 5 AS clerk, i % 3 AS line FROM range(1000) r(i)")
    declared = ['read = "raw/calls.parquet"', 'sample = "anchor"', 'mask = { clerk = "token", line = "token" }']
    empty.settings("\n".join(["[tool.workbench.sources.calls]", *declared]))
    info = empty.make("100%")
    counted = empty.query(info, "SELECT count(*), count(DISTINCT clerk), count(DISTINCT line) FROM calls")
    assert counted == [(1000, 5, 3)]
    assert empty.one(info, "SELECT count(*) FROM workbench_rows.calls") == info.tables["calls"].core == 1000
    per_token = empty.query(info, "SELECT count(*) FROM calls GROUP BY clerk")
    assert per_token == [(200,)] * 5
