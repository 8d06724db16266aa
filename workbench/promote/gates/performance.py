"""Gate ``performance``: the candidate is not much slower than the live version."""

from __future__ import annotations

from workbench.model import GateResult, Verdict
from workbench.promote.gates.case import Case

_NOTICED = 5.0  # seconds more, below which nobody waits longer for a table


def performance(case: Case) -> GateResult:
    """On the same snapshot, the candidate takes at most some times as long as the live version.

    Why: a version that is ten times slower is found at night, when the next pipelines wait for it.
    Way out: make the expression cheaper, or raise `slowdown_tolerance` under `[tool.workbench.gates]`.
    """
    if case.live_seconds is None:
        return GateResult("performance", Verdict.PASS, "no live version to compare with")
    times = case.seconds / max(case.live_seconds, 1e-3)
    tolerance = case.thresholds.slowdown_tolerance
    evidence = {"seconds": round(case.seconds, 3), "live_seconds": round(case.live_seconds, 3), "tolerance": tolerance}
    slow = times > tolerance and case.seconds - case.live_seconds > _NOTICED
    summary = f"{case.live_seconds:.1f} s -> {case.seconds:.1f} s"
    if slow:
        return GateResult(
            "performance", Verdict.FAIL, f"{summary}, {times:.1f} times as long ({tolerance:g} allowed)", evidence
        )
    return GateResult("performance", Verdict.PASS, summary, evidence)
