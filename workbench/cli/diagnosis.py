"""What ``workbench doctor`` looks at: one function a subject, each giving findings; nothing of it is printed here."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from typing import TYPE_CHECKING, Literal

from workbench.config import Workspace
from workbench.errors import InfrastructureError, WorkbenchError, quoted
from workbench.model import VersionId, counted

if TYPE_CHECKING:
    from workbench.runtime.views import Current
    from workbench.runtime.warehouse import Warehouse

State = Literal["ok", "mended", "warning", "problem"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One fact about one part of the workspace, and what to type about it."""

    subject: str
    state: State
    message: str
    hint: str = ""


def diagnose(workspace: Workspace, *, who: str, deep: bool = False) -> tuple[Finding, ...]:
    """Everything there is to say about a workspace. Interrupted operations are finished or undone on the way.

    ``deep`` reads every published file again and compares its digest; otherwise sizes are compared.
    """
    return (
        Finding(
            "configuration",
            "ok",
            f"{counted(len(workspace.settings.sources), 'source')} declared in {workspace.root / 'pyproject.toml'}",
        ),
        *_installation(),
        *_confinement(),
        *_interrupted(workspace),
        *_ledger(workspace),
        *_versions(workspace),
        *_settings(workspace),
        *_data(workspace, deep=deep),
        *_sources(workspace),
    )


def _installation() -> Iterator[Finding]:
    """Another distribution owns the name ``workbench`` on the package index, with the same import and the same script."""
    try:
        foreign = distribution("workbench")
    except PackageNotFoundError:
        return
    yield Finding(
        "installation",
        "problem",
        f"another package named workbench ({foreign.version}) is installed and shares our import and command",
        "pip uninstall workbench && pip install --force-reinstall --no-deps ibis-workbench",
    )


def _confinement() -> Iterator[Finding]:
    """How far this system keeps notebooks away from production's files."""
    from workbench.sandbox.confine import offered

    found = offered()
    yield Finding("sandbox", "ok" if found.network else "warning", f"notebooks are {found}")


def _interrupted(workspace: Workspace) -> Iterator[Finding]:
    from workbench.catalog.operation import recover
    from workbench.operate.backfill_lease import stopped
    from workbench.operate.settle import settle
    from workbench.runtime.files import remove_stale, sweep
    from workbench.runtime.warehouse import Warehouse
    from workbench.store import Store

    now = dt.datetime.now(dt.UTC)
    warehouse = Warehouse.open(workspace)
    found = False
    if (workspace.root / workspace.settings.store.removeprefix("sqlite:")).exists():
        with Store.open(workspace) as store:
            if store.operations(state="begun"):
                with warehouse.lock():
                    for each in recover(store, warehouse, at=now):
                        found = True
                        moved = ", ".join(target.pipeline for target in each.operation.targets)
                        yield Finding(
                            "interrupted", "mended", f"{each.operation.kind} {each.operation.id} of {moved} was {each.outcome}"
                        )
            for run in settle(store, warehouse, now=now):
                found = True
                yield Finding("interrupted", "mended", f"run {run.id} of {run.pipeline} was killed; readers kept what they had")
            for halted in stopped(store):
                found = True
                said = f"nobody carries out {halted.id} of {halted.pipeline} any more"
                yield Finding("interrupted", "warning", said, f"workbench backfill --resume {halted.id}")
            store.write_head()
    if warehouse.folder.is_dir():
        with warehouse.lock():
            left = warehouse.tidy()
            if _annotated(workspace, warehouse):
                found = True
                yield Finding("warehouse", "mended", "comments of views said something else than is on record")
            current = _readable(warehouse)
            if current.folder not in (None, str(warehouse.folder)) and current.operation is not None:
                warehouse.swap(current.operation, {})
                found = True
                yield Finding(
                    "warehouse", "mended", f"the workspace was moved from {current.folder}; views point to the new place"
                )
        if left:
            found = True
            yield Finding("interrupted", "mended", f"{counted(len(left), 'unfinished path')} of killed processes removed")
    stale = [path for place in (workspace.state, workspace.warehouse, workspace.promoted) for path in remove_stale(place)]
    if stale:
        found = True
        yield Finding("interrupted", "mended", f"{counted(len(stale), 'temporary file')} of killed processes removed")
    if sweep(workspace.promoted):
        found = True
        yield Finding("interrupted", "mended", "unfinished version directories of killed processes removed")
    if not found:
        yield Finding("interrupted", "ok", "nothing was interrupted")


def _annotated(workspace: Workspace, warehouse: Warehouse) -> bool:
    """Whether what other tools show beside views had to be changed."""
    from workbench.catalog.endings import annotate
    from workbench.store import Store

    try:
        with Store.open(workspace, read_only=True) as store:
            return annotate(store, warehouse)
    except InfrastructureError:  # what can't be read is a finding of its own
        return False


def _readable(warehouse: Warehouse) -> Current:
    """What readers see, or nothing where that can't be read, which is a finding of its own."""
    from workbench.runtime.views import Current

    try:
        current = warehouse.current()
        warehouse.live()
    except InfrastructureError:
        return Current()
    return current


def _ledger(workspace: Workspace) -> Iterator[Finding]:
    from workbench.store import Store, ledger, tables

    with Store.open(workspace, read_only=True) as store:
        entries, problems, new = (
            len(store.ledger()),
            store.verify_ledger(),
            not store.select(tables.ledger, ledger.of_production(), limit=1),
        )
    if new and problems:
        message = (
            "promoted/ came with a ledger that is not here, as in a fresh clone; the next promotion begins one that names it"
        )
        yield Finding(
            "ledger", "warning", message, 'workbench promote NOTEBOOK --why "…", or restore .workbench/ from a backup'
        )
        return
    for problem in problems:
        yield Finding(
            "ledger", "problem", problem.message, "restore .workbench/ from a backup; nothing is published until it verifies"
        )
    if not problems:
        yield Finding("ledger", "ok", f"{entries} entries verify")


