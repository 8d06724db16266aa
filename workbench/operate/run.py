"""One run: the live version of a pipeline, for all data or one interval, from command to what readers see.

Write, audit, publish: the run notebook stages its result where no reader looks and checks it there; only then does the view
move. Whatever happens before leaves readers what they had.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from workbench.catalog import announce
from workbench.catalog.contract import Contract, read_contract
from workbench.catalog.operation import interrupted, recover
from workbench.catalog.version import read_manifest, version_dir
from workbench.config import Workspace
from workbench.errors import InfrastructureError, WorkbenchError, infrastructure
from workbench.model import Interval, VersionId
from workbench.operate import claim, lease, process
from workbench.operate.intervals import Account, of_backfill, refuse_full_pool
from workbench.operate.pulse import pulse
from workbench.operate.quarantine import give_released
from workbench.operate.request import check_interval, typed_parameters, untouched_version
from workbench.operate.schedule import PipelineConfig, read_config
from workbench.operate.settle import was_published
from workbench.operate.staged import adopt
from workbench.operate.under_way import RECORD, Cells, UnderWay
from workbench.operate.under_way import WARM as WARM
from workbench.parameter import encode
from workbench.runtime.failpoint import reached
from workbench.runtime.secret import needed
from workbench.runtime.warehouse import Warehouse
from workbench.store import Store
from workbench.store.engine import place
from workbench.store.records import Lease, RunRecord


def run_pipeline(
    workspace: Workspace,
    pipeline: str,
    *,
    interval: Interval | None = None,
    parameters: Mapping[str, Any] | None = None,
    who: str,
    now: dt.datetime,
    engine: str = "workbench",
    on_cell: Cells | None = None,
    account: Account | None = None,
    watch: lease.Watch | None = None,
    trigger: str = "",
    staged: str = "",
    computed: Callable[[], None] = lambda: None,
) -> RunRecord:
    """Run the live version of a pipeline and let readers see the result, if its checks pass.

    One process at a time runs a pipeline: it holds a lease, and publishes only while nobody has taken that over. ``account``
    is the scheduler's, kept together with the run's record; ``watch`` is what a service has seen of leases. ``trigger`` says
    what started the run besides ``who``, such as ``backfill B-1``. With ``staged`` nothing is computed: what another
    scheduler's papermill has staged under that name is taken. ``computed`` is called when all that is left is to publish.

    Values of ``parameters`` that are text are read as the command line's. Without ``interval`` all data is computed. The record
    says how it ended: ``succeeded`` (``facts["changed"]`` tells whether readers see something new), ``degraded`` (no rows were
    computed: readers keep what they have), ``failed`` or ``killed``.

    Raises ``UsageError`` for what can't be run as asked, ``GuardRefused`` when the version's files were changed.
    """
    with _asked(workspace, pipeline, parameters or {}, [interval]) as (asked, store):
        claim.take_over(workspace, store, asked.warehouse, pipeline, watch, now)
        _mend(store, asked.warehouse, now)
        record = asked.record(interval, engine, who, now, trigger or ("command" if account is None else "schedule"))
        held, run = claim.begin(workspace, store, record, account)
        reached("after_run_begun")
        this = asked.under_way(store, held, run, account)
        with lease.kept(workspace, store, held, this.abandon), pulse(workspace, run.id) as this.pulse, _written_down(this):
            announce.run_told(workspace, asked.contract, run)
            give_released(store, asked.version, this.folder)
            if staged:
                execution = adopt(workspace, run, staged, this.folder / RECORD)
            else:
                execution = this.compute(asked.values, engine, on_cell)
            computed()
            return this.conclude(execution)


def run_together(
    workspace: Workspace,
    pipeline: str,
    intervals: Sequence[Interval],
    *,
    parameters: Mapping[str, Any],
    who: str,
    now: dt.datetime,
    engine: str = "workbench",
    trigger: str = "",
) -> tuple[RunRecord, ...]:
    """Run several intervals of a pipeline under one lease: computed at the same time, published one after the other.

    Each has a run of its own. Only for intervals that don't meet, of a contract that ``may_run_together``. A run that raises
    is written down as failed; the others go on.
    """
    with _asked(workspace, pipeline, parameters, intervals) as (asked, store), contextlib.ExitStack() as stack:
        claim.take_over(workspace, store, asked.warehouse, pipeline, None, now)
        _mend(store, asked.warehouse, now)
        shown: list[str] = []
        mine: list[UnderWay] = []
        with store.transaction():
            records = [asked.record(interval, engine, who, now, trigger or "command") for interval in intervals]
            if of_backfill(records[0]):
                refuse_full_pool(workspace, store, pipeline, asked.config)
            held = lease.take(workspace, store, pipeline)
            for record in records:
                run = store.add_run(record)
                mine.append(asked.under_way(store, held, run, None, shown=shown, keeps_lease=True))
        reached("after_run_begun")

        def abandon() -> None:
            for each in mine:
                each.abandon()

        stack.enter_context(lease.kept(workspace, store, held, abandon))
        for each in mine:
            each.pulse = stack.enter_context(pulse(workspace, each.run.id))
            announce.run_told(workspace, asked.contract, each.run)
            give_released(store, asked.version, each.folder)
        with ThreadPoolExecutor(len(mine), thread_name_prefix="workbench-together") as threads:
            computed = [threads.submit(each.compute, asked.values, engine) for each in mine]
            try:
                for each, execution in zip(mine, computed, strict=True):
                    with contextlib.suppress(Exception), _written_down(each):
                        each.conclude(execution.result())
            except KeyboardInterrupt:
                abandon()
                for each in mine:
                    if each.run.status == "running":
                        each.end("killed", error="interrupted")
                raise
        return tuple(each.run for each in mine)


def may_run_together(contract: Contract) -> bool:
    """Whether runs of several intervals can be published one on top of the other, each checked by itself.

    Their rows then take the place of whole partitions, and nothing is promised that only all rows together can keep.
    """
    promised = [contract.key] if contract.key else []
    promised += [check.columns for check in contract.checks if check.rule == "unique"]
    counts = any(check.rule == "row_count" for check in contract.checks)
    return contract.strategy == "replace" and not counts and all(contract.partition_by in columns for columns in promised)


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a run was asked to do, found to be possible before anything is written."""

    workspace: Workspace
    warehouse: Warehouse
    version: VersionId
    contract: Contract
    config: PipelineConfig
    values: Mapping[str, Any]
    secrets: Mapping[str, str]

    @classmethod
    def of(cls, store: Store, pipeline: str, parameters: Mapping[str, Any], intervals: Sequence[Interval | None]) -> _Asked:
        workspace = store.workspace
        warehouse = Warehouse.open(workspace)
        version = untouched_version(store, warehouse, pipeline)
        contract = read_contract(version_dir(workspace, version))
        values = typed_parameters(contract, parameters)
        read = [workspace.source(each.name).read.partition("#")[0] for each in contract.inputs if each.kind == "source"]
        addresses = (place for place in read if place.startswith("env:"))
        secrets = needed([*(value for name, value in values.items() if name in parameters), *addresses])
        if any(interval is not None for interval in intervals):
            check_interval(contract)
        return cls(workspace, warehouse, version, contract, read_config(workspace, pipeline), values, secrets)

    def record(self, interval: Interval | None, engine: str, who: str, now: dt.datetime, trigger: str) -> RunRecord:
        """The record of a run that begins."""
        return RunRecord(
            id="",
            pipeline=self.version.pipeline,
            version=self.version.number,
            interval=interval,
            parameters=encode(dict(self.values)),
            status="running",
            started=now,
            code_sha256=read_manifest(version_dir(self.workspace, self.version))["files"]["__init__.py"],
            who=who,
            facts={
                "pid": os.getpid(),
                "process": process.started(os.getpid()),
                "engine": engine,
                "host": process.host(),
                "trigger": trigger,
            },
        )

    def under_way(self, store: Store, held: Lease, run: RunRecord, account: Account | None, **rest: Any) -> UnderWay:
        """The run, begun."""
        return UnderWay(
            self.workspace, self.warehouse, store, self.contract, self.config, run, held, account, self.secrets, **rest
        )


