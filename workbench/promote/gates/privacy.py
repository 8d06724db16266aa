"""Gate ``privacy``: what is computed from personal columns is known to be personal."""

from __future__ import annotations

from workbench.model import GateResult, Verdict
from workbench.promote.gates.case import Case


def privacy(case: Case) -> GateResult:
    """No column that tells of persons reaches readers unnoticed: it inherits the class of what it is computed from.

    Why: production reads what the sandbox masks, so a harmless-looking column of a notebook may name people.
    Way out: leave the column out, or say under `[tool.workbench.declassified]` why it names nobody:
    `"sales.customers" = "a count"`. Readers' columns that are personal already pass with a warning.
    """
    reasons = {name: why for name, why in case.declassified.items() if name in case.personal}
    open_ones = {name: origins for name, origins in case.personal.items() if name not in reasons}
    before = {each.name for each in case.live_contract.columns if each.classification} if case.live_contract else set()
    evidence = {"personal": {name: list(found) for name, found in open_ones.items()}, "declassified": reasons}
    if not open_ones:
        said = f"; declassified: {', '.join(f'{name} ({why})' for name, why in reasons.items())}" if reasons else ""
        return GateResult("privacy", Verdict.PASS, f"no personal column{said}", evidence)
    said = ", ".join(f"{name} from {', '.join(origins)}" for name, origins in open_ones.items())
    new = " newly" if case.live_contract is not None and set(open_ones) - before else ""
    return GateResult("privacy", Verdict.WARN, f"{new.strip() + ' ' if new else ''}personal: {said}", evidence)
