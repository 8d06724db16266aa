"""Outputs as they are marked: ``wb.output`` and ``@wb.model``, read without running the notebook."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from workbench.catalog.writing import problem_of
from workbench.errors import NotebookError, UsageError, quoted
from workbench.model import Check, OutputMark, check_name
from workbench.promote.literals import NotLiteral, arguments, value
from workbench.promote.program import Key, Program, Statement, assigned
from workbench.promote.refusal import Reason, Refusal

_OUTPUT = ("name", "expr")
_OUTPUT_KEYWORDS = frozenset({"key", "doc", "columns", "units", "checks", "partition_by", "strategy", "allowed_lateness"})
LITERAL_HINT = "write the argument out as a literal: workbench reads marks without running the notebook"


@dataclass(frozen=True, slots=True, eq=False)
class Output:
    """One marked output.

    ``expr`` is the table's expression, ``call`` the call that marks it, and ``key`` the variable that holds the result. For
    ``@wb.model`` both are the one call of the function, and ``decorator`` is the mark.
    """

    mark: OutputMark
    statement: Statement
    call: ast.Call
    expr: ast.expr
    key: Key | None
    decorator: ast.expr | None = None


def read_outputs(program: Program) -> tuple[list[Output], list[Refusal]]:
    """The marked outputs of a program, and the marks that can't be read."""
    outputs: list[Output] = []
    refusals: list[Refusal] = []
    for statement in program.statements:
        found = [_output(program, statement, call) for call, path in program.calls(statement) if path == "workbench.output"]
        found += [_model(program, statement, decorator) for decorator in _models(program, statement)]
        for each in found:
            if isinstance(each, Refusal):
                refusals.append(each)
            else:
                outputs.append(each)
    return outputs, refusals


def check_names(outputs: Sequence[Output], program: Program) -> None:
    """Raise ``NotebookError`` when the names of the outputs can't stand."""
    path = program.notebook.path
    hint = f"rename it, then: workbench check {quoted(path)}"
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


def _output(program: Program, statement: Statement, call: ast.Call) -> Output | Refusal:
    pair = assigned(statement)
    named = pair is not None and pair[1] is call
    if not named and not (isinstance(statement.node, ast.Expr) and statement.node.value is call):
        what = "wb.output stands inside another statement, where it can't be told what it marks"
        hint = 'write it as a statement of its own at the top level of a cell: late = wb.output("name", table, …)'
        return statement.refuse(Reason.MARK_PLACE, call, "wb.output", what, hint)
    try:
        given = arguments(call, _OUTPUT)
    except NotLiteral as error:
        return _not_literal(statement, error.node, "wb.output")
    table = given.pop("expr", None)
    if table is None:
        what = "wb.output has no table to mark"
        return statement.refuse(Reason.MARK_ARGUMENTS, call, "wb.output", what, 'write wb.output("name", table, …)')
    mark = _mark(program, statement, call, given, "wb.output", name=None, doc="")
    if isinstance(mark, Refusal):
        return mark
    return Output(mark, statement, call, table, statement.key(pair[0]) if pair is not None and named else None)


def _models(program: Program, statement: Statement) -> list[ast.expr]:
    """The uses of ``wb.model`` in a statement: decorators, and calls anywhere."""
    calls = [call for call, path in program.calls(statement) if path == "workbench.model"]
    plain = [
        each for each in getattr(statement.node, "decorator_list", []) if program.dotted(statement, each) == "workbench.model"
    ]
    return [*calls, *plain]


