"""A canary: chosen readers see a promotion's candidates while all others go on seeing what is live.

Plans only read; each change of what readers see is one operation on the ledger, as a publication is.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, replace

from workbench.catalog.canary import Change, ended, shown
from workbench.catalog.operation import move_readers
from workbench.config import Workspace
from workbench.errors import InfrastructureError, UnknownName, UsageError, WorkbenchError, quoted
from workbench.model import GateResult, Verdict
from workbench.promote.decided import promotion_named, refuse_overtaken, refuse_undecided
from workbench.runtime.canary import BUCKETS, reader_name
from workbench.runtime.warehouse import Warehouse
from workbench.settings import parse_share
from workbench.store import Store, beside, waivers
from workbench.store.beside import BesideRecord, Outcome
from workbench.store.records import OperationRecord, Pointer, PromotionRecord, Target


@dataclass(frozen=True, slots=True)
class CanaryPlan:
    """Who would see which candidates; ``replaces`` is the canary of a promotion that was superseded.

    ``record`` has number 0 for one that begins. Nothing is to do when ``same``.
    """

    record: BesideRecord
    moves: tuple[Target, ...]
    replaces: BesideRecord | None = None
    same: bool = False
    notes: tuple[str, ...] = ()


def share_of(text: str) -> int:
    """Ten-thousandths in a share such as ``5%``; ``UsageError`` for none of all readers, and for more than all.

    >>> share_of("5%"), share_of("0.0101")
    (500, 101)
    """
    hint = "for example --canary 5%"
    try:
        share = round(parse_share(text) * BUCKETS)
    except UsageError:
        raise UsageError(f"{text!r} is not a share of readers above 0% and up to 100%", hint=hint) from None
    if share == 0:
        raise UsageError(f"{text!r} is less than one reader in {BUCKETS:,}", hint=hint)
    return share


def plan_canary(
    workspace: Workspace,
    store: Store,
    warehouse: Warehouse,
    target: str,
    *,
    share: int,
    readers: Sequence[str],
    who: str,
    at: dt.datetime,
    why: str = "",
) -> CanaryPlan:
    """What showing a promotion to chosen readers would do; changes nothing.

    The same is decided before as for a publication: gates, approval, hashes, and that nobody overtook it. Of a canary that
    runs already, the readers are changed and the data stays as it is.

    Raises ``WorkbenchError`` when there is nothing live beside which to show it, or when another canary or a shadow of it runs.
    """
    promotion = promotion_named(store, target)
    refuse_undecided(workspace, store, promotion, again=True)
    if promotion.status == "published":
        raise WorkbenchError(f"all readers see {promotion.id} already", hint="workbench status")
    live = warehouse.live()
    refuse_overtaken(live, promotion)
    names = tuple(sorted({reader_name(each) for each in readers}))
    made = {each.pipeline: Pointer(each.version, each.snapshot) for each in promotion.candidates}
    fresh = [name for name in made if name not in live]
    if len(fresh) == len(made):
        raise WorkbenchError(
            f"nothing of {', '.join(made)} is published, so there is no live version to go on with beside it",
            hint=f"workbench publish {promotion.id}",
        )
    mine = next(iter(beside.running(store, promotion=promotion.id)), None)
    if mine is not None and mine.kind == "shadow":
        raise WorkbenchError(
            f"{promotion.id} runs in shadow, and its runs are not all done", hint=f"workbench shadow status {promotion.id}"
        )
    replaces = _other(store, promotion)
    if mine is not None:
        record, data = replace(mine, share=share, readers=names), mine.data
    else:
        data = made
        since = beside.last_run(store, promotion.at)  # what ran since its trial is made up for
        record = BesideRecord(0, "canary", promotion.id, "running", made, since, who, at, why, share, names)
    seen = warehouse.current().canaries
    before = {name: Pointer(*there) for canary in seen.values() for name, there in canary.data.items()}
    gone = [] if replaces is None else [name for name in replaces.data if name not in data]
    moves = [Target(name, before.get(name), at) for name, at in data.items() if before.get(name) != at]
    for move in moves:
        assert move.new is not None
        damaged = warehouse.damaged(warehouse.snapshot(move.new.snapshot, move.pipeline))
        if damaged:
            raise InfrastructureError(
                f"data of {move.pipeline}@{move.new.version} is damaged or missing: {damaged[0]}",
                hint=f'workbench promote {quoted(promotion.notebook)} --why "…"',
            )
    notes = [f"{name} is new: only chosen readers see it, as its trial computed it" for name in fresh]
    if replaces is not None:
        notes.append(f"the canary of {replaces.promotion}, which was superseded, ends")
    moves += [Target(name, before.get(name), None) for name in gone]
    same = mine is not None and (mine.share, mine.readers) == (share, names) and not moves
    return CanaryPlan(record, tuple(moves), replaces, same, tuple(notes))


def apply_canary(
    store: Store, warehouse: Warehouse, plan: CanaryPlan, *, who: str, at: dt.datetime, why: str = ""
) -> OperationRecord | None:
    """Show chosen readers what was planned; None when they see it already."""
    if plan.same:
        return None
    change = shown(plan.record, "begun" if plan.record.number == 0 else "readers changed")
    if plan.replaces is not None:
        change = change.and_also(ended(plan.replaces, "replaced", f"{plan.record.promotion} took its place", at))
    promotion = plan.record.promotion
    operation = move_readers(store, warehouse, "canary", (), who=who, at=at, why=why, promotion=promotion, change=change)
    _wait_again(store, promotion)
    return operation


def _wait_again(store: Store, identity: str) -> None:
    """After a breach, another canary has to hold beside a run before the promotion may be published."""
    promotion = store.promotion(identity)
    for each in promotion.candidates if promotion is not None else ():
        last = next((gate for gate in each.gates if gate.gate == "canary"), None)
        if last is not None and last.verdict is Verdict.FAIL:
            evidence = {**last.evidence, "next": f"workbench canary status {identity}"}
            said = GateResult(
                "canary", Verdict.WAITING, "shown to a canary again; waits for a run beside which it holds", evidence
            )
            waivers.set_gates(store, identity, {each.pipeline: said})


def bring_up_to_date(
    store: Store, warehouse: Warehouse, record: BesideRecord, data: dict[str, Pointer], *, trial: str, who: str, at: dt.datetime
) -> BesideRecord:
    """Show chosen readers what the candidates computed beside a run."""
    last = replace(record, data={**record.data, **data})
    if last.data != record.data:
        change = shown(last, "brought up to date", trial=trial)
        move_readers(store, warehouse, "follow", (), who=who, at=at, promotion=record.promotion, change=change)
    return last


def withdraw(
    store: Store, warehouse: Warehouse, record: BesideRecord, outcome: Outcome, reason: str, *, who: str, at: dt.datetime
) -> OperationRecord:
    """Take the candidates away from chosen readers, who see what all see from then on."""
    change: Change = ended(record, outcome, reason, at)
    return move_readers(store, warehouse, "withdraw", (), who=who, at=at, why=reason, promotion=record.promotion, change=change)


def running_canary(store: Store, text: str) -> BesideRecord:
    """The running canary of a promotion (``P-7``) or of a pipeline; ``UnknownName`` where there is none."""
    found = [each for each in beside.running(store) if each.kind == "canary"]
    for each in found:
        if each.promotion == text.upper() or text in each.data:
            return each
    known = [name for each in found for name in (each.promotion, *each.data)]
    raise UnknownName.of("running canary", text, known, hint="workbench canary status")


def _other(store: Store, promotion: PromotionRecord) -> BesideRecord | None:
    """A canary of one of the same pipelines, when its promotion is not open any more; ``WorkbenchError`` when it is."""
    names = {each.pipeline for each in promotion.candidates}
    for each in beside.running(store):
        if each.promotion == promotion.id or each.kind != "canary" or not names & each.data.keys():
            continue
        other = store.promotion(each.promotion)
        if other is not None and other.status == "approved":
            both = ", ".join(sorted(names & each.data.keys()))
            raise WorkbenchError(
                f"{both} is shown to chosen readers already, by the canary of {each.promotion}",
                hint=f'workbench canary abort {each.promotion} --why "…"',
            )
        return each
    return None
