"""Gate ``changed``: the share of rows that change stays within tolerance."""

from __future__ import annotations

from typing import Any

from workbench.model import GateResult, Verdict, counted
from workbench.promote.gates.case import Case
from workbench.promote.gates.reviewed import columns_beyond, if_meant, touched_share


def changed(case: Case) -> GateResult:
    """Not more rows are added, removed or changed than the tolerance, or than the author declared.

    Why: a change that moves more than its author expects is seldom understood.
    Way out: `--allow-change SHARE` declares the share that is meant to change; reviewers see it.
    """
    if case.logic is None:
        return GateResult("changed", Verdict.PASS, "no live version to compare with")
    rows = case.logic.rows
    touched = rows.added + rows.removed + rows.changed
    share = touched_share(rows)
    tolerance = case.thresholds.changed_share_tolerance
    evidence: dict[str, Any] = {"touched": touched, "share": share, "tolerance": tolerance, "declared": case.allow_change}
    summary = f"{counted(touched, 'row', 'differ')} ({share:.1%}; tolerance {tolerance:.0%})"
    if share <= tolerance:
        return GateResult("changed", Verdict.PASS, summary, evidence)
    if case.allow_change is not None and case.reviewed is not None:
        then = touched_share(case.reviewed.rows)
        more = columns_beyond(case.logic, case.reviewed, tolerance)
        evidence |= {"reviewed": then, "columns": more}
        if share > then + tolerance or more:
            said = f"{summary}; {then:.1%} when it was promoted"
            said += "; more than then: " + ", ".join(f"{name} ({each:.0%})" for name, each in more.items()) if more else ""
            return GateResult("changed", Verdict.FAIL, said, evidence)
    if case.allow_change is not None and share <= case.allow_change:
        return GateResult("changed", Verdict.WARN, f"{summary}; declared up to {case.allow_change:.0%}", evidence)
    return GateResult("changed", Verdict.FAIL, f"{summary}; {if_meant(share)}", evidence)