def _model(program: Program, statement: Statement, decorator: ast.expr) -> Output | Refusal:
    function, verb = statement.node, "wb.model"
    if not isinstance(function, ast.FunctionDef) or not any(each is decorator for each in function.decorator_list):
        what = "wb.model is no decorator of a function at the top level of a cell"
        return statement.refuse(Reason.MARK_PLACE, decorator, verb, what, "write @wb.model(…) above such a function")
    try:
        given = arguments(decorator, ("name",)) if isinstance(decorator, ast.Call) else {}
    except NotLiteral as error:
        return _not_literal(statement, error.node, verb)
    mark = _mark(program, statement, decorator, given, verb, name=function.name, doc=ast.get_docstring(function) or "")
    if isinstance(mark, Refusal):
        return mark
    places = _calls_of(program, statement.key(function.name), statement)
    if len(places) == 1 and isinstance(places[0], tuple):
        where, call = places[0]
        pair = assigned(where)
        if pair is not None and pair[1] is call:
            return Output(mark, where, call, call, where.key(pair[0]), decorator)
        if isinstance(where.node, ast.Expr) and where.node.value is call:
            return Output(mark, where, call, call, None, decorator)
    what = f"{function.name} is marked, and not called exactly once as a statement of its own"
    hint = f"call it once at the top level of a cell: rows = {function.name}(…)"
    return statement.refuse(Reason.MARK_PLACE, function, function.name, what, hint)


def _calls_of(program: Program, key: Key, definition: Statement) -> list[tuple[Statement, ast.Call] | None]:
    """The calls of a function, and None for each use of it that is no call."""
    found: list[tuple[Statement, ast.Call] | None] = []
    for statement in program.statements:
        calls = {id(call.func): call for call, _ in program.calls(statement)}
        for use in statement.uses:
            if statement.key(use.name) == key and use.context == "load" and statement is not definition:
                found.append((statement, calls[id(use.node)]) if id(use.node) in calls else None)
    return found


def _not_literal(statement: Statement, node: ast.AST, verb: str) -> Refusal:
    what = f"an argument of {verb} is not a literal: {_short(statement, node)}"
    return statement.refuse(Reason.MARK_ARGUMENTS, node, verb, what, LITERAL_HINT)


def _mark(
    program: Program, statement: Statement, at: ast.AST, given: dict[str, ast.expr], verb: str, *, name: str | None, doc: str
) -> OutputMark | Refusal:
    try:
        read = {each: _argument(program, statement, each, node) for each, node in given.items()}
    except NotLiteral as error:
        return _not_literal(statement, error.node, verb)
    except UsageError as error:
        return statement.refuse(Reason.MARK_ARGUMENTS, at, verb, error.message, error.hint or Reason.MARK_ARGUMENTS.command)
    read.setdefault("name", name)
    problem = _problem(read)
    if problem:
        return statement.refuse(Reason.MARK_ARGUMENTS, at, verb, f"{verb}: {problem}", Reason.MARK_ARGUMENTS.command)
    mark = OutputMark(
        name=read["name"],
        key=_names(read.get("key", ())),
        doc=_clean(read.get("doc") or doc),
        columns=dict(read.get("columns") or {}),
        checks=tuple(read.get("checks") or ()),
        partition_by=read.get("partition_by"),
        units=dict(read.get("units") or {}),
        strategy=read.get("strategy", "replace"),
        allowed_lateness=read.get("allowed_lateness"),
    )
    problem = problem_of(mark)
    if problem:
        return statement.refuse(Reason.MARK_ARGUMENTS, at, verb, f"{verb}: {problem}", Reason.MARK_ARGUMENTS.command)
    return mark


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
    if unknown:
        near = get_close_matches(unknown[0], _OUTPUT_KEYWORDS, n=1)
        return f"there is no argument {unknown[0]}=" + (f"; did you mean {near[0]}=?" if near else "")
    if not isinstance(read.get("name"), str):
        return "its first argument is the output's name, a text"
    if not isinstance(read.get("doc") or "", str):
        return "doc= is not a text"
    for argument, texts in (("columns", "descriptions"), ("units", "units")):
        given = read.get(argument) or {}
        if not isinstance(given, dict) or not all(isinstance(each, str) for pair in given.items() for each in pair):
            return f"{argument}= does not map columns to their {texts}"
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
