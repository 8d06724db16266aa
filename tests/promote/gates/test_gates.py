"""Each gate passes one case and fails another, with the evidence that a reviewer needs."""

from __future__ import annotations

from dataclasses import replace

import pytest

from workbench.catalog.contract import Column, Contract
from workbench.config import Gates
from workbench.model import CheckResult, Verdict
from workbench.promote import gates
from workbench.promote.diff.result import RowCounts, SchemaDiff, TableDiff
from workbench.promote.equality import Equality, EqualityCheck
from workbench.runtime import checks

CONTRACT = Contract("sales", 2, (Column("day", "date", True), Column("revenue", "float64")), key=("day",))
PROOF = Equality("sales", "equal", (EqualityCheck({}, "equal", "structure"),))


def difference(base: int, candidate: int, *, added: int = 0, removed: int = 0, changed: int = 0) -> TableDiff:
    return TableDiff(SchemaDiff(), RowCounts(base, candidate, added, removed, changed, base - removed - changed), {})


CASE = gates.Case(
    contract=CONTRACT,
    live_contract=CONTRACT,
    equality=PROOF,
    checks=(CheckResult(checks.between("revenue", 0, 1), 0),),
    key_checks=(CheckResult(checks.not_null("day"), 0), CheckResult(checks.unique("day"), 0)),
    rows=100,
    logic=difference(100, 100, changed=3),
    seconds=1.0,
    thresholds=Gates(),
)


def verdict(name: str, case: gates.Case) -> Verdict:
    (result,) = (result for result in gates.judge(case) if result.gate == name)
    assert result.summary
    return result.verdict


def test_a_sound_candidate_passes_every_gate_in_order():
    results = gates.judge(CASE)
    assert [result.gate for result in results] == ["equality", "contract", "key", "rows", "changed", "runtime"]
    assert {result.verdict for result in results} == {Verdict.PASS}
    assert gates.worst(results) is Verdict.PASS


@pytest.mark.parametrize("outcome", ["different", "not proved"])
def test_equality_fails_what_is_not_proved_equal(outcome):
    proof = replace(PROOF, verdict=outcome, why="at n=3: row 1 differs")
    assert verdict("equality", replace(CASE, equality=proof)) is Verdict.FAIL


def test_equality_passes_code_that_did_not_change():
    assert verdict("equality", replace(CASE, equality=None)) is Verdict.PASS


def test_contract_fails_a_broken_check_and_says_which():
    case = replace(CASE, checks=(CheckResult(checks.between("revenue", 0, 1), 7, ({"revenue": 3.5},)),))
    result = gates.judge(case)[1]
    assert result.verdict is Verdict.FAIL
    assert "between(revenue" in result.summary
    assert result.evidence["checks"][0]["examples"] == [{"revenue": 3.5}]


@pytest.mark.parametrize(
    ("columns", "lost"),
    [
        ((Column("day", "date"),), {"revenue": "removed"}),
        ((Column("day", "date"), Column("revenue", "string")), {"revenue": "float64 becomes string"}),
    ],
)
def test_contract_fails_what_readers_lose_unless_it_is_declared(columns, lost):
    case = replace(CASE, contract=replace(CONTRACT, columns=columns))
    assert gates.judge(case)[1].evidence["lost"] == lost
    assert verdict("contract", case) is Verdict.FAIL
    assert verdict("contract", replace(case, allow_breaking=True)) is Verdict.WARN


def test_contract_passes_a_new_column_and_a_wider_type():
    old = replace(CONTRACT, columns=(Column("day", "date"), Column("revenue", "float32")))
    new = replace(CONTRACT, columns=(*CONTRACT.columns, Column("orders", "int64")))
    assert verdict("contract", replace(CASE, live_contract=old, contract=new)) is Verdict.PASS


def test_key_fails_duplicates_and_warns_when_there_is_no_key():
    twice = (CheckResult(checks.not_null("day"), 0), CheckResult(checks.unique("day"), 2))
    assert verdict("key", replace(CASE, key_checks=twice)) is Verdict.FAIL
    assert verdict("key", replace(CASE, contract=replace(CONTRACT, key=()))) is Verdict.WARN


def test_rows_fails_an_empty_output_and_too_large_a_change_of_count():
    assert verdict("rows", replace(CASE, rows=0, logic=None)) is Verdict.FAIL
    assert verdict("rows", replace(CASE, rows=200, logic=difference(100, 200, added=100))) is Verdict.FAIL
    assert verdict("rows", replace(CASE, rows=125, logic=difference(100, 125, added=25))) is Verdict.PASS


def test_changed_fails_beyond_tolerance_and_warns_when_declared():
    case = replace(CASE, logic=difference(100, 100, changed=60))
    assert verdict("changed", case) is Verdict.FAIL
    assert verdict("changed", replace(case, allow_change=0.59)) is Verdict.FAIL
    assert verdict("changed", replace(case, allow_change=0.6)) is Verdict.WARN


def test_runtime_fails_above_its_budget():
    assert verdict("runtime", replace(CASE, seconds=301.0)) is Verdict.FAIL
    assert verdict("runtime", replace(CASE, seconds=301.0, thresholds=Gates(runtime_budget_seconds=400))) is Verdict.PASS


def test_a_first_version_has_nothing_to_be_compared_with():
    results = gates.judge(replace(CASE, live_contract=None, logic=None))
    assert gates.worst(results) is Verdict.PASS
