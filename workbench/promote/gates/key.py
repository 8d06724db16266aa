"""Gate ``key``: the declared key identifies rows."""

from __future__ import annotations

from workbench.model import GateResult, Verdict, counted
from workbench.promote.gates.case import Case, broken_rows


def key(case: Case) -> GateResult:
    """The key of the output is unique and never NULL in the trial's data.

    Why: diffs, upserts and joins of readers go by the key.
    Way out: correct `key=` in `wb.output`, or group or deduplicate in the notebook.
    """
    if not case.contract.key:
        return GateResult("key", Verdict.WARN, "no key declared: differences can only be shown as rows added and removed")
    named = ", ".join(case.contract.key)
    evidence = {str(result.check): broken_rows(result) for result in case.key_checks}
    broken = [
        f"{counted(result.violations, 'row', 'break')} {result.check.rule}" for result in case.key_checks if not result.ok
    ]
    if broken:
        return GateResult("key", Verdict.FAIL, f"({named}): " + ", ".join(broken), evidence)
    return GateResult("key", Verdict.PASS, f"({named}) is unique and never NULL", evidence)
