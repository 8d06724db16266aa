"""Gate ``rows``: the number of rows stays within tolerance."""

from __future__ import annotations

from workbench.model import GateResult, Verdict
from workbench.promote.diff.result import RowCounts
from workbench.promote.gates.case import Case
from workbench.promote.gates.reviewed import count_is_alike, if_meant


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
    usual = case.thresholds.row_count_tolerance
    if case.reviewed is not None and share > usual and case.allow_change is not None:
        return _as_reviewed(case.logic.rows, case.reviewed.rows, usual)
    tolerance = max(usual, case.allow_change or 0.0)
    evidence = {"base": base, "candidate": case.rows, "share": share, "tolerance": tolerance}
    summary = f"{base:,} -> {case.rows:,} rows ({share:.1%} of {tolerance:.0%} allowed)"
    if share <= tolerance:
        return GateResult("rows", Verdict.PASS, summary, evidence)
    of_larger = abs(case.rows - base) / max(case.rows, base)
    if case.allow_change is not None and of_larger <= case.allow_change:
        # A table may grow by more than all it had; no declared share could ever reach that.
        return GateResult("rows", Verdict.WARN, f"{summary}; declared", evidence)
    return GateResult("rows", Verdict.FAIL, f"{summary}; {if_meant(of_larger)}", evidence)


def _as_reviewed(now: RowCounts, then: RowCounts, tolerance: float) -> GateResult:
    alike = count_is_alike(now, then, tolerance)
    evidence = {"base": now.base, "candidate": now.candidate, "reviewed": [then.base, then.candidate], "tolerance": tolerance}
    said = f"{now.base:,} -> {now.candidate:,} rows; {then.base:,} -> {then.candidate:,} when it was promoted"
    return GateResult("rows", Verdict.WARN if alike else Verdict.FAIL, said, evidence)
