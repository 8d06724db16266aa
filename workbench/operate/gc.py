"""Removing what nobody needs any more: a plan that only reads, and one function that deletes what it says.

What goes is written to the ledger first, and then removed: snapshots before their files, so that nothing that can be named is
half there. Killed in between, the next one removes the rest.

Fail-points: gc_before_ledger, gc_after_ledger, gc_after_snapshots, gc_after_files.
"""

from __future__ import annotations

import datetime as dt
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from workbench.catalog.operation import recover, refuse_broken_ledger
from workbench.config import Workspace
from workbench.errors import InfrastructureError
from workbench.operate.retention import Needs, Pin
from workbench.runtime.failpoint import reached
from workbench.runtime.warehouse import Warehouse
from workbench.store import Store
from workbench.store.records import RunRecord


@dataclass(frozen=True, slots=True)
class Kept:
    """A snapshot that stays, and the strongest reason why."""

    pipeline: str
    snapshot: str
    why: str


@dataclass(frozen=True, slots=True)
class Gone:
    """A snapshot that goes, and why."""

    pipeline: str
    snapshot: str
    why: str


@dataclass(frozen=True, slots=True)
class GcPlan:
    """What is removed and what stays. ``files`` are the warehouse's, lists of snapshots first; ``folders`` those of runs, of
    trials beside production, and environments that were made to reproduce runs.

    ``runs`` are the runs whose record is let go: their rows stay. ``bytes`` is what all of it takes on disk.
    """

    gone: tuple[Gone, ...]
    kept: tuple[Kept, ...]
    runs: tuple[RunRecord, ...]
    files: tuple[Path, ...]
    folders: tuple[Path, ...]
    bytes: int

    @property
    def empty(self) -> bool:
        return not (self.files or self.folders or self.runs)


def plan_gc(workspace: Workspace, store: Store, warehouse: Warehouse, *, now: dt.datetime, grace: dt.timedelta) -> GcPlan:
    """What nobody needs at a moment; changes nothing. What was written or seen within ``grace`` stays.

    Raises ``ConfigError`` when a pipeline.toml can't be read: a retention that nobody knows removes nothing.
    """
    needs = Needs(workspace, store, warehouse, now, grace)
    over = needs.over()
    pins = needs.pins()
    young = (now - grace).timestamp()
    kept, gone = [], []
    for pipeline in warehouse.pipelines():
        for snapshot in warehouse.snapshots(pipeline):
            known = pins.get(snapshot, ())
            holding = next((pin for pin in known if pin.holds(now)), None)
            if holding is not None:
                kept.append(Kept(pipeline, snapshot, holding.why))
            elif warehouse.written(snapshot, pipeline) > young:
                kept.append(Kept(pipeline, snapshot, "it was written a moment ago"))
            else:
                gone.append(Gone(pipeline, snapshot, _why(known)))
    needed = {each.snapshot for each in kept}
    files = [path for path in warehouse.garbage(needed) if path.stat().st_mtime <= young]
    files.sort(key=lambda path: (path.suffix != ".json", path))
    folders = [folder for run in over if (folder := workspace.runs / run.id).is_dir()]
    expired = (run for run in store.runs() if "expired" in run.facts)  # of a gc that was killed
    folders += [folder for run in expired if (folder := workspace.runs / run.id).is_dir()]
    folders += [*(folder for folder, _ in needs.strangers(fresh=False)), *needs.built()]
    size = sum(path.stat().st_size for path in files) + sum(map(_size, folders))
    return GcPlan(tuple(gone), tuple(kept), over, tuple(files), tuple(sorted(folders)), size)


def collect(
    workspace: Workspace, store: Store, warehouse: Warehouse, *, who: str, now: dt.datetime, grace: dt.timedelta
) -> GcPlan:
    """Remove what nobody needs, and return what that was.

    Raises ``GuardRefused`` when the ledger does not verify, ``LockHeld`` while another process publishes or collects,
    ``InfrastructureError`` where nothing may be deleted.
    """
    with warehouse.lock():
        recover(store, warehouse, at=now)
        refuse_broken_ledger(store)
        plan = plan_gc(workspace, store, warehouse, now=now, grace=grace)
        if plan.empty:
            return plan
        _refuse_read_only(plan)
        reached("gc_before_ledger")
        with store.transaction():
            for run in plan.runs:
                store.update_run(replace(run, notebook="", facts={**run.facts, "expired": now.isoformat()}))
            store.append_ledger("gc", _said(plan, who), at=now)
        store.write_head()
        reached("gc_after_ledger")
        lists = [path for path in plan.files if path.suffix == ".json"]
        warehouse.remove(lists, written_before=now - grace)
        reached("gc_after_snapshots")
        warehouse.remove(plan.files[len(lists) :], written_before=now - grace)
        reached("gc_after_files")
        for folder in plan.folders:
            shutil.rmtree(folder, ignore_errors=True)
    return plan


def _why(pins: Sequence[Pin]) -> str:
    """Why a snapshot may go: the last reason to keep it that there was."""
    last = max(pins, key=lambda pin: pin.until or dt.datetime.min.replace(tzinfo=dt.UTC), default=None)
    if last is None or last.until is None:
        return "no version, reader or successful run has it"
    return f"{last.why}, and was to be kept until {last.until:%Y-%m-%d}"


def _said(plan: GcPlan, who: str) -> dict[str, Any]:
    """What the ledger says of it."""
    snapshots: dict[str, list[str]] = {}
    for each in plan.gone:
        snapshots.setdefault(each.pipeline, []).append(each.snapshot)
    counted = {"files": len(plan.files), "folders": len(plan.folders), "bytes": plan.bytes}
    return {"who": who, "snapshots": snapshots, "runs": [run.id for run in plan.runs], **counted}


def _refuse_read_only(plan: GcPlan) -> None:
    """Where one file can't be deleted, nothing is said to be."""
    places = {path.parent for path in (*plan.files, *plan.folders)}
    closed = sorted(str(place) for place in places if not os.access(place, os.W_OK))
    if closed:
        raise InfrastructureError(f"nothing was removed: {closed[0]} is read-only", hint="make it writable, then: workbench gc")


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
