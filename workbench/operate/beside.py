"""A candidate's run beside a run of the live version: the same interval, parameters and inputs, written where no reader looks.

Whatever becomes of it is written down; the run that it follows is over by then, and knows nothing of it.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import os
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.catalog.contract import Contract, read_contract
from workbench.catalog.job import variable
from workbench.catalog.pinned import pin
from workbench.catalog.version import version_dir
from workbench.config import Workspace
from workbench.errors import InfrastructureError, LockHeld, UsageError, WorkbenchError
from workbench.model import VersionId
from workbench.operate import lease, process
from workbench.operate.intervals import partitions_of
from workbench.operate.outcome import read_result, why_failed
from workbench.operate.quarantine import give_released
from workbench.operate.request import check_untouched, typed_parameters
from workbench.operate.schedule import read_config
from workbench.operate.under_way import PASSING, RECORD, WARM
from workbench.parameter import encode
from workbench.runtime.attempt import Beat
from workbench.runtime.failpoint import reached
from workbench.runtime.secret import needed
from workbench.runtime.warehouse import Warehouse
from workbench.store import Store, beside, leases
from workbench.store.beside import BesideRecord, TrialRecord
from workbench.store.records import RunRecord

if TYPE_CHECKING:
    from workbench.runtime.execute import Execution

ATTEMPTS = 3  # of a trial that failed for a reason that may pass
LEAST_SECONDS = 60.0  # that a trial may take, however quick the run was
NICER = 10  # how far trials stand back for everything else


def held(workspace: Workspace, store: Store, record: BesideRecord) -> contextlib.AbstractContextManager[list[int]]:
    """The right to try what runs beside production, for one process at a time; ``LockHeld`` while another has it.

    Gives a list for the process that computes: it is ended when another process has taken over.
    """
    name = f"beside {record.promotion}"
    try:
        over = lease.abandoned(workspace, store, name)
        mine = lease.take(workspace, store, name, over=over)
    except LockHeld:
        raise LockHeld(
            f"another process runs {record.promotion} beside production", hint="wait for it, then type the same command again"
        ) from None
    return _kept(workspace, store, mine)


@contextlib.contextmanager
def _kept(workspace: Workspace, store: Store, mine: Any) -> Iterator[list[int]]:
    from workbench.runtime.attempt import kill_group

    children: list[int] = []

    def lost() -> None:
        for child in children:
            kill_group(child)

    try:
        with lease.kept(workspace, store, mine, lost):
            yield children
    finally:
        with contextlib.suppress(InfrastructureError):
            leases.release(store, mine)


def pending(store: Store, record: BesideRecord, live: Mapping[str, int]) -> tuple[tuple[RunRecord, TrialRecord | None], ...]:
    """The runs of ``live`` versions (by pipeline) that a record has yet to follow, the oldest first, each with the trial that
    was begun for it and did not come to an end.
    """
    known = {(each.pipeline, each.run): each for each in beside.trials(store, record.number)}
    found = []
    for run in beside.runs_after(store, tuple(record.data), record.since):
        trial = known.get((run.pipeline, run.id))
        if run.status == "succeeded" and live.get(run.pipeline) == run.version and not (trial and is_over(trial)):
            found.append((run, trial))
    return tuple(found)


def is_over(trial: TrialRecord) -> bool:
    """Whether a trial is not to be begun again: it ended, or its process still runs."""
    if trial.state == "running":
        told = trial.process
        here = told.get("host") == process.host()
        return here and process.alive(int(told.get("pid", 0)), str(told.get("began", "")))
    return trial.state != "again"


def attempt(
    workspace: Workspace,
    store: Store,
    record: BesideRecord,
    run: RunRecord,
    earlier: TrialRecord | None,
    *,
    slowdown: float,
    children: list[int],
    now: dt.datetime,
) -> TrialRecord:
    """Run a candidate beside a run, and return the trial as it is then: "judged" (which the gates have yet to do), "failed",
    "other inputs", or "again" when what went wrong may pass.

    It may take as long as ``record`` says, else ``slowdown`` times as long as the run, or a minute.
    """
    at = record.data[run.pipeline]
    version = VersionId(run.pipeline, at.version)
    number = 1 if earlier is None else earlier.attempt + 1
    told = {"host": process.host(), "pid": os.getpid(), "began": process.started(os.getpid())}
    live = {"seconds": _seconds(run), "rows": run.rows, "snapshot": run.snapshot, "interval": str(run.interval or "")}
    known = "" if earlier is None else earlier.id
    begun = TrialRecord(known, record.number, *_of(version), run.id, "running", now, number, told, facts={"live": live})
    trial = beside.add_trial(store, begun)
    reached("after_trial_begun")
    try:
        ended = _run(workspace, store, record, run, trial, slowdown, children)
    except KeyboardInterrupt:
        beside.end_trial(store, replace(trial, state="again", error="interrupted", attempt=number - 1))
        raise
    except InfrastructureError as error:
        ended = _again(trial, error.message)
    except WorkbenchError as error:
        ended = replace(trial, state="failed", error=f"{version} failed beside {run.id}: {error.message}")
    except Exception as error:  # what a candidate makes of us must not touch production
        ended = replace(trial, state="failed", error=f"{version} failed beside {run.id}: {type(error).__name__}: {error}")
    reached("after_trial_executed")
    return replace(ended, finished=dt.datetime.now(dt.UTC))


def _run(
    workspace: Workspace,
    store: Store,
    record: BesideRecord,
    run: RunRecord,
    trial: TrialRecord,
    slowdown: float,
    children: list[int],
) -> TrialRecord:
    version = VersionId(trial.pipeline, trial.version)
    check_untouched(store, version)
    contract = read_contract(version_dir(workspace, version))
    folder = workspace.runs / trial.id
    for old in ("result.json", RECORD):
        (folder / old).unlink(missing_ok=True)
    warehouse = Warehouse.open(workspace)
    read = {each["name"]: each["state"] for each in run.facts.get("inputs", ()) if each["kind"] == "pipeline"}
    shown = {name: view.snapshot for name, view in warehouse.current().views.items()}
    wanted = [each.name for each in contract.inputs if each.kind == "pipeline"]
    pinned = {name: read.get(name) or shown.get(name, "") for name in wanted if name not in record.data}
    missing = [name for name, snapshot in pinned.items() if not snapshot]
    if missing:
        raise UsageError(f"input {missing[0]}: nothing is published of it", hint="workbench status")
    pin(
        folder, warehouse, pinned | {name: at.snapshot for name, at in record.data.items() if name in {*wanted, trial.pipeline}}
    )
    give_released(store, version, folder)
    execution = _execute(workspace, run, contract, folder, trial.id, _limit(workspace, record, trial, slowdown), children)
    result = read_result(folder)
    place = (folder / RECORD).relative_to(workspace.root).as_posix()
    facts = {
        **trial.facts,
        "inputs": result.get("inputs", []),
        "seconds": round(sum(execution.steps.values()), 3),
        "memory": execution.memory,
        "record": place,
    }
    trial = replace(trial, facts=facts, snapshot=result.get("snapshot"), rows=result.get("rows"))
    broken = execution.outcome == "failed" and execution.cell == "checks" and result.get("snapshot")
    if execution.outcome != "completed" and not broken:
        why = why_failed(execution, result)
        if execution.outcome == "killed" or (execution.outcome == "failed" and execution.error.partition(":")[0] in PASSING):
            return _again(trial, why)
        return replace(trial, state="failed", error=f"{version} failed beside {run.id}: {why}")
    if result.get("empty"):
        rows = run.facts.get("rows_out", run.rows) or 0
        return replace(trial, state="failed", error=f"{version} computed no rows beside {run.id}, which computed {rows:,}")
    changed = _other_inputs(run, result)
    if changed and not broken:
        return replace(trial, state="other inputs", error=f"{', '.join(changed)} changed after {run.id} had read it")
    return replace(trial, state="judged")


def _execute(
    workspace: Workspace,
    run: RunRecord,
    contract: Contract,
    folder: Path,
    identity: str,
    seconds: float,
    children: list[int],
) -> Execution:
    from workbench.runtime.execute import execute, interval_parameters

    asked = _asked(workspace, run, contract)
    values = typed_parameters(contract, asked)
    sources = [workspace.source(each.name).read.partition("#")[0] for each in contract.inputs if each.kind == "source"]
    secrets = needed([*(values[name] for name in asked), *(each for each in sources if each.startswith("env:"))])
    # A candidate without partitions in time would run for all data, too, once it is live.
    interval = run.interval if partitions_of(contract) else None

    def stand_back(beat: Beat) -> None:
        if beat.pid not in children:
            children.append(beat.pid)
            with contextlib.suppress(OSError):
                os.setpriority(os.PRIO_PROCESS, beat.pid, NICER)

    try:
        return execute(
            version_dir(workspace, VersionId(contract.pipeline, contract.version)) / RECORD,
            folder / RECORD,
            {
                "workspace": str(workspace.root),
                "run_id": identity,
                **interval_parameters(interval),
                **{variable(name): value for name, value in values.items()},
            },
            folder=folder,
            engine=str(run.facts.get("engine", "workbench")),
            modules=WARM,
            secrets=secrets,
            time_limit=seconds,
            memory_limit=read_config(workspace, contract.pipeline).bytes_limit,
            on_beat=stand_back,
        )
    finally:
        children.clear()


def _asked(workspace: Workspace, run: RunRecord, contract: Contract) -> dict[str, Any]:
    """The parameters that the run was given; what it left at the live version's defaults stays at the candidate's."""
    live = read_contract(version_dir(workspace, VersionId(run.pipeline, run.version)))
    defaults = {each.name: encode(each.default) for each in live.parameters}
    known = {each.name for each in contract.parameters}
    return {name: value for name, value in run.parameters.items() if name in known and value != defaults.get(name)}


def _limit(workspace: Workspace, record: BesideRecord, trial: TrialRecord, slowdown: float) -> float:
    most = read_config(workspace, trial.pipeline).seconds_limit
    if record.seconds is not None:
        return min(most, float(record.seconds))
    return min(most, max(LEAST_SECONDS, slowdown * float(trial.facts["live"]["seconds"])))


def _other_inputs(run: RunRecord, result: Mapping[str, Any]) -> list[str]:
    """The sources that both read and that were another one when the candidate read them."""
    before = {each["name"]: each["state"] for each in run.facts.get("inputs", ()) if each["kind"] == "source"}
    after = {each["name"]: each["state"] for each in result.get("inputs", ()) if each["kind"] == "source"}
    return sorted(name for name in before.keys() & after.keys() if before[name] != after[name])


def _again(trial: TrialRecord, why: str) -> TrialRecord:
    if trial.attempt >= ATTEMPTS:
        return replace(trial, state="failed", error=f"failed {trial.attempt} times, at last: {why}")
    return replace(trial, state="again", error=why)


def _seconds(run: RunRecord) -> float:
    steps: Mapping[str, float] = run.facts.get("steps", {})
    return round(sum(steps.values()), 3) or float(run.facts.get("seconds", 0.0))


def _of(version: VersionId) -> tuple[str, int]:
    return version.pipeline, version.number
