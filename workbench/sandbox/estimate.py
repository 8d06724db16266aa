"""``wb.estimate``: what a figure of the sandbox stands for in production, with a 95% interval clustered by anchor.

A figure is made of totals: counts, sums, means, and sums, differences, products and quotients of them. Each total is the
weighted sum over chosen anchors, which were chosen independently; its variance is the sum of w (w - 1) times the square of
what an anchor contributes, and that of anything computed from totals follows from its derivatives (the delta method).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import ibis
import ibis.expr.operations as ops
import ibis.expr.types as ir

from workbench.sandbox.origins import Origins
from workbench.sandbox.scaled import CLUSTER, WEIGHT, Kind, NotEstimable, rewritten, scale
from workbench.sandbox.session import Session

FEWEST = 5  # anchors that must contribute before an interval says anything
ONCE = "aggregate the rows of a source, filtered and joined, once"
PLAIN = "estimate counts, sums, means, and + - * / of them"
Gradient = tuple[float | None, list[float]]
Formula = Callable[[Sequence[float]], Gradient]


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure of one group.

    ``sandbox`` is its value on the sandbox's chosen rows, ``estimate`` what production should have, ``low`` and ``high`` the
    ends of the interval, None where fewer than ``FEWEST`` of the ``anchors`` contribute. A figure of a table that is whole is
    ``exact``.
    """

    group: tuple[Any, ...]
    name: str
    sandbox: float | None
    estimate: float | None
    low: float | None
    high: float | None
    anchors: int
    exact: bool = False


@dataclass(frozen=True, slots=True)
class Estimates:
    """Figures by the columns ``by``; ``notes`` are what a reader should know of all of them."""

    figures: tuple[Figure, ...]
    by: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def estimate(expr: ir.Table | ir.Scalar, session: Session) -> Estimates:
    """Scale an aggregate of sandbox tables up to production; ``NotEstimable`` says why where a sample can't tell."""
    node, values = _aggregate(expr)
    origins = Origins(session)
    found = scale(node.parent, origins)
    if found.kind is Kind.SUPPORT:
        names = " and ".join(sorted(found.sources & {*origins.support}))
        raise NotEstimable(f"the sandbox has only those rows of {names} that others refer to", "estimate what refers to them")
    totals: list[ir.Value] = []
    formulas = {
        name: _formula(value, node, found.relation, totals, origins)
        for name, value in values.items()
        if name not in node.groups
    }
    groups = {name: rewritten(value, node.parent, found.relation).to_expr() for name, value in node.groups.items()}
    by = tuple(name for name in values if name in node.groups)
    rows = _totals(found.relation.to_expr(), groups, totals, whole=found.kind is Kind.WHOLE)
    figures = [
        _figure(name, formula, row, tuple(row[each] for each in by), len(totals), exact=found.kind is Kind.WHOLE)
        for row in rows
        for name, formula in formulas.items()
    ]
    return Estimates(tuple(figures), by, _notes(figures, by, session, whole=found.kind is Kind.WHOLE))


def _aggregate(expr: Any) -> tuple[ops.Aggregate, dict[str, ops.Value]]:
    """The one aggregate of an expression, and each of its columns as an expression over that aggregate's rows."""
    try:
        node = (expr if isinstance(expr, ir.Table) else expr.as_table()).op()
    except Exception as error:
        raise NotEstimable(str(error).splitlines()[0], ONCE) from None
    steps = []
    while isinstance(node, (ops.Project, ops.Sort)):
        steps.append(node)
        node = node.parent
    if not isinstance(node, ops.Aggregate):
        what = (
            "it aggregates nothing" if not expr.op().find(ops.Aggregate) else "more is done after it aggregates than arithmetic"
        )
        raise NotEstimable(what, "for example wb.estimate(table.group_by(…).agg(n=ibis._.count()))")
    values: dict[str, ops.Value] = dict(node.values)
    for step in reversed(steps):
        if isinstance(step, ops.Project):
            inner = {ops.Field(step.parent, name): value for name, value in values.items()}
            values = {name: value.replace(inner) for name, value in step.values.items()}
    for name in [name for name, value in values.items() if name not in node.groups and value in node.groups.values()]:
        raise NotEstimable(f"{name} renames a column by which it is grouped", "rename it before .group_by")
    return node, values


