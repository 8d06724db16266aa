"""Gates: the rules that decide whether a candidate may be published.

Each gate is one function in a file of its own, takes a :class:`Case` and returns a ``GateResult``. ``GATES`` is their order.
"""

from __future__ import annotations

from collections.abc import Callable

from workbench.model import GateResult, Verdict
from workbench.promote.gates.case import Case
from workbench.promote.gates.changed import changed
from workbench.promote.gates.contract import contract, judge_lost
from workbench.promote.gates.cost import cost
from workbench.promote.gates.documented import documented
from workbench.promote.gates.drift import drift
from workbench.promote.gates.equality import equality, judge_equality
from workbench.promote.gates.impact import impact
from workbench.promote.gates.key import key
from workbench.promote.gates.performance import performance
from workbench.promote.gates.policy import policy
from workbench.promote.gates.privacy import privacy
from workbench.promote.gates.rows import rows
from workbench.promote.gates.runtime import runtime
from workbench.promote.gates.shadow import shadow

GATES: tuple[Callable[[Case], GateResult], ...] = (
    equality,
    contract,
    key,
    rows,
    changed,
    drift,
    documented,
    privacy,
    policy,
    impact,
    runtime,
    performance,
    cost,
    shadow,
)


def judge(case: Case) -> tuple[GateResult, ...]:
    """What every gate says of one candidate, in order."""
    return tuple(gate(case) for gate in GATES)


def worst(results: tuple[GateResult, ...]) -> Verdict:
    """The verdict of all gates together: the worst one.

    >>> worst((GateResult("rows", Verdict.PASS, ""), GateResult("key", Verdict.FAIL, "")))
    <Verdict.FAIL: 'fail'>
    """
    order = (Verdict.PASS, Verdict.WARN, Verdict.WAITING, Verdict.FAIL)
    return max((result.verdict for result in results), key=order.index, default=Verdict.PASS)


__all__ = ["GATES", "Case", "judge", "judge_equality", "judge_lost", "worst"]