@contextlib.contextmanager
def _asked(
    workspace: Workspace, pipeline: str, parameters: Mapping[str, Any], intervals: Sequence[Interval | None]
) -> Iterator[tuple[_Asked, Store]]:
    """What is asked, and the store to write it down in; where there is none yet, what can't be done leaves none."""
    there = place(workspace).exists()
    with Store.open(workspace, read_only=not there) as store:
        asked = _Asked.of(store, pipeline, parameters, intervals)
        if there:
            yield asked, store
            return
    with Store.open(workspace) as store:
        yield asked, store


@contextlib.contextmanager
def _written_down(this: UnderWay) -> Iterator[None]:
    """Whatever ends a run is written down in its record; what goes wrong after its end does not change how it ended."""
    run = this.run
    try:
        yield
    except BaseException as error:
        if _has_ended(this):
            raise
        this.run = run
        _end(this, run, error)
        if isinstance(error, WorkbenchError):
            version = VersionId(run.pipeline, run.version)
            raise type(error)(f"{run.id} of {version} failed: {error.message}", hint=error.hint) from error
        raise


def _has_ended(this: UnderWay) -> bool:
    if this.run.status == "running":
        return False
    known = this.store.run(this.run.id)  # the transaction that ended it may not have been committed
    return known is not None and known.status != "running"


def _end(this: UnderWay, run: RunRecord, error: BaseException) -> None:
    if isinstance(error, KeyboardInterrupt):
        this.end("succeeded" if was_published(this.store, this.warehouse, run.id) else "killed", error="interrupted")
    elif isinstance(error, WorkbenchError):
        this.end("failed", error=error.message, passing=isinstance(error, InfrastructureError))
    else:
        this.end("failed", error=f"{type(error).__name__}: {error}", passing=infrastructure(error) is not None)


def _mend(store: Store, warehouse: Warehouse, now: dt.datetime) -> None:
    """Finish or undo what a killed process had begun, before anything builds on it."""
    if interrupted(store):
        with warehouse.lock():
            recover(store, warehouse, at=now)
