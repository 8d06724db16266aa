"""Promotion as one sentence: read, slice, build modules, prove equality, try, diff, judge, record.

Publishing is a second step (:mod:`workbench.promote.publish`), after a person has approved.
"""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from workbench.catalog.compatibility import lost_columns
from workbench.catalog.endings import deprecated_live, deprecation_said, overdue
from workbench.catalog.owner import owner
from workbench.catalog.policy import load_policies
from workbench.catalog.privacy import declassified
from workbench.catalog.trace import live_graph
from workbench.config import Workspace
from workbench.model import GateResult, Verdict
from workbench.promote import gates
from workbench.promote.ahead import Foreseen, Lost, look_ahead
from workbench.promote.candidate import Candidate, candidates, choose, contract_of, in_order, recomputed, unsettled
from workbench.promote.equality import Equality, prove
from workbench.promote.evidence import Report
from workbench.promote.module import load_module
from workbench.promote.notebook import read_notebook
from workbench.promote.outcome import Judged, Outcome, Request, Status
from workbench.promote.record import notebook_path, record
from workbench.promote.slice import slice_notebook
from workbench.promote.trial import Tried, Work, run_trial
from workbench.runtime.warehouse import Warehouse
from workbench.sandbox import registry
from workbench.store import Store


def promote(
    workspace: Workspace, request: Request, *, report: Report, pipeline_toml: str, progress: Callable[[str], None]
) -> Outcome:
    """Take a notebook through every station up to the approval.

    With ``dry_run`` nothing at all is written to the workspace or the warehouse. ``report`` renders the comparisons as HTML;
    ``pipeline_toml`` is the text for pipelines that have none yet.
    """
    notebook = read_notebook(request.notebook)
    notebook_path(workspace, notebook)
    slicing = slice_notebook(notebook, workspace.settings.sources)
    # A mark that can't be read names no output that could be chosen.
    slices = choose(slicing, request.outputs) if slicing.slices else ()
    if not slices or any(cut.refusals for cut in slices):
        return Outcome("not cut", notebook, slicing)
    found = candidates(workspace, notebook, slices)
    fresh = unsettled(workspace, found)
    unchanged = tuple(each for each in found if each not in fresh)
    if not fresh:
        return Outcome("unchanged", notebook, slicing, unchanged=unchanged)
    progress("proof that modules equal the notebook")
    with _warehouse(workspace, dry_run=request.dry_run) as warehouse, TemporaryDirectory(prefix="workbench-promote-") as folder:
        new = _work(Path(folder), fresh)
        lost: dict[str, Lost] = {}

        def meanwhile() -> None:
            _warm_up()
            lost.update(look_ahead(workspace, warehouse, new))
            if lost and not request.allow_breaking:
                raise Foreseen

        try:
            proofs = prove(
                notebook,
                slices,
                [each.module for each in found],
                root=workspace.root,
                sandbox=registry.active(workspace).path,
                meanwhile=meanwhile,
            )
        except Foreseen:
            judged = _refused_ahead(fresh, lost)
        else:
            if all(proofs[each.pipeline].verdict == "equal" for each in fresh):
                left = {reader for each in lost.values() for reader in each.readers}
                work = in_order(
                    [*new, *recomputed(workspace, warehouse.live(), [each.pipeline for each in fresh], without=left)]
                )
                tried = run_trial(workspace, warehouse, work, progress)
            else:
                tried = ()
            judged = _judge(workspace, request, fresh, proofs, tried)
        status: Status = "waiting" if gates.worst(_all_gates(judged)) is not Verdict.FAIL else "refused"
        outcome = Outcome(status, notebook, slicing, judged, unchanged)
        if request.dry_run:
            return outcome
        return record(workspace, request, outcome, report=report, pipeline_toml=pipeline_toml)


def _warm_up() -> None:
    """Import what the trial needs; it takes as long as the proof does on its own processor."""
    for module in ("ibis.backends.duckdb", "ibis.formats.pyarrow", "sqlalchemy"):
        importlib.import_module(module)