def _versions(workspace: Workspace) -> Iterator[Finding]:
    from workbench.catalog.version import changed_files, pipelines, versions
    from workbench.store import Store

    count = 0
    with Store.open(workspace, read_only=True) as store:
        for pipeline in pipelines(workspace):
            for number in versions(workspace, pipeline):
                version = VersionId(pipeline, number)
                known = store.version(version)
                wrong = changed_files(workspace, version, expected_manifest=known.manifest_sha256 if known else None)
                count += 1
                if wrong:
                    folder = f"promoted/{pipeline}/v{number}"
                    yield Finding(
                        "versions", "problem", f"{folder}/{wrong[0]} is not what was promoted", f"git checkout {folder}"
                    )
        for known in store.versions():
            if known.number not in versions(workspace, known.pipeline):
                folder = f"promoted/{known.pipeline}/v{known.number}"
                yield Finding("versions", "problem", f"{folder} is missing", f"git checkout {folder}")
    yield Finding("versions", "ok", f"{counted(count, 'version')} on disk")


def _settings(workspace: Workspace) -> Iterator[Finding]:
    """Whether every pipeline.toml can be read; nothing about those that can."""
    from workbench.operate.schedule import FILE, read_config

    for file in sorted(workspace.promoted.glob(f"*/{FILE}")):
        try:
            read_config(workspace, file.parent.name)
        except WorkbenchError as error:
            yield Finding("settings", "problem", error.message, error.hint)


def _data(workspace: Workspace, *, deep: bool) -> Iterator[Finding]:
    from workbench.runtime.warehouse import Warehouse

    warehouse = Warehouse.open(workspace)
    try:
        shown = warehouse.current().views
    except InfrastructureError as error:
        again = (
            f"restore {warehouse.folder.name}/ from a backup, or remove current.duckdb there and promote the notebooks again"
        )
        yield Finding("data", "problem", error.message, again)
        return
    for pipeline, notebook in _published(workspace).items():
        if pipeline not in shown:
            message = f"readers of {pipeline} see nothing: it was published, but the warehouse has lost it"
            yield Finding("data", "problem", message, f'workbench promote {quoted(notebook)} --why "…"')
    for pipeline, view in shown.items():
        restore = f"restore {warehouse.folder.name}/data/{pipeline} from a backup"
        try:
            snapshot = warehouse.snapshot(view.snapshot, pipeline)
        except InfrastructureError as error:
            yield Finding("data", "problem", f"{pipeline}@{view.version}: {error.message}", restore)
            continue
        damaged = warehouse.damaged(snapshot, deep=deep)
        if damaged:
            message = f"{counted(len(damaged), 'file')} of {pipeline}@{view.version} missing or damaged, first {damaged[0]}"
            yield Finding("data", "problem", message, f"workbench run {pipeline}")
        else:
            checked = "read again" if deep else "there"
            yield Finding("data", "ok", f"{pipeline}@{view.version}: {counted(len(snapshot.files), 'file')}, all {checked}")
    yield from _canaries(warehouse, deep=deep)


def _canaries(warehouse: Warehouse, *, deep: bool) -> Iterator[Finding]:
    """The data that chosen readers see beside the others."""
    for canary in warehouse.current().canaries.values():
        for pipeline, (version, snapshot) in canary.data.items():
            try:
                damaged = warehouse.damaged(warehouse.snapshot(snapshot, pipeline), deep=deep)
                said = f"{damaged[0]} is missing or damaged" if damaged else ""
            except InfrastructureError as error:
                said = error.message
            if said:
                message = f"{pipeline}@{version}, shown to the canary of {canary.promotion}: {said}"
                yield Finding("data", "problem", message, f"workbench canary check {canary.promotion}")


def _sources(workspace: Workspace) -> Iterator[Finding]:
    """Whether sources can be read, and are as fresh as they are declared to be; nothing about those that can."""
    from workbench.operate.fresh import freshness
    from workbench.runtime.duck import raw_session
    from workbench.runtime.postgres import is_address
    from workbench.runtime.sources import check_readable, end_readings

    now, con = dt.datetime.now(dt.UTC), raw_session(workspace.state / "spill")
    for name, source in workspace.settings.sources.items():
        try:
            found = freshness(workspace, name)
            if found is None:
                check_readable(con, workspace, name)
        except WorkbenchError as error:
            # Not every machine that a workspace is on may reach the server.
            unasked = source.freshness is None and is_address(source.read)
            yield Finding("sources", "warning" if unasked else "problem", f"{name}: {error.message}", error.hint)
            continue
        if found is not None:
            stale = found.stale(now)
            yield Finding("sources", "warning" if stale else "ok", found.said(now), found.whom() if stale else "")
    end_readings(con)
    con.close()


def _published(workspace: Workspace) -> dict[str, str]:
    """The pipelines that were published once and not demoted since, with the notebook that each came from last."""
    from workbench.store import Store, endings

    with Store.open(workspace, read_only=True) as store:
        promotions = [each for each in store.promotions() if each.status == "published"]
        gone = endings.demotions(store)
    made = ((promotion.notebook, each.pipeline) for promotion in promotions for each in promotion.candidates if each.new)
    return {pipeline: notebook for notebook, pipeline in made if pipeline not in gone}
