"""``wb.require``: a condition without which a notebook, a trial and a production run all stop with the same message."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.errors import RequirementFailed, UsageError
from workbench.runtime.distant import narrowed
from workbench.runtime.stopping import stopping

if TYPE_CHECKING:
    import ibis.expr.types as ir


@stopping
def require(condition: bool | ir.BooleanScalar, message: str) -> None:
    """Stop with ``message`` unless the condition holds.

    ``condition`` is a bool, or an Ibis boolean scalar such as ``flights.count() > 0``, which is computed now; NULL does not
    hold. Over a table that is not bound to data yet (a module whose expression is only being compiled) nothing can be
    computed, and the requirement stands until it is.

    >>> require(1 < 2, "one is less than two")
    >>> require(2 < 1, "two is not less than one")
    Traceback (most recent call last):
        ...
    workbench.errors.RequirementFailed: two is not less than one
    """
    if not _holds(condition):
        raise RequirementFailed(str(message), hint="correct the data or the notebook, then: workbench check")


def _holds(condition: object) -> bool:
    if isinstance(condition, bool):
        return condition
    if type(condition).__module__ == "numpy" and type(condition).__name__ in ("bool", "bool_"):
        return bool(condition)
    import ibis.expr.operations as ops
    import ibis.expr.types as ir

    if isinstance(condition, ir.BooleanScalar):
        if condition.op().find(ops.UnboundTable):
            return True
        return bool(narrowed(condition).to_pyarrow().as_py())
    if isinstance(condition, ir.BooleanColumn):
        raise UsageError(
            "wb.require was given a column, which holds for some rows and not for others",
            hint="say for which: (…).all() or (…).any()",
        )
    raise UsageError(
        f"wb.require was given a {type(condition).__name__}, not a bool", hint="compare it: wb.require(rows > 0, …)"
    )
