"""SQL in a notebook: ``mo.sql`` over tables of the notebook becomes ``wb.sql`` in the module, with the same query.

``mo.sql`` gives a data frame, which ``ibis.memtable(rows)`` makes a table again; in the module it is a lazy table from the
start, and the ``ibis.memtable`` around it goes.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from workbench.errors import UsageError
from workbench.promote.forbidden import RANDOM_HINT, SAYS, SQL_FUNCTIONS
from workbench.promote.literals import NotLiteral, arguments
from workbench.promote.program import Key, Program, Statement, assigned, walk
from workbench.promote.refusal import Reason, Refusal
from workbench.promote.scope import Use

_HINT = 'read declared sources alone: rows = mo.sql("SELECT … FROM flights") after flights = wb.source("flights")'


@dataclass(frozen=True, slots=True)
class Queries:
    """The SQL of a program.

    ``tables`` are the tables that each ``mo.sql`` call reads, by the call's id; ``frames`` the variables that hold results;
    ``unwrapped`` the ids of ``ibis.memtable`` calls around results. ``problems`` are by the id of the call, and
    ``frame_problems`` the ids of those that are calls of ``mo.sql``.
    """

    tables: dict[int, tuple[str, ...]] = field(default_factory=dict)
    frames: frozenset[Key] = frozenset()
    unwrapped: dict[int, ast.expr] = field(default_factory=dict)
    problems: dict[int, Refusal] = field(default_factory=dict)
    frame_problems: frozenset[int] = frozenset()


def read_queries(program: Program) -> tuple[Program, Queries]:
    """The SQL of a program, and the program with the tables of each query among the names that its statement reads."""
    tables: dict[int, tuple[str, ...]] = {}
    problems: dict[int, Refusal] = {}
    frames: set[Key] = set()
    statements = list(program.statements)
    bad: set[int] = set()
    for statement in program.statements:
        for call, path in program.calls(statement) if has_sql(statement) else ():
            if path == "marimo.sql":
                match statement.node:
                    case ast.Assign(targets=[ast.Name(id=name)], value=value) if value is call:
                        frames.add(statement.key(name))
                    case _:
                        pass
                found = _tables(program, statement, call)
                if isinstance(found, Refusal):
                    problems[id(call)] = found
                    bad.add(id(call))
                    continue
                tables[id(call)] = found
                statements[statement.number] = _reading(statements[statement.number], call, found)
            elif path == "workbench.sql" or (path is None and isinstance(call.func, ast.Attribute) and call.func.attr == "sql"):
                problem = _checked(program, statement, call, own=path == "workbench.sql")
                if problem is not None:
                    problems[id(call)] = problem
    program = replace(program, statements=tuple(statements))
    unwrapped = {}
    for statement in program.statements if tables or bad else ():
        for call, path in program.calls(statement):
            if path == "ibis.memtable" and len(call.args) == 1 and not call.keywords:
                given = call.args[0]
                named = isinstance(given, ast.Name) and id(given) in statement.by_node and statement.key(given.id) in frames
                if named or id(given) in tables:
                    unwrapped[id(call)] = given
    return program, Queries(tables, frozenset(frames), unwrapped, problems, frozenset(bad))


def misused(queries: Queries, statement: Statement, within: ast.AST) -> Iterator[Refusal]:
    """Where the result of a query is used as the data frame that it is in the notebook."""
    wrapped = {id(node) for node in queries.unwrapped.values()}
    read = {id(use.node) for use in statement.uses if not isinstance(use.node, ast.Name)}
    for node in ast.walk(within):
        use = statement.by_node.get(id(node))
        if use is None or use.context != "load" or statement.key(use.name) not in queries.frames:
            continue
        if id(node) not in wrapped and id(node) not in read:
            what = f"{use.name} is a data frame in the notebook, and its own methods are not a pipeline's"
            hint = f"make it a table first: ibis.memtable({use.name})"
            yield statement.refuse(Reason.MO_SQL, node, use.name, what, hint)


def _reading(statement: Statement, call: ast.Call, tables: tuple[str, ...]) -> Statement:
    extra = [Use(name, "load", call, False, frozenset()) for name in tables]
    return replace(statement, uses=(*statement.uses, *extra))


def _tables(program: Program, statement: Statement, call: ast.Call) -> tuple[str, ...] | Refusal:
    from workbench.runtime.sql import parse, tables_of

    def refuse(what: str, hint: str = _HINT) -> Refusal:
        return statement.refuse(Reason.MO_SQL, call, "mo.sql", what, hint)

    try:
        given = arguments(call, ("query",))
    except NotLiteral:
        return refuse("the arguments of mo.sql are not written out one by one")
    if program.notebook.sql_output == "pandas":
        what = "the notebook asks for pandas frames from mo.sql, which make timestamps of dates and floats of decimals"
        return refuse(what, 'remove sql_output="pandas" from marimo.App(…): mo.sql then gives polars frames')
    if "engine" in given:
        return refuse("mo.sql with engine= reads a connection of its own, past the declared sources")
    query = _text(program, statement, given.get("query"))
    if isinstance(query, Refusal):
        return query
    try:
        parsed = parse(query)
        found = sorted(tables_of(parsed))
    except UsageError as error:
        return refuse(f"mo.sql: {error.message}", error.hint)
    impure = impurity(parsed)
    if impure is not None:
        return _impure(statement, call, "mo.sql", *impure)
    for name in found:
        if not name.isidentifier() or statement.key(name) not in program.definitions:
            return refuse(f"mo.sql reads {name}, which is no table of this notebook")
    return tuple(found)


def _checked(program: Program, statement: Statement, call: ast.Call, *, own: bool) -> Refusal | None:
    """What is wrong with the query of a ``wb.sql`` call, or of the ``.sql`` method of a table."""
    from workbench.runtime.sql import parse, tables_of

    verb = "wb.sql" if own else ".sql()"
    reason = Reason.MO_SQL if own else Reason.READ
    query = _text(program, statement, call.args[0] if call.args else None)
    if isinstance(query, Refusal):
        return query
    known = {str(keyword.arg) for keyword in call.keywords} if own else set()
    match call.func:
        case ast.Attribute(value=ast.Call(func=ast.Attribute(attr="alias"), args=[ast.Constant(value=str() as alias)])) if (
            not own
        ):
            known = {alias}
        case _:
            pass
    try:
        parsed = parse(query)
        unknown = sorted(tables_of(parsed) - known)
    except UsageError as error:
        return statement.refuse(reason, call, verb, f"{verb}: {error.message}", error.hint)
    impure = impurity(parsed)
    if impure is not None:
        return _impure(statement, call, verb, *impure)
    if unknown:
        what = f"{verb} reads {unknown[0]}, which is not a table that it was given"
        hint = f'name the tables: wb.sql("SELECT …", {unknown[0]}={unknown[0]})' if unknown[0].isidentifier() else _HINT
        return statement.refuse(reason, call, verb, what, hint)
    return None


def _impure(statement: Statement, call: ast.Call, verb: str, what: str, reason: Reason) -> Refusal:
    hints = {
        Reason.CLOCK: 'take the date as a parameter: as_of = wb.param("as_of", datetime.date(2024, 1, 1))',
        Reason.RANDOM: RANDOM_HINT,
    }
    hint = hints.get(reason, 'take the value as a parameter: wb.param("name", default)')
    return statement.refuse(reason, call, verb, f"the query of {verb} asks for {what}, which {SAYS[reason]}", hint)


def impurity(parsed: Any) -> tuple[str, Reason] | None:
    """The first thing in a query whose answer depends on when, where or how often it is asked."""
    from sqlglot import exp

    for node in parsed.walk():
        if isinstance(node, exp.TableSample) or node.args.get("sample") is not None:
            return "a sample", Reason.RANDOM
        if isinstance(node, exp.Func):
            name = node.name if isinstance(node, exp.Anonymous) else node.sql_name()
            if (reason := SQL_FUNCTIONS.get(name.lower())) is not None:
                return f"{name.lower()}()", reason
            if name.lower() == "age" and len(node.expressions) == 1:
                return "age() of one moment", Reason.CLOCK
    return None


def _text(program: Program, statement: Statement, node: ast.expr | None) -> str | Refusal:
    """The text of a query, with a number for each value put in; what is put in must not be able to be SQL itself."""
    from workbench.promote.marks import read_widget

    match node:
        case ast.Constant(value=str() as text):
            return text
        case ast.JoinedStr(values=parts):
            pass
        case _:
            what = "the query is not a text written out"
            return statement.refuse(Reason.MO_SQL, node, "query", what, "write the query as a literal, or compute in Ibis")
    found = ""
    for part in parts:
        if isinstance(part, ast.Constant):
            found += str(part.value)
            continue
        match getattr(part, "value", None):
            case ast.Attribute(value=ast.Name(id=name), attr="value"):
                widget = read_widget(program, statement.key(name))
                parameter = widget.parameter if widget else None
                safe = parameter is not None and (parameter.type != "str" or parameter.choices is not None)
            case ast.Constant():
                safe = True
            case other:
                safe = _is_number(program, statement, other)
        if not safe:
            what = "a value put into the text of a query could be SQL itself"
            hint = "put in only numbers, dates or choices of widgets, or compare in Ibis: rows.filter(rows.name == name.value)"
            return statement.refuse(Reason.MO_SQL, part, "query", what, hint)
        found += "1"
    return found


def _is_number(program: Program, statement: Statement, node: Any, *, names: bool = True) -> bool:
    """Whether a value is surely a number: one written out, a name for one, a widget's, or arithmetic with such."""
    from workbench.promote.marks import read_widget

    match node:
        case ast.Constant(value=int() | float()):
            return True
        case ast.UnaryOp(op=ast.USub() | ast.UAdd(), operand=operand):
            return _is_number(program, statement, operand, names=names)
        case ast.BinOp(left=left, right=right):
            return all(_is_number(program, statement, each, names=names) for each in (left, right))
        case ast.Name(id=name) if names and id(node) in statement.by_node:
            found = [program.statements[number] for number in program.definitions.get(statement.key(name), ())]
            bound = assigned(found[0]) if len(found) == 1 else None
            return bound is not None and _is_number(program, found[0], bound[1], names=False)
        case ast.Attribute(value=ast.Name(id=name), attr="value") if names:
            widget = read_widget(program, statement.key(name))
            return widget is not None and widget.parameter is not None and widget.parameter.type in ("int", "float")
        case _:
            return False


def has_sql(statement: Statement) -> bool:
    """Whether the statement may hold a query at all."""
    return "sql" in statement.text.code and any(
        (isinstance(node, ast.Attribute) and node.attr == "sql") or isinstance(node, ast.Name) for node in walk(statement)
    )
