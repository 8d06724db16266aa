"""Gate ``documented``: every column says what it means."""

from __future__ import annotations

from workbench.model import GateResult, Verdict, counted
from workbench.promote.gates.case import Case


def documented(case: Case) -> GateResult:
    """The output and each of its columns are described; those of the key may speak for themselves.

    Why: a column that nobody explained is guessed at, each reader in another way.
    Way out: `columns={"rate": "share of …"}` and `doc=` of `wb.output`; `undocumented_columns` says how strict this gate is.
    """
    missing = [each.name for each in case.contract.columns if not each.doc and each.name not in case.contract.key]
    evidence = {"undocumented": missing, "doc": bool(case.contract.doc)}
    if case.thresholds.undocumented_columns == "allow" or (not missing and case.contract.doc):
        described = sum(bool(each.doc) for each in case.contract.columns)
        return GateResult(
            "documented", Verdict.PASS, f"{described} of {counted(len(case.contract.columns), 'column')} described", evidence
        )
    said = [] if case.contract.doc else ["the output"]
    verdict = Verdict.FAIL if case.thresholds.undocumented_columns == "refuse" else Verdict.WARN
    return GateResult("documented", verdict, f"nothing says what these mean: {', '.join(said + missing)}", evidence)
