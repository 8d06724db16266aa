"""Distributions of a column on both sides: numbers by quantiles, categories by their top values, moments by period."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from workbench.promote.diff.kinds import family, shown
from workbench.promote.diff.result import plain
from workbench.promote.diff.session import Session, Side
from workbench.promote.diff.sql import ident, listing

if TYPE_CHECKING:
    from duckdb.sqltypes import DuckDBPyType

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
_BINS = 10
_TOP = 10
_PERIODS = (
    ("hour", 1 / 24),
    ("day", 1.0),
    ("week", 7.0),
    ("month", 30.4),
    ("year", 365.25),
    ("decade", 3652.5),
    ("century", 36525.0),
)
_MOST_PERIODS = 40


def profile(session: Session, name: str, base: Side | None, candidate: Side | None) -> dict[str, Any]:
    """The distribution of one column on both sides as plain JSON values; None stands for a side that lacks the column.

    Where the sides hold different families of types, only counts are given.
    """
    sides = (base, candidate)
    families = {family(side.columns[name]) for side in sides if side is not None}
    kind = families.pop() if len(families) == 1 else "other"
    found: dict[str, Any] = {"kind": kind}
    for label, side in zip(("base", "candidate"), sides, strict=True):
        found[label] = None if side is None else _summary(session, name, side, kind)
    match kind:
        case "number":
            found |= _bins(session, name, sides, found)
        case "category":
            found["top"] = _top(session, name, sides)
        case "time":
            found |= _periods(session, name, sides)
    return found


def _number(name: str) -> str:
    """The column as finite DOUBLE; NULL for what is not finite."""
    x = f"CAST({ident(name)} AS DOUBLE)"
    return f"CASE WHEN isfinite({x}) THEN {x} END"


def _moment(name: str, kind: DuckDBPyType) -> str:
    """The column as TIMESTAMP in UTC; NULL for infinite ones, and for days so far off that no timestamp holds them."""
    x = ident(name)
    stamp = f"make_timestamp(epoch_us({x}))" if kind.id == "timestamp with time zone" else f"TRY_CAST({x} AS TIMESTAMP)"
    return f"CASE WHEN isfinite({x}) THEN {stamp} END"


def _summary(session: Session, name: str, side: Side, kind: str) -> dict[str, Any]:
    its = side.columns[name]
    wanted = {"count": "count(*)", "nulls": "count(*) - count(x)"}
    v = _number(name) if kind == "number" else "NULL"
    source = f"SELECT {ident(name)} AS x, {v} AS v FROM {side.source}"
    if kind == "number":
        # Summed in the order of the values, so that the last digit does not depend on the number of threads.
        wanted |= {"not_finite": "count(x) - count(v)", "min": "min(v)", "max": "max(v)", "mean": "avg(v ORDER BY v)"}
        wanted |= {"quantiles": f"quantile_disc(v, {list(QUANTILES)})"}
    elif kind == "time":
        wanted |= {label: shown(its)(f"{label}(x)") for label in ("min", "max")}
    if kind != "other":
        wanted["distinct"] = "count(DISTINCT x)"
    values = session.row(f"SELECT {listing(wanted.values())} FROM ({source})")
    summary = dict(zip(wanted, values, strict=True))
    count, nulls = summary["count"], summary.pop("nulls")
    summary["null_share"] = round(nulls / count, 6) if count else 0.0
    if kind == "number":
        summary["quantiles"] = {
            f"p{round(100 * q)}": plain(v) for q, v in zip(QUANTILES, summary["quantiles"] or [None] * 5, strict=True)
        }
    return {label: value if isinstance(value, dict) else plain(value) for label, value in summary.items()}


def _bins(session: Session, name: str, sides: tuple[Side | None, Side | None], found: dict[str, Any]) -> dict[str, Any]:
    """Rows of both sides in bins between the deciles of the base (of the candidate where the base has no values)."""
    leader = sides[0] if found["base"] and found["base"]["min"] is not None else sides[1]
    if leader is None:
        return {}
    steps = [i / _BINS for i in range(1, _BINS)]
    deciles = session.row(f"SELECT quantile_disc(v, {steps}) FROM (SELECT {_number(name)} AS v FROM {leader.source})")[0]
    if not deciles:
        return {}
    edges = sorted({value + 0.0 for value in deciles})
    counts: dict[str, list[int]] = {}
    for label, side in zip(("base", "candidate"), sides, strict=True):
        if side is None:
            continue
        below = listing(f"count(*) FILTER (v <= '{edge!r}'::DOUBLE)" for edge in edges)
        row = session.row(f"SELECT {below}, count(v) FROM (SELECT {_number(name)} AS v FROM {side.source})")
        counts[label] = [high - low for low, high in zip((0, *row[:-1]), row, strict=True)]
    result: dict[str, Any] = {"bins": {"edges": edges, **counts}}
    base, candidate = sides
    if base is not None and candidate is not None and all(sum(bins) for bins in counts.values()):
        distance = _ks(session, name, base, candidate)
        result |= {"psi": round(psi(counts["base"], counts["candidate"]), 6), "ks": round(distance or 0.0, 6)}
    return result


def psi(base: list[int], candidate: list[int]) -> float:
    """Population stability index of two histograms over the same bins; half a row is added to each bin.

    >>> psi([10, 10], [10, 10])
    0.0
    """
    one, two = (sum(bins) + len(bins) / 2 for bins in (base, candidate))
    shares = [((b + 0.5) / one, (c + 0.5) / two) for b, c in zip(base, candidate, strict=True)]
    return sum((c - b) * math.log(c / b) for b, c in shares)


def _ks(session: Session, name: str, base: Side, candidate: Side) -> float | None:
    """The Kolmogorov-Smirnov distance of all values: NULL and NaN left out, infinities at the ends; None without values.

    Counted in integers over each distinct value, so that it is exact and depends on no order.
    """
    kinds = {str(side.columns[name]) for side in (base, candidate)}
    x = ident(name) if len(kinds) == 1 else f"CAST({ident(name)} AS DOUBLE)"
    both = (
        f"SELECT {x} AS v, {1 - which} AS b, {which} AS c FROM {side.source} "
        f"WHERE {ident(name)} IS NOT NULL AND NOT isnan(CAST({ident(name)} AS DOUBLE))"
        for which, side in enumerate((base, candidate))
    )
    values = f"SELECT v, sum(b)::HUGEINT AS b, sum(c)::HUGEINT AS c FROM ({' UNION ALL '.join(both)}) GROUP BY v"
    running = "sum(b) OVER (ORDER BY v)::HUGEINT AS b, sum(c) OVER (ORDER BY v)::HUGEINT AS c"
    totals = "sum(b) OVER ()::HUGEINT AS n, sum(c) OVER ()::HUGEINT AS m"
    distance, one, other = session.row(
        f"SELECT max(abs(b * m - c * n)), max(n), max(m) FROM (SELECT {running}, {totals} FROM ({values}))"
    )
    return int(distance) / (int(one) * int(other)) if one and other else None


def _top(session: Session, name: str, sides: tuple[Side | None, Side | None]) -> list[dict[str, Any]]:
    parts = [
        f"SELECT left(CAST({ident(name)} AS VARCHAR), 200) AS v, {1 - which} AS b, {which} AS c FROM {side.source}"
        for which, side in enumerate(sides)
        if side is not None
    ]
    rows = session.rows(
        f"SELECT v, sum(b)::BIGINT AS b, sum(c)::BIGINT AS c FROM ({' UNION ALL '.join(parts)}) WHERE v IS NOT NULL "
        f"GROUP BY v ORDER BY greatest(sum(b), sum(c)) DESC, v LIMIT {_TOP}"
    )
    return [{"value": value, "base": b, "candidate": c} for value, b, c in rows]


def _periods(session: Session, name: str, sides: tuple[Side | None, Side | None]) -> dict[str, Any]:
    parts = [
        f"SELECT {_moment(name, side.columns[name])} AS t, {1 - which} AS b, {which} AS c FROM {side.source}"
        for which, side in enumerate(sides)
        if side is not None
    ]
    both = " UNION ALL ".join(parts)
    first, last = session.row(f"SELECT epoch(min(t)), epoch(max(t)) FROM ({both})")
    if first is None:
        return {}
    days = (last - first) / 86400
    period = next((label for label, length in _PERIODS if days / length <= _MOST_PERIODS), "millennium")
    rows = session.rows(
        f"SELECT CAST(date_trunc('{period}', t) AS VARCHAR), sum(b)::BIGINT, sum(c)::BIGINT FROM ({both}) WHERE t IS NOT NULL "
        "GROUP BY date_trunc(" + f"'{period}', t) ORDER BY date_trunc('{period}', t)"
    )
    return {"period": period, "counts": [{"start": str(start), "base": b, "candidate": c} for start, b, c in rows]}
