"""The marks of a notebook: its sources, parameters and outputs, and marimo's widgets beside them."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from difflib import get_close_matches

from workbench.errors import NotebookError, UsageError, quoted
from workbench.model import Parameter, check_name
from workbench.promote.literals import NotLiteral, arguments, value
from workbench.promote.outputs import LITERAL_HINT, Output, check_names, read_outputs
from workbench.promote.program import BUILTINS, Key, Program, Statement, assigned, walk
from workbench.promote.refusal import Reason, Refusal
from workbench.promote.widgets import SIGNATURES, BadWidget, from_param, from_widget

IMPORT_HINT = "add to a cell: import workbench as wb"


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
    named: dict[int, str] = {}
    undeclared: dict[int, Refusal] = {}
    outputs, refusals = read_outputs(program)
    for statement in program.statements:
        for call, path in program.calls(statement):
            if path == "workbench.source":
                _source(program, statement, call, sources, named, undeclared)
    path_ = program.notebook.path
    if not outputs and not refusals and not program.refusals:
        for statement, func in unimported_marks(program):
            place = Refusal.at(Reason.MARK_PLACE, statement.cell, func.lineno, "", unimported(func), "").message
            raise NotebookError(f"{path_}, {place}", hint=f"{IMPORT_HINT}; then: workbench check {quoted(path_)}")
        hint = f'mark a table: late = wb.output("daily_orders", table, key=["day"]); then: workbench check {quoted(path_)}'
        raise NotebookError(f"{path_} marks no output", hint=hint)
    check_names(outputs, program)
    return Marks(tuple(outputs), read_widgets(program), named, tuple(refusals), undeclared)


def unimported_marks(program: Program) -> Iterator[tuple[Statement, ast.Attribute]]:
    """Calls such as ``wb.output(…)`` where no cell defines ``wb``: they look like marks, and mark nothing."""
    for statement in program.statements:
        for node in walk(statement):
            match node:
                case ast.Call(func=ast.Attribute(value=ast.Name(id=name) as base, attr="output" | "model") as func):
                    use = statement.by_node.get(id(base))
                    if use is not None and statement.key(name) not in program.definitions and name not in BUILTINS:
                        yield statement, func
                case _:
                    pass


def unimported(func: ast.Attribute) -> str:
    """What is wrong with such a call."""
    name = ast.unparse(func.value)
    return f"no cell imports {name}, so {name}.{func.attr} marks nothing, and the cell fails"


def read_widgets(program: Program) -> dict[Key, Widget]:
    """The assigned widgets of a program, by variable."""
    found = (_widget(program, statement) for statement in program.statements)
    return {widget.key: widget for widget in found if widget is not None}


def read_widget(program: Program, key: Key) -> Widget | None:
    """The widget that a variable holds, if it does."""
    found = [_widget(program, program.statements[number]) for number in program.definitions.get(key, ())]
    return found[0] if len(found) == 1 else None


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
            Reason.MARK_ARGUMENTS, error.node, "wb.source", "the argument of wb.source is not a literal", LITERAL_HINT
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
        return refuse(
            Reason.MARK_PLACE if kind == "param" else Reason.WIDGET_KIND,
            inner,
            what,
            f"give it a name of its own: {name} = {verb}(…)",
        )
    if kind != "param" and kind not in SIGNATURES:
        hint = f'use a plain widget ({", ".join(SIGNATURES)}), or wb.param("{name.lower()}", …)'
        return refuse(Reason.WIDGET_KIND, inner, f"mo.ui.{kind} has no single typed value that a pipeline could be given", hint)

    def dotted(node: ast.expr) -> str | None:
        return program.dotted(statement, node)

    try:
        plain = with_constants(program, statement, inner)
        parameter = from_param(plain, dotted) if kind == "param" else from_widget(name, kind, plain, dotted)
        check_name("parameter", parameter.name)
    except BadWidget as error:
        reason = Reason.PARAMETER if kind == "param" else Reason.WIDGET_DOMAIN
        hint = error.hint or "write its default and its range or choices out as literals"
        hint = hint.replace("daily_orders", "min_delay")
        return refuse(reason, error.node, f"{name} can't be a parameter: {error.why}", hint)
    except UsageError as error:
        return refuse(Reason.PARAMETER, inner, error.message, f"rename {name}, for example to min_delay")
    return Widget(key, kind, statement, inner, parameter, None)


def with_constants(program: Program, statement: Statement, call: ast.Call) -> ast.Call:
    """The call of a widget with the names of constants among its arguments replaced by what they stand for."""
    args = [constant(program, statement, each) for each in call.args]
    keywords = [ast.keyword(each.arg, constant(program, statement, each.value)) for each in call.keywords]
    return ast.copy_location(ast.Call(call.func, args, keywords), call)


def constant(program: Program, statement: Statement, node: ast.expr) -> ast.expr:
    """The literal that a name stands for: assigned once, at the top level, and given to widgets only; else the node itself."""
    if not isinstance(node, ast.Name) or id(node) not in statement.by_node:
        return node
    key = statement.key(node.id)
    found = [program.statements[number] for number in program.definitions.get(key, ())]
    bound = assigned(found[0]) if len(found) == 1 else None
    try:
        fixed = bound is not None and not isinstance(value(bound[1], lambda each: None), (list, dict, set))
    except (NotLiteral, TypeError):
        bound = None
    if bound is None:
        return node
    given = {
        id(each)
        for other in program.statements
        for call, path in program.calls(other)
        if (path or "").startswith("marimo.ui.") or path in ("workbench.param", "builtins.len")
        for each in (*call.args, *(keyword.value for keyword in call.keywords))
    }
    uses = [use for other in program.statements for use in other.uses if other.key(use.name) == key and use.context != "store"]
    return bound[1] if fixed or all(id(use.node) in given for use in uses) else node


def _ui(program: Program, statement: Statement, call: ast.Call) -> bool:
    path = program.dotted(statement, call.func)
    return path == "workbench.param" or (path is not None and path.startswith("marimo.ui."))


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
