"""Gate ``impact``: who reads this, and whether it reads what readers should leave."""

from __future__ import annotations

from typing import Any

from workbench.model import GateResult, Verdict, counted
from workbench.promote.gates.case import Case


def impact(case: Case) -> GateResult:
    """Says which live pipelines rest on this one, directly or through others; warns when its values change under them.

    It also warns of deprecated versions that this one reads, and refuses those whose last day is over where ``overdue_inputs``
    says so.

    Why: whoever approves should know whose tables move, and what is about to move below this one.
    Way out: none is needed; readers that are recomputed in the same promotion are shown beside it. Read what takes the place of
    a deprecated version, or promote a new version of it first.
    """
    evidence = {"readers": list(case.readers), "deprecated": list(case.deprecated)}
    found = _moved(case, evidence)
    if not case.deprecated:
        return found
    refused = case.thresholds.overdue_inputs == "refuse" and any(case.deprecated.values())
    verdict = Verdict.FAIL if refused else Verdict.WARN
    return GateResult("impact", verdict, "; ".join(["reads " + each for each in case.deprecated] + [found.summary]), evidence)


def _moved(case: Case, evidence: dict[str, Any]) -> GateResult:
    if not case.readers:
        return GateResult("impact", Verdict.PASS, "no other pipeline reads it", evidence)
    said = f"{counted(len(case.readers), 'pipeline', 'rest')} on it: {', '.join(case.readers)}"
    moved = case.logic is not None and not case.logic.identical
    return GateResult("impact", Verdict.WARN if moved else Verdict.PASS, said, evidence)
