"""Gate ``contract``: the data keeps what the contract promises, and readers lose nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from workbench.catalog.compatibility import compatibility
from workbench.model import GateResult, Verdict, counted
from workbench.promote.gates.case import Case, broken_rows


def judge_lost(lost: Mapping[str, str], read_by: Mapping[str, Sequence[str]]) -> GateResult:
    """The verdict on a candidate before anything is computed: live pipelines that stay as they are read what it no longer has.

    ``lost`` says of each column how it is lost, ``read_by`` which of them each pipeline reads.
    """
    names = ", ".join(read_by)
    evidence = {"class": "breaking", "lost": dict(lost), "lost_by": {name: list(read) for name, read in read_by.items()}}
    summary = f"{_said(lost, read_by)}; keep it, promote {names} along, or declare it with --allow-breaking"
    return GateResult("contract", Verdict.FAIL, summary, evidence | {"computed": False})


def _said(lost: Mapping[str, str], read_by: Mapping[str, Sequence[str]]) -> str:
    summary = "readers lose " + ", ".join(f"{name} ({how})" for name, how in lost.items())
    if read_by:
        summary += "; read by " + ", ".join(f"{name} ({', '.join(read)})" for name, read in read_by.items())
    return summary


def contract(case: Case) -> GateResult:
    """Every check holds on the trial's data, and readers of the live version lose nothing of what they were promised.

    Why: readers rely on what they were promised.
    Way out: correct the notebook or the check; `--allow-breaking` says that readers may lose what the evidence lists.
    """
    broken = [result for result in case.checks if not result.ok]
    found = compatibility(case.live_contract, case.contract)
    evidence = {
        "checks": [{"check": str(result.check)} | broken_rows(result) for result in case.checks],
        "class": found.change.value,
        "lost": found.lost,
        "lost_by": {name: list(columns) for name, columns in case.lost_by.items()},
        "changes": found.changes,
    }
    if broken:
        worst = max(broken, key=lambda result: result.violations)
        summary = (
            f"{len(broken)} of {counted(len(case.checks), 'check')} broken; {worst.check}: {counted(worst.violations, 'row')}"
        )
        return GateResult("contract", Verdict.FAIL, summary, evidence)
    if found.lost:
        verdict = Verdict.WARN if case.allow_breaking else Verdict.FAIL
        return GateResult("contract", verdict, _said(found.lost, case.lost_by), evidence)
    summary = f"{counted(len(case.checks), 'check', 'hold')}; {found.change.value}, nothing lost"
    return GateResult("contract", Verdict.PASS, summary, evidence)
