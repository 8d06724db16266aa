"""A figure as a formula of totals: what it is for given totals, and how fast it changes with each of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import ibis.expr.operations as ops
import ibis.expr.types as ir

from workbench.sandbox.origins import Origins
from workbench.sandbox.scaled import NotEstimable, rewritten

ONCE = "aggregate the rows of a source, filtered and joined, once"
PLAIN = "estimate counts, sums, means, and + - * / of them"
Gradient = tuple[float | None, list[float]]
Formula = Callable[[Sequence[float]], Gradient]


def formula_of(
    value: ops.Value, node: ops.Aggregate, relation: ops.Relation, totals: list[ir.Value], origins: Origins
) -> Formula:
    """How a figure is computed from totals, which are added to ``totals`` as sums and counts over the relation."""

    def total(each: ir.Value) -> Formula:
        number = len(totals)
        totals.append(each.cast("float64"))
        return lambda given: (given[number], [float(index == number) for index in range(len(given))])

    def part(each: ops.Value) -> Formula:
        return formula_of(each, node, relation, totals, origins)

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
