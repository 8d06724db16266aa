"""The marks of a notebook: its sources, parameters and outputs, and marimo's widgets beside them."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

from workbench.errors import NotebookError, UsageError
from workbench.model import Check, OutputMark, Parameter, check_name
from workbench.promote.literals import NotLiteral, arguments, value
from workbench.promote.program import Key, Program, Statement, walk
from workbench.promote.refusal import Reason, Refusal
from workbench.promote.widgets import SIGNATURES, BadWidget, from_param, from_widget

_OUTPUT = ("name", "expr")
_OUTPUT_KEYWORDS = frozenset({"key", "doc", "columns", "checks", "partition_by"})
_LITERAL_HINT = "write the argument out as a literal: workbench reads marks without running the notebook"


@dataclass(frozen=True, slots=True, eq=False)
class Output:
    """One marked output. ``expr`` is the table's expression, or the function that ``@wb.model`` marks."""

    mark: OutputMark
    statement: Statement
    call: ast.Call
    expr: ast.expr | ast.FunctionDef
    key: Key | None


@dataclass(frozen=True, slots=True, eq=False)
class Widget:
    """One assigned widget. ``parameter`` is None when it can't be one, and then ``refusal`` says why.

    ``kind`` is the name in ``mo.ui``, or "param" for ``wb.param``.
    """

    key: Key
    kind: str
    statement: Statement
    call: ast.Call
    parameter: Parameter | None
    refusal: Refusal | None


@dataclass(frozen=True, slots=True)
class Marks:
    """All marks of one notebook. ``sources`` maps the id of a ``wb.source`` call to the source's name."""

    outputs: tuple[Output, ...]
    widgets: dict[Key, Widget]
    sources: dict[int, str]
    refusals: tuple[Refusal, ...]
    source_refusals: dict[int, Refusal] = field(default_factory=dict)


def read_marks(program: Program, sources: Collection[str]) -> Marks:
    """The marks of a program; ``sources`` are the names that the workspace declares.

    Raises ``NotebookError`` when nothing is marked, or when the outputs' names can't stand.
    """
    outputs: list[Output] = []
    named: dict[int, str] = {}
    undeclared: dict[int, Refusal] = {}
    refusals: list[Refusal] = []
    for statement in program.statements:
        for call, path in program.calls(statement):
            if path == "workbench.source":
                _source(program, statement, call, sources, named, undeclared)
            elif path in ("workbench.output", "workbench.model"):
                found = _output(program, statement, call, path)
                if isinstance(found, Refusal):
                    refusals.append(found)
                else:
                    outputs.append(found)
    path_ = program.notebook.path
    if not outputs and not refusals and not program.refusals:
        hint = f'mark a table: late = wb.output("daily_orders", table, key=["day"]); then: workbench check {path_}'
        raise NotebookError(f"{path_} marks no output", hint=hint)
    _check_names(outputs, program)
    return Marks(tuple(outputs), read_widgets(program), named, tuple(refusals), undeclared)


def read_widgets(program: Program) -> dict[Key, Widget]:
    """The assigned widgets of a program, by variable."""
    found = (_widget(program, statement) for statement in program.statements)
    return {widget.key: widget for widget in found if widget is not None}


def assigned(statement: Statement) -> tuple[str, ast.expr] | None:
    """The one name that a plain assignment binds, and its value."""
    match statement.node:
        case (
            ast.Assign(targets=[ast.Name(id=name)], value=expr)
            | ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as expr)
        ):
            return name, expr
        case _:
            return None


def _source(
    program: Program,
    statement: Statement,
    call: ast.Call,
    sources: Collection[str],
    named: dict[int, str],
    bad: dict[int, Refusal],
) -> None:
    try:
        given = {
            name: value(node, lambda node: program.dotted(statement, node)) for name, node in arguments(call, ("name",)).items()
        }
    except NotLiteral as error:
        bad[id(call)] = statement.refuse(
            Reason.MARK_ARGUMENTS, error.node, "wb.source", "the argument of wb.source is not a literal", _LITERAL_HINT
        )
        return
    name = given.get("name")
    if set(given) != {"name"} or not isinstance(name, str):
        what = "wb.source takes one argument, the name of a source as text"
        bad[id(call)] = statement.refuse(Reason.MARK_ARGUMENTS, call, "wb.source", what, 'for example wb.source("orders")')
    elif name not in sources:
        near = get_close_matches(name, sorted(sources), n=1)
        declared = ", ".join(sorted(sources)) or "none yet"
        what = f"source {name!r} is not declared" + (f"; did you mean {near[0]!r}?" if near else f"; declared are: {declared}")
        hint = f"correct the name, or declare it in pyproject.toml as [tool.workbench.sources.{name}]"
        bad[id(call)] = statement.refuse(Reason.UNDECLARED_SOURCE, call, name, what, hint)
    else:
        named[id(call)] = name


