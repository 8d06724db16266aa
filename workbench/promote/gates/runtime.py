"""Gate ``runtime``: the trial stays within its budget of time."""

from __future__ import annotations

from workbench.model import GateResult, Verdict
from workbench.promote.gates.case import Case


def runtime(case: Case) -> GateResult:
    """The trial on production data took no longer than the budget.

    Why: what is slow once is slow every night.
    Way out: make the expression cheaper, or raise `runtime_budget_seconds` under `[tool.workbench.gates]`.
    """
    budget = case.thresholds.runtime_budget_seconds
    evidence = {"seconds": round(case.seconds, 3), "budget": budget}
    verdict = Verdict.PASS if case.seconds <= budget else Verdict.FAIL
    return GateResult("runtime", verdict, f"{case.seconds:.1f} s of {budget:.0f} s", evidence)
