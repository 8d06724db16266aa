"""Runs whose process is gone: what became of them, as the store and the warehouse tell."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

from workbench.operate import process
from workbench.runtime.warehouse import Warehouse
from workbench.store import Store
from workbench.store.records import RunRecord, RunStatus


def is_lost(run: RunRecord) -> bool:
    """Whether a run says that it is under way, but the process that ran it is gone. Only its own machine can tell."""
    if run.status != "running" or run.facts.get("host", "") != process.host():
        return False
    return not process.alive(int(run.facts.get("pid", 0)), str(run.facts.get("process", "")))


def settle(
    store: Store, warehouse: Warehouse, *, now: dt.datetime, pipeline: str | None = None, whoever: bool = False
) -> tuple[RunRecord, ...]:
    """Write down how lost runs ended: succeeded when readers were moved to their result, else killed.

    With ``whoever`` every run that says it is under way counts as lost, as it does for the holder of the pipeline's lease.
    """
    settled = []
    for run in store.runs(pipeline, status="running"):
        if whoever or is_lost(run):
            published = was_published(store, warehouse, run.id)
            status: RunStatus = "succeeded" if published else "killed"
            error = "" if published else "its process was killed; readers keep what they had"
            last = replace(run, status=status, finished=now, error=error, facts={**run.facts, "changed": published})
            store.update_run(last)
            settled.append(last)
    return tuple(settled)


def was_published(store: Store, warehouse: Warehouse, run: str) -> bool:
    """Whether readers were moved to the result of a run, also when whoever moved them did not live to write it down."""
    current = warehouse.current().operation
    return any(each.run == run and (each.state == "done" or each.id == current) for each in store.operations())
