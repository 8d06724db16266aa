"""One run: the live version of a pipeline, for all data or one interval, from command to what readers see.

Write, audit, publish: the run notebook stages its result where no reader looks and checks it there; only then does the view
move. Whatever happens before leaves readers what they had.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.catalog.contract import Contract, read_contract
from workbench.catalog.job import RESULT, variable
from workbench.catalog.operation import move_readers, recover
from workbench.catalog.showing import broken_by
from workbench.catalog.version import read_manifest, version_dir
from workbench.catalog.writing import held_back
from workbench.config import Workspace
from workbench.errors import InfrastructureError, WorkbenchError
from workbench.model import Interval, VersionId
from workbench.operate import claim, lease, process
from workbench.operate.intervals import Account
from workbench.operate.pulse import BEAT_SECONDS, pulse
from workbench.operate.quarantine import give_released, hold_back
from workbench.operate.request import check_interval, check_untouched, live_version, typed_parameters
from workbench.operate.schedule import PipelineConfig, read_config
from workbench.operate.settle import was_published
from workbench.operate.upstream import check_inputs
from workbench.parameter import encode
from workbench.runtime.attempt import kill_group
from workbench.runtime.failpoint import reached
from workbench.runtime.secret import needed
from workbench.runtime.warehouse import Warehouse
from workbench.store import Store
from workbench.store.records import Lease, Pointer, RunRecord, RunStatus, Target

if TYPE_CHECKING:
    from workbench.runtime.attempt import Beat
    from workbench.runtime.execute import Execution

RECORD = "run.ipynb"
# What every run needs, imported once by the warm process that runs are forked from.
WARM = (
    "duckdb",
    "ibis.backends.duckdb.converter",
    "ibis.formats.pyarrow",
    "pandas",
    "pyarrow.compute",
    "workbench.catalog.job",
    "workbench.runtime.parquet",
    "workbench.runtime.sources",
    "yaml",
)
# Errors of a cell that may pass: connections, files that are about to be written, databases that are busy.
PASSING = frozenset(
    "BlockingIOError BrokenPipeError ConnectionAbortedError ConnectionError ConnectionRefusedError ConnectionResetError "
    "HTTPException IOException InfrastructureError InterruptedError LockHeld OperationalError TimeoutError".split()
)

Cells = Callable[[str, int, int], None]


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
) -> RunRecord:
    """Run the live version of a pipeline and let readers see the result, if its checks pass.

    One process at a time runs a pipeline: it holds a lease, and publishes only while nobody has taken that over. ``account``
    is the scheduler's, kept together with the run's record; ``watch`` is what a service has seen of leases. ``trigger`` says
    what started the run besides ``who``, such as ``backfill B-1``.

    Values of ``parameters`` that are text are read as the command line's. Without ``interval`` all data is computed. The record
    says how it ended: ``succeeded`` (``facts["changed"]`` tells whether readers see something new), ``degraded`` (no rows were
    computed: readers keep what they have), ``failed`` or ``killed``.

    Raises ``UsageError`` for what can't be run as asked, ``GuardRefused`` when the version's files were changed.
    """
    warehouse = Warehouse.open(workspace)
    version = live_version(workspace, warehouse, pipeline)
    check_untouched(workspace, version)
    contract = read_contract(version_dir(workspace, version))
    values = typed_parameters(contract, parameters or {})
    secrets = needed(value for name, value in values.items() if name in (parameters or {}))
    if interval is not None:
        check_interval(contract)
    config = read_config(workspace, pipeline)
    with Store.open(workspace) as store:
        claim.take_over(workspace, store, warehouse, pipeline, watch, now)
        _mend(store, warehouse, now)
        held, run = claim.begin(
            workspace,
            store,
            RunRecord(
                id="",
                pipeline=pipeline,
                version=version.number,
                interval=interval,
                parameters=encode(values),
                status="running",
                started=now,
                code_sha256=read_manifest(version_dir(workspace, version))["files"]["__init__.py"],
                who=who,
                facts={
                    "pid": os.getpid(),
                    "process": process.started(os.getpid()),
                    "engine": engine,
                    "host": process.host(),
                    "trigger": trigger or ("command" if account is None else "schedule"),
                },
            ),
            account,
        )
        reached("after_run_begun")
        this = _Run(workspace, warehouse, store, contract, config, run, time.monotonic(), held, account, secrets)
        with lease.kept(workspace, store, held, this.abandon), pulse(workspace, run.id) as this.pulse:
            try:
                return this.go(values, engine, on_cell)
            except KeyboardInterrupt:
                this.end("succeeded" if was_published(store, warehouse, run.id) else "killed", error="interrupted")
                raise
            except WorkbenchError as error:
                this.end("failed", error=error.message, passing=isinstance(error, InfrastructureError))
                raise type(error)(f"{run.id} of {version} failed: {error.message}", hint=error.hint) from error
            except BaseException as error:
                this.end("failed", error=f"{type(error).__name__}: {error}")
                raise


def _mend(store: Store, warehouse: Warehouse, now: dt.datetime) -> None:
    """Finish or undo what a killed process had begun, before anything builds on it."""
    if store.operations(state="begun"):
        with warehouse.lock():
            recover(store, warehouse, at=now)


@dataclass(slots=True)
class _Run:
    """A run under way."""

    workspace: Workspace
    warehouse: Warehouse
    store: Store
    contract: Contract
    config: PipelineConfig
    run: RunRecord
    began: float
    held: Lease
    account: Account | None
    secrets: Mapping[str, str]
    child: int | None = None
    pulse: Callable[[int], None] = field(default=lambda _: None)

    def go(self, values: Mapping[str, Any], engine: str, on_cell: Cells | None) -> RunRecord:
        """Execute the run notebook; publish what it staged when it may be."""
        from workbench.runtime.execute import execute, interval_parameters, prepare

        if engine == "workbench":
            prepare(WARM)  # it warms up while the inputs are looked at
        check_inputs(self.workspace, self.warehouse, self.contract)
        folder, version = self.folder, VersionId(self.run.pipeline, self.run.version)
        named = {variable(name): value for name, value in values.items()}
        give_released(self.store, version, folder)
        execution = execute(
            version_dir(self.workspace, version) / RECORD,
            folder / RECORD,
            {"run_id": self.run.id, **interval_parameters(self.run.interval), **named},
            folder=folder,
            engine=engine,
            modules=WARM,
            secrets=self.secrets,
            time_limit=self.config.seconds_limit,
            memory_limit=self.config.bytes_limit,
            on_cell=on_cell,
            on_beat=self.beat,
        )
        reached("after_run_executed")
        result = _result(folder)
        what = _kept(execution, result)
        if execution.outcome != "completed":
            passing = execution.outcome == "failed" and execution.error.partition(":")[0] in PASSING
            status: RunStatus = "killed" if execution.outcome == "killed" else "failed"
            return self.end(status, error=_reason(execution, result), passing=passing, **what)
        if not result.get("finished"):
            return self.end("failed", error="the run notebook left no result", **what)
        if result["code_sha256"] != self.run.code_sha256:
            return self.end("failed", error=f"the code that ran is not that of {version}", **what)
        what["facts"]["quarantine"] = hold_back(self.store, self.run, result, held_back(self.contract))
        if result["empty"]:
            return self.end("degraded", error=_empty(self.run, result), **what)
        what["facts"]["changed"] = self._publish(result)
        reached("after_run_published")
        return self.end("succeeded", **what)

    def end(
        self,
        status: RunStatus,
        *,
        error: str = "",
        passing: bool = False,
        facts: Mapping[str, Any] | None = None,
        **what: Any,
    ) -> RunRecord:
        """Write down how it ended; what failed for a ``passing`` reason may be tried again."""
        seconds = time.monotonic() - self.began
        known = {"changed": False, **self.run.facts, **(facts or {}), "seconds": round(seconds, 3)}
        record = self.folder / RECORD
        last = replace(
            self.run,
            status=status,
            error=error,
            finished=self.run.started + dt.timedelta(seconds=seconds),
            notebook=record.relative_to(self.workspace.root).as_posix() if record.is_file() else "",
            facts=known,
            **what,
        )
        claim.end(self.store, self.held, last, self.account, passing=passing, contract=self.contract, config=self.config)
        return last

    def beat(self, beat: Beat) -> None:
        """Know the process that runs the cells, and how much memory it has."""
        self.child = beat.pid
        if beat.seconds >= BEAT_SECONDS:  # most runs end before
            self.pulse(beat.memory)

    def abandon(self) -> None:
        """Another process has taken over: stop computing what could not be published."""
        if self.child is not None:
            kill_group(self.child)

    @property
    def folder(self) -> Path:
        return self.workspace.runs / self.run.id

    def _publish(self, result: Mapping[str, Any]) -> bool:
        """Show readers the staged result; False when they see the same already."""
        old, new = Pointer(self.run.version, result["base"]), Pointer(self.run.version, result["snapshot"])
        if old == new:
            return False
        span = "all data" if self.run.interval is None else str(self.run.interval)
        at = self.run.started + dt.timedelta(seconds=time.monotonic() - self.began)
        target = Target(self.run.pipeline, old, new)
        move_readers(
            self.store,
            self.warehouse,
            "run",
            [target],
            who=self.run.who,
            at=at,
            why=f"run for {span}",
            run=self.run.id,
            lease=self.held,
        )
        return True


def _result(folder: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads((folder / RESULT).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return found


def _kept(execution: Execution, result: Mapping[str, Any]) -> dict[str, Any]:
    """What the store keeps of an execution, however it ended."""
    told = (
        "inputs",
        "rows_in",
        "rows_out",
        "rows_rejected",
        "late",
        "merged",
        "partitions",
        "bytes",
        "base",
        "environment_sha256",
    )
    facts = {name: result[name] for name in told if name in result}
    facts |= {"steps": execution.steps, "memory": execution.memory, "cell": execution.cell, "outcome": execution.outcome}
    ran = {"code_sha256": result["code_sha256"]} if result.get("code_sha256") else {}
    return {
        **ran,
        "snapshot": result.get("snapshot"),
        "rows": result.get("rows"),
        "checks": tuple(result.get("checks", ())),
        "facts": facts,
    }


def _reason(execution: Execution, result: Mapping[str, Any]) -> str:
    broken = [check for check in result.get("checks", ()) if check["violations"] and "on_failure" not in check]
    if execution.cell == "checks" and broken:
        return "; ".join(f"check {check['check']}: {broken_by(check['violations'])}" for check in broken)
    return f"cell {execution.cell}: {execution.error}"


def _empty(run: RunRecord, result: Mapping[str, Any]) -> str:
    span = f" for {run.interval}" if run.interval is not None else ""
    without = [each["name"] for each in result["inputs"] if each["rows"] == 0]
    why = f"; {', '.join(without)} had none" if without else ""
    held = result.get("rows_rejected", 0)
    return f"no rows{span}{f'; all {held:,} were held back' if held else why}"
