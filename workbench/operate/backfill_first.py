"""What goes before a backfill: whatever a scheduler that lives is about to run, which it would never leave a moment between."""

from __future__ import annotations

import datetime as dt

from workbench.config import Workspace
from workbench.operate import lease
from workbench.operate.agenda import agenda
from workbench.operate.backfill_lease import is_carried_out
from workbench.operate.definitions import Reader
from workbench.operate.heartbeat import schedulers
from workbench.operate.intervals import of_backfill
from workbench.operate.plan import Progress, plan
from workbench.store import Store, backfills, intervals

SILENT = dt.timedelta(minutes=1)  # after which a scheduler is not waited for


def begins_soon(reader: Reader, store: Store) -> str:
    """A pipeline that a scheduler, which lives, is about to run; "" when there is none."""
    workspace, now = reader.workspace, dt.datetime.now(dt.UTC)
    if not any(each["alive"] and now - dt.datetime.fromisoformat(each["at"]) < SILENT for each in schedulers(workspace)):
        return ""
    progress = Progress(intervals.newest(store), intervals.unsettled(store), frozenset(lease.running(store)))
    due = plan(reader.read(store), progress, now, workspace.settings.scheduler.pools).due
    return due[0].pipeline if due else ""


def kept_waiting(workspace: Workspace) -> tuple[str, ...]:
    """The pipelines that are due, and that nothing but a backfill of theirs runs or is about to run."""
    with Store.open(workspace, read_only=True) as store:
        at = {each.pipeline for each in backfills.find(store, active=True) if is_carried_out(store, each.id)}
        if not at:
            return ()
        at -= {run.pipeline for run in store.runs(status="running") if not of_backfill(run)}
    due = agenda(workspace, dt.datetime.now(dt.UTC)).plan.due
    return tuple(each.pipeline for each in due if each.pipeline in at)
