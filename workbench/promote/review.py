"""What can be said of a change without a person: notebooks checked, cut, proved, tried and judged, versions verified."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from workbench.config import Workspace
from workbench.errors import InfrastructureError, WorkbenchError, quoted
from workbench.model import Verdict
from workbench.promote.candidate import candidates
from workbench.promote.changes import Changes
from workbench.promote.check import Checked, check_file, is_script
from workbench.promote.diff import TableDiff
from workbench.promote.evidence import sections
from workbench.promote.finding import Severity
from workbench.promote.flow import promote
from workbench.promote.outcome import Judged, Outcome, Request
from workbench.promote.slice import Slicing
from workbench.promote.step import Answer, Step
from workbench.promote.untouched import verify_versions


@dataclass(frozen=True, slots=True)
class Review:
    """All answers about a change, and the comparisons that were made on the way."""

    changes: Changes
    notebooks: tuple[str, ...]
    steps: tuple[Step, ...]
    comparisons: tuple[tuple[str, str, TableDiff], ...]

    @property
    def answer(self) -> Answer:
        """The worst answer. What was skipped is worse than a warning, since nobody knows what it would have said."""
        order: tuple[Answer, ...] = ("fail", "skipped", "warn", "pass")
        found = {step.answer for step in self.steps}
        return next((each for each in order if each in found), "pass")


@dataclass(frozen=True, slots=True)
class Wanted:
    """How to review. Without ``data`` only what needs none is asked: check, cut, and the promoted versions."""

    data: bool = True
    allow_change: float | None = None
    allow_breaking: bool = False


def review(workspace: Workspace, changes: Changes, wanted: Wanted, progress: Callable[[str], None]) -> Review:
    """Answer every question about a change; nothing is written to the workspace or the warehouse.

    Raises ``InfrastructureError`` where trying again may help; what else goes wrong is an answer.
    """
    steps: list[Step] = []
    comparisons: list[tuple[str, str, TableDiff]] = []
    notebooks = changed_notebooks(workspace, changes)
    for name in notebooks:
        progress(f"checking {name}")
        checked = check_file(workspace, workspace.root / name)
        steps.append(_checked(name, checked))
        if checked.slicing is None or checked.refusals:
            continue
        steps += _cut(workspace, name, checked.slicing)
        if wanted.data and steps[-1].answer != "fail":
            tried, compared = _tried(workspace, name, checked.slicing, wanted, progress)
            steps += tried
            comparisons += compared
    progress("verifying versions")
    steps += verify_versions(workspace, changes)
    place = {subject: i for i, subject in enumerate(dict.fromkeys(step.subject for step in steps))}
    steps.sort(key=lambda step: place[step.subject])
    return Review(changes, notebooks, tuple(steps), tuple(comparisons))


def changed_notebooks(workspace: Workspace, changes: Changes) -> tuple[str, ...]:
    """The notebooks to look at: those that changed; all, when a helper beside them or the declared sources changed."""
    folder = workspace.notebooks.relative_to(workspace.root).as_posix()
    touched = {*changes.changed, *changes.removed}
    python = {name for name in touched if name.startswith(f"{folder}/") and name.endswith(".py")}
    own = {name for name in python & {*changes.changed} if "/" not in name.removeprefix(f"{folder}/")}
    own = {name for name in own if not is_script(workspace.root / name)}
    helpers = {name for name in python - own if name in changes.changed or not _was_notebook(changes, name)}
    if helpers or "pyproject.toml" in touched:
        every = (file.relative_to(workspace.root).as_posix() for file in workspace.notebooks.glob("*.py"))
        own |= {name for name in every if not is_script(workspace.root / name)}
    return tuple(sorted(own))


def _was_notebook(changes: Changes, name: str) -> bool:
    text = changes.before(name) or ""
    return "marimo" in text and "App(" in text


def _checked(name: str, checked: Checked) -> Step:
    if checked.error is not None:
        return Step(name, "check", "fail", checked.error.message, (), checked.error.hint)
    told = [f"line {each.line}: {each.message}" for each in checked.refusals]
    told += [f"line {each.line}: {each.message}" for each in checked.findings if each.severity is not Severity.NOTE]
    bad = len(checked.refusals) + sum(each.severity is Severity.ERROR for each in checked.findings)
    warned = len(told) - bad
    said = ", ".join(f"{count} {word}" for count, word in ((bad, "to correct"), (warned, "to look at")) if count)
    answer: Answer = "fail" if bad else "warn" if warned else "pass"
    return Step(
        name, "check", answer, said or "nothing to correct", tuple(told), f"workbench check {quoted(name)}" if told else ""
    )


def _cut(workspace: Workspace, name: str, slicing: Slicing) -> list[Step]:
    """Which version each output is, or would be."""
    steps = []
    try:
        found = candidates(workspace, slicing.notebook, slicing.slices)
    except WorkbenchError as error:
        return [Step(name, "cut", "fail", error.message, (), error.hint)]
    for each in found:
        said = f"is version {each.version}" if each.known else f"would become version {each.version}"
        steps.append(Step(f"{name}: {each.pipeline}", "cut", "pass", said))
    return steps


def _tried(
    workspace: Workspace, name: str, slicing: Slicing, wanted: Wanted, progress: Callable[[str], None]
) -> tuple[list[Step], list[tuple[str, str, TableDiff]]]:
    """The promotion of a notebook as a dry run, or why it can't be made here."""
    missing = _missing(workspace, slicing)
    if missing is not None:
        return [Step(name, "promotion", "skipped", missing.message, (), missing.hint)], []
    request = Request(
        notebook=workspace.root / name,
        outputs=(),
        why="",
        who="",
        at=dt.datetime.now(dt.UTC),
        dry_run=True,
        allow_change=wanted.allow_change,
        allow_breaking=wanted.allow_breaking,
    )
    try:
        outcome = promote(workspace, request, report=lambda _title, _sections: "", pipeline_toml="", progress=progress)
    except InfrastructureError:
        raise
    except WorkbenchError as error:
        return [Step(name, "promotion", "fail", error.message, (), error.hint)], []
    if outcome.status == "unchanged":
        return [Step(name, "promotion", "pass", "every output is as it was promoted")], []
    steps = [step for judged in outcome.judged for step in _judged(workspace, name, judged)]
    return steps, _compared(outcome)


