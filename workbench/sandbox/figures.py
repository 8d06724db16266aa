"""Figures of production, estimated from a sandbox, with intervals that are clustered by anchor."""

from __future__ import annotations

import math
from dataclasses import dataclass

from workbench.runtime.duck import identifier
from workbench.sandbox import mask
from workbench.sandbox.compare import Comparison
from workbench.sandbox.graph import Role
from workbench.sandbox.sample import CLUSTER

FEWEST = 5  # anchors that must contribute before an interval says anything


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure of production, its estimate from core rows, and the 95% interval clustered by anchor."""

    source: str
    figure: str
    group: str
    production: float
    estimate: float
    low: float
    high: float

    @property
    def holds(self) -> bool:
        rounding = 1e-9 * abs(self.production)  # floats are added up in another order
        return self.low - rounding <= self.production <= self.high + rounding


def figures(comparison: Comparison, name: str, group: str) -> list[Figure]:
    """Count, sums and means of a sampled table, over all rows and for its groups, but for those that few anchors make."""
    table = comparison.info.tables[name]
    if table.role not in (Role.ANCHOR, Role.FOLLOW) or comparison.info.floor:
        return []
    types = comparison.types(name)
    joining = {column for link in comparison.links for column in (*link.columns, *link.to)}
    numbers = [
        column for column, kind in types.items()
        if column not in table.masked and mask.is_number(kind) and column not in joining
    ]  # fmt: skip
    found = _figures(comparison, name, numbers, "")
    if group in types and group not in table.masked:
        found += _figures(comparison, name, numbers, group)
    return found


def _figures(comparison: Comparison, name: str, numbers: list[str], group: str) -> list[Figure]:
    sample = comparison.sample(name)
    label = f"CAST(s.{identifier(group)} AS VARCHAR)" if group else "''"
    sums = ", ".join(f"coalesce({_sum(c)}, 0), count(s.{identifier(c)})::DOUBLE" for c in numbers)
    tail = f", {sums}" if sums else ""
    truth = {
        row[0]: row[1:]
        for row in comparison.run(f"SELECT {label}, count(*)::DOUBLE{tail} FROM {comparison.relations[name]} s GROUP BY 1")
    }
    each = ", ".join(f"coalesce({_sum(c)}, 0) AS s{i}, count(s.{identifier(c)})::DOUBLE AS n{i}" for i, c in enumerate(numbers))
    clusters = (
        f"SELECT {label} AS g, s.{CLUSTER}, count(*)::DOUBLE AS n{', ' + each if each else ''} FROM {sample} s GROUP BY ALL"
    )
    wanted = ["count(*), sum(n), sum(n * n)"]
    for i in range(len(numbers)):
        wanted.append(f"count_if(n{i} > 0), sum(s{i}), sum(s{i} * s{i}), sum(n{i}), sum(n{i} * n{i}), sum(s{i} * n{i})")
    share, found = comparison.info.share, []
    for row in comparison.run(f"SELECT g, {', '.join(wanted)} FROM ({clusters}) GROUP BY g ORDER BY g"):
        key, values = row[0], [float(value or 0) for value in row[1:]]
        if key not in truth:
            continue
        where = f"{group}={key}" if group else ""
        if values[0] >= FEWEST:
            found.append(_total(name, "count", where, truth[key][0], values[1], values[2], share))
        for i, column in enumerate(numbers):
            anchors, total, squared, count, counted, crossed = values[3 + 6 * i : 9 + 6 * i]
            real_sum, real_count = truth[key][1 + 2 * i : 3 + 2 * i]
            if anchors < FEWEST:
                continue
            found.append(_total(name, f"sum({column})", where, real_sum, total, squared, share))
            if count and real_count:
                mean = total / count
                spread = squared - 2 * mean * crossed + mean * mean * counted
                half = 1.96 * math.sqrt(max(0.0, (1 - share) * spread)) / count
                found.append(Figure(name, f"mean({column})", where, real_sum / real_count, mean, mean - half, mean + half))
    return found


def _sum(column: str) -> str:
    # As a float, since the largest integers and decimals have no wider type to be added up in.
    return f"sum(CAST(s.{identifier(column)} AS DOUBLE))"


def _total(source: str, figure: str, group: str, truth: float, total: float, squared: float, share: float) -> Figure:
    """A total scaled up: anchors were chosen independently, so its variance is (1 - p) / p^2 times the sum of squares."""
    half = 1.96 * math.sqrt(max(0.0, (1 - share) * squared)) / share
    return Figure(source, figure, group, truth, total / share, total / share - half, total / share + half)
