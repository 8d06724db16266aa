"""Gate ``impact``: who reads this."""

from __future__ import annotations

from workbench.model import GateResult, Verdict
from workbench.promote.gates.case import Case


def impact(case: Case) -> GateResult:
    """Says which live pipelines rest on this one, directly or through others; warns when its values change under them.

    Why: whoever approves should know whose tables move.
    Way out: none is needed; readers that are recomputed in the same promotion are shown beside it.
    """
    evidence = {"readers": list(case.readers)}
    if not case.readers:
        return GateResult("impact", Verdict.PASS, "no other pipeline reads it", evidence)
    said = f"{len(case.readers)} pipeline(s) rest on it: {', '.join(case.readers)}"
    moved = case.logic is not None and not case.logic.identical
    return GateResult("impact", Verdict.WARN if moved else Verdict.PASS, said, evidence)