def _formula(
    value: ops.Value, node: ops.Aggregate, relation: ops.Relation, totals: list[ir.Value], origins: Origins
) -> Formula:
    """How a figure is computed from totals, which are added to ``totals`` as sums and counts over the relation."""

    def total(each: ir.Value) -> Formula:
        number = len(totals)
        totals.append(each.cast("float64"))
        return lambda given: (given[number], [float(index == number) for index in range(len(given))])

    def part(each: ops.Value) -> Formula:
        return _formula(each, node, relation, totals, origins)

    def row(each: ops.Value, where: ops.Value | None, *, counted: bool = False) -> ir.Value:
        for (source, column), rule in [] if counted else origins.masked(each):
            raise NotEstimable(f"{source}.{column} is masked ({rule.partition(':')[0]})", "estimate another column")
        if each.find((ops.WindowFunction, ops.ScalarSubquery, ops.Reduction)):
            raise NotEstimable("it aggregates inside an aggregate", ONCE)
        found = rewritten(each, node.parent, relation).to_expr()
        kept = found.notnull() if where is None else found.notnull() & condition(where)
        return kept.sum() if counted else kept.ifelse(found.cast("float64"), 0).sum()

    def condition(where: ops.Value) -> ir.BooleanValue:
        for (source, column), rule in origins.masked(where):
            raise NotEstimable(f"{source}.{column} is masked ({rule.partition(':')[0]})", "ask another column")
        return rewritten(where, node.parent, relation).to_expr().fill_null(False)

    match value:
        case ops.Alias():
            return part(value.arg)
        case ops.CountStar():
            return total(relation.to_expr().count() if value.where is None else condition(value.where).sum())
        case ops.Count():
            return total(row(value.arg, value.where, counted=True))
        case ops.Sum():
            return total(row(value.arg, value.where))
        case ops.Mean():
            return _quotient(total(row(value.arg, value.where)), total(row(value.arg, value.where, counted=True)))
        case ops.Literal() if isinstance(value.value, (int, float)) and not isinstance(value.value, bool):
            constant = float(value.value)
            return lambda given: (constant, [0.0] * len(given))
        case ops.Add() | ops.Subtract() | ops.Multiply() | ops.Divide():
            return _BINARY[type(value).__name__](part(value.left), part(value.right))
        case ops.Negate():
            return _BINARY["Subtract"](lambda given: (0.0, [0.0] * len(given)), part(value.arg))
        case ops.Cast() if value.to.is_numeric():
            return part(value.arg)
        case ops.Round():
            return part(value.arg)  # the interval says how many digits are worth reading
        case ops.NullIf() if _is_zero(value.null_if_expr):
            return part(value.arg)  # a quotient by zero is NULL anyway
        case ops.Coalesce() if len(value.arg) == 2 and _is_zero(value.arg[1]):
            return _or_zero(part(value.arg[0]))
    what = type(value).__name__
    known = {
        "Median": "a median",
        "Quantile": "a quantile",
        "CountDistinct": "a number of distinct values",
        "CountDistinctStar": "a number of distinct rows",
        "ApproxCountDistinct": "a number of distinct values",
        "Min": "a smallest value",
        "Max": "a largest value",
    }.get(what, f"what it computes ({what})")
    raise NotEstimable(f"{known} does not follow from totals, and a sample's own is not production's", PLAIN)


def _is_zero(value: ops.Value) -> bool:
    return isinstance(value, ops.Literal) and value.value == 0


def _quotient(over: Formula, under: Formula) -> Formula:
    def divided(given: Sequence[float]) -> Gradient:
        (a, da), (b, db) = over(given), under(given)
        if a is None or not b:
            return None, [0.0] * len(given)
        return a / b, [(x - a / b * y) / b for x, y in zip(da, db, strict=True)]

    return divided


def _product(one: Formula, other: Formula) -> Formula:
    def multiplied(given: Sequence[float]) -> Gradient:
        (a, da), (b, db) = one(given), other(given)
        if a is None or b is None:
            return None, [0.0] * len(given)
        return a * b, [x * b + a * y for x, y in zip(da, db, strict=True)]

    return multiplied