def _output(program: Program, statement: Statement, call: ast.Call, path: str) -> Output | Refusal:
    verb = "wb." + path.rpartition(".")[2]
    place = _place(statement, call, path)
    if place is None:
        what = f"{verb} stands inside another statement, where it can't be told what it marks"
        hint = (
            'write it as a statement of its own at the top level of a cell: late = wb.output("name", table, …)'
            if path == "workbench.output"
            else "decorate a function at the top level of a cell with it"
        )
        return statement.refuse(Reason.MARK_PLACE, call, verb, what, hint)
    expr, key = place
    names = _OUTPUT if path == "workbench.output" else ("name",)
    try:
        given = arguments(call, names)
        table = given.pop("expr", None)
        if path == "workbench.output" and table is None:
            return statement.refuse(
                Reason.MARK_ARGUMENTS, call, verb, f"{verb} has no table to mark", 'write wb.output("name", table, …)'
            )
        read = {name: _argument(program, statement, name, node) for name, node in given.items()}
    except NotLiteral as error:
        line = getattr(error.node, "lineno", None)
        what = f"an argument of {verb} is not a literal" + ("" if line is None else f": {_short(statement, error.node)}")
        return statement.refuse(Reason.MARK_ARGUMENTS, error.node, verb, what, _LITERAL_HINT)
    except UsageError as error:
        return statement.refuse(Reason.MARK_ARGUMENTS, call, verb, error.message, error.hint or _LITERAL_HINT)
    problem = _problem(read)
    if problem:
        return statement.refuse(Reason.MARK_ARGUMENTS, call, verb, f"{verb}: {problem}", "see docs/refusals/mark-arguments.md")
    mark = OutputMark(
        name=read["name"],
        key=_names(read.get("key", ())),
        doc=_clean(read.get("doc", "") or ""),
        columns=dict(read.get("columns") or {}),
        checks=tuple(read.get("checks") or ()),
        partition_by=read.get("partition_by"),
    )
    return Output(mark, statement, call, table if table is not None else expr, key)


def _place(statement: Statement, call: ast.Call, path: str) -> tuple[Any, Key | None] | None:
    node = statement.node
    if path == "workbench.model":
        if isinstance(node, ast.FunctionDef) and any(each is call for each in node.decorator_list):
            return node, statement.key(node.name)
        return None
    if isinstance(node, ast.Expr) and node.value is call:
        return call, None
    found = assigned(statement)
    if found is not None and found[1] is call:
        return call, statement.key(found[0])
    return None


def _argument(program: Program, statement: Statement, name: str, node: ast.expr) -> Any:
    def dotted(each: ast.expr) -> str | None:
        return program.dotted(statement, each)

    if name != "checks":
        return value(node, dotted)
    if not isinstance(node, (ast.List, ast.Tuple)):
        raise NotLiteral(node)
    return [_check(each, program, statement) for each in node.elts]


def _check(node: ast.expr, program: Program, statement: Statement) -> Check:
    from workbench.runtime.checks import build

    def dotted(each: ast.expr) -> str | None:
        return program.dotted(statement, each)

    path = dotted(node.func) if isinstance(node, ast.Call) else None
    if not isinstance(node, ast.Call) or path is None or not path.startswith("workbench.check."):
        raise NotLiteral(node)
    if any(keyword.arg is None for keyword in node.keywords):
        raise NotLiteral(node)
    args = [value(arg, dotted) for arg in node.args]
    return build(
        path.removeprefix("workbench.check."), *args, **{str(each.arg): value(each.value, dotted) for each in node.keywords}
    )


def _problem(read: dict[str, Any]) -> str:
    unknown = sorted(set(read) - _OUTPUT_KEYWORDS - {"name"})
    columns = read.get("columns") or {}
    if unknown:
        near = get_close_matches(unknown[0], _OUTPUT_KEYWORDS, n=1)
        return f"there is no argument {unknown[0]}=" + (f"; did you mean {near[0]}=?" if near else "")
    if not isinstance(read.get("name"), str):
        return "its first argument is the output's name, a text"
    if not isinstance(read.get("doc") or "", str):
        return "doc= is not a text"
    if not isinstance(columns, dict) or not all(isinstance(each, str) for pair in columns.items() for each in pair):
        return "columns= does not map columns to their descriptions"
    if not all(isinstance(each, str) for each in _names(read.get("key") or ())):
        return "key= is not a list of columns"
    if not isinstance(read.get("partition_by"), (str, type(None))):
        return "partition_by= is not one column"
    return ""