def _missing(workspace: Workspace, slicing: Slicing) -> WorkbenchError | None:
    """Why a notebook can't be proved and tried here: no sandbox, or no production data."""
    from workbench.runtime.warehouse import Warehouse
    from workbench.sandbox import registry

    warehouse = Warehouse.open(workspace)
    made = {cut.mark.name for cut in slicing.slices}
    shown = warehouse.current().views
    try:
        registry.active(workspace)
        con = warehouse.connect()
        try:
            for each in {each for cut in slicing.slices for each in cut.inputs}:
                if each.kind == "source":
                    warehouse.source(con, each.name)
                elif each.name not in made and each.name not in shown:
                    return WorkbenchError(
                        f"nothing of {each.name}, which is read, is published here", hint=f"workbench publish {each.name}@1"
                    )
        finally:
            con.disconnect()
    except InfrastructureError:
        raise
    except WorkbenchError as error:
        return error
    return None


def _judged(workspace: Workspace, name: str, judged: Judged) -> list[Step]:
    """A step for each gate, and one that says when there was nothing of production to compare with."""
    from workbench.catalog.version import versions

    subject = f"{name}: {judged.pipeline}"
    answers: dict[Verdict, Answer] = {
        Verdict.PASS: "pass",
        Verdict.WARN: "warn",
        Verdict.FAIL: "fail",
        Verdict.WAITING: "skipped",
    }
    steps = [Step(subject, f"gate {gate.gate}", answers[gate.verdict], gate.summary) for gate in judged.gates]
    earlier = [number for number in versions(workspace, judged.pipeline) if number < judged.version]
    if judged.tried is not None and judged.tried.logic is None and earlier:
        said = f"version {earlier[-1]} is not published here, so nothing says what would change for readers"
        steps.append(Step(subject, "comparison", "skipped", said, (), f"workbench publish {judged.pipeline}@{earlier[-1]}"))
    return steps


def _compared(outcome: Outcome) -> list[tuple[str, str, TableDiff]]:
    found: Sequence[tuple[str, list[tuple[str, str, TableDiff]]]] = [
        (f"{each.pipeline}@{each.version}", sections(each.tried)) for each in outcome.judged if each.tried is not None
    ]
    return [(f"{of}, {title.lower()}", note, diff) for of, several in found for title, note, diff in several]
