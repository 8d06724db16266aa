"""Gate ``policy``: the rules that the workspace has written down."""

from __future__ import annotations

from workbench.model import GateResult, Verdict, counted
from workbench.promote.gates.case import Case


def policy(case: Case) -> GateResult:
    """Every rule of the workspace's policy files is kept.

    Why: what a team has agreed on is checked by no person's memory.
    Way out: correct the output, or the rule, which is reviewed as any other file.
    """
    held = [(rule, rule.broken(case.contract, rows=case.rows, owner=case.owner)) for rule in case.policies]
    broken = [(rule, said) for rule, said in held if said]
    evidence = {"rules": len(case.policies), "broken": {rule.name: list(said) for rule, said in broken}}
    if not broken:
        return GateResult("policy", Verdict.PASS, f"{counted(len(case.policies), 'rule')} kept", evidence)
    verdict = Verdict.FAIL if any(rule.severity == "refuse" for rule, _ in broken) else Verdict.WARN
    summary = "; ".join(f"{rule.name}: {', '.join(said)}" for rule, said in broken)
    return GateResult("policy", verdict, summary, evidence)
