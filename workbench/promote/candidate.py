"""Candidates: slices that became modules, and whether they differ from the versions that exist."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from workbench.catalog.contract import Contract, read_contract, to_yaml
from workbench.catalog.version import latest_version, read_manifest, version_dir
from workbench.config import Workspace
from workbench.errors import UnknownName, UsageError, quoted
from workbench.model import VersionId
from workbench.promote.module import Module, build_module, load_module
from workbench.promote.notebook import Notebook
from workbench.promote.slice import Slice, Slicing
from workbench.promote.trial import Work
from workbench.runtime.warehouse import Live, Warehouse
from workbench.store import Store
from workbench.store.records import PromotionRecord


@dataclass(frozen=True, slots=True)
class Candidate:
    """A slice and its module. ``version`` is the number that it has or gets; ``known`` says that this version exists on disk.

    ``identity`` is a SHA-256 over the module's logic, its files and what the mark declares: equal identity, equal version.
    """

    cut: Slice
    module: Module
    version: int
    known: bool
    identity: str

    @property
    def pipeline(self) -> str:
        return self.cut.mark.name


def choose(slicing: Slicing, wanted: Sequence[str]) -> tuple[Slice, ...]:
    """The slices of the outputs asked for, or of all; in the order in which they must be computed."""
    names = [cut.mark.name for cut in slicing.slices]
    for name in wanted:
        if name not in names:
            raise UnknownName.of("output", name, names, hint=f"workbench check {quoted(slicing.notebook.path)}")
    return tuple(cut for cut in slicing.slices if not wanted or cut.mark.name in wanted)


def candidates(workspace: Workspace, notebook: Notebook, slices: Sequence[Slice]) -> tuple[Candidate, ...]:
    """A candidate for each slice, compared with the latest version on disk."""
    found = []
    for cut in slices:
        _refuse_case_collision(workspace, cut.mark.name)
        module = build_module(cut, notebook)
        identity = _identity(cut, module)
        latest = latest_version(workspace, cut.mark.name)
        known = latest > 0 and _known_identity(workspace, VersionId(cut.mark.name, latest)) == identity
        found.append(Candidate(cut, module, latest if known else latest + 1, known, identity))
    return tuple(found)


def unsettled(workspace: Workspace, found: Sequence[Candidate]) -> tuple[Candidate, ...]:
    """The candidates that a promotion must bring: new versions, and those on disk that nothing else can bring to readers.

    A version is settled when its pipeline is live and it was published, or while a promotion of it is open. It is not in a
    fresh clone, after a rejection, when its data is lost, or when a promotion of the others supersedes the one that has it.
    """
    warehouse = Warehouse.open(workspace)
    live = warehouse.current().views
    with Store.open(workspace, read_only=True) as store:
        promotions = store.promotions()

    def brings(some: Iterable[PromotionRecord]) -> set[tuple[str, int]]:
        return {(each.pipeline, each.version) for promotion in some for each in promotion.candidates if each.new}

    published = {each for each in brings(p for p in promotions if p.status == "published") if each[0] in live}
    waiting = [
        promotion
        for promotion in promotions
        if promotion.status in ("waiting", "approved")
        and all(each.snapshot in warehouse.snapshots(each.pipeline) for each in promotion.candidates)
    ]
    fresh = {each.pipeline for each in found if not each.known}
    while True:
        kept = [promotion for promotion in waiting if not fresh & {name for name, _ in brings([promotion])}]
        settled = published | brings(kept)
        more = {each.pipeline for each in found if (each.pipeline, each.version) not in settled} - fresh
        if not more:
            return tuple(each for each in found if each.pipeline in fresh)
        fresh |= more


def contract_of(candidate: Candidate) -> Contract:
    """What the marks declare; the columns are completed by the trial."""
    mark = candidate.cut.mark
    return Contract(
        pipeline=mark.name,
        version=candidate.version,
        columns=(),
        doc=mark.doc,
        key=mark.key,
        partition_by=mark.partition_by,
        strategy=mark.strategy,
        allowed_lateness=mark.allowed_lateness,
        checks=mark.checks,
        parameters=candidate.cut.parameters,
        inputs=candidate.cut.inputs,
    )


def recomputed(
    workspace: Workspace, live: dict[str, Live], changed: Sequence[str], *, without: Collection[str] = ()
) -> tuple[Work, ...]:
    """Live versions, unchanged themselves, that read a changed pipeline directly or through others: inputs first.

    Those in ``without`` can't be computed any more, and stay as they are with all that reads them alone.
    """
    contracts = {name: read_contract(version_dir(workspace, VersionId(name, at.version))) for name, at in live.items()}
    reached, order = set(changed), []
    while True:
        for name, contract in sorted(contracts.items()):
            if (
                name not in reached
                and name not in without
                and any(source.kind == "pipeline" and source.name in reached for source in contract.inputs)
            ):
                reached.add(name)
                order.append(name)
                break
        else:
            break
    return tuple(_live_work(workspace, contracts[name], live[name]) for name in order)


def in_order(work: Sequence[Work]) -> tuple[Work, ...]:
    """Each pipeline after those that it reads."""
    from graphlib import CycleError, TopologicalSorter

    by_name = {each.pipeline: each for each in work}
    reads = {
        name: [source.name for source in each.contract.inputs if source.kind == "pipeline" and source.name in by_name]
        for name, each in by_name.items()
    }
    try:
        return tuple(by_name[name] for name in TopologicalSorter(reads).static_order())
    except CycleError as error:
        ring = " reads ".join(reversed(error.args[1]))
        raise UsageError(
            f"pipelines would read each other in a ring: {ring}", hint="promote the outputs of both notebooks"
        ) from None


def _live_work(workspace: Workspace, contract: Contract, live: Live) -> Work:
    folder = version_dir(workspace, VersionId(live.pipeline, live.version))
    function = load_module(folder / "__init__.py", live.pipeline)
    docs = {column.name: column.doc for column in contract.columns if column.doc}
    units = {column.name: column.unit for column in contract.columns if column.unit}
    return Work(live.pipeline, live.version, function, contract, docs, units, new=False)


def _identity(cut: Slice, module: Module) -> str:
    declared = to_yaml(
        Contract(
            pipeline=cut.mark.name,
            version=0,
            columns=(),
            doc=cut.mark.doc,
            key=cut.mark.key,
            partition_by=cut.mark.partition_by,
            strategy=cut.mark.strategy,
            allowed_lateness=cut.mark.allowed_lateness,
            checks=cut.mark.checks,
            parameters=cut.parameters,
            inputs=cut.inputs,
        )
    )
    parts = [module.logic_sha256, declared, json.dumps(cut.mark.columns, ensure_ascii=False)]
    parts += [json.dumps(cut.mark.units, ensure_ascii=False)] if cut.mark.units else []
    parts += [f"{name}\n{text}" for name, text in sorted(module.files.items())]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def _known_identity(workspace: Workspace, version: VersionId) -> str:
    identity = read_manifest(version_dir(workspace, version)).get("identity", "")
    return str(identity)


def _refuse_case_collision(workspace: Workspace, name: str) -> None:
    """Views and, on some systems, folders are told apart without regard to case."""
    if not workspace.promoted.is_dir():
        return
    for folder in workspace.promoted.iterdir():
        if folder.is_dir() and folder.name != name and folder.name.casefold() == name.casefold():
            raise UsageError(
                f"output {name!r} collides with promoted/{folder.name}, which differs only by case",
                hint="rename the output in the notebook",
            )
