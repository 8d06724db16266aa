"""After runs of live versions: candidates run beside them, the gates judge them, and a canary that breaks one ends.

Journeys meet here: ``operate`` runs a candidate, ``promote`` judges it. Nothing of it changes how the run before it ended.
"""

from __future__ import annotations

import datetime as dt
import sys
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from workbench.config import Workspace
from workbench.errors import WorkbenchError
from workbench.model import GateResult, Verdict

if TYPE_CHECKING:
    from workbench.runtime.warehouse import Warehouse
    from workbench.store import Store
    from workbench.store.beside import BesideRecord, Outcome, TrialRecord
    from workbench.store.records import PromotionRecord

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Followed:
    """What became of one promotion beside production: its record as it is now, and the trials that were made just now."""

    record: BesideRecord
    trials: tuple[TrialRecord, ...]


def _print(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def quietly(
    workspace: Workspace,
    who: str,
    *,
    say: Say = _print,
    pipelines: Collection[str] | None = None,
    promotion: str | None = None,
    stopping: Callable[[], bool] = lambda: False,
) -> None:
    """Follow what was run, after a command has said how its own work ended; nothing that happens here changes that."""
    try:
        catch_up(workspace, who, pipelines=pipelines, promotion=promotion, say=say, stopping=stopping)
    except KeyboardInterrupt:
        say("the run is done; what runs beside it goes on with the next one")
    except Exception as error:  # the run is over and has its own answer
        say(f"what runs beside production was left: {error}; next: workbench doctor")


def withdraw_closed(workspace: Workspace, who: str) -> None:
    """End what runs beside production for promotions that were rejected or superseded just now."""
    from workbench.store import Store, beside

    with Store.open(workspace, read_only=True) as store:
        running = [(each, store.promotion(each.promotion)) for each in beside.running(store)]
    for record, promotion in running:
        if promotion is None or promotion.status not in ("waiting", "approved"):
            quietly(workspace, who, promotion=record.promotion)


def catch_up(
    workspace: Workspace,
    who: str,
    *,
    say: Say,
    pipelines: Collection[str] | None = None,
    promotion: str | None = None,
    stopping: Callable[[], bool] = lambda: False,
) -> tuple[Followed, ...]:
    """Let candidates follow every run that they have not followed yet; of some pipelines, of one promotion, or all.

    Whatever was interrupted before is taken up where it was.
    """
    from workbench.store import Store, beside

    with Store.open(workspace, read_only=True) as store:
        found = [
            each
            for each in beside.running(store, promotion=promotion)
            if pipelines is None or not each.data.keys().isdisjoint(pipelines)
        ]
    if not found:
        return ()
    from workbench.errors import LockHeld
    from workbench.operate.beside import held
    from workbench.runtime.warehouse import Warehouse

    warehouse = Warehouse.open(workspace)
    done: list[Followed] = []
    with Store.open(workspace) as store:
        for record in found:
            if stopping():
                break
            try:
                with held(workspace, store, record) as children:
                    current = next((e for e in beside.running(store) if e.number == record.number), None)
                    if current is not None:
                        done.append(_follow(workspace, store, warehouse, current, who, say, stopping, children))
            except LockHeld as error:
                say(error.message)
    return tuple(done)


def _follow(
    workspace: Workspace,
    store: Store,
    warehouse: Warehouse,
    record: BesideRecord,
    who: str,
    say: Say,
    stopping: Callable[[], bool],
    children: list[int],
) -> Followed:
    from workbench.catalog.operation import recover
    from workbench.operate.beside import attempt, pending
    from workbench.promote.beside import judge_trial, no_longer
    from workbench.store import beside

    now = dt.datetime.now(dt.UTC)
    if store.operations(state="begun"):
        with warehouse.lock():
            recover(store, warehouse, at=now)
    promotion = store.promotion(record.promotion)
    assert promotion is not None
    made: list[TrialRecord] = []
    outcome, reason = no_longer(workspace, store, warehouse, record, promotion)
    if not outcome:
        record = _settled(store, warehouse, record, who)
        outcome, reason = _breached(store, record)
    live = {each.pipeline: each.base_version for each in promotion.candidates if each.base_version is not None}
    for run, earlier in () if outcome else pending(store, record, live):
        if stopping() or _is_done(store, record):
            break
        version = record.data[run.pipeline].version
        say(f"{run.pipeline}@{version} runs beside {run.id}, in the {record.kind} of {record.promotion}")
        slowdown = workspace.settings.gates.slowdown_tolerance
        trial = attempt(
            workspace, store, record, run, earlier, slowdown=slowdown, children=children, now=dt.datetime.now(dt.UTC)
        )
        if trial.state in ("judged", "other inputs"):
            try:
                trial = judge_trial(workspace, warehouse, promotion, trial, run)
            except WorkbenchError as error:
                trial = replace(trial, state="failed", error=f"{trial.pipeline}@{version} can't be judged: {error.message}")
        beside.end_trial(store, trial)
        made.append(trial)
        if trial.state == "again":
            say(f"{trial.id} will be tried again: {trial.error}")
            break  # later runs rest on this one
        say(f"{trial.id} {trial.breach or trial.error or 'holds'}")
        outcome, reason = _breached(store, record)
        if outcome:
            break
        record = _settled(store, warehouse, record, who)
        _held(store, record, promotion, trial)
    if outcome:
        record = _end(store, warehouse, record, promotion, outcome, reason, who, say)
    elif _is_done(store, record):
        record = _end(store, warehouse, record, promotion, "done", "", who, say)
    return Followed(record, tuple(made))


def _settled(store: Store, warehouse: Warehouse, record: BesideRecord, who: str) -> BesideRecord:
    """The record with what its candidates computed last; chosen readers see that from now on."""
    from workbench.promote.canary import bring_up_to_date
    from workbench.store import beside
    from workbench.store.records import Pointer

    last, trial = dict(record.data), ""
    for each in beside.trials(store, record.number):
        good = each.state in ("judged", "other inputs") and (record.kind == "shadow" or not each.breach)
        if good and each.snapshot is not None:
            last[each.pipeline], trial = Pointer(each.version, each.snapshot), each.id
    if last == record.data:
        return record
    if record.kind == "canary":
        return bring_up_to_date(store, warehouse, record, last, trial=trial, who=who, at=dt.datetime.now(dt.UTC))
    beside.update(store, replace(record, data=last))
    return replace(record, data=last)


def _breached(store: Store, record: BesideRecord) -> tuple[Outcome, str]:
    """What ends a canary: the first of its trials that broke something."""
    from workbench.store import beside

    if record.kind == "canary":
        for each in beside.trials(store, record.number):
            if each.breach:
                return "breach", f"{each.id} beside {each.run}: {each.breach}"
    return "", ""


def _is_done(store: Store, record: BesideRecord) -> bool:
    from workbench.promote.shadow import counted

    return record.kind == "shadow" and counted(store, record) >= record.runs


def _held(store: Store, record: BesideRecord, promotion: PromotionRecord, trial: TrialRecord) -> None:
    """A canary that came again after a breach may be published once a run has held."""
    from workbench.store import waivers

    gates = next((each.gates for each in promotion.candidates if each.pipeline == trial.pipeline), ())
    waiting = any(gate.gate == "canary" and gate.verdict is Verdict.WAITING for gate in gates)
    if record.kind == "canary" and waiting and trial.counts:
        said = GateResult("canary", Verdict.PASS, f"held beside {trial.run}", {"trial": trial.id, "run": trial.run})
        waivers.set_gates(store, promotion.id, {trial.pipeline: said})


def _end(
    store: Store,
    warehouse: Warehouse,
    record: BesideRecord,
    promotion: PromotionRecord,
    outcome: Outcome,
    reason: str,
    who: str,
    say: Say,
) -> BesideRecord:
    from workbench.promote.canary import withdraw
    from workbench.promote.shadow import end_shadow

    now = dt.datetime.now(dt.UTC)
    if record.kind == "shadow":
        last = end_shadow(store, record, promotion, outcome, reason, who=who, at=now)
        say(f"the shadow of {record.promotion} ended: {last.reason or 'all runs held'}")
        return last
    if outcome == "breach":
        _mark_breach(store, record, reason)
    withdraw(store, warehouse, record, outcome, reason, who=who, at=now)
    say(f"the canary of {record.promotion} was withdrawn: {reason}")
    return replace(record, state="ended", outcome=outcome, reason=reason, ended=now)


def _mark_breach(store: Store, record: BesideRecord, reason: str) -> None:
    from workbench.store import beside, waivers

    broken = {each.pipeline for each in beside.trials(store, record.number) if each.breach} or set(record.data)
    evidence = {"reason": reason, "next": f"workbench publish {record.promotion} --canary 5%"}
    said = GateResult("canary", Verdict.FAIL, f"withdrawn: {reason}", evidence)
    waivers.set_gates(store, record.promotion, dict.fromkeys(sorted(broken), said))
