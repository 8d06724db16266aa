"""Gate ``shadow``: the candidate ran beside production before it is published, where the workspace asks for it."""

from __future__ import annotations

from workbench.model import GateResult, Verdict, counted
from workbench.promote.gates.case import Case


def shadow(case: Case) -> GateResult:
    """As many runs of the live version as the workspace asks for have been followed by the candidate, and all held.

    Why: a trial sees one day's data; what breaks on others is seen beside the runs of some days.
    Way out: `workbench shadow start P-7 --runs N`, then wait for the runs; or lower `shadow_runs`.
    """
    wanted = case.thresholds.shadow_runs
    evidence = {"wanted": wanted}
    if wanted == 0:
        return GateResult("shadow", Verdict.PASS, "no runs beside production are asked for", evidence)
    if case.equality is None:
        return GateResult("shadow", Verdict.PASS, "its code is unchanged", {"wanted": 0})
    if case.live_contract is None:
        return GateResult("shadow", Verdict.PASS, "no live version beside which to run", {"wanted": 0})
    return GateResult("shadow", Verdict.WAITING, f"waits for {counted(wanted, 'run')} beside production", evidence)
