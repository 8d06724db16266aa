"""Gates that are judged after a promotion was: what a shadow or a canary showed. They are waived as the others are."""

from __future__ import annotations

import datetime as dt

from workbench.config import Workspace
from workbench.errors import GuardRefused, UnknownName
from workbench.model import GateResult, Verdict
from workbench.promote.approval import refuse_waiver
from workbench.store import Store, waivers
from workbench.store.records import PromotionRecord

LATER = ("shadow", "canary")


def waive_later(
    workspace: Workspace, promotion: PromotionRecord, gate: str, *, who: str, why: str, at: dt.datetime
) -> PromotionRecord:
    """Let a promotion be published though one of these gates fails, or waits for runs; returns it as it is then.

    Its approval stands. Raises ``GuardRefused`` for somebody who may not approve it, ``UnknownName`` where the gate passes.
    """
    held = {
        each.pipeline: result
        for each in promotion.candidates
        for result in each.gates
        if result.gate == gate and result.verdict in (Verdict.FAIL, Verdict.WAITING)
    }
    if not held:
        waiting = [
            result.gate
            for each in promotion.candidates
            for result in each.gates
            if result.verdict in (Verdict.FAIL, Verdict.WAITING)
        ]
        raise UnknownName.of("failing gate", gate, waiting, hint=f"workbench gates {promotion.id}")
    refuse_waiver(workspace, promotion, gate, who)
    passed = {
        name: GateResult(
            gate,
            Verdict.WARN,
            f"{result.summary}; waived by {who}: {why}",
            {**result.evidence, "waived": {"who": who, "why": why}},
        )
        for name, result in held.items()
    }
    with Store.open(workspace) as store:
        with store.transaction():
            if store.promotion(promotion.id) != promotion:
                raise GuardRefused(f"{promotion.id} was changed meanwhile", hint=f"workbench gates {promotion.id}")
            waivers.set_gates(store, promotion.id, passed)
            said = {"promotion": promotion.id, "gate": gate, "who": who, "why": why, "digest": promotion.digest}
            store.append_ledger("waive", said, at=at)
        store.write_head()
        return store.promotion(promotion.id) or promotion
