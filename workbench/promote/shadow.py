"""A shadow: a promotion's candidates run beside production for some runs, seen by nobody, and are compared with it."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from dataclasses import replace

from workbench.config import Workspace
from workbench.errors import UnknownName, WorkbenchError
from workbench.model import GateResult, Verdict
from workbench.promote.approval import refuse_changes
from workbench.promote.decided import promotion_named, refuse_overtaken
from workbench.runtime.warehouse import Warehouse
from workbench.store import Store, beside, waivers
from workbench.store.beside import BesideRecord, Outcome
from workbench.store.records import CandidateRecord, Pointer, PromotionRecord

GATE = "shadow"


def start_shadow(
    workspace: Workspace,
    store: Store,
    warehouse: Warehouse,
    target: str,
    *,
    runs: int,
    seconds: int | None,
    who: str,
    at: dt.datetime,
    why: str = "",
) -> BesideRecord:
    """Let a promotion that waits, or is approved, run beside the next runs of what is live. Twice is once.

    Raises ``WorkbenchError`` when there is nothing live beside which to run, when its canary runs, or when it is not open.
    """
    promotion = promotion_named(store, target)
    if promotion.status not in ("waiting", "approved"):
        hint = f"workbench {'gates' if promotion.status == 'refused' else 'show'} {promotion.id}"
        raise WorkbenchError(f"{promotion.id} is {promotion.status}; there is nothing to try", hint=hint)
    refuse_changes(workspace, store, promotion, notebook=False)
    live = warehouse.live()
    refuse_overtaken(live, promotion)
    if not _followed(promotion):
        raise WorkbenchError(
            f"no version of {', '.join(each.pipeline for each in promotion.candidates)} is live, so that nothing runs beside "
            "which to try it",
            hint=f"workbench approve {promotion.id}",
        )
    running = next(iter(beside.running(store, promotion=promotion.id)), None)
    if running is not None and running.kind == "canary":
        raise WorkbenchError(
            f"{promotion.id} is shown to a canary, which is compared after each run too",
            hint=f"workbench canary status {promotion.id}",
        )
    if running is not None:
        if (running.runs, running.seconds) != (runs, seconds):
            running = replace(running, runs=runs, seconds=seconds)
            beside.update(store, running)
        return running
    data = {each.pipeline: Pointer(each.version, each.snapshot) for each in promotion.candidates}
    since = beside.last_run(store, promotion.at)  # what ran since its trial is made up for, and does not count
    record = BesideRecord(0, "shadow", promotion.id, "running", data, since, who, at, why, runs=runs, seconds=seconds)
    said = {"what": "begun", "promotion": promotion.id, "runs": runs, "who": who, "why": why}
    record = beside.add(store, record, said)
    _set_gate(store, promotion, Verdict.WAITING, f"runs beside production, {runs} {'run' if runs == 1 else 'runs'} to go")
    return record


def end_shadow(
    store: Store,
    record: BesideRecord,
    promotion: PromotionRecord,
    outcome: Outcome,
    reason: str,
    *,
    who: str,
    at: dt.datetime,
) -> BesideRecord:
    """Keep how a shadow ended, and let its gate say so: it passes when every run held."""
    trials = beside.trials(store, record.number)
    bad = [each for each in trials if each.breach]
    if not reason and bad:
        reason = f"{len(bad)} of {len(trials)} did not hold; first {bad[0].id} beside {bad[0].run}: {bad[0].breach}"
    last = replace(record, state="ended", outcome=outcome, reason=reason, ended=at)
    summary = {"trials": len(trials), "states": dict(sorted(Counter(each.state for each in trials).items()))}
    said = {"what": "ended", "promotion": record.promotion, "outcome": outcome, "reason": reason, "who": who, "why": reason}
    beside.end(store, last, said | summary)
    if outcome == "done" and bad:
        _set_gate(store, promotion, Verdict.FAIL, reason)
    elif outcome == "done":
        runs = dict.fromkeys(each.run for each in trials if each.counts)
        _set_gate(store, promotion, Verdict.PASS, f"held beside {', '.join(runs)}", had=record.runs)
    else:
        _set_gate(
            store,
            promotion,
            Verdict.WAITING,
            f"its shadow was stopped before its {record.runs} {'run' if record.runs == 1 else 'runs'}: {reason}",
        )
    return last


def shadow_of(store: Store, text: str, *, running: bool = False) -> BesideRecord:
    """The newest shadow of a promotion (``P-7``) or of a pipeline; ``UnknownName`` where there is none."""
    found = [each for each in beside.find(store, kind="shadow") if each.state == "running" or not running]
    for each in reversed(found):
        if each.promotion == text.upper() or text in each.data:
            return each
    known = {name for each in found for name in (each.promotion, *each.data)}
    raise UnknownName.of("running shadow" if running else "shadow", text, known, hint="workbench shadow status")


def counted(store: Store, record: BesideRecord) -> int:
    """Beside how many runs of its own time a shadow was tried; of several candidates, the one with the fewest."""
    promotion = store.promotion(record.promotion)
    return beside.counted(store, record, [] if promotion is None else [each.pipeline for each in _followed(promotion)])


def _followed(promotion: PromotionRecord) -> list[CandidateRecord]:
    return [each for each in promotion.candidates if each.new and each.base_version is not None]


def _set_gate(store: Store, promotion: PromotionRecord, verdict: Verdict, summary: str, *, had: int = 0) -> None:
    """What the gate says from now on, where the workspace asks for a shadow; it passes after as many runs as that asks for."""
    for each in _followed(promotion):
        asked = next((gate for gate in each.gates if gate.gate == GATE), None)
        if asked is None or asked.evidence.get("wanted", 0) == 0:
            continue
        wanted = int(asked.evidence["wanted"])
        answer = Verdict.WAITING if verdict is Verdict.PASS and had < wanted else verdict
        said = f"{summary}; {wanted} {'run is' if wanted == 1 else 'runs are'} asked for" if answer is not verdict else summary
        again = f"workbench shadow start {promotion.id} --runs {wanted}"
        evidence = {**asked.evidence, "next": f"workbench gates {promotion.id}" if answer is Verdict.PASS else again}
        waivers.set_gates(store, promotion.id, {each.pipeline: GateResult(GATE, answer, said, evidence)})
