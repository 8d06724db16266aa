"""Columns that a slice names literally on an input: not a full lineage, enough to notice early that one is gone."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from workbench.promote.marks import Marks
from workbench.promote.program import Program, Statement, assigned, walk

# Methods of a table whose text arguments, and deferred columns, are columns of that table.
_SELECTING = frozenset(
    {"select", "group_by", "order_by", "drop", "distinct", "filter", "mutate", "aggregate", "agg", "drop_null", "fill_null"}
)
_TEXT = frozenset({"select", "group_by", "order_by", "drop"})
_NOT_COLUMNS = frozenset({"columns", "schema"})


def named_columns(program: Program, marks: Marks, statements: Iterable[Statement], name: str, kind: str) -> tuple[str, ...]:
    """The columns of one input that the statements name as literals, sorted."""
    found: set[str] = set()
    statements = list(statements)
    keys = {
        each.key(pair[0]) for each in statements if (pair := assigned(each)) and _is_input(marks, each, pair[1], name, kind)
    }
    keys = {key for key in keys if len(program.definitions[key]) == 1}
    for each in statements:
        for node in walk(each):
            inner = _operand(node)
            if inner is None:
                continue
            use = each.by_node.get(id(inner))
            if (use is not None and each.key(use.name) in keys) or (kind == "source" and marks.sources.get(id(inner)) == name):
                found.update(_columns(each, program, node))
    return tuple(sorted(found))


def _is_input(marks: Marks, statement: Statement, expr: ast.expr, name: str, kind: str) -> bool:
    if kind == "source":
        return marks.sources.get(id(expr)) == name
    return any(output.statement is statement and output.mark.name == name for output in marks.outputs)


def _operand(node: ast.AST) -> ast.expr | None:
    match node:
        case ast.Call(func=ast.Attribute(value=value)) | ast.Attribute(value=value) | ast.Subscript(value=value):
            return value
        case _:
            return None


def _columns(statement: Statement, program: Program, node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Subscript(slice=ast.Constant(value=str() as column)):
            yield column
        case ast.Subscript(slice=ast.List(elts=parts)):
            yield from (part.value for part in parts if isinstance(part, ast.Constant) and isinstance(part.value, str))
        case ast.Attribute(attr=attr) if attr not in _NOT_COLUMNS and not _called(statement, node):
            yield attr
        case ast.Call(func=ast.Attribute(attr=method), args=args, keywords=keywords) if method in _SELECTING:
            for arg in [*args, *(keyword.value for keyword in keywords)]:
                if method in _TEXT:
                    yield from (
                        each.value for each in _parts(arg) if isinstance(each, ast.Constant) and isinstance(each.value, str)
                    )
                yield from _deferred(statement, program, arg)
        case _:
            pass


def _parts(arg: ast.expr) -> list[ast.expr]:
    return arg.elts if isinstance(arg, (ast.List, ast.Tuple)) else [arg]


def _deferred(statement: Statement, program: Program, arg: ast.expr) -> Iterator[str]:
    """Columns written as ``_.column``, outside of lambdas and further method chains."""
    for node in ast.walk(arg):
        match node:
            case ast.Attribute(value=value, attr=attr) if program.dotted(statement, value) == "ibis._" and not _called(
                statement, node
            ):
                yield attr
            case ast.Subscript(value=value, slice=ast.Constant(value=str() as column)) if (
                program.dotted(statement, value) == "ibis._"
            ):
                yield column
            case _:
                pass


def _called(statement: Statement, node: ast.AST) -> bool:
    return any(isinstance(each, ast.Call) and each.func is node for each in walk(statement))