@contextlib.contextmanager
def _warehouse(workspace: Workspace, *, dry_run: bool) -> Iterator[Warehouse]:
    """Production's warehouse; for a dry run one that reads the same and writes outside of the workspace."""
    warehouse = Warehouse.open(workspace)
    if dry_run:
        with warehouse.scratch() as scratch:
            yield scratch
    else:
        yield warehouse


def _work(folder: Path, fresh: Sequence[Candidate]) -> tuple[Work, ...]:
    new = []
    for each in fresh:
        place = folder / "modules" / each.pipeline
        for name, text in {"__init__.py": each.module.text, **each.module.files}.items():
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            (place / name).write_text(text, encoding="utf-8")
        function = load_module(place / "__init__.py", each.pipeline)
        new.append(Work(each.pipeline, each.version, function, contract_of(each), each.cut.mark.columns, each.cut.mark.units))
    return in_order(new)


def _refused_ahead(fresh: Sequence[Candidate], lost: Mapping[str, Lost]) -> tuple[Judged, ...]:
    return tuple(
        Judged(each.pipeline, each.version, each, None, None, (gates.judge_lost(found.how, found.readers),) if found else ())
        for each in fresh
        for found in (lost.get(each.pipeline),)
    )


def _judge(
    workspace: Workspace, request: Request, fresh: Sequence[Candidate], proofs: dict[str, Equality], tried: Sequence[Tried]
) -> tuple[Judged, ...]:
    by_name = {each.pipeline: each for each in fresh}
    policies, graph = load_policies(workspace), live_graph(workspace)
    if not tried:
        return tuple(
            Judged(
                each.pipeline, each.version, each, proofs[each.pipeline], None, (gates.judge_equality(proofs[each.pipeline]),)
            )
            for each in fresh
        )
    judged, leaving = [], _deprecated(workspace, request, tried)
    for each in tried:
        candidate = by_name.get(each.pipeline)
        proof = proofs[each.pipeline] if candidate is not None else None
        case = gates.Case(
            contract=each.contract,
            live_contract=each.live_contract,
            equality=proof,
            checks=each.checks,
            key_checks=each.key_checks,
            rows=each.snapshot.rows,
            logic=each.logic,
            seconds=each.seconds,
            thresholds=workspace.settings.gates,
            allow_change=request.allow_change,
            allow_breaking=request.allow_breaking,
            live_seconds=each.live_seconds,
            bytes=each.snapshot.bytes,
            personal=each.personal,
            declassified=declassified(workspace.settings, each.pipeline),
            readers=graph.rests_on(each.pipeline),
            lost_by=graph.readers(each.pipeline, lost_columns(each.live_contract, each.contract)),
            policies=policies,
            owner=owner(workspace, each.pipeline) or request.who,
            deprecated=dict(leaving[name] for name in _reads(each) if name in leaving),
        )
        judged.append(Judged(each.pipeline, each.version, candidate, proof, each, gates.judge(case)))
    return tuple(judged)


def _deprecated(workspace: Workspace, request: Request, tried: Sequence[Tried]) -> dict[str, tuple[str, bool]]:
    """What is said of deprecated versions that are read as readers see them, and whether their last day is over."""
    made = {each.pipeline for each in tried}
    with Store.open(workspace, read_only=True) as store:
        found = deprecated_live(workspace, store, {name for each in tried for name in _reads(each)} - made)
    return {name: (deprecation_said(each, request.at), overdue(each, request.at)) for name, each in found.items()}


def _reads(tried: Tried) -> tuple[str, ...]:
    """The pipelines that a candidate reads."""
    return tuple(each.name for each in tried.contract.inputs if each.kind == "pipeline")


def _all_gates(judged: Sequence[Judged]) -> tuple[GateResult, ...]:
    return tuple(result for each in judged for result in each.gates)
