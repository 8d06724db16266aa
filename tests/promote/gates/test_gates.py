"""Each gate passes one case and fails another, with the evidence that a reviewer needs."""

from __future__ import annotations

from dataclasses import replace

import pytest

from workbench.catalog.contract import Column, Contract
from workbench.catalog.policy import Rule
from workbench.config import Gates
from workbench.model import CheckResult, Verdict
from workbench.promote import gates
from workbench.promote.diff.result import ColumnDiff, RowCounts, SchemaDiff, TableDiff
from workbench.promote.equality import Equality, EqualityCheck
from workbench.runtime import checks

COLUMNS = (Column("day", "date", True), Column("revenue", "float64", doc="EUR"))
CONTRACT = Contract("sales", 2, COLUMNS, doc="Sales a day.", key=("day",))
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
    assert [result.gate for result in results] == [gate.__name__ for gate in gates.GATES]
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


def seen_then(**profile):
    """A case whose author declared everything, and whose reviewers saw 30 of 100 revenues differ."""
    base = {"null_share": 0.0, "quantiles": {"p50": 10.0}}
    then = replace(
        difference(100, 100, changed=30),
        columns={"revenue": ColumnDiff(30, 0.3)},
        distributions={"revenue": {"base": base, "candidate": base | {"quantiles": {"p50": 20.0}}, "psi": 1.0} | profile},
    )
    return replace(CASE, allow_change=1.0, reviewed=then)


def test_a_declared_change_covers_later_what_was_seen_when_it_was_decided_on_and_no_more():
    case = seen_then()
    for changed, expected in ((50, Verdict.WARN), (56, Verdict.FAIL)):
        assert verdict("changed", replace(case, logic=difference(100, 100, changed=changed))) is expected
    other = replace(difference(100, 100, changed=50), columns={"day": ColumnDiff(50, 0.5)})
    assert verdict("changed", replace(case, logic=other)) is Verdict.FAIL, "another column than the one that was seen"
    grown = replace(case, reviewed=difference(100, 300, added=200))
    for rows, expected in ((300, Verdict.WARN), (240, Verdict.WARN), (400, Verdict.FAIL), (125, Verdict.PASS)):
        logic = difference(100, rows, added=rows - 100)
        assert verdict("rows", replace(grown, rows=rows, logic=logic)) is expected


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        ({"candidate": {"null_share": 0.0, "quantiles": {"p50": 21.0}}, "psi": 1.9}, Verdict.WARN),
        ({"candidate": {"null_share": 0.0, "quantiles": {"p50": 21.0}}, "psi": 2.1}, Verdict.FAIL),
        ({"candidate": {"null_share": 1.0, "quantiles": {"p50": None}}}, Verdict.FAIL),
        ({"candidate": {"null_share": 0.0, "quantiles": {"p50": 10_000.0}}}, Verdict.FAIL),
        ({"candidate": {"null_share": 0.0, "quantiles": {"p50": -20.0}}}, Verdict.FAIL),
    ],
)
def test_values_may_later_move_as_they_did_when_it_was_decided_on(now, expected):
    case = seen_then()
    profile = {"base": {"null_share": 0.0, "quantiles": {"p50": 10.0}}} | now
    logic = replace(difference(100, 100, changed=30), distributions={"revenue": profile})
    assert verdict("drift", replace(case, logic=logic)) is expected
    assert verdict("drift", replace(case, logic=logic, reviewed=None)) in (Verdict.PASS, Verdict.WARN)


def test_runtime_fails_above_its_budget():
    assert verdict("runtime", replace(CASE, seconds=301.0)) is Verdict.FAIL
    assert verdict("runtime", replace(CASE, seconds=301.0, thresholds=Gates(runtime_budget_seconds=400))) is Verdict.PASS


def test_a_first_version_has_nothing_to_be_compared_with():
    results = gates.judge(replace(CASE, live_contract=None, logic=None))
    assert gates.worst(results) is Verdict.PASS


