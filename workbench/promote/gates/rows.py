"""Gate ``rows``: the number of rows stays within tolerance."""

from __future__ import annotations

from workbench.model import GateResult, Verdict
from workbench.promote.gates.case import Case


def rows(case: Case) -> GateResult:
    """The candidate has about as many rows as the live version on the same snapshot, and at least one.

    Why: a join that multiplies rows or a filter that loses them is the most common accident.
    Way out: `--allow-change SHARE` says that so large a share of rows is meant to change.
    """
    if case.rows == 0:
        return GateResult("rows", Verdict.FAIL, "the output has no rows", {"candidate": 0})
    if case.logic is None:
        return GateResult(
            "rows", Verdict.PASS, f"{case.rows:,} rows; no live version to compare with", {"candidate": case.rows}
        )
    base = case.logic.rows.base
    share = abs(case.rows - base) / max(base, 1)
    tolerance = max(case.thresholds.row_count_tolerance, case.allow_change or 0.0)
    evidence = {"base": base, "candidate": case.rows, "share": share, "tolerance": tolerance}
    summary = f"{base:,} -> {case.rows:,} rows ({share:.1%} of {tolerance:.0%} allowed)"
    return GateResult("rows", Verdict.PASS if share <= tolerance else Verdict.FAIL, summary, evidence)
