"""Every part of a contract that differs is named with how it differs, and nothing else is."""

from __future__ import annotations

from dataclasses import replace

import pytest

from workbench.catalog.compare import contract_changes
from workbench.catalog.contract import Column, Contract
from workbench.model import Input, Parameter
from workbench.runtime import checks

OLD = Contract(
    "sales",
    1,
    (Column("day", "date", True, "local day"), Column("revenue", "float64")),
    doc="Revenue per day.",
    key=("day",),
    partition_by="day",
    checks=(checks.not_null("revenue"), checks.between("revenue", 0, 9)),
    parameters=(Parameter("least", "int", 1, ge=0, le=5),),
    inputs=(Input("orders", "orders", "source", ("amount",)),),
)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"version": 2}, {}),
        ({"columns": OLD.columns[::-1]}, {}),
        ({"checks": OLD.checks[::-1]}, {}),
        ({"doc": "Net revenue per day."}, {"doc": "'Revenue per day.' becomes 'Net revenue per day.'"}),
        ({"columns": OLD.columns[:1]}, {"columns.revenue": "removed"}),
        ({"columns": (*OLD.columns, Column("orders", "int64"))}, {"columns.orders": "added"}),
        (
            {"columns": (OLD.columns[0], Column("revenue", "string"))},
            {"columns.revenue.type": "'float64' becomes 'string'"},
        ),
        ({"key": ("day", "region")}, {"key.region": "added"}),
        ({"partition_by": None}, {"partition_by": "'day' becomes None"}),
        (
            {"checks": (checks.not_null("revenue"), checks.between("revenue", 0, 10))},
            {"checks.between(revenue, low=0, high=10)": "added", "checks.between(revenue, low=0, high=9)": "removed"},
        ),
        ({"parameters": (Parameter("least", "int", 2, ge=0, le=5),)}, {"parameters.least.default": "1 becomes 2"}),
        ({"parameters": ()}, {"parameters.least": "removed"}),
        ({"inputs": ()}, {"inputs.orders": "removed"}),
    ],
)
def test_each_change_is_named(change, said):
    assert contract_changes(OLD, replace(OLD, **change)) == said
