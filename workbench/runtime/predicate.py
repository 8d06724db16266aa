"""Predicates written as the text of an Ibis expression over one row, such as ``_.late <= _.departures``.

The text is read, never run as Python: columns of ``_``, literals, operators and the methods listed here are all that it may
hold. So it says the same in the notebook, in a contract and in production, and needs nothing of the notebook beside it.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from workbench.errors import UnknownName, UsageError

if TYPE_CHECKING:
    import ibis.expr.types as ir

# Methods of a value that look at one row alone.
METHODS = frozenset(
    "abs between cast ceil coalesce contains date day day_of_year endswith epoch_seconds fill_null floor hour ilike isin "
    "isinf isnan isnull length like lower lstrip minute month notin notnull nullif quarter re_search round rstrip second "
    "startswith strip substr time truncate upper week_of_year year".split()
)
_BINARY: Mapping[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.BitAnd: operator.and_,
    ast.BitOr: operator.or_,
    ast.BitXor: operator.xor,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}
_UNARY: Mapping[type, Callable[[Any], Any]] = {ast.Invert: operator.invert, ast.USub: operator.neg, ast.UAdd: operator.pos}
_EXAMPLE = 'for example wb.check.holds("_.late <= _.departures")'


def columns_of(text: str) -> tuple[str, ...]:
    """The columns that a predicate reads, in the order in which it names them; ``UsageError`` for what is no predicate.

    >>> columns_of('(_.late <= _.departures) | _["rate"].isnull()')
    ('late', 'departures', 'rate')
    """
    seen: dict[str, None] = {}

    def column(name: str) -> Any:
        seen[name] = None
        return _Nothing()

    _read(text, column)
    if not seen:
        raise UsageError(f"predicate {text!r} reads no column", hint=_EXAMPLE)
    return tuple(seen)


def build(text: str, table: ir.Table) -> ir.BooleanValue:
    """The predicate over the columns of a table; ``UsageError`` when it is not one of true and false."""
    from ibis.common.annotations import ValidationError
    from ibis.common.exceptions import IbisError

    try:
        value = _read(text, lambda name: table[name])
    except (IbisError, ValidationError, TypeError, AttributeError, ValueError) as error:
        said = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise UsageError(f"predicate {text!r} can't be computed: {said}", hint="correct the check") from None
    if not (hasattr(value, "type") and value.type().is_boolean()):
        raise UsageError(f"predicate {text!r} is neither true nor false", hint=_EXAMPLE)
    found: ir.BooleanValue = value
    return found


class _Nothing:
    """Stands for every value while a predicate is only read."""

    def __getattr__(self, _: str) -> Any:
        return lambda *args, **named: _Nothing()

    def _any(self, *_: Any) -> Any:
        return _Nothing()

    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = _any
    __floordiv__ = __rfloordiv__ = __mod__ = __rmod__ = __and__ = __rand__ = __or__ = __ror__ = __xor__ = __rxor__ = _any
    __lt__ = __le__ = __gt__ = __ge__ = __invert__ = __neg__ = __pos__ = _any
    __eq__ = __ne__ = _any


def _read(text: str, column: Callable[[str], Any]) -> Any:
    try:
        tree = ast.parse(text.strip(), mode="eval")
    except (SyntaxError, ValueError) as error:
        raise UsageError(f"predicate {text!r} does not parse: {getattr(error, 'msg', error)}", hint=_EXAMPLE) from None
    return _value(tree.body, column, text)


def _value(node: ast.expr, column: Callable[[str], Any], text: str) -> Any:
    def value(part: ast.expr) -> Any:
        return _value(part, column, text)

    match node:
        case ast.Constant(value=str() | int() | float() | bool() | None as literal):
            return literal
        case ast.List(elts=parts) | ast.Tuple(elts=parts):
            return [value(part) for part in parts]
        case ast.Attribute(value=ast.Name(id="_"), attr=name):
            return column(name)
        case ast.Subscript(value=ast.Name(id="_"), slice=ast.Constant(value=str() as name)):
            return column(name)
        case ast.Call(func=ast.Attribute(value=of, attr=method), args=args, keywords=named):
            if method not in METHODS:
                near = UnknownName.of("method of a predicate", method, METHODS).message
                raise UsageError(f"predicate {text!r}: {near}", hint=_EXAMPLE)
            if all(each.arg for each in named):
                return getattr(value(of), method)(*map(value, args), **{str(each.arg): value(each.value) for each in named})
        case ast.UnaryOp(op=op, operand=of) if type(op) in _UNARY:
            return _UNARY[type(op)](value(of))
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _BINARY:
            return _BINARY[type(op)](value(left), value(right))
        case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in _BINARY:
            return _BINARY[type(op)](value(left), value(right))
        case ast.BoolOp() | ast.Compare() | ast.UnaryOp(op=ast.Not()):
            hint = "join conditions with & and |, turn one round with ~, and put each in parentheses"
            raise UsageError(f"predicate {text!r}: {ast.unparse(node)} is not one condition", hint=hint)
    raise UsageError(f"predicate {text!r} holds {ast.unparse(node)!r}, which is no part of a predicate", hint=_EXAMPLE)
