"""What a contract card says, gathered part by part: a part that can't be computed becomes a short message."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from workbench.config import Workspace, find_workspace
from workbench.errors import UsageError, WorkbenchError
from workbench.model import CheckResult, OutputMark, Parameter, VersionId
from workbench.render.card_notebook import Given, shown, told
from workbench.sandbox import session
from workbench.sandbox.support import Unreliable, unreliable

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from workbench.promote.diff import TableDiff
    from workbench.promote.refusal import Refusal
    from workbench.runtime.views import View

T = TypeVar("T")
LONGEST = 300


@dataclass(frozen=True, slots=True)
class LiveFacts:
    """The live version on the same sandbox: which one, at which parameters, and what differs from it."""

    version: VersionId
    parameters: dict[str, Any]
    diff: TableDiff
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Facts:
    """All that one card shows. A part that is None could not be computed, or does not apply; ``problems`` says which."""

    mark: OutputMark
    schema: dict[str, str]
    sandbox: str
    rows: int | None = None
    partitions: int | None = None
    key: tuple[CheckResult, ...] | None = None
    checks: tuple[CheckResult, ...] | None = None
    live: LiveFacts | None = None
    parameters: tuple[Given, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    unreliable: tuple[Unreliable, ...] = ()
    problems: dict[str, str] = field(default_factory=dict)

    @property
    def broken(self) -> int:
        """How many promises the data of the sandbox breaks: checks, and the key."""
        return sum(not result.ok for result in (*(self.key or ()), *(self.checks or ())))


def gather(mark: OutputMark, expr: ir.Table, table: ir.Table | None, failed: str, namespace: Mapping[str, Any]) -> Facts:
    """The facts about one output.

    ``expr`` is what was marked, ``table`` its computed rows, or None with the reason in ``failed``; ``namespace`` are the
    notebook's variables, where the values of its widgets are looked up.
    """
    problems: dict[str, str] = {}
    schema = {name: str(kind) for name, kind in expr.schema().items()}
    sandbox = session.current().path.stem

    def part(name: str, compute: Callable[[], T]) -> T | None:
        try:
            return compute()
        except Exception as error:  # one part that fails must not hide the others, nor the table
            problems[name] = _short(_said(error) if isinstance(error, WorkbenchError) else f"{type(error).__name__}: {error}")
            return None

    part("sandbox", lambda: session.check_there(session.current().path))
    said = part("notebook", lambda: told(mark.name, namespace, lambda: _workspace().settings.sources))
    parameters, refusals = ((), ()) if said is None else (said.parameters, said.refusals)
    if table is None:
        problems["rows"] = _short(failed)
        return Facts(mark, schema, sandbox, parameters=parameters, refusals=refusals, problems=problems)
    counts = part("rows", lambda: _counts(mark, table))
    results = part("checks", lambda: _evaluate(mark, table))
    keys = 2 if mark.key else 0
    return Facts(
        mark,
        schema,
        sandbox,
        rows=None if counts is None else counts[0],
        partitions=None if counts is None else counts[1],
        key=None if results is None else results[:keys],
        checks=None if results is None else results[keys:],
        live=part("live", lambda: _live(mark, table, namespace)),
        parameters=parameters,
        refusals=refusals,
        unreliable=part("support", lambda: unreliable(expr, session.current())) or (),
        problems=problems,
    )


def _said(error: WorkbenchError) -> str:
    return f"{error.message}; {error.hint}" if error.hint else error.message


def _workspace() -> Workspace:
    given = os.environ.get(session.WORKSPACE)
    return find_workspace(Path(given) if given else None)


def _counts(mark: OutputMark, table: ir.Table) -> tuple[int, int | None]:
    aggregates = {"rows": table.count()}
    if mark.partition_by is not None:
        aggregates["partitions"] = table[mark.partition_by].nunique()
    row = table.aggregate(**aggregates).to_pyarrow().to_pylist()[0]
    return int(row["rows"]), row.get("partitions")


def _other(name: str) -> ir.Table:
    """A table that a check refers to: an output of this notebook, or a source of its sandbox."""
    opened = session.current()
    return opened.outputs[name][1] if name in opened.outputs else opened.source(name)


def _evaluate(mark: OutputMark, table: ir.Table) -> tuple[CheckResult, ...]:
    from workbench.runtime import checks

    key = (checks.unique(*mark.key), checks.not_null(*mark.key)) if mark.key else ()
    return checks.evaluate(table, (*key, *mark.checks), examples=1, others=_other)


def _live(mark: OutputMark, table: ir.Table, namespace: Mapping[str, Any]) -> LiveFacts | None:
    """The difference to the live version, computed from the sandbox's tables at the widgets' values; None without one."""
    from workbench.promote.diff import diff
    from workbench.runtime.views import read_current
    from workbench.runtime.warehouse import Warehouse
    from workbench.sandbox.editor import LIVE

    given, copied = os.environ.get(session.WORKSPACE), os.environ.get(LIVE)
    workspace = find_workspace(Path(given) if given else None)
    # A confined editor can't read the warehouse; it has a copy of what is live beside it.
    live = (read_current(Path(copied)) if copied else Warehouse.open(workspace).current()).views
    if mark.name not in live:
        return None
    preview = _Preview(workspace, live, namespace)
    # Computed once, with the types that Ibis says: DuckDB itself would sum integers to other ones.
    base = preview.table(mark.name).cache()
    key = mark.key if all(name in base.columns for name in mark.key) else ()
    found = diff(base, table, key=key, samples=5, distributions=False)
    return LiveFacts(VersionId(mark.name, live[mark.name].version), preview.parameters, found, tuple(preview.notes))


class _Preview:
    """Live versions, computed from the sandbox's tables."""

    def __init__(self, workspace: Workspace, live: Mapping[str, View], namespace: Mapping[str, Any]) -> None:
        self.workspace = workspace
        self.live = live
        self.namespace = namespace
        self.parameters: dict[str, Any] = {}
        self.notes: list[str] = []

    def table(self, pipeline: str) -> ir.Table:
        """What the live version of a pipeline computes; pipelines that it reads are their live versions."""
        from workbench.promote.preview import live_table

        live = {name: view.version for name, view in self.live.items()}
        return live_table(self.workspace, live, pipeline, session.current().source, self._value)

    def _value(self, parameter: Parameter) -> Any:
        """What the notebook's widget for a parameter shows now; the default where that does not fit."""
        now = shown(parameter, self.namespace)
        try:
            value = parameter.check(now)
        except UsageError:
            value = parameter.default
            self.notes.append(f"{parameter.name} is {value!r} for the live version, which does not take {now!r}")
        self.parameters[parameter.name] = value
        return value


def _short(text: str) -> str:
    first = next((line.strip() for line in text.splitlines() if line.strip()), "no detail")
    return first if len(first) <= LONGEST else first[: LONGEST - 1] + "…"
