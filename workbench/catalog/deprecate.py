"""Telling readers to leave a version, until a day and with what to read instead, and taking that back."""

from __future__ import annotations

import datetime as dt

from workbench.catalog.endings import annotate
from workbench.catalog.operation import recover
from workbench.catalog.version import pipelines, versions
from workbench.config import Workspace
from workbench.errors import UnknownName, UsageError, WorkbenchError
from workbench.model import VersionId
from workbench.runtime.failpoint import reached
from workbench.runtime.warehouse import Warehouse
from workbench.store import Store, endings
from workbench.store.records import DeprecationRecord


def plan_deprecation(
    workspace: Workspace, store: Store, version: VersionId, *, until: dt.date, use: str, why: str, who: str, now: dt.datetime
) -> tuple[DeprecationRecord, DeprecationRecord | None]:
    """What is to be said of a version, and what was said of it before; changes nothing.

    Raises ``UnknownName`` for a version that there is not, ``UsageError`` for a day that is over, and for an alternative that
    is the version itself or deprecated too.
    """
    _refuse_unknown(workspace, version)
    if until < now.astimezone(dt.UTC).date():
        raise UsageError(f"{until} is over, so nobody could leave {version} in time", hint="give --until a day that is to come")
    known = endings.deprecations(store)
    if use:
        instead = VersionId.parse(use)
        use = str(instead)
        if instead == version:
            raise UsageError(f"{version} can't take its own place", hint=f"name another version, or leave --use {use} out")
        _refuse_unknown(workspace, instead)
        if instead in known:
            raise UsageError(
                f"{instead} is deprecated itself, until {known[instead].until}", hint="name one that readers may stay with"
            )
    return DeprecationRecord(version.pipeline, version.number, until, use, why, who, now), known.get(version)


def deprecate(store: Store, warehouse: Warehouse, record: DeprecationRecord) -> None:
    """Say so on the ledger, and beside the view when readers see that version."""
    endings.deprecate(store, record)
    reached("after_deprecation")
    _tell(store, warehouse, record.at)


def undo(
    workspace: Workspace, store: Store, warehouse: Warehouse, version: VersionId, *, who: str, why: str, now: dt.datetime
) -> DeprecationRecord:
    """Take back what was said of a version. ``WorkbenchError`` when nothing was."""
    _refuse_unknown(workspace, version)
    before = endings.undo_deprecation(store, version, who=who, why=why, at=now)
    if before is None:
        raise WorkbenchError(f"{version} is not deprecated", hint="workbench status")
    reached("after_deprecation")
    _tell(store, warehouse, now)
    return before


def _tell(store: Store, warehouse: Warehouse, now: dt.datetime) -> None:
    with warehouse.lock():
        recover(store, warehouse, at=now)
        annotate(store, warehouse)


def _refuse_unknown(workspace: Workspace, version: VersionId) -> None:
    there = versions(workspace, version.pipeline)
    if version.number in there:
        return
    if not there:
        raise UnknownName.of("pipeline", version.pipeline, pipelines(workspace), hint="workbench catalog")
    known = ", ".join(f"{version.pipeline}@{number}" for number in there)
    raise UnknownName(f"there is no version {version}; there are: {known}", hint=f"workbench changelog {version.pipeline}")