def _linear(sign: int) -> Callable[[Formula, Formula], Formula]:
    def combine(one: Formula, other: Formula) -> Formula:
        def combined(given: Sequence[float]) -> Gradient:
            (a, da), (b, db) = one(given), other(given)
            if a is None or b is None:
                return None, [0.0] * len(given)
            return a + sign * b, [x + sign * y for x, y in zip(da, db, strict=True)]

        return combined

    return combine


def _or_zero(formula: Formula) -> Formula:
    def filled(given: Sequence[float]) -> Gradient:
        value, gradient = formula(given)
        return (0.0 if value is None else value), gradient

    return filled


_BINARY: Mapping[str, Callable[[Formula, Formula], Formula]] = {
    "Add": _linear(1),
    "Subtract": _linear(-1),
    "Multiply": _product,
    "Divide": _quotient,
}


def _totals(table: ir.Table, groups: Mapping[str, Any], totals: Sequence[ir.Value], *, whole: bool) -> list[dict[str, Any]]:
    """For each group: plain totals ``u0…``, weighted ones ``t0…``, their covariances ``g0_0…``, and how many anchors ``n``."""

    def ordered(found: ir.Table) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = (found.order_by(list(groups)) if groups else found).to_pyarrow().to_pylist()
        return rows

    if whole:
        return ordered(table.aggregate({f"u{i}": each for i, each in enumerate(totals)}, by=groups))
    weight = table[WEIGHT].max()
    clusters = table.aggregate(
        {"w": weight, **{f"x{i}": each for i, each in enumerate(totals)}}, by={**groups, CLUSTER: table[CLUSTER]}
    )
    w, x = clusters.w, [clusters[f"x{i}"] for i in range(len(totals))]
    wanted = {"n": ibis.or_(False, *(each != 0 for each in x)).sum()}
    wanted |= {f"u{i}": each.sum() for i, each in enumerate(x)}
    wanted |= {f"t{i}": (w * each).sum() for i, each in enumerate(x)}
    wanted |= {f"g{i}_{j}": (w * (w - 1) * x[i] * x[j]).sum() for i in range(len(x)) for j in range(i + 1)}
    return ordered(clusters.aggregate(wanted, by=list(groups)))


def _figure(name: str, formula: Formula, row: dict[str, Any], group: tuple[Any, ...], size: int, *, exact: bool) -> Figure:
    plain = formula([float(row[f"u{i}"] or 0) for i in range(size)])[0]
    if exact:
        return Figure(group, name, plain, plain, plain, plain, 0, exact=True)
    value, slopes = formula([float(row[f"t{i}"] or 0) for i in range(size)])
    anchors = int(row["n"] or 0)
    if value is None or anchors < FEWEST:
        return Figure(group, name, plain, value, None, None, anchors)
    variance = sum(
        slopes[i] * slopes[j] * float(row[f"g{max(i, j)}_{min(i, j)}"] or 0) for i in range(size) for j in range(size)
    )
    half = _student(anchors - 1) * math.sqrt(max(0.0, variance))
    return Figure(group, name, plain, value, value - half, value + half, anchors)


def _student(freedom: int) -> float:
    """The 97.5% quantile of Student's distribution.

    >>> round(_student(4), 2), round(_student(1000), 2)
    (2.77, 1.96)
    """
    z = 1.959964
    terms = (z**3 + z) / 4, (5 * z**5 + 16 * z**3 + 3 * z) / 96, (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384
    return z + math.fsum(term / freedom**power for power, term in enumerate(terms, start=1))


def _notes(figures: Sequence[Figure], by: tuple[str, ...], session: Session, *, whole: bool) -> tuple[str, ...]:
    from workbench.sandbox import registry

    if whole:
        return ("the sandbox has these tables whole: the figures are production's",)
    info, notes = registry.read(session.path.parent), []
    if info is not None and info.where:
        notes.append(f"of what meets --where {info.where!r} alone")
    if any(each.low is None for each in figures):
        notes.append(f"no interval where fewer than {FEWEST} anchors contribute")
    if by:
        notes.append("groups of which no row was chosen are missing")
    return tuple(notes)
