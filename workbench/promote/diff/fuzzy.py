"""Tolerance: when two floats count as equal, and which copies of one key match within it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from workbench.errors import UsageError
from workbench.promote.diff.session import Session
from workbench.promote.diff.sql import all_true, listing

# Above so many rows in doubt, copies match by their rank only, in the engine.
_BY_HAND = 200_000


@dataclass(frozen=True, slots=True)
class Tolerance:
    """``|a - b| <= max(absolute, relative * max(|a|, |b|))``, for finite floats; everything else must be equal.

    >>> Tolerance(0.5, 0.0).within(1.0, 1.5), Tolerance(0.0, 0.1).within(math.inf, 1.0)
    (True, False)
    """

    absolute: float = 0.0
    relative: float = 0.0

    def __post_init__(self) -> None:
        for name, value in (("abs_tol", self.absolute), ("rel_tol", self.relative)):
            if not (math.isfinite(value) and value >= 0):
                raise UsageError(
                    f"{name} is {value}, but a tolerance is a finite number of at least 0", hint="for example 1e-9"
                )

    def __bool__(self) -> bool:
        return self.absolute > 0 or self.relative > 0

    def within(self, a: float | None, b: float | None) -> bool:
        """Whether two values count as equal."""
        if a is None or b is None:
            return a is b
        if a == b or (a != a and b != b):
            return True
        return math.isfinite(a) and math.isfinite(b) and abs(a - b) <= max(self.absolute, self.relative * max(abs(a), abs(b)))

    def same(self, a: str, b: str, *, fuzzy: bool) -> str:
        """The same as SQL over two forms; never NULL."""
        equal = f"{a} IS NOT DISTINCT FROM {b}"
        if not (fuzzy and self):
            return f"({equal})"
        # The numbers come from floats, so that their text can hold nothing else. Without quotes they would be a DECIMAL first,
        # and rounded once more on the way.
        limit = f"greatest('{self.absolute!r}'::DOUBLE, '{self.relative!r}'::DOUBLE * greatest(abs({a}), abs({b})))"
        return f"({equal} OR coalesce(isfinite({a}) AND isfinite({b}) AND abs({a} - {b}) <= {limit}, FALSE))"


def match_within(
    session: Session, base: str, candidate: str, grouping: Sequence[int], fuzzy: Sequence[int], tolerance: Tolerance
) -> list[str]:
    """Drop the copies of both sides that match within the tolerance; the tables of what is left.

    Copies can match when they agree in all exactly compared columns (``grouping``); each takes the first free one within
    the tolerance, in the order of their values.
    """
    on = all_true([f"b.c{i} IS NOT DISTINCT FROM c.c{i}" for i in grouping])
    doubtful = session.make(
        f"WITH both_sides AS (SELECT 0 AS side, * FROM {base} UNION ALL BY NAME SELECT 1 AS side, * FROM {candidate}) "
        f"SELECT g, side, id{listing((f'c{i}' for i in fuzzy), lead=True)} FROM (SELECT *, "
        f"dense_rank() OVER (ORDER BY {listing(f'c{i}' for i in grouping) or '1'}) AS g FROM both_sides) "
        f"QUALIFY min(side) OVER (PARTITION BY g) <> max(side) OVER (PARTITION BY g)"
    )
    if session.row(f"SELECT count(*) FROM {doubtful}")[0] > _BY_HAND:
        rank = (
            f"(SELECT *, row_number() OVER (PARTITION BY {listing(f'c{i}' for i in grouping) or '1'} ORDER BY id) AS rank FROM "
        )
        near = all_true([tolerance.same(f"b.c{i}", f"c.c{i}", fuzzy=True) for i in fuzzy])
        matched = session.make(
            f"SELECT b.id AS b, c.id AS c FROM {rank}{base}) b JOIN {rank}{candidate}) c ON {on} AND b.rank = c.rank AND {near}"
        )
    else:
        rows = session.rows(f"SELECT * FROM {doubtful} ORDER BY g, side, id")
        pairs = [pair for _, group in groupby(rows, key=lambda row: row[0]) for pair in _greedy(group, tolerance)]
        matched = session.make(
            "SELECT unnest(?::BIGINT[]) AS b, unnest(?::BIGINT[]) AS c", [[b for b, _ in pairs], [c for _, c in pairs]]
        )
    return [
        session.make(f"SELECT * FROM {side} WHERE id NOT IN (SELECT {letter} FROM {matched})")
        for side, letter in ((base, "b"), (candidate, "c"))
    ]


def _greedy(group: Iterable[tuple[Any, ...]], tolerance: Tolerance) -> list[tuple[int, int]]:
    """Pairs of ids of one group whose values are all within the tolerance."""
    rows = list(group)
    free = [row for row in rows if row[1] == 1]
    pairs = []
    for _, side, own, *values in rows:
        if side != 0:
            break
        for position, (_, _, other, *others) in enumerate(free):
            if all(tolerance.within(a, b) for a, b in zip(values, others, strict=True)):
                pairs.append((own, other))
                del free[position]
                break
    return pairs
