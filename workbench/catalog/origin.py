"""What put data before readers, what computed it, and who let it through."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from workbench.catalog.contract import Contract, read_contract
from workbench.catalog.version import version_dir
from workbench.config import Workspace
from workbench.errors import ConfigError, UnknownName
from workbench.model import VersionId
from workbench.parameter import encode
from workbench.store import Store, beside
from workbench.store.records import OperationRecord, Pointer, PromotionRecord, RunRecord


@dataclass(frozen=True, slots=True)
class Origin:
    """What put data before readers, and what computed it: ``run``, or the trial of ``trial`` (a promotion), or neither.

    ``beside`` is the run of the version before it that the trial followed, "" for the one with which it was promoted.

    ``inputs`` are name, kind and state of what was read; the state is None where none was kept. ``promotion`` brought the
    version, ``approved_by`` let it through for the reason ``approved_why``; ``waived`` are the gates that refused it until
    somebody let them pass, each with who that was and why.
    """

    operation: str
    kind: str
    at: dt.datetime
    who: str
    why: str
    version: int
    snapshot: str
    run: str | None = None
    trial: str | None = None
    beside: str = ""
    code_sha256: str = ""
    parameters: dict[str, Any] = field(default_factory=dict)
    inputs: tuple[dict[str, Any], ...] = ()
    promotion: str | None = None
    promoted_by: str = ""
    promoted_why: str = ""
    approved_by: str = ""
    approved_why: str = ""
    waived: tuple[dict[str, str], ...] = ()


def shown(move: OperationRecord, pipeline: str) -> Pointer | None:
    """What readers of a pipeline saw after a move; None when it took the table away."""
    target = move.target(pipeline)
    return None if target is None else target.new


def origin_of(store: Store, workspace: Workspace, pipeline: str, moves: Sequence[OperationRecord]) -> Origin | None:
    """Where the data comes from that the last of these moves shows; None when it took the table away."""
    move = moves[-1]
    pointer = shown(move, pipeline)
    if pointer is None:
        return None
    version = store.version(VersionId(pipeline, pointer.version))
    run, trial = _computed(store, pipeline, moves, pointer)
    later = beside.trial_of(store, pipeline, pointer) if run is None and trial is None else None
    if later is not None:
        trial = store.promotion(beside.promotion_of(store, later))
    brought = trial or (None if version is None else store.promotion(version.promotion))
    approvals = [] if brought is None else [each for each in store.approvals(brought.id) if each.decision == "approve"]
    contract = contract_of(workspace, pipeline, pointer.version)
    defaults = {} if contract is None else {each.name: each.default for each in contract.parameters}
    return Origin(
        move.id,
        move.kind,
        move.at,
        move.who,
        move.why,
        pointer.version,
        pointer.snapshot,
        run=None if run is None else run.id,
        trial=None if trial is None else trial.id,
        beside="" if later is None else later.run,
        code_sha256=run.code_sha256 if run is not None else "" if version is None else version.module_sha256,
        parameters=run.parameters if run is not None else encode(defaults),
        inputs=tuple(ran.facts.get("inputs", ())) if (ran := run or later) else _tried(trial, pipeline, contract),
        promotion=None if brought is None else brought.id,
        promoted_by="" if brought is None else brought.who,
        promoted_why="" if brought is None else brought.why,
        approved_by=approvals[-1].who if approvals else "",
        approved_why=approvals[-1].why if approvals else "",
        waived=() if brought is None else _waived(brought, pipeline),
    )


def contract_of(workspace: Workspace, pipeline: str, version: int) -> Contract | None:
    """The contract of a version; None where its directory is gone."""
    try:
        return read_contract(version_dir(workspace, VersionId(pipeline, version)))
    except (ConfigError, UnknownName):
        return None


def _waived(promotion: PromotionRecord, pipeline: str) -> tuple[dict[str, str], ...]:
    """The gates of a candidate that were waived: gate, who and why."""
    gates = (gate for each in promotion.candidates if each.pipeline == pipeline for gate in each.gates)
    return tuple({"gate": gate.gate, **gate.evidence["waived"]} for gate in gates if "waived" in gate.evidence)


def _computed(
    store: Store, pipeline: str, moves: Sequence[OperationRecord], pointer: Pointer
) -> tuple[RunRecord | None, PromotionRecord | None]:
    """The run, or the promotion whose trial, computed what the last move shows, which may go back to earlier data."""
    for move in reversed(moves):
        if shown(move, pipeline) != pointer:
            continue
        if move.run is not None:
            return store.run(move.run), None
        promotion = None if move.promotion is None else store.promotion(move.promotion)
        made = () if promotion is None else promotion.candidates
        if any((each.pipeline, each.version, each.snapshot) == (pipeline, pointer.version, pointer.snapshot) for each in made):
            return None, promotion
    return None, None


def _tried(trial: PromotionRecord | None, pipeline: str, contract: Contract | None) -> tuple[dict[str, Any], ...]:
    """What a trial read; without states where it kept none."""
    if trial is None or contract is None:
        return ()
    read: dict[str, str] = next((each.summary.get("read", {}) for each in trial.candidates if each.pipeline == pipeline), {})
    return tuple({"name": each.name, "kind": each.kind, "state": read.get(each.name)} for each in contract.inputs)
