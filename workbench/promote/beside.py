"""What the gates say of a candidate that ran beside a run of the live version, and whether it may go on.

Both computed the same interval from the same inputs, so that only the code differs: the logic effect, run by run.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.catalog.compatibility import lost_columns
from workbench.catalog.contract import Contract, read_contract
from workbench.catalog.others import other_tables
from workbench.catalog.privacy import hide_examples, personal_of
from workbench.catalog.trace import live_graph
from workbench.catalog.version import changed_files, version_dir
from workbench.catalog.writing import rules_of
from workbench.config import Workspace
from workbench.errors import WorkbenchError
from workbench.model import GateResult, Interval, Snapshot, Verdict, VersionId
from workbench.promote.decided import overtaken
from workbench.promote.diff import TableDiff, diff, diff_snapshots
from workbench.promote.evidence import stored_evidence
from workbench.promote.gates.case import Case
from workbench.promote.gates.changed import changed
from workbench.promote.gates.contract import contract as contract_gate
from workbench.promote.gates.cost import cost
from workbench.promote.gates.drift import drift
from workbench.promote.gates.key import key
from workbench.promote.gates.performance import performance
from workbench.promote.gates.reviewed import violations_alike
from workbench.promote.gates.rows import rows
from workbench.promote.gates.runtime import runtime
from workbench.promote.private import hide_values
from workbench.runtime import checks
from workbench.runtime.files import write_atomic
from workbench.runtime.warehouse import Warehouse
from workbench.store import Store
from workbench.store.beside import BesideRecord, Outcome, TrialRecord
from workbench.store.records import CandidateRecord, PromotionRecord, RunRecord

if TYPE_CHECKING:
    import ibis.expr.types as ir

# What data says: the others are about code and words, which do not change after a promotion.
DATA_GATES: tuple[Callable[[Case], GateResult], ...] = (contract_gate, key, rows, changed, drift, runtime, performance, cost)
COMPARING = frozenset({"rows", "changed", "drift"})
DIFF = "diff.json"


def judge_trial(
    workspace: Workspace, warehouse: Warehouse, promotion: PromotionRecord, trial: TrialRecord, run: RunRecord
) -> TrialRecord:
    """The trial with what the gates say, and what differs from the run.

    Where its inputs were others, differences tell nothing: what compares the two sides is not asked. What the author declared,
    or a person waived, when the promotion was judged holds here too, for a difference like the one that was seen then.
    """
    assert trial.snapshot is not None
    candidate = next(each for each in promotion.candidates if each.pipeline == trial.pipeline)
    mine = read_contract(version_dir(workspace, VersionId(trial.pipeline, trial.version)))
    live = read_contract(version_dir(workspace, VersionId(run.pipeline, run.version)))
    snapshot = warehouse.snapshot(trial.snapshot, trial.pipeline)
    con = warehouse.connect()
    try:
        read = partial(warehouse.read, con)
        table = read(snapshot)
        rules = (checks.not_null(*mine.key), checks.unique(*mine.key)) if mine.key else ()
        hidden = personal_of(mine, live)
        results = hide_examples(checks.evaluate(table, (*mine.checks, *rules), others=other_tables(warehouse, con)), hidden)
        found = None
        if trial.state == "judged" and run.snapshot is not None:
            base = warehouse.snapshot(run.snapshot, run.pipeline)
            found = hide_values(_compared(read, base, snapshot, (live, mine), run.interval), hidden)
    finally:
        con.disconnect()
    waived = {gate.gate: gate for gate in candidate.gates if "waived" in gate.evidence}
    lost = lost_columns(live, mine)
    case = Case(
        contract=mine,
        live_contract=live,
        equality=None,
        checks=results[: len(mine.checks)],
        key_checks=results[len(mine.checks) :],
        rows=snapshot.rows if found is None else found.rows.candidate,
        logic=found,
        seconds=float(trial.facts.get("seconds", 0.0)),
        thresholds=workspace.settings.gates,
        allow_change=1.0 if waived.keys() & COMPARING else _declared(candidate),
        reviewed=_reviewed(workspace, promotion, candidate),
        allow_breaking=True,  # readers were told when it was promoted, and somebody approved
        live_seconds=float(trial.facts["live"]["seconds"]) if found is not None else None,
        bytes=snapshot.bytes,
        lost_by=live_graph(workspace).readers(trial.pipeline, lost) if lost else {},
    )
    facts = dict(trial.facts)
    if found is not None:
        counts = found.rows
        facts["differs"] = {
            name: getattr(counts, name) for name in ("base", "candidate", "added", "removed", "changed", "unchanged")
        }
        facts["columns"] = {name: column.changed for name, column in found.columns.items() if column.changed}
        write_atomic(workspace.runs / trial.id / DIFF, json.dumps(found.to_json(), default=str) + "\n")
    judged = tuple(_waived(gate(case), waived, known=case.reviewed is not None) for gate in DATA_GATES)
    return replace(trial, gates=judged, facts=facts)


def no_longer(
    workspace: Workspace, store: Store, warehouse: Warehouse, record: BesideRecord, promotion: PromotionRecord
) -> tuple[Outcome, str]:
    """Why a promotion may not go on beside production, whatever its runs say; ("", "") while it may."""
    wanted = ("approved",) if record.kind == "canary" else ("waiting", "approved")
    if promotion.status not in wanted:
        return "overtaken", f"{promotion.id} is {promotion.status}"
    moved = overtaken({name: view.version for name, view in warehouse.current().views.items()}, promotion)
    if moved:
        return "overtaken", moved
    for each in promotion.candidates:
        version = VersionId(each.pipeline, each.version)
        known = store.version(version)
        wrong = changed_files(workspace, version, expected_manifest=None if known is None else known.manifest_sha256)
        if wrong:
            return "breach", f"{version} is not as it was promoted: {wrong[0]} was changed"
        at = record.data.get(each.pipeline)
        if at is None:
            continue
        try:
            damaged = warehouse.damaged(warehouse.snapshot(at.snapshot, each.pipeline))
        except WorkbenchError as error:
            return "breach", f"data of {version}: {error.message}"
        if damaged:
            return "breach", f"data of {version} is damaged or missing: {damaged[0]}"
    return "", ""


def stored_diff(workspace: Workspace, trial: TrialRecord) -> TableDiff | None:
    """The comparison of a trial with its run; None where there was none, or it is gone."""
    place: Path = workspace.runs / trial.id / DIFF
    if not place.is_file():
        return None
    return TableDiff.from_json(json.loads(place.read_text(encoding="utf-8")))


def _compared(
    read: Callable[[Snapshot], ir.Table],
    base: Snapshot,
    candidate: Snapshot,
    contracts: tuple[Contract, Contract],
    interval: Interval | None,
) -> TableDiff:
    """What the run and the trial computed, row by row: of an interval its partitions, where both sides are cut up alike."""
    live, mine = contracts
    named = tuple(mine.key) if {*mine.key} <= base.columns.keys() & candidate.columns.keys() else ()
    span, column = rules_of(live).reach(interval), base.partition_by
    if span is None or column is None or candidate.partition_by != column:
        return diff_snapshots(base, candidate, read, key=named)

    def inside(table: ir.Table) -> ir.Table:
        moment = table[column].cast("timestamp('UTC')")
        return table.filter((moment >= span.start) & (moment < span.end))

    return diff(inside(read(base)), inside(read(candidate)), key=named, largest=10)


def _declared(candidate: CandidateRecord) -> float | None:
    """The share of rows that the author said would change."""
    found = next((gate.evidence.get("declared") for gate in candidate.gates if gate.gate == "changed"), None)
    return None if found is None else float(found)


def _reviewed(workspace: Workspace, promotion: PromotionRecord, candidate: CandidateRecord) -> TableDiff | None:
    """How the candidate differed from the live version when people decided on it; None where that is not on record."""
    logic = (stored_evidence(workspace, promotion, candidate) or {}).get("logic")
    return TableDiff.from_json(logic) if logic else None


def _waived(result: GateResult, waived: Mapping[str, GateResult], *, known: bool) -> GateResult:
    """What a person has let pass is a warning; a difference, or broken rows, only when they are like those of then."""
    if result.verdict is not Verdict.FAIL or result.gate not in waived:
        return result
    then = waived[result.gate].evidence
    if (known and result.gate in COMPARING) or not violations_alike(_broken(result.evidence), _broken(then)):
        return result
    by = then["waived"]
    said = f"{result.summary}; waived by {by['who']}: {by['why']}"
    return GateResult(result.gate, Verdict.WARN, said, {**result.evidence, "waived": dict(by)})


def _broken(evidence: Mapping[str, Any]) -> dict[str, int]:
    """How many rows break each rule, by what the gates contract and key keep."""
    listed = {each["check"]: each for each in evidence.get("checks", ())} or evidence
    return {rule: found["violations"] for rule, found in listed.items() if isinstance(found, dict) and "violations" in found}
