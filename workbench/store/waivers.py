"""Gates of stored promotions that change: waived by a person, or judged by what ran beside production later."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import replace

from workbench.errors import GuardRefused
from workbench.model import GateResult, Verdict, VersionId
from workbench.store import rows, tables
from workbench.store.database import Store
from workbench.store.records import PromotionRecord


def waived(promotion: PromotionRecord, gate: str, *, who: str, why: str) -> PromotionRecord:
    """The promotion with every failure of a gate turned into a warning that says who let it pass and why."""
    candidates = (
        replace(each, gates=tuple(_waive(result, gate, who, why) for result in each.gates)) for each in promotion.candidates
    )
    return replace(promotion, candidates=tuple(candidates))


def failing(promotion: PromotionRecord) -> tuple[str, ...]:
    """The names of the gates that refuse a promotion."""
    return tuple(
        sorted({each.gate for candidate in promotion.candidates for each in candidate.gates if each.verdict is Verdict.FAIL})
    )


def keep(
    store: Store,
    promotion: PromotionRecord,
    gate: str,
    *,
    who: str,
    why: str,
    at: dt.datetime,
    manifests: Mapping[VersionId, str],
) -> PromotionRecord:
    """Record a waiver. With the last one the promotion waits for approval, with the versions whose manifests are given.

    Raises ``GuardRefused`` when the promotion is no longer what it was.
    """
    table = tables.promotions
    with store.transaction() as connection:
        current = store.promotion(promotion.id)
        if current != promotion:
            raise GuardRefused(f"{promotion.id} was changed meanwhile", hint=f"workbench gates {promotion.id}")
        changed = waived(promotion, gate, who=who, why=why)
        if not failing(changed):
            changed = replace(changed, status="waiting")
            store.supersede(changed)
            unknown = {version: digest for version, digest in manifests.items() if store.version(version) is None}
            for version in rows.versions_of(changed, unknown):
                connection.execute(tables.versions.insert().values(rows.from_version(version)))
        connection.execute(
            table.update().where(table.c.number == rows.number("P", changed.id)).values(rows.from_promotion(changed))
        )
        said = {"promotion": changed.id, "gate": gate, "who": who, "why": why, "digest": changed.digest}
        store.append_ledger("waive", said, at=at)
    store.write_head()
    return changed


def set_gates(store: Store, promotion: str, found: Mapping[str, GateResult]) -> None:
    """Replace, or add, what one gate says of candidates of a promotion, by pipeline. Approvals are not bound to it."""
    with store.transaction() as connection:
        current = store.promotion(promotion)
        if current is None:
            return
        candidates = []
        for each in current.candidates:
            result = found.get(each.pipeline)
            if result is not None:
                others = tuple(gate for gate in each.gates if gate.gate != result.gate)
                each = replace(each, gates=(*others, result))
            candidates.append(each)
        values = rows.from_promotion(replace(current, candidates=tuple(candidates)))
        table = tables.promotions
        connection.execute(table.update().where(table.c.number == rows.number("P", promotion)).values(values))


def _waive(result: GateResult, gate: str, who: str, why: str) -> GateResult:
    if result.gate != gate or result.verdict is not Verdict.FAIL:
        return result
    evidence = {**result.evidence, "waived": {"who": who, "why": why}}
    return GateResult(result.gate, Verdict.WARN, f"{result.summary}; waived by {who}: {why}", evidence)
