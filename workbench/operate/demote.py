"""Taking a pipeline out of production, and back: plans that only read, and one function that moves readers.

Its versions, data and history stay. From then on nothing runs it; readers keep what they see, or see nothing any more.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Literal

from workbench.catalog import announce
from workbench.catalog.contract import read_contract
from workbench.catalog.endings import demotion_said
from workbench.catalog.operation import move_readers, pointer
from workbench.catalog.owner import owner
from workbench.catalog.version import changed_files, pipelines, version_dir
from workbench.config import Workspace
from workbench.errors import ConfigError, GuardRefused, InfrastructureError, UnknownName, UsageError, WorkbenchError
from workbench.model import VersionId, counted
from workbench.operate.schedule import NEVER, read_config
from workbench.operate.settle import is_lost
from workbench.runtime.warehouse import Warehouse
from workbench.store import Store, backfills, endings
from workbench.store.records import OperationRecord, Pointer, Target

NOBODY = "nobody"


@dataclass(frozen=True, slots=True)
class Consumer:
    """A live pipeline that reads the one that goes, itself, and whom to ask about it."""

    pipeline: str
    version: int
    owner: str


@dataclass(frozen=True, slots=True)
class DemotePlan:
    """What demoting, or with ``kind`` "restore" bringing back, does. ``notes`` say what else is so."""

    kind: Literal["demote", "restore"]
    target: Target
    schedule: str
    consumers: tuple[Consumer, ...] = ()
    notes: tuple[str, ...] = ()


def plan_demote(
    workspace: Workspace, store: Store, warehouse: Warehouse, pipeline: str, *, withdraw: bool, allow_readers: bool
) -> DemotePlan:
    """What demoting a pipeline would do; changes nothing. With ``withdraw`` its view goes, else readers keep what they see.

    Raises ``GuardRefused`` while live pipelines read it, unless ``allow_readers``, and while a backfill of it is under way;
    ``WorkbenchError`` when it is demoted already, ``UsageError`` when nothing of it is live.
    """
    live, gone = warehouse.live(), endings.demotions(store)
    before = gone.get(pipeline)
    if before is not None and not (withdraw and before.readers == "kept"):
        raise WorkbenchError(
            f"{pipeline} is {demotion_said(before)} already", hint=f"workbench demote {pipeline} --undo --why …"
        )
    if pipeline not in live:
        known = {*live, *pipelines(workspace)}
        if pipeline not in known:
            raise UnknownName.of("pipeline", pipeline, known, hint="workbench status")
        raise UsageError(f"nothing is published of {pipeline}, so there is nothing to demote", hint="workbench status")
    busy = backfills.find(store, pipeline, active=True)
    if busy:
        raise GuardRefused(f"{busy[0].id} of {pipeline} is {busy[0].state}", hint=f"workbench backfill --cancel {busy[0].id}")
    found = consumers(workspace, store, warehouse, pipeline)
    if found and not allow_readers:
        asked = ", ".join(f"{each.pipeline}@{each.version} (owner: {each.owner})" for each in found)
        raise GuardRefused(
            f"{counted(len(found), 'live pipeline', 'read')} {pipeline}: {asked}",
            hint=f"ask them, then: workbench demote {pipeline} --allow-readers --why …",
        )
    at = pointer(live[pipeline])
    under_way = [each for each in store.runs(pipeline, status="running") if not is_lost(each)]
    notes = [f"{each.id} is under way; readers will not see its result" for each in under_way]
    return DemotePlan(
        "demote", Target(pipeline, at, None if withdraw else at), _schedule(workspace, pipeline), found, tuple(notes)
    )


def plan_restore(workspace: Workspace, store: Store, warehouse: Warehouse, pipeline: str) -> DemotePlan:
    """What bringing a demoted pipeline back would do: readers see what they saw last, and its schedule goes on.

    Raises ``WorkbenchError`` when it is not demoted, ``InfrastructureError`` when its data is gone, ``GuardRefused`` when the
    version's files were changed.
    """
    record = endings.demotions(store).get(pipeline)
    if record is None:
        known = {*warehouse.current().views, *pipelines(workspace)}
        if pipeline not in known:
            raise UnknownName.of("pipeline", pipeline, known, hint="workbench status")
        raise WorkbenchError(f"{pipeline} is not demoted", hint="workbench status")
    at = pointer(warehouse.live().get(pipeline))
    back = at or Pointer(record.version, record.snapshot)
    version, known_version = VersionId(pipeline, back.version), store.version(VersionId(pipeline, back.version))
    wrong = changed_files(
        workspace, version, expected_manifest=None if known_version is None else known_version.manifest_sha256
    )
    if wrong:
        folder = version_dir(workspace, version).relative_to(workspace.root).as_posix()
        raise GuardRefused(f"{folder}/{wrong[0]} is not what was approved", hint=f"git checkout {folder}")
    damaged = warehouse.damaged(warehouse.snapshot(back.snapshot, pipeline))
    if damaged:
        raise InfrastructureError(
            f"data of {version} is damaged or missing: {damaged[0]}", hint=f"workbench publish {pipeline}@N of another version"
        )
    schedule = _schedule(workspace, pipeline)
    note = f"its data is of {record.at:%Y-%m-%d} or before; next: workbench run {pipeline}"
    return DemotePlan(
        "restore", Target(pipeline, at, back), schedule, consumers(workspace, store, warehouse, pipeline), (note,)
    )


def apply(store: Store, warehouse: Warehouse, plan: DemotePlan, *, who: str, why: str, at: dt.datetime) -> OperationRecord:
    """Carry out a plan: readers, the schedule and the ledger change in one step, or nothing does."""
    task = "DEMOTE" if plan.kind == "demote" else "PUBLISH"
    with announce.move_told(store.workspace, [plan.target], at, task):
        return move_readers(store, warehouse, plan.kind, [plan.target], who=who, at=at, why=why)


def consumers(workspace: Workspace, store: Store, warehouse: Warehouse, pipeline: str) -> tuple[Consumer, ...]:
    """The live pipelines whose version reads this one, and that are not demoted themselves; by name."""
    gone, found = endings.demotions(store), []
    for name, view in sorted(warehouse.current().views.items()):
        try:
            inputs = read_contract(version_dir(workspace, VersionId(name, view.version))).inputs
        except UsageError:
            continue  # the doctor names it
        if name not in gone and any(each.kind == "pipeline" and each.name == pipeline for each in inputs):
            found.append(Consumer(name, view.version, _owner(workspace, name)))
    return tuple(found)


def _owner(workspace: Workspace, pipeline: str) -> str:
    try:
        return owner(workspace, pipeline) or NOBODY
    except ConfigError:
        return NOBODY


def _schedule(workspace: Workspace, pipeline: str) -> str:
    try:
        return read_config(workspace, pipeline).schedule or NEVER
    except ConfigError:
        return NEVER
