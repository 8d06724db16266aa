"""Whether a promotion may be shown to readers, all or chosen ones, as people and gates have decided."""

from __future__ import annotations

from collections.abc import Mapping

from workbench.config import Workspace
from workbench.errors import GuardRefused, UnknownName, Waiting, WorkbenchError, quoted
from workbench.model import GateResult, Verdict
from workbench.promote.approval import refuse_changes
from workbench.runtime.warehouse import Live
from workbench.store import Store
from workbench.store.records import PromotionRecord


def promotion_named(store: Store, text: str) -> PromotionRecord:
    """The promotion of that id, in any case; ``UnknownName`` where there is none."""
    found = store.promotion(text.upper())
    if found is None:
        raise UnknownName.of("promotion", text, [each.id for each in store.promotions()], hint="workbench show")
    return found


def refuse_undecided(workspace: Workspace, store: Store, promotion: PromotionRecord, *, again: bool = False) -> None:
    """``Waiting`` for what nobody approved or a gate waits for, ``GuardRefused`` for what was refused or changed since,
    ``WorkbenchError`` for what was rejected or superseded.

    ``again`` is for another canary, after which the gate that the last one left is judged anew.
    """
    match promotion.status:
        case "waiting":
            raise Waiting(f"{promotion.id} waits for approval", hint=f"workbench approve {promotion.id}")
        case "refused":
            raise GuardRefused(f"{promotion.id} was refused by a gate", hint=f"workbench gates {promotion.id}")
        case "rejected" | "superseded":
            raise WorkbenchError(f"{promotion.id} is {promotion.status}", hint=f"workbench show {promotion.id}")
    approved = [each for each in store.approvals(promotion.id) if each.decision == "approve"]
    if not any(each.digest == promotion.digest for each in approved):
        raise GuardRefused(f"the approval of {promotion.id} is for something else", hint=f"workbench approve {promotion.id}")
    _refuse_gates(promotion, again=again)
    refuse_changes(workspace, store, promotion, notebook=promotion.status != "published")


def _refuse_gates(promotion: PromotionRecord, *, again: bool) -> None:
    """What ran beside production after the promotion was judged may speak against it, or be missing still."""
    for candidate in promotion.candidates:
        for gate in candidate.gates:
            if again and gate.gate == "canary":
                continue
            said = f"{candidate.pipeline}@{candidate.version}, gate {gate.gate}: {gate.summary}"
            if gate.verdict is Verdict.FAIL:
                raise GuardRefused(said, hint=f"workbench gates {promotion.id}")
            if gate.verdict is Verdict.WAITING:
                raise Waiting(said, hint=_way_out(promotion, gate))


def waits_for(promotion: PromotionRecord) -> str:
    """The command that brings a promotion on whose gates wait for runs; "" when none does."""
    waiting = (gate for each in promotion.candidates for gate in each.gates if gate.verdict is Verdict.WAITING)
    return next((_way_out(promotion, gate) for gate in waiting), "")


def _way_out(promotion: PromotionRecord, gate: GateResult) -> str:
    start = f"workbench shadow start {promotion.id} --runs {gate.evidence.get('wanted', 1)}"
    return str(gate.evidence.get("next") or (start if gate.gate == "shadow" else f"workbench gates {promotion.id}"))


def refuse_overtaken(live: Mapping[str, Live], promotion: PromotionRecord) -> None:
    """``WorkbenchError`` when readers see another version than a promotion was judged against."""
    found = overtaken({name: at.version for name, at in live.items()}, promotion)
    if found and promotion.status != "published":
        raise WorkbenchError(found, hint=f'workbench promote {quoted(promotion.notebook)} --why "…"')


def overtaken(live: Mapping[str, int], promotion: PromotionRecord) -> str:
    """How production has moved on since a promotion was judged, in words; "" while it has not."""
    for each in promotion.candidates:
        if live.get(each.pipeline) not in (each.base_version, each.version):
            seen = f"{each.pipeline}@{live[each.pipeline]}" if each.pipeline in live else f"nothing of {each.pipeline}"
            return f"{promotion.id} was judged against {each.pipeline}@{each.base_version or 'nothing'}, but readers see {seen}"
    return ""
