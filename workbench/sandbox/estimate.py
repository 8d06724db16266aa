"""``wb.estimate``: what a figure of the sandbox stands for in production, with a 95% interval clustered by anchor.

A figure is made of totals: counts, sums, means, and sums, differences, products and quotients of them. Each total is the
weighted sum over chosen anchors, which were chosen independently; its variance is the sum of w (w - 1) times the square of
what an anchor contributes, and that of anything computed from totals follows from its derivatives (the delta method). How
many rows production has is known, and weights are corrected so that the sample has as many.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import ibis
import ibis.expr.operations as ops
import ibis.expr.types as ir

from workbench.sandbox.figures import FEWEST
from workbench.sandbox.formula import ONCE, Formula, formula_of
from workbench.sandbox.origins import Origins
from workbench.sandbox.scaled import CLUSTER, WEIGHT, Kind, NotEstimable, rewritten, scale
from workbench.sandbox.session import Session


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
        name: formula_of(value, node, found.relation, totals, origins)
        for name, value in values.items()
        if name not in node.groups
    }
    # Groups get names of their own beside the totals, since a column may be called n, or size.
    places = {name: f"by{number}" for number, name in enumerate(node.groups)}
    groups = {places[name]: rewritten(each, node.parent, found.relation).to_expr() for name, each in node.groups.items()}
    by = tuple(name for name in values if name in node.groups)
    if found.kind is Kind.WHOLE:
        rows = _plain(found.relation.to_expr(), groups, totals)
    else:
        rows = _weighted(found.relation.to_expr(), groups, totals, _known(found.driver, origins))
    exact = found.kind is Kind.WHOLE
    figures = [
        _figure(_named(name), formula, row, tuple(row[places[each]] for each in by), len(totals), exact=exact)
        for row in rows
        for name, formula in formulas.items()
    ]
    return Estimates(tuple(figures), by, _notes(figures, by, session, whole=exact))


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


Rows = list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class _Known:
    """Rows of a source: those of production, and of each anchor ``rows`` in the sandbox, with the variance of their total."""

    production: int
    estimate: float
    variance: float
    sizes: ir.Table


def _known(source: str, origins: Origins) -> _Known | None:
    """What is known of the rows of a source beforehand; None where the sample was drawn from a part of them."""
    from workbench.sandbox import registry

    info = registry.read(origins.session.path.parent)
    if info is None or info.where:
        return None
    rows = origins.session.con.table(source, database="workbench_rows")
    core = rows.filter(rows.core)
    sizes = core.group_by(anchor=core.cluster).agg(size=core.count(), w=core.weight.max())
    w, size = sizes.w, sizes["size"].cast("float64")
    total = sizes.agg(total=(w * size).sum(), variance=(w * (w - 1) * size * size).sum()).to_pyarrow().to_pylist()[0]
    if not total["variance"]:
        return None
    return _Known(info.tables[source].production, total["total"], total["variance"], sizes)


def _ordered(found: ir.Table, groups: Mapping[str, Any]) -> Rows:
    rows: Rows = (found.order_by(list(groups)) if groups else found).to_pyarrow().to_pylist()
    return rows


def _plain(table: ir.Table, groups: Mapping[str, Any], totals: Sequence[ir.Value]) -> Rows:
    """For each group plain totals ``u0…``."""
    return _ordered(table.aggregate({f"u{i}": each for i, each in enumerate(totals)}, by=groups), groups)


def _weighted(table: ir.Table, groups: Mapping[str, Any], totals: Sequence[ir.Value], known: _Known | None) -> Rows:
    """For each group plain totals ``u0…``, weighted ones ``t0…``, their covariances ``g0_0…``, and how many anchors ``n``.

    A sample that happened to get too many rows of its source has too much of whatever goes along with them, and how many there
    are in production is ``known``.
    """
    size = range(len(totals))
    sums = {f"x{i}": totals[i] for i in size}
    clusters = table.aggregate({"w": table[WEIGHT].max(), **sums}, by={**groups, CLUSTER: table[CLUSTER]})
    along: ir.Value = ibis.literal(0.0)
    if known is not None:
        clusters = clusters.left_join(known.sizes, clusters[CLUSTER] == known.sizes.anchor, rname="known_{name}")
        along = clusters["size"].cast("float64").fill_null(0)
    w, x = clusters.w, [clusters[f"x{i}"] for i in size]
    wanted = {"n": ibis.or_(False, *(each != 0 for each in x)).sum()}
    wanted |= {f"u{i}": x[i].sum() for i in size} | {f"t{i}": (w * x[i]).sum() for i in size}
    wanted |= {f"g{i}_{j}": (w * (w - 1) * x[i] * x[j]).sum() for i in size for j in range(i + 1)}
    wanted |= {f"h{i}": (w * (w - 1) * x[i] * along).sum() for i in size}
    rows = _ordered(clusters.aggregate(wanted, by=list(groups)), groups)
    for row in rows:
        # Anchors that are very unlike in size are worth fewer than they are.
        row |= {f"e{i}": min(row["n"], row[f"t{i}"] ** 2 / row[f"g{i}_{i}"]) if row[f"g{i}_{i}"] else row["n"] for i in size}
        if known is not None:
            _correct(row, size, known)
    return rows


def _correct(row: dict[str, Any], size: range, known: _Known) -> None:
    """Weights, and with them totals, multiplied so that the rows of the source are as many as production has."""
    factor = known.production / known.estimate
    shares = [(row[f"t{i}"] or 0) / known.estimate for i in size]
    along = [row[f"h{i}"] or 0 for i in size]
    for i in size:
        row[f"t{i}"] = (row[f"t{i}"] or 0) * factor
        for j in range(i + 1):
            crossed = shares[i] * along[j] + shares[j] * along[i] - shares[i] * shares[j] * known.variance
            row[f"g{i}_{j}"] = factor**2 * ((row[f"g{i}_{j}"] or 0) - crossed)


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
    worth = max(2.0, min((float(row[f"e{i}"]) for i in range(size) if slopes[i]), default=anchors))
    half = _student(worth - 1) * math.sqrt(max(0.0, variance) * worth / (worth - 1))
    return Figure(group, name, plain, value, value - half, value + half, anchors)


def _named(name: str) -> str:
    """A figure's name; where none was given, Ibis' own in plain words.

    >>> _named("CountStar(flights)"), _named("Mean(dep_delay)"), _named("late")
    ('count', 'mean(dep_delay)', 'late')
    """
    kind, opened, rest = name.partition("(")
    if not opened or kind not in ("CountStar", "Count", "Sum", "Mean"):
        return name
    return "count" if kind == "CountStar" else f"{kind.lower()}({rest}"


def _student(freedom: float) -> float:
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
