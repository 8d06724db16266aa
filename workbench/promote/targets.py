"""The names behind an assignment, an argument or a loop: whose objects may be meant where code changes something."""

from __future__ import annotations

import ast
from collections.abc import Iterator


def argument_names(function: ast.FunctionDef | ast.Lambda) -> tuple[str, ...]:
    """The arguments of a function in their order, those of ``*`` and ``**`` last."""
    every = function.args
    return tuple(
        each.arg for each in (*every.posonlyargs, *every.args, *every.kwonlyargs, every.vararg, every.kwarg) if each is not None
    )


def aliases_in(function: ast.AST) -> dict[str, set[str]]:
    """For each local name of a function, the names whose objects it may share."""
    found: dict[str, set[str]] = {}
    for node in ast.walk(function):
        pairs: list[tuple[ast.expr, ast.expr]] = []
        match node:
            case ast.Assign(targets=targets, value=value):
                pairs = [(target, value) for target in targets]
            case (
                ast.For(target=target, iter=value)
                | ast.NamedExpr(target=target, value=value)
                | ast.comprehension(target=target, iter=value)
            ):
                pairs = [(target, value)]
            case ast.withitem(context_expr=value, optional_vars=ast.expr() as target):
                pairs = [(target, value)]
            case _:
                pass
        for target, value in pairs:
            for name in ast.walk(target):
                if isinstance(name, ast.Name):
                    found.setdefault(name.id, set()).update(each.id for each in ast.walk(value) if isinstance(each, ast.Name))
    changed = True
    while changed:
        changed = False
        for names in found.values():
            more = set().union(*(found.get(name, set()) for name in names)) - names
            names |= more
            changed |= bool(more)
    return found


def changed_targets(target: ast.expr) -> Iterator[ast.Name]:
    """The names behind attributes and subscripts that are assigned to."""
    match target:
        case ast.Tuple(elts=parts) | ast.List(elts=parts):
            for part in parts:
                yield from changed_targets(part)
        case ast.Starred(value=value):
            yield from changed_targets(value)
        case ast.Attribute(value=value) | ast.Subscript(value=value):
            yield from held_names(value)
        case _:
            pass


def held_names(node: ast.expr) -> Iterator[ast.Name]:
    """The names whose objects an expression may give or hold."""
    match node:
        case ast.Subscript(value=value) | ast.Attribute(value=value):
            yield from held_names(value)
        case ast.Call(func=func, args=args):
            yield from held_names(func)
            for arg in args:
                yield from held_names(arg)
        case ast.Name():
            yield node
        case ast.Constant() | ast.Compare() | ast.JoinedStr():
            return
        case _:
            yield from (each for each in ast.walk(node) if isinstance(each, ast.Name))