def test_drift_fails_columns_that_are_distributed_otherwise():
    moved = replace(difference(1000, 1000, changed=10), distributions={"revenue": {"psi": 0.4}, "day": {"psi": 0.01}})
    found = replace(CASE, logic=moved)
    assert verdict("drift", found) is Verdict.FAIL
    assert verdict("drift", replace(found, allow_change=0.5)) is Verdict.WARN
    assert verdict("drift", replace(found, thresholds=Gates(drift_tolerance=0.5))) is Verdict.PASS
    few = replace(difference(99, 1000, changed=10), distributions={"revenue": {"psi": 9.0}})
    assert verdict("drift", replace(CASE, logic=few)) is Verdict.PASS, "a handful of rows is distributed by chance"


def test_documented_warns_of_columns_that_nobody_explained():
    silent = replace(CASE.contract, doc="Sales.", columns=(Column("day", "date", True), Column("revenue", "float64")))
    found = replace(CASE, contract=silent)
    assert verdict("documented", found) is Verdict.WARN
    assert verdict("documented", replace(found, thresholds=Gates(undocumented_columns="refuse"))) is Verdict.FAIL
    assert verdict("documented", replace(found, thresholds=Gates(undocumented_columns="allow"))) is Verdict.PASS
    nameless = replace(CASE, contract=replace(CASE.contract, doc=""))
    assert verdict("documented", nameless) is Verdict.WARN


def test_privacy_warns_of_personal_columns_unless_a_reason_says_that_they_name_nobody():
    found = replace(CASE, personal={"revenue": ("customers.name",)})
    assert verdict("privacy", CASE) is Verdict.PASS
    assert verdict("privacy", found) is Verdict.WARN
    assert verdict("privacy", replace(found, declassified={"revenue": "a sum over all"})) is Verdict.PASS
    assert verdict("privacy", replace(found, declassified={"other": "a count"})) is Verdict.WARN


def test_policy_fails_or_warns_as_the_rule_says():
    rule = Rule(name="owned", require=["owner"], max_rows=50)
    assert verdict("policy", replace(CASE, policies=(rule,), owner="ann")) is Verdict.FAIL, "too many rows"
    assert verdict("policy", replace(CASE, policies=(rule,), owner="ann", rows=50)) is Verdict.PASS
    assert verdict("policy", replace(CASE, policies=(rule.model_copy(update={"severity": "warn"}),))) is Verdict.WARN
    others = rule.model_copy(update={"pipelines": "finance_*"})
    assert verdict("policy", replace(CASE, policies=(others,))) is Verdict.PASS


def test_impact_names_the_readers_and_warns_when_their_values_move():
    assert verdict("impact", CASE) is Verdict.PASS
    assert verdict("impact", replace(CASE, readers=("totals",))) is Verdict.WARN
    same = replace(CASE, readers=("totals",), logic=difference(100, 100))
    assert verdict("impact", same) is Verdict.PASS


def test_performance_fails_what_is_much_slower_than_the_live_version():
    assert verdict("performance", replace(CASE, seconds=40.0, live_seconds=2.0)) is Verdict.FAIL
    assert verdict("performance", replace(CASE, seconds=40.0, live_seconds=20.0)) is Verdict.PASS
    assert verdict("performance", replace(CASE, seconds=4.0, live_seconds=0.1)) is Verdict.PASS, "nobody waits for seconds"


def test_cost_fails_what_does_not_fit_its_budget():
    assert verdict("cost", replace(CASE, bytes=2**20)) is Verdict.PASS
    assert verdict("cost", replace(CASE, bytes=2**20, thresholds=Gates(output_bytes_budget=1000))) is Verdict.FAIL


def test_the_contract_gate_names_who_reads_what_is_lost():
    fewer = replace(CASE.contract, columns=CASE.contract.columns[:1])
    (found,) = (
        each for each in gates.judge(replace(CASE, contract=fewer, lost_by={"totals": ("revenue",)})) if each.gate == "contract"
    )
    assert found.verdict is Verdict.FAIL
    assert "read by totals (revenue)" in found.summary
    assert found.evidence["class"] == "breaking"


def test_shadow_waits_for_the_runs_that_the_workspace_asks_for():
    asked = replace(CASE, thresholds=Gates(shadow_runs=3))
    assert verdict("shadow", CASE) is Verdict.PASS
    assert verdict("shadow", asked) is Verdict.WAITING
    assert verdict("shadow", replace(asked, live_contract=None, logic=None)) is Verdict.PASS
    assert verdict("shadow", replace(asked, equality=None)) is Verdict.PASS
    assert gates.worst(gates.judge(asked)) is Verdict.WAITING
