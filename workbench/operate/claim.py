"""The right to run a pipeline: taken together with the run's record, given back together with how it ended."""

from __future__ import annotations

import datetime as dt

from workbench.catalog.contract import Contract
from workbench.config import Workspace
from workbench.operate import lease
from workbench.operate.intervals import Account, Ending, covered, of_backfill, partitions_of, recovered, refuse_full_pool
from workbench.operate.schedule import PipelineConfig, read_config
from workbench.operate.settle import settle
from workbench.runtime.warehouse import Warehouse
from workbench.store import Store, leases
from workbench.store.records import Lease, RunRecord


def take_over(
    workspace: Workspace, store: Store, warehouse: Warehouse, pipeline: str, watch: lease.Watch | None, now: dt.datetime
) -> None:
    """Free the lease of a process that is taken for dead, and settle what it had begun. ``LockHeld`` while it lives."""
    over = lease.abandoned(workspace, store, pipeline, watch=watch)
    if over is None:
        return
    with store.transaction():
        mine = lease.take(workspace, store, pipeline, over=over)
        settle(store, warehouse, now=now, pipeline=pipeline, whoever=True)
        recovered(store, pipeline, now=now)
        leases.release(store, mine)


def begin(workspace: Workspace, store: Store, run: RunRecord, account: Account | None) -> tuple[Lease, RunRecord]:
    """Take the lease, and write down the run and the attempt that begin: all or nothing. ``LockHeld`` in a full pool.

    Only whoever runs a pipeline by hand does not wait for its pool.
    """
    with store.transaction():
        if of_backfill(run):  # of another pipeline of the pool one may have begun since somebody looked
            refuse_full_pool(workspace, store, run.pipeline, read_config(workspace, run.pipeline))
        mine = lease.take(workspace, store, run.pipeline)
        run = store.add_run(run)
        if account is not None:
            account.begin(workspace, store, run.id)
    return mine, run


def end(
    store: Store,
    mine: Lease,
    run: RunRecord,
    account: Account | None,
    *,
    passing: bool,
    contract: Contract,
    config: PipelineConfig,
    keep: bool = False,
) -> None:
    """Write down how a run ended and what that means for the scheduler, and give the lease back: all or nothing.

    With ``keep`` others go on under the lease.
    """
    ending: Ending = "passing" if run.status == "killed" or passing else "failed"
    if run.status == "succeeded":
        ending = "done"
    elif run.status == "degraded":
        ending = "degraded"
    with store.transaction():
        store.update_run(run)
        if account is not None:
            account.end(store, ending, now=run.finished or run.started, run=run.id, error=run.error)
        if ending == "done":
            covered(store, run, partitions_of(contract), config)
        if not keep:
            leases.release(store, mine)
