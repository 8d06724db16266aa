"""Literal values in a notebook's code, read without running it."""

from __future__ import annotations

import ast
import datetime as dt
import string
from collections.abc import Callable
from decimal import Decimal
from typing import Any

_MAKERS: dict[str, Callable[..., Any]] = {
    "datetime.date": dt.date,
    "datetime.datetime": dt.datetime,
    "datetime.time": dt.time,
    "decimal.Decimal": Decimal,
}
_LISTS: dict[str, Callable[..., Any]] = {
    "builtins.list": list, "builtins.tuple": tuple, "builtins.sorted": sorted, "builtins.range": range,
}  # fmt: skip
_TEXTS = {f"string.{name}": getattr(string, name) for name in ("ascii_lowercase", "ascii_uppercase", "ascii_letters", "digits")}
MOST = 1_000  # more values than anybody chooses from
Dotted = Callable[[ast.expr], str | None]


class NotLiteral(Exception):
    """An expression is not a literal; ``node`` is the part that is not."""

    def __init__(self, node: ast.AST) -> None:
        super().__init__(ast.dump(node))
        self.node = node


def value(node: ast.expr, dotted: Dotted) -> Any:
    """The value of a literal expression: numbers, text, containers of them, moments and decimals such as ``datetime.date(…)``.

    ``dotted`` resolves the names of imported things.

    >>> value(ast.parse("['a', -1]", mode="eval").body, lambda node: None)
    ['a', -1]
    """
    match node:
        case ast.Constant(value=constant):
            return constant
        case ast.UnaryOp(op=ast.USub() | ast.UAdd(), operand=ast.Constant(value=int() | float())):
            return ast.literal_eval(node)
        case ast.List(elts=parts):
            return [value(part, dotted) for part in parts]
        case ast.Tuple(elts=parts):
            return tuple(value(part, dotted) for part in parts)
        case ast.Set(elts=parts):
            return {value(part, dotted) for part in parts}
        case ast.Dict(keys=keys, values=values):
            if None in keys:
                raise NotLiteral(node)
            return {value(key, dotted): value(each, dotted) for key, each in zip(keys, values, strict=True) if key is not None}
        case ast.Call(func=func, args=args, keywords=keywords) if dotted(func) in _MAKERS:
            make = _MAKERS[str(dotted(func))]
            try:
                return make(
                    *(value(arg, dotted) for arg in args), **{str(each.arg): value(each.value, dotted) for each in keywords}
                )
            except (TypeError, ValueError, ArithmeticError):
                raise NotLiteral(node) from None
        case ast.Call(func=func, args=args, keywords=[]) if args and (dotted(func) or "") in _LISTS:
            return _listed(node, _LISTS[str(dotted(func))], [value(arg, dotted) for arg in args])
        case ast.Attribute() if (dotted(node) or "") in _TEXTS:
            return _TEXTS[str(dotted(node))]
        case _:
            raise NotLiteral(node)


def _listed(node: ast.expr, make: Callable[..., Any], given: list[Any]) -> list[Any]:
    """``list(range(1, 13))``, ``sorted(["b", "a"])``: as certain as its elements written out one by one."""
    try:
        if make is range and len(make(*given)) > MOST:
            raise NotLiteral(node)
        return list(make(*given))
    except (TypeError, ValueError):
        raise NotLiteral(node) from None


def is_literal(node: ast.expr) -> bool:
    """Whether an expression is made of literals alone, operators on them included."""
    allowed = (
        ast.Constant, ast.UnaryOp, ast.BinOp, ast.List, ast.Tuple, ast.Set, ast.Dict,
        ast.operator, ast.unaryop, ast.expr_context,
    )  # fmt: skip
    return all(isinstance(child, allowed) for child in ast.walk(node))


def arguments(call: ast.Call, names: tuple[str, ...]) -> dict[str, ast.expr]:
    """The arguments of a call by name, positional ones named by ``names``; ``NotLiteral`` for ``*`` and ``**``."""
    found: dict[str, ast.expr] = {}
    if len(call.args) > len(names):
        raise NotLiteral(call)
    for name, arg in zip(names, call.args, strict=False):
        if isinstance(arg, ast.Starred):
            raise NotLiteral(arg)
        found[name] = arg
    for keyword in call.keywords:
        if keyword.arg is None or keyword.arg in found:
            raise NotLiteral(keyword.value)
        found[keyword.arg] = keyword.value
    return found