def _names(key: Any) -> tuple[str, ...]:
    return (key,) if isinstance(key, str) else tuple(key or ())


def _clean(doc: str) -> str:
    return "\n".join(line.strip() for line in doc.strip().splitlines())


def _short(statement: Statement, node: ast.AST) -> str:
    start, end = statement.text.span(node)
    text = " ".join(statement.text.code[start:end].split())
    return text if len(text) <= 60 else text[:57] + "..."


def _widget(program: Program, statement: Statement) -> Widget | None:
    found = assigned(statement)
    if found is None:
        return None
    name, expr = found
    inner = next((node for node in ast.walk(expr) if isinstance(node, ast.Call) and _ui(program, statement, node)), None)
    if inner is None:
        return None
    path = str(program.dotted(statement, inner.func))
    kind = "param" if path == "workbench.param" else path.removeprefix("marimo.ui.")
    key = statement.key(name)

    def refuse(reason: Reason, node: ast.AST | None, what: str, hint: str) -> Widget:
        return Widget(key, kind, statement, inner, None, statement.refuse(reason, node, name, what, hint))

    if inner is not expr:
        verb = "wb.param" if kind == "param" else f"mo.ui.{kind}"
        what = f"{verb} stands inside another expression"
        return refuse(Reason.MARK_PLACE, inner, what, f"give it a name of its own: {name} = {verb}(…)")
    if kind != "param" and kind not in SIGNATURES:
        hint = f'use a plain widget ({", ".join(SIGNATURES)}), or wb.param("{name.lower()}", …)'
        return refuse(Reason.WIDGET_KIND, inner, f"mo.ui.{kind} has no single typed value that a pipeline could be given", hint)

    def dotted(node: ast.expr) -> str | None:
        return program.dotted(statement, node)

    try:
        parameter = from_param(inner, dotted) if kind == "param" else from_widget(name, kind, inner, dotted)
        check_name("parameter", parameter.name)
    except BadWidget as error:
        reason = Reason.PARAMETER if kind == "param" else Reason.WIDGET_DOMAIN
        return refuse(
            reason,
            error.node,
            f"{name} can't be a parameter: {error.why}",
            "write its default and its range or choices out as literals",
        )
    except UsageError as error:
        return refuse(Reason.PARAMETER, inner, error.message, error.hint)
    return Widget(key, kind, statement, inner, parameter, None)


def _ui(program: Program, statement: Statement, call: ast.Call) -> bool:
    path = program.dotted(statement, call.func)
    return path == "workbench.param" or (path is not None and path.startswith("marimo.ui."))


def _check_names(outputs: list[Output], program: Program) -> None:
    path = program.notebook.path
    hint = f"rename it, then: workbench check {path}"
    seen: dict[str, Output] = {}
    for output in sorted(outputs, key=_where):
        name, where = output.mark.name, _say(output)
        try:
            check_name("output", name)
        except UsageError as error:
            raise NotebookError(f"{path}, {where}: {error.message}", hint=hint) from None
        before = seen.setdefault(name, output)
        if before is not output:
            raise NotebookError(f"{path}, {where}: output {name!r} is already marked at {_say(before)}", hint=hint)


def _where(output: Output) -> tuple[int, int]:
    return output.statement.cell.index, output.statement.line


def _say(output: Output) -> str:
    cell = output.statement.cell
    return f"{cell.label}, line {cell.line + output.statement.line - 1}"


def used_widgets(statement: Statement, widgets: dict[Key, Widget]) -> Iterator[tuple[ast.Name, Widget, ast.Attribute | None]]:
    """Every use of a widget in a statement, with the ``.value`` around it if there is one."""
    values = {
        id(node.value): node
        for node in walk(statement)
        if isinstance(node, ast.Attribute) and node.attr == "value" and isinstance(node.ctx, ast.Load)
    }
    for use in statement.uses:
        widget = widgets.get(statement.key(use.name))
        if widget is not None and use.context == "load" and isinstance(use.node, ast.Name):
            yield use.node, widget, values.get(id(use.node))
