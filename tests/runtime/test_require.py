"""wb.require: one condition, the same in notebook, trial and production."""

from __future__ import annotations

from typing import Any

import ibis
import numpy as np
import pytest

from workbench.errors import RequirementFailed, UsageError
from workbench.runtime.require import require

ORDERS = ibis.memtable({"id": [1, 2, 3], "amount": [10.0, None, 5.0]})
NOTHING = ORDERS.filter(ORDERS.id > 100)


@pytest.mark.parametrize("condition", [True, np.True_, ORDERS.count() == 3, (ORDERS.id > 0).all()])
def test_what_holds_lets_the_notebook_go_on(condition: Any) -> None:
    require(condition, "there are orders")


@pytest.mark.parametrize("condition", [False, np.False_, ORDERS.count() > 3, (ORDERS.id > 1).all()])
def test_what_does_not_hold_stops_with_the_message(condition: Any) -> None:
    with pytest.raises(RequirementFailed, match="too few orders") as stopped:
        require(condition, "too few orders")
    assert stopped.value.exit_code == 1


def test_null_does_not_hold() -> None:
    with pytest.raises(RequirementFailed, match="an amount"):
        require(NOTHING.amount.max() > 0, "an amount")


def test_over_a_table_without_data_nothing_can_be_said_yet() -> None:
    unbound = ibis.table({"id": "int64"}, name="orders")
    require(unbound.count() > 0, "there are orders")


@pytest.mark.parametrize(
    ("condition", "message"), [(ORDERS.id > 1, "given a column"), (1, "given a int"), ("yes", "given a str")]
)
def test_what_is_no_condition_is_refused(condition: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        require(condition, "there are orders")
