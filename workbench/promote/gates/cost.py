"""Gate ``cost``: the output fits its budget on disk."""

from __future__ import annotations

from workbench.model import GateResult, Verdict
from workbench.promote.gates.case import Case


def cost(case: Case) -> GateResult:
    """The candidate's data takes no more bytes than the budget.

    Why: versions and snapshots are kept, so what is written once is paid for many times.
    Way out: keep fewer rows or columns, or raise `output_bytes_budget` under `[tool.workbench.gates]`.
    """
    budget = case.thresholds.output_bytes_budget
    evidence = {"bytes": case.bytes, "budget": budget}
    summary = f"{case.bytes / 2**20:,.1f} MiB of {budget / 2**20:,.0f} MiB"
    return GateResult("cost", Verdict.PASS if case.bytes <= budget else Verdict.FAIL, summary, evidence)
