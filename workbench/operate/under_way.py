"""A run under way: computed where no reader looks, then shown to readers or not, and written down either way."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.catalog import announce
from workbench.catalog.contract import Contract
from workbench.catalog.job import variable
from workbench.catalog.operation import move_readers
from workbench.catalog.version import version_dir
from workbench.catalog.writing import held_back, rules_of
from workbench.config import Workspace
from workbench.model import VersionId
from workbench.operate import claim
from workbench.operate.intervals import Account
from workbench.operate.outcome import kept, read_result, why_empty, why_failed
from workbench.operate.pulse import BEAT_SECONDS
from workbench.operate.quarantine import hold_back
from workbench.operate.schedule import PipelineConfig
from workbench.operate.upstream import check_inputs
from workbench.runtime.attempt import kill_group
from workbench.runtime.failpoint import reached
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
    "workbench.catalog.rehearsal",
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


def get_ready() -> None:
    """Do what the first run of a process otherwise waits for: start the warm process, and import what runs take in this one."""
    import importlib

    from workbench.runtime.execute import load, prepare

    prepare(WARM)  # it warms up beside the imports
    load()
    importlib.import_module("ibis.backends.duckdb")  # looks at the types of inputs


@dataclass(slots=True)
class UnderWay:
    """A run under way, with the lease under which it publishes.

    ``shown`` are the snapshots that runs of the same lease have shown readers since this one began; it goes on from those.
    ``keeps_lease`` says that other runs go on under it when this one has ended.
    """

    workspace: Workspace
    warehouse: Warehouse
    store: Store
    contract: Contract
    config: PipelineConfig
    run: RunRecord
    held: Lease
    account: Account | None = None
    secrets: Mapping[str, str] = field(default_factory=dict)
    shown: list[str] = field(default_factory=list)
    keeps_lease: bool = False
    began: float = field(default_factory=time.monotonic)
    child: int | None = None
    pulse: Callable[[int], None] = field(default=lambda _: None)

    @property
    def folder(self) -> Path:
        return self.workspace.runs / self.run.id

    def compute(self, values: Mapping[str, Any], engine: str, on_cell: Cells | None = None) -> Execution:
        """Execute the run notebook, which stages its result where no reader looks; the store is left alone."""
        from workbench.runtime.execute import execute, interval_parameters, prepare

        if engine == "workbench":
            prepare(WARM)  # it warms up while the inputs are looked at
        check_inputs(self.workspace, self.warehouse, self.contract)
        folder, version = self.folder, VersionId(self.run.pipeline, self.run.version)
        named = {variable(name): value for name, value in values.items()}
        return execute(
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

    def conclude(self, execution: Execution) -> RunRecord:
        """Publish what was staged when it may be, and write down how it ended."""
        reached("after_run_executed")
        result = read_result(self.folder)
        what = kept(execution, result)
        if execution.outcome != "completed":
            killed = execution.outcome == "killed"
            passing = killed or (execution.outcome == "failed" and execution.error.partition(":")[0] in PASSING)
            status: RunStatus = "killed" if killed else "failed"
            return self.end(status, error=why_failed(execution, result), passing=passing, **what)
        if not result.get("finished"):
            return self.end("failed", error="the run notebook left no result", **what)
        if result["code_sha256"] != self.run.code_sha256:
            version = VersionId(self.run.pipeline, self.run.version)
            return self.end("failed", error=f"the code that ran is not that of {version}", **what)
        what["facts"]["quarantine"] = hold_back(self.store, self.run, result, held_back(self.contract))
        if result["empty"]:
            return self.end("degraded", error=why_empty(self.run, result), **what)
        if not self._publish(result, what):
            return self.end("succeeded", **what)
        reached("after_run_published")
        announce.run_told(self.workspace, self.contract, self.run)
        return self.run

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
        self._write_down(status, error, passing, facts or {}, what)
        announce.run_told(self.workspace, self.contract, self.run)
        return self.run

    def _write_down(
        self, status: RunStatus, error: str, passing: bool, facts: Mapping[str, Any], what: Mapping[str, Any]
    ) -> None:
        seconds = time.monotonic() - self.began
        known = {"changed": False, **self.run.facts, **facts, "seconds": round(seconds, 3)}
        if passing:
            known["passing"] = True
        record = self.folder / RECORD
        last = replace(
            self.run,
            status=status,
            error=error,
            finished=self.run.started + dt.timedelta(seconds=seconds),
            notebook=record.relative_to(self.workspace.root).as_posix() if record.is_file() else "",
            facts=known,
            **{name: value for name, value in what.items() if name != "facts"},
        )
        claim.end(
            self.store,
            self.held,
            last,
            self.account,
            passing=passing,
            contract=self.contract,
            config=self.config,
            keep=self.keeps_lease,
        )
        self.run = last

    def beat(self, beat: Beat) -> None:
        """Know the process that runs the cells, and how much memory it has."""
        self.child = beat.pid
        if beat.seconds >= BEAT_SECONDS:  # most runs end before
            self.pulse(beat.memory)

    def abandon(self) -> None:
        """Another process has taken over: stop computing what could not be published."""
        if self.child is not None:
            kill_group(self.child)

    def _publish(self, result: Mapping[str, Any], what: dict[str, Any]) -> bool:
        """Show readers the staged result and end the run; False, and nothing is done, when they see the same already."""
        old, new = Pointer(self.run.version, result["base"]), Pointer(self.run.version, result["snapshot"])
        if self.shown and self.run.interval is not None:
            reach = rules_of(self.contract).reach(self.run.interval)
            assert reach is not None
            moved = self.warehouse.rebase(result["snapshot"], self.shown[-1], self.run.pipeline, reach)
            old, new = Pointer(self.run.version, self.shown[-1]), Pointer(self.run.version, moved.id)
            what |= {"snapshot": moved.id, "rows": moved.rows}
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
            ending=lambda: self._write_down("succeeded", "", False, {**what["facts"], "changed": True}, what),
        )
        self.shown.append(new.snapshot)
        return True
