"""Whether a run gives the same again: its version, on what it read, with its interval and parameters.

It is computed in a warehouse that is thrown away, with the packages that are installed or with those that it ran with then.
Nothing is published, and no run is recorded.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from workbench.catalog.contract import Contract, read_contract
from workbench.catalog.environment import Difference, Lock, environment, environment_sha256, installed, read_lock
from workbench.catalog.job import RELEASED, variable
from workbench.catalog.pinned import pin
from workbench.catalog.version import read_manifest, version_dir
from workbench.catalog.writing import rules_of
from workbench.config import Workspace
from workbench.errors import InfrastructureError, UsageError
from workbench.model import Snapshot, VersionId
from workbench.operate.outcome import read_result, why_failed
from workbench.operate.rebuilt import Tell, build, run_inside
from workbench.operate.request import check_untouched, typed_parameters
from workbench.operate.schedule import read_config
from workbench.operate.under_way import RECORD, WARM, Cells
from workbench.runtime.secret import needed
from workbench.runtime.warehouse import Warehouse
from workbench.store import Store
from workbench.store.records import RunRecord

What = Literal["", "input", "environment", "run", "output"]
SHOWN = 5


@dataclass(frozen=True, slots=True)
class Reproduction:
    """What came of it. ``what`` is the first thing that differs, "" when nothing does: then both digests are equal.

    ``name`` is the input's or the pipeline's, ``recorded`` and ``found`` the two digests (``found`` is "" for what is gone),
    ``why`` says it in words. ``packages`` are those that were other ones when it was computed again, whether or not they made
    a difference, and ``place`` is the environment that was made for it.
    """

    run: RunRecord
    what: What = ""
    name: str = ""
    recorded: str = ""
    found: str = ""
    why: str = ""
    packages: tuple[Difference, ...] = ()
    place: Path | None = None

    @property
    def match(self) -> bool:
        return not self.what


def reproduce(
    workspace: Workspace,
    run: RunRecord,
    *,
    install: bool = False,
    on_cell: Cells | None = None,
    tell: Tell = lambda _: None,
) -> Reproduction:
    """Run again what a run ran, on the inputs that it read, and hold the digests of both results against each other.

    Sources are never copied, so they have to be as they were; snapshots of pipelines are immutable. With ``install`` the
    packages that it ran with are installed into an environment of their own, unless they are those of this process. Raises
    ``UsageError`` for a run that gave no result, ``GuardRefused`` when the version's files were changed,
    ``InfrastructureError`` when its packages can't be had.
    """
    version = VersionId(run.pipeline, run.version)
    if "expired" in run.facts:
        raise UsageError(
            f"its record was let go on {run.facts['expired'][:10]}, so {run.id} can't be done again", hint="workbench runs ls"
        )
    if run.snapshot is None or "inputs" not in run.facts:
        raise UsageError(f"{run.id} is {run.status} and gave no result to compare with", hint=f"workbench runs show {run.id}")
    with Store.open(workspace, read_only=True) as store:
        check_untouched(store, version)
    contract = read_contract(version_dir(workspace, version))
    warehouse = Warehouse.open(workspace)
    differs = _inputs(warehouse, run, contract)
    if differs is not None:
        return differs
    lock = _lock(workspace, run, needed=install)
    others = () if lock is None else lock.differences(installed())
    if install and lock is not None and others:
        return _inside(workspace, run, lock, tell)
    differs = _environment(workspace, run, others)
    if differs is None:
        with warehouse.scratch() as scratch:
            differs = _again(workspace, scratch, run, contract, on_cell)
    return replace(differs, packages=others)


def _inputs(warehouse: Warehouse, run: RunRecord, contract: Contract) -> Reproduction | None:
    """The first input that is not as the run read it."""
    for each in run.facts["inputs"]:
        name, recorded = each["name"], each["state"]
        if each["kind"] == "source":
            try:
                found, why = warehouse.source_digest(name), "it holds something else now"
            except UsageError as error:
                found, why = "", error.message
        else:
            found, why = _there(warehouse, recorded, name)
        if found != recorded:
            return Reproduction(run, "input", name, recorded, found, f"{each['kind']} {name}: {why}")
    base = run.facts.get("base")
    if base is not None and _rests_on_base(run, contract):
        found, why = _there(warehouse, base, run.pipeline)
        if found != base:
            return Reproduction(run, "input", run.pipeline, base, found, f"what readers of {run.pipeline} saw before: {why}")
    return None


def _there(warehouse: Warehouse, identity: str, pipeline: str) -> tuple[str, str]:
    """The id of a snapshot if all its files are as they were written, else "" and why not."""
    try:
        damaged = warehouse.damaged(warehouse.snapshot(identity, pipeline), deep=True)
    except InfrastructureError:
        return "", f"its snapshot {identity} was removed"
    return ("", f"{damaged[0]} is gone or was changed") if damaged else (identity, "")


def _rests_on_base(run: RunRecord, contract: Contract) -> bool:
    """Whether the result holds rows that readers saw before."""
    return run.interval is not None or contract.strategy != "replace"


def _lock(workspace: Workspace, run: RunRecord, *, needed: bool) -> Lock | None:
    """What was installed when it ran, None where that is not known."""
    recorded = run.facts.get("environment_lock")
    if recorded is None:
        if needed:
            raise UsageError(
                f"the packages that {run.id} ran with are not on record",
                hint=f"workbench reproduce {run.id}",
            )
        return None
    try:
        return read_lock(workspace.state, recorded)
    except InfrastructureError:
        if needed:
            raise
        return None


def _environment(workspace: Workspace, run: RunRecord, others: Sequence[Difference]) -> Reproduction | None:
    recorded, found = run.facts.get("environment_sha256", ""), environment_sha256()
    if recorded in ("", found):
        return None
    manifest = read_manifest(version_dir(workspace, VersionId(run.pipeline, run.version)))
    proved = manifest.get("environment", {}) if manifest["hashes"].get("environment") == recorded else {}
    here = environment()
    told = others or [Difference(name, old, here.get(name, "")) for name, old in proved.items() if here.get(name) != old]
    why = "; ".join(map(str, told)) or "it ran with other versions of the packages"
    return Reproduction(run, "environment", "environment", recorded, found, why)


def _inside(workspace: Workspace, run: RunRecord, lock: Lock, tell: Tell) -> Reproduction:
    """The same, by a command in the environment that it ran in."""
    python = build(workspace, lock, f"workbench reproduce {run.id} --install", tell)
    tell(f"computing {run.id} in its environment")
    said = run_inside(workspace, python, ["reproduce", run.id])
    packages = tuple(Difference(**each) for each in said["packages"])
    told = {name: said[name] for name in ("what", "name", "recorded", "found", "why")}
    return Reproduction(run, **told, packages=packages, place=python.parents[1])


def _again(workspace: Workspace, scratch: Warehouse, run: RunRecord, contract: Contract, on_cell: Cells | None) -> Reproduction:
    from workbench.runtime.execute import execute, interval_parameters

    folder = scratch.folder / "run"
    read = {each["name"]: each["state"] for each in run.facts["inputs"] if each["kind"] == "pipeline"}
    if run.facts.get("base") is not None and _rests_on_base(run, contract):
        read[run.pipeline] = run.facts["base"]
    pin(folder, scratch, read)
    released = workspace.runs / run.id / RELEASED
    if released.is_file():
        shutil.copy(released, folder / RELEASED)
    values = typed_parameters(contract, run.parameters)
    config = read_config(workspace, run.pipeline)
    execution = execute(
        version_dir(workspace, VersionId(run.pipeline, run.version)) / RECORD,
        folder / RECORD,
        {
            "workspace": str(workspace.root),
            "run_id": str(folder),
            **interval_parameters(run.interval),
            **{variable(name): value for name, value in values.items()},
        },
        folder=folder,
        engine=run.facts.get("engine", "workbench"),
        modules=WARM,
        secrets=_secrets(workspace, contract, values),
        time_limit=config.seconds_limit,
        memory_limit=config.bytes_limit,
        on_cell=on_cell,
    )
    result = read_result(folder)
    changed = _changed(run.facts["inputs"], result.get("inputs", ()))
    if changed is not None:
        name, recorded, found = changed
        return Reproduction(run, "input", name, recorded, found, f"{name} changed meanwhile")
    if result.get("snapshot") is None:
        return Reproduction(run, "run", run.pipeline, str(run.snapshot), "", why_failed(execution, result))
    return _compare(scratch, run, contract, result["snapshot"])


def _secrets(workspace: Workspace, contract: Contract, values: Mapping[str, Any]) -> dict[str, str]:
    read = [workspace.source(each.name).read.partition("#")[0] for each in contract.inputs if each.kind == "source"]
    plain = {each.name: each.default for each in contract.parameters}
    given = [value for name, value in values.items() if value != plain[name]]
    return needed([*given, *(place for place in read if place.startswith("env:"))])


def _changed(before: Sequence[Mapping[str, Any]], after: Sequence[Mapping[str, Any]]) -> tuple[str, str, str] | None:
    """The first input that was another one when it was read the second time."""
    for old, new in zip(before, after, strict=False):
        if old["state"] != new["state"]:
            return old["name"], old["state"], new["state"]
    return None


def _compare(scratch: Warehouse, run: RunRecord, contract: Contract, found: str) -> Reproduction:
    recorded = str(run.snapshot)
    if found == recorded:
        return Reproduction(run, "", run.pipeline, recorded, found)
    old: Snapshot | None = None
    with contextlib.suppress(InfrastructureError):
        old = scratch.snapshot(recorded, run.pipeline)
    reach = rules_of(contract).reach(run.interval)
    if old is not None and reach is not None and contract.strategy == "replace":
        # Runs of several intervals that were computed together are put on top of each other: each gave its own partitions.
        found = scratch.rebase(found, recorded, run.pipeline, reach).id
        if found == recorded:
            return Reproduction(run, "", run.pipeline, recorded, found)
    why = "the result has other bytes"
    if old is not None:
        new = {file.partition: file.sha256 for file in scratch.snapshot(found, run.pipeline).files}
        known = {file.partition: file.sha256 for file in old.files}
        differing = sorted(str(each) for each in {*new, *known} if each is not None and new.get(each) != known.get(each))
        if differing:
            more = f" and {len(differing) - SHOWN:,} more" if len(differing) > SHOWN else ""
            why = f"partitions {', '.join(differing[:SHOWN])}{more} have other bytes"
    return Reproduction(run, "output", run.pipeline, recorded, found, why)
