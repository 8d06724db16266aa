"""Gate ``drift``: the distributions of columns stay what readers know."""

from __future__ import annotations

from workbench.model import GateResult, Verdict
from workbench.promote.gates.case import Case
from workbench.promote.gates.reviewed import drifted_beyond, if_meant, touched_share

_FEWEST = 100  # rows on either side, below which an index of ten bins is mostly chance


def drift(case: Case) -> GateResult:
    """No column of numbers that changes is distributed otherwise than in the live version, by its population stability index.

    Why: rows may each change a little and move a model, or an alert's threshold, a lot.
    Way out: `--allow-change SHARE` says that values are meant to change; or raise `drift_tolerance`.
    """
    if case.logic is None:
        return GateResult("drift", Verdict.PASS, "no live version to compare with")
    tolerance = case.thresholds.drift_tolerance
    if case.reviewed is not None and case.allow_change is not None:
        beyond = drifted_beyond(case.logic, case.reviewed, tolerance, _FEWEST)
        if beyond:
            said = ", ".join(f"{name} ({how})" for name, how in beyond.items())
            return GateResult("drift", Verdict.FAIL, f"moved otherwise than when it was promoted: {said}", {"beyond": beyond})
    if min(case.logic.rows.base, case.logic.rows.candidate) < _FEWEST:
        return GateResult("drift", Verdict.PASS, f"fewer than {_FEWEST} rows; not judged", {"tolerance": tolerance})
    indexes = {name: found["psi"] for name, found in case.logic.distributions.items() if "psi" in found}
    drifted = {name: psi for name, psi in sorted(indexes.items(), key=lambda item: -item[1]) if psi > tolerance}
    evidence = {"psi": indexes, "tolerance": tolerance, "declared": case.allow_change}
    if not drifted:
        worst = max(indexes.values(), default=0.0)
        return GateResult("drift", Verdict.PASS, f"largest index {worst:.2f} of {tolerance:.2f}", evidence)
    said = ", ".join(f"{name} ({psi:.2f})" for name, psi in drifted.items())
    if case.allow_change is not None:
        return GateResult("drift", Verdict.WARN, f"distributed otherwise: {said}; a change is declared", evidence)
    meant = if_meant(touched_share(case.logic.rows))
    summary = f"distributed otherwise than up to now (index above {tolerance:.2f}): {said}; {meant}"
    return GateResult("drift", Verdict.FAIL, summary, evidence)
