"""What a person waived when a promotion was judged, held against a later run beside production."""

from __future__ import annotations

import pytest

from workbench.model import GateResult, Verdict
from workbench.promote.beside import _waived

BY = {"waived": {"who": "bo", "why": "known"}}


def broken(count: int) -> dict[str, object]:
    return {"checks": [{"check": "not_null(x)", "violations": 0}, {"check": "unique(x)", "violations": count}]}


@pytest.mark.parametrize(("now", "verdict"), [(8, Verdict.WARN), (9, Verdict.FAIL)])
def test_a_rule_that_was_let_pass_may_be_broken_by_twice_as_many_rows(now, verdict):
    then = {"contract": GateResult("contract", Verdict.WARN, "", broken(4) | BY)}
    found = _waived(GateResult("contract", Verdict.FAIL, "broken", broken(now)), then, known=True)
    assert found.verdict is verdict
    keys = {"key": GateResult("key", Verdict.WARN, "", {"unique(x)": {"violations": 4}} | BY)}
    found = _waived(GateResult("key", Verdict.FAIL, "twice", {"unique(x)": {"violations": now}}), keys, known=True)
    assert found.verdict is verdict


def test_another_rule_than_the_one_that_was_let_pass_is_a_failure():
    then = {"contract": GateResult("contract", Verdict.WARN, "", broken(0) | BY)}
    assert _waived(GateResult("contract", Verdict.FAIL, "", broken(1)), then, known=True).verdict is Verdict.FAIL


def test_a_waiver_says_nothing_of_other_gates_and_nothing_of_data_once_it_is_known_what_was_seen():
    then = {"changed": GateResult("changed", Verdict.WARN, "", BY), "cost": GateResult("cost", Verdict.WARN, "", BY)}
    for gate, known, verdict in (
        ("rows", True, Verdict.FAIL),
        ("changed", True, Verdict.FAIL),
        ("changed", False, Verdict.WARN),
        ("cost", True, Verdict.WARN),
    ):
        assert _waived(GateResult(gate, Verdict.FAIL, "no"), then, known=known).verdict is verdict
