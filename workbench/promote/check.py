"""``workbench check`` of one notebook: its slices, its refusals, and what marimo's rules and ours find. Nothing is run."""

from __future__ import annotations

import contextlib
import datetime as dt
from dataclasses import dataclass, replace
from pathlib import Path

from workbench.config import Workspace
from workbench.errors import ConfigError, InfrastructureError, NotebookError
from workbench.model import VersionId
from workbench.promote.finding import Finding, Severity
from workbench.promote.fix import atomic, fix_underscore
from workbench.promote.lint import lint, lint_unmarked
from workbench.promote.marimo_check import marimo_findings, marimo_fix
from workbench.promote.notebook import Notebook, parse_notebook, read_notebook
from workbench.promote.program import read_program
from workbench.promote.refusal import Reason, Refusal
from workbench.promote.slice import Slicing, slice_notebook

# What marimo and the slicer both report; the refusal says more.
_SAME = {
    "unparsable-cells": Reason.UNPARSABLE,
    "invalid-syntax": Reason.UNPARSABLE,
    "multiple-definitions": Reason.MULTIPLE_DEFINITIONS,
    "cycle-dependencies": Reason.CYCLE,
}


@dataclass(frozen=True, slots=True)
class Checked:
    """What is known of one file: its slices (None when it marks nothing), what was found, and what was mended.

    ``error`` says why the file can't be read as a notebook; then there is nothing else.
    """

    path: Path
    slicing: Slicing | None = None
    findings: tuple[Finding, ...] = ()
    fixed: tuple[Finding, ...] = ()
    error: NotebookError | None = None

    @property
    def refusals(self) -> tuple[Refusal, ...]:
        return self.slicing.refusals if self.slicing is not None else ()

    def fails(self, *, strict: bool) -> bool:
        """Whether anything is refused or an error; with ``strict`` also a warning."""
        bad = {Severity.ERROR, Severity.WARNING} if strict else {Severity.ERROR}
        return bool(self.refusals) or any(finding.severity in bad for finding in self.findings)


def check_file(workspace: Workspace, path: Path, *, fix: bool = False) -> Checked:
    """Check one notebook; with ``fix`` mend first what is mechanical."""
    try:
        checked = _check(workspace, read_notebook(path))
        if not fix or not any(finding.fixable for finding in checked.findings):
            return checked
        before = checked.findings
        mend(read_notebook(path))
        checked = _check(workspace, read_notebook(path))
    except NotebookError as error:
        return Checked(path, error=error)
    left = [(finding.rule, finding.message) for finding in checked.findings]
    fixed = tuple(each for each in before if each.fixable and (each.rule, each.message) not in left)
    return replace(checked, fixed=fixed)


def is_script(path: Path) -> bool:
    """Whether a file is Python that has nothing of a marimo notebook, such as a helper module beside notebooks."""
    try:
        text = path.read_text(encoding="utf-8") if path.is_file() else ""
    except (OSError, UnicodeDecodeError):
        return False
    return bool(text.strip()) and not ("marimo" in text and "App(" in text)


def mend(notebook: Notebook) -> None:
    """Write the notebook's file anew where something mechanical is wrong with it; else leave it alone."""
    text, _ = fix_underscore(notebook)
    if text != notebook.text:
        atomic(notebook.path, text)
        notebook = read_notebook(notebook.path)
    text = marimo_fix(notebook)
    if text != notebook.text and _same_code(notebook, parse_notebook(text, notebook.path)):
        atomic(notebook.path, text)


def _same_code(before: Notebook, after: Notebook) -> bool:
    """Whether two notebooks have the same cells, but for the indentation of text."""
    return len(before.cells) == len(after.cells) and all(
        old.name == new.name and old.defs == new.defs and "".join(old.code.split()) == "".join(new.code.split())
        for old, new in zip(before.cells, after.cells, strict=True)
    )


def _check(workspace: Workspace, notebook: Notebook) -> Checked:
    theirs = marimo_findings(notebook)
    program = read_program(notebook)
    unmarked = lint_unmarked(program)
    if unmarked is not None:
        return Checked(notebook.path, None, _sorted(unmarked, theirs))
    slicing = slice_notebook(notebook, workspace.settings.sources, program)
    promoted = {cut.mark.name: _columns(workspace, cut.mark.name) for cut in slicing.slices}
    refused = {refusal.reason for refusal in slicing.refusals}
    theirs = tuple(each for each in theirs if _SAME.get(each.rule) not in refused)
    ours = lint(
        program, slicing, workspace.settings.sources, promoted, _deprecated(workspace, slicing), _tables(workspace, slicing)
    )
    return Checked(notebook.path, slicing, _sorted(ours, theirs))


def _deprecated(workspace: Workspace, slicing: Slicing) -> dict[str, tuple[str, bool]]:
    """What is said of deprecated pipelines that outputs read as readers see them, and whether their last day is over."""
    reads = {each.name for cut in slicing.slices for each in cut.inputs if each.kind == "pipeline"}
    if not reads:
        return {}
    from workbench.catalog.endings import deprecated_live, deprecation_said, overdue
    from workbench.store import Store

    now = dt.datetime.now(dt.UTC)
    # Whatever is wrong with the store, it is not the notebook.
    with contextlib.suppress(ConfigError, InfrastructureError), Store.open(workspace, read_only=True) as store:
        found = deprecated_live(workspace, store, reads)
        return {name: (deprecation_said(each, now), overdue(each, now)) for name, each in found.items()}
    return {}


def _tables(workspace: Workspace, slicing: Slicing) -> dict[str, tuple[str, ...]] | None:
    """What a check may refer to, with its columns where they are known; None where no check refers to another table."""
    if not any(check.rule == "references" for cut in slicing.slices for check in cut.mark.checks):
        return None
    from workbench.catalog.version import pipelines
    from workbench.sandbox.columns import source_columns

    found: dict[str, tuple[str, ...]] = {name: _columns(workspace, name) for name in pipelines(workspace)}
    seen = source_columns(workspace)
    return found | {name: tuple(seen.get(name, ())) for name in workspace.settings.sources}


def _sorted(*findings: tuple[Finding, ...]) -> tuple[Finding, ...]:
    return tuple(sorted((each for several in findings for each in several), key=lambda each: (each.line, each.rule)))


def _columns(workspace: Workspace, pipeline: str) -> tuple[str, ...]:
    """The columns of the latest version of a pipeline, or none."""
    from workbench.catalog.contract import read_contract
    from workbench.catalog.version import latest_version, version_dir

    number = latest_version(workspace, pipeline)
    if not number:
        return ()
    contract = read_contract(version_dir(workspace, VersionId(pipeline, number)))
    return tuple(column.name for column in contract.columns)
