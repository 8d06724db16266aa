"""Gate ``equality``: the module computes what the notebook computes."""

from __future__ import annotations

from workbench.model import GateResult, Verdict, counted
from workbench.promote.equality import Equality
from workbench.promote.gates.case import Case


def equality(case: Case) -> GateResult:
    """The module equals the notebook in the sandbox, at every parameter value that was tried.

    Why: a slice is cut by static analysis, which can't see aliasing; running both is the net below it.
    Way out: the first differing row and its parameters are in the evidence; `workbench check NOTEBOOK` shows what was cut.
    """
    if case.equality is None:
        return GateResult("equality", Verdict.PASS, "code unchanged; recomputed because an input changes")
    return judge_equality(case.equality)


def judge_equality(proof: Equality) -> GateResult:
    """The gate for one proof; a candidate that fails it never touches production data, so no other gate is asked."""
    evidence = {"checked": [check.to_json() for check in proof.checked]}
    if proof.verdict == "equal":
        structural = sum(check.how == "structure" for check in proof.checked)
        summary = f"notebook and module agree at {counted(len(proof.checked), 'parameter setting')}, {structural} by structure"
        return GateResult("equality", Verdict.PASS, summary, evidence)
    return GateResult("equality", Verdict.FAIL, f"{proof.verdict}: {proof.why}", evidence)
