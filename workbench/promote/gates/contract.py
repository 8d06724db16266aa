"""Gate ``contract``: the data keeps what the contract promises, and readers lose nothing."""

from __future__ import annotations

from workbench.catalog.compare import contract_changes
from workbench.catalog.contract import Contract
from workbench.model import GateResult, Verdict
from workbench.promote.gates.case import Case, broken_rows


def contract(case: Case) -> GateResult:
    """Every check holds on the trial's data, and no column of the live version is gone or of another type.

    Why: readers rely on what they were promised.
    Way out: correct the notebook or the check; `--allow-breaking` says that readers may lose what the evidence lists.
    """
    broken = [result for result in case.checks if not result.ok]
    lost = lost_columns(case.live_contract, case.contract)
    evidence = {
        "checks": [{"check": str(result.check)} | broken_rows(result) for result in case.checks],
        "lost": lost,
        "changes": {} if case.live_contract is None else contract_changes(case.live_contract, case.contract),
    }
    if broken:
        worst = max(broken, key=lambda result: result.violations)
        summary = f"{len(broken)} of {len(case.checks)} check(s) broken; {worst.check}: {worst.violations} row(s)"
        return GateResult("contract", Verdict.FAIL, summary, evidence)
    if lost:
        summary = "readers lose " + ", ".join(f"{name} ({how})" for name, how in lost.items())
        verdict = Verdict.WARN if case.allow_breaking else Verdict.FAIL
        return GateResult("contract", verdict, summary, evidence)
    return GateResult("contract", Verdict.PASS, f"{len(case.checks)} check(s) hold; no column lost", evidence)


def lost_columns(live: Contract | None, candidate: Contract) -> dict[str, str]:
    """Columns that readers of the live version lose, each with how: removed, or its old and new type.

    Lossless widenings of integers and floats lose nothing.
    """
    if live is None:
        return {}
    new = candidate.schema
    lost = {}
    for name, old_type in live.schema.items():
        if name not in new:
            lost[name] = "removed"
        elif new[name] != old_type and not _widens(old_type, new[name]):
            lost[name] = f"{old_type} becomes {new[name]}"
    return lost


def _widens(old: str, new: str) -> bool:
    for ladder in (
        ("int8", "int16", "int32", "int64"),
        ("uint8", "uint16", "uint32", "uint64"),
        ("float16", "float32", "float64"),
    ):
        if old in ladder and new in ladder:
            return ladder.index(new) >= ladder.index(old)
    return False
