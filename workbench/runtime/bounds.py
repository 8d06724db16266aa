"""Which rows of its tables an expression can need, as bounds on columns; told from the expression alone.

Only where fewer rows can't change anything else: there are no windows and no limits, and either the rows that are left are
computed in the same order (one table, whose rows are grouped once at most), or nothing depends on the order (no floats are
added up). Bounds may let through more than the expression does, which is computed as it is.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from workbench.runtime.duck import identifier, literal

if TYPE_CHECKING:
    import ibis.expr.operations as ops

    from workbench.runtime.postgres import Column

# At most so many days lie in a unit that moments are cut to.
_DAYS = {"Y": 366, "Q": 92, "M": 31, "W": 7, "D": 1, "h": 1, "m": 1, "s": 1}
_TEXTS = ("text", "varchar")


@dataclass(frozen=True, slots=True)
class Bound:
    """A column has one of the values ``among``, or one from ``low`` to ``high``, both included; None is no bound."""

    column: str
    low: Any = None
    high: Any = None
    among: tuple[Any, ...] = ()


def bounds_on(node: ops.Node) -> dict[ops.Relation, tuple[Bound, ...]]:
    """What holds for every row that a node needs of a table below it, as far as that is known.

    >>> import ibis
    >>> t = ibis.duckdb.connect().create_table("t", schema={"at": "timestamp", "n": "int64", "x": "string"})
    >>> by_day = t.filter(t.x == "a").group_by(day=t.at.date()).agg(n=ibis._.n.sum())
    >>> for bound in bounds_on(by_day.filter(by_day.day >= "2024-05-02").op())[t.op()]:
    ...     print(bound.column, bound.low, bound.among)
    at 2024-05-02 00:00:00 ()
    x None ('a',)
    """
    import ibis.expr.operations as ops

    leaf = (ops.DatabaseTable, ops.InMemoryTable)
    plain = (*leaf, ops.Filter, ops.Project, ops.DropColumns, ops.Sort, ops.Aggregate, ops.JoinChain, ops.JoinReference)
    other = (ops.Subquery, ops.Analytic, ops.WindowFunction, ops.Unnest, ops.Impure, ops.ScalarUDF, ops.AggUDF)
    relations = node.find(ops.Relation)
    if not all(isinstance(each, plain) for each in relations) or node.find(other):
        return {}
    groups = [each for each in relations if isinstance(each, ops.Aggregate)]
    several = len(groups) > 1 or any(isinstance(each, ops.JoinChain) for each in relations)
    if not isinstance(node, ops.Relation):
        if several or len(node.relations) != 1:
            return {}
        (node,) = node.relations
    elif several and not (all(map(_in_any_order, groups)) and _sorted_in_one_way(node)):
        return {}
    found: dict[ops.Relation, list[tuple[Bound, ...]]] = {}
    left: list[tuple[ops.Relation, list[Bound]]] = [(node, [])]
    while left:
        relation, bounds = left.pop()
        if isinstance(relation, leaf):
            found.setdefault(relation, []).append(tuple(dict.fromkeys(bounds)))
        else:
            left += _parents(relation, bounds)
    return {table: told[0] for table, told in found.items() if len(told) == 1}


def _parents(relation: Any, bounds: list[Bound]) -> Iterator[tuple[ops.Relation, list[Bound]]]:
    """The tables that a table is made of, each with what holds for the rows that bounds on what is made leave to need."""
    import ibis.expr.operations as ops

    match relation:
        case ops.Filter(parent=parent, predicates=predicates):
            yield parent, [*bounds, *(bound for each in predicates for bound in _of(each))]
        case ops.Project(parent=parent, values=values) | ops.Aggregate(parent=parent, groups=values):
            yield parent, _handed(values, bounds, parent)
        case ops.JoinChain(first=first, rest=rest, values=values):
            # A row of these comes to nothing else than to rows that show its own values.
            known = all(link.how in ("inner", "left", "semi", "anti") for link in rest)
            yield first.parent, _handed(values, bounds, first) if known else []
            for link in rest:
                inner = known and link.how == "inner"
                yield link.table.parent, _handed(values, bounds, link.table) if inner else []
        case _:
            yield relation.parent, bounds


def _handed(values: Mapping[str, Any], bounds: list[Bound], parent: Any) -> list[Bound]:
    """Bounds on computed columns as bounds on the columns of a table, where they are computed from one of these."""
    import ibis.expr.operations as ops

    found = []
    for bound in bounds:
        value = values.get(bound.column)
        column = value if isinstance(value, ops.Field) else getattr(value, "arg", None)
        if isinstance(column, ops.Field) and column.rel == parent and (below := _below(value, bound)) is not None:
            found.append(below)
    return found


def _sorted_in_one_way(relation: Any) -> bool:
    """Whether rows that are sorted by all columns stand in one order, since they are groups or equal rows look the same."""
    import ibis.expr.operations as ops

    top = relation
    while isinstance(top, (ops.Filter, ops.Project, ops.DropColumns, ops.Sort)):
        top = top.parent
    return isinstance(top, ops.Aggregate) or all(map(_exact, relation.schema.types))


def _exact(kind: Any) -> bool:
    """Whether equal values look the same, as 0 and -0 do not, and their sum is the same in any order."""
    return bool(
        kind.is_integer() or kind.is_boolean() or kind.is_decimal() or kind.is_string() or kind.is_date() or kind.is_timestamp()
    )


def _in_any_order(group: ops.Aggregate) -> bool:
    """Whether the same comes out of an aggregate in whichever order its rows arrive."""
    import ibis.expr.operations as ops

    if not all(_exact(value.dtype) for value in group.groups.values()):
        return False
    for value in group.metrics.values():
        for each in value.find(ops.Reduction):
            if type(each) in (ops.Count, ops.CountStar, ops.CountDistinct, ops.Any, ops.All):
                continue
            if type(each) not in (ops.Sum, ops.Min, ops.Max) or not _exact(each.arg.dtype):
                return False
    return True


def _of(predicate: Any) -> Iterator[Bound]:
    """The bounds that hold where a predicate does."""
    import ibis.expr.operations as ops

    match predicate:
        case ops.And(left=left, right=right):
            yield from _of(left)
            yield from _of(right)
        case ops.Between(arg=value, lower_bound=low, upper_bound=high):
            yield from _bounded(value, low=[low])
            yield from _bounded(value, high=[high])
        case ops.InValues(value=value, options=options):
            yield from _bounded(value, among=options)
        case ops.Equals(left=value, right=ops.Literal() as given) | ops.Equals(left=ops.Literal() as given, right=value):
            yield from _bounded(value, among=[given])
        case (
            ops.GreaterEqual(left=value, right=ops.Literal() as given)
            | ops.Greater(left=value, right=ops.Literal() as given)
            | ops.LessEqual(left=ops.Literal() as given, right=value)
            | ops.Less(left=ops.Literal() as given, right=value)
        ):
            yield from _bounded(value, low=[given])
        case ops.Less(left=value, right=ops.Literal() as given) | ops.Greater(left=ops.Literal() as given, right=value):
            yield from _bounded(value, high=[given], below=True)
        case (
            ops.LessEqual(left=value, right=ops.Literal() as given) | ops.GreaterEqual(left=ops.Literal() as given, right=value)
        ):
            yield from _bounded(value, high=[given])
        case _:
            pass


def _bounded(
    value: Any, low: Iterable[Any] = (None,), high: Iterable[Any] = (None,), among: Iterable[Any] = (), below: bool = False
) -> Iterator[Bound]:
    kind = value.dtype
    (least,), (most,) = ([None if each is None else _plain(kind, each) for each in given] for given in (low, high))
    named = tuple(_plain(kind, each) for each in among)
    if below and kind.is_date() and most is not None and most > dt.date.min:
        most -= dt.timedelta(days=1)  # the last day that is below another one
    if None not in named and (named or least is not None or most is not None):
        found = _below(value, Bound("", least, most, named))
        if found is not None:
            yield found


def _plain(kind: Any, given: Any) -> Any:
    """A literal as a value that is compared with a column of that type as it is; None for any other."""
    import ibis.expr.operations as ops

    value = given.value if isinstance(given, ops.Literal) else None
    if isinstance(value, str) and (kind.is_date() or kind.is_timestamp()):
        try:
            value = dt.datetime.strptime(value, "%Y-%m-%d").replace(tzinfo=dt.UTC)
        except ValueError:
            return None
        return value.date() if kind.is_date() else value if kind.timezone else value.replace(tzinfo=None)
    if kind.is_date() and given.dtype.is_date():
        return value
    if kind.is_timestamp() and isinstance(value, dt.datetime) and bool(kind.timezone) == (value.tzinfo is not None):
        return value.astimezone(dt.UTC) if kind.timezone else value
    if (kind.is_integer() and type(value) is int) or (kind.is_string() and type(value) is str):
        return value
    return None


def _below(value: Any, bound: Bound) -> Bound | None:
    """What has to hold for a column, so that a value computed from it lies in a bound; None where that is not known."""
    import ibis.expr.operations as ops

    match value:
        case ops.Field():
            return replace(bound, column=value.name)
        case ops.Date(arg=ops.Field() as field) | ops.Cast(arg=ops.Field() as field) if value.dtype.is_date():
            days = 1
        case ops.TimestampTruncate(arg=ops.Field() as field) | ops.DateTruncate(arg=ops.Field() as field):
            days = _DAYS.get(value.unit.value, 0)
        case _:
            return None
    kind = field.dtype
    if not days or not (kind.is_timestamp() or (kind.is_date() and value.dtype.is_date())):
        return None
    low, high = (min(bound.among), max(bound.among)) if bound.among else (bound.low, bound.high)
    try:  # days are those of UTC, as the session's zone is
        least = None if low is None else _moment(low, kind)
        return Bound(field.name, least, None if high is None else _moment(high, kind) + dt.timedelta(days=days))
    except OverflowError:
        return None


def _moment(value: Any, kind: Any) -> Any:
    """A day or moment as a column of that type would have it."""
    if kind.is_date():
        return value
    whole = value if isinstance(value, dt.datetime) else dt.datetime(value.year, value.month, value.day)
    return whole.replace(tzinfo=dt.UTC if kind.timezone else None)


def condition(columns: Mapping[str, Column], bounds: Iterable[Bound]) -> str:
    """The bounds as SQL of PostgreSQL about the row ``s``, as far as it says there what it says in DuckDB; "" is no condition.

    >>> from workbench.runtime.postgres import column
    >>> listed = {name: column(name, kind, -1, True) for name, kind in {"day": "date", "x": "text", "f": "float8"}.items()}
    >>> print(condition(listed, [Bound("day", low=dt.date(2024, 1, 2)), Bound("f", low=1), Bound("x", among=("a", "b"))]))
    s."day" >= DATE '2024-01-02' AND s."x" COLLATE "C" IN ('a', 'b')
    """
    return " AND ".join(each for bound in bounds if (each := _there(columns[bound.column], bound)))


def _there(column: Column, bound: Bound) -> str:
    own, kind = f"s.{identifier(column.name)}", column.kind
    listed = (*bound.among, *(each for each in (bound.low, bound.high) if each is not None))
    written = [_written(kind, each) for each in listed]
    if None in written:
        return ""
    if bound.among:
        collated = ' COLLATE "C"' if kind in _TEXTS else ""  # another one may take different texts for the same
        return f"{own}{collated} IN ({', '.join(map(str, written))})"
    said = []
    if bound.low is not None:
        said.append(f"{own} >= {written[0]}")
    if bound.high is not None:
        # The driver makes of moments after those that an integer of 64 bits holds others long ago, which lie below every bound.
        beyond = f" OR {own} >= '294247-01-01'" if kind.startswith("timestamp") else ""
        said.append(f"({own} <= {written[-1]}{beyond})")
    return "" if kind in _TEXTS else " AND ".join(said)


def _written(kind: str, value: Any) -> str | None:
    """A value as a literal that PostgreSQL compares with a column of that type as DuckDB does; None where it may not."""
    match value:
        case dt.datetime():
            plain = kind == ("timestamp" if value.tzinfo is None else "timestamptz")
            return f"{'TIMESTAMP' if value.tzinfo is None else 'TIMESTAMPTZ'} '{value.isoformat()}'" if plain else None
        case dt.date():
            return f"DATE '{value.isoformat()}'" if kind == "date" else None
        case int():
            return str(value) if kind in ("int2", "int4", "int8") else None
        case str() if kind in _TEXTS and value.isascii() and value.isprintable() and "\\" not in value:
            return literal(value)
    return None
