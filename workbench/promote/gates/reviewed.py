"""What a declared change covers once people have decided on it: a difference like the one that they saw, not any difference."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from workbench.promote.diff import TableDiff
from workbench.promote.diff.result import RowCounts

TIMES = 2.0  # as much of what was seen is still like it: other days are not the same day


def touched_share(rows: RowCounts) -> float:
    """The share of rows that are added, removed or changed.

    >>> touched_share(RowCounts(base=8, candidate=10, added=2, removed=0, changed=3, unchanged=5))
    0.5
    """
    return (rows.added + rows.removed + rows.changed) / max(rows.base + rows.added, 1)


def if_meant(share: float) -> str:
    """What an author types who means a change of so large a share.

    >>> if_meant(0.807)
    'if meant, declare it with --allow-change 81%'
    """
    return f"if meant, declare it with --allow-change {math.ceil(round(share * 100, 6))}%"


def count_is_alike(rows: RowCounts, seen: RowCounts, tolerance: float) -> bool:
    """Whether rows became as many more, or fewer, as they did then: within ``tolerance`` of that number.

    >>> seen = RowCounts(base=100, candidate=300, added=200, removed=0, changed=0, unchanged=100)
    >>> [count_is_alike(RowCounts(10, n, n - 10, 0, 0, 10), seen, 0.25) for n in (28, 60)]
    [True, False]
    """
    expected = rows.base * seen.candidate / max(seen.base, 1)
    return abs(rows.candidate - expected) <= tolerance * max(expected, 1)


def columns_beyond(found: TableDiff, seen: TableDiff, tolerance: float) -> dict[str, float]:
    """The columns of which a larger share of rows differs than then, by more than ``tolerance``."""
    before = {name: column.share for name, column in seen.columns.items()}
    return {name: column.share for name, column in found.columns.items() if column.share > before.get(name, 0.0) + tolerance}


def drifted_beyond(found: TableDiff, seen: TableDiff, tolerance: float, fewest: int) -> dict[str, str]:
    """The columns whose values moved otherwise than then, and how in words.

    Indexes are compared where both sides have ``fewest`` rows. Medians and NULLs always are: both sides were computed from the
    same rows. A median may move by as large a share as then, or as far. Columns that did not differ then are left to
    ``columns_beyond``.
    """
    many = min(found.rows.base, found.rows.candidate) >= fewest
    beyond = {}
    for name, now in found.distributions.items():
        then = seen.distributions.get(name)
        if then is None:
            continue
        index = now.get("psi", 0.0)
        nulls = _more_nulls(now) - max(_more_nulls(then), 0.0)
        if many and "psi" in then and index > max(tolerance, TIMES * then["psi"]):
            beyond[name] = f"index {index:.2f}, {then['psi']:.2f} then"
        elif nulls > tolerance:
            beyond[name] = f"{_more_nulls(now):.0%} more NULL"
        elif not _median_alike(now, then, tolerance):
            low, high = (_median(now, side) for side in ("base", "candidate"))
            beyond[name] = f"median {low:.6g} -> {high:.6g}"
    return beyond


def violations_alike(now: Mapping[str, int], seen: Mapping[str, int]) -> bool:
    """Whether no rule is broken by more than twice as many rows as then.

    >>> violations_alike({"unique(id)": 9}, {"unique(id)": 5}), violations_alike({"unique(id)": 9}, {"unique(id)": 4})
    (True, False)
    """
    return all(count <= TIMES * seen.get(rule, 0) for rule, count in now.items())


def _side(profile: Mapping[str, Any], side: str) -> Mapping[str, Any]:
    return profile.get(side) or {}


def _more_nulls(profile: Mapping[str, Any]) -> float:
    """The share of NULLs in the candidate less that in the live version."""
    return float(_side(profile, "candidate").get("null_share", 0.0)) - float(_side(profile, "base").get("null_share", 0.0))


def _median_alike(now: Mapping[str, Any], then: Mapping[str, Any], tolerance: float) -> bool:
    """Whether the median moved about as then, as a share of itself or as a distance; True where there is none to compare.

    >>> def profile(base, candidate):
    ...     return {"base": {"quantiles": {"p50": base}}, "candidate": {"quantiles": {"p50": candidate}}}
    >>> [_median_alike(profile(3, now), profile(10, 20), 0.25) for now in (6, 13, 6000, -6)]
    [True, True, False, False]
    """
    sides = [_median(each, side) for each in (now, then) for side in ("base", "candidate")]
    base, candidate, base_then, candidate_then = sides
    if base is None or candidate is None or base_then is None or candidate_then is None:
        return True
    moved, before = candidate - base, candidate_then - base_then
    if abs(moved - before) <= tolerance * max(abs(base), abs(base_then)) + abs(before):
        return True
    if base == 0 or base_then == 0:
        return False
    share, share_then = moved / abs(base), before / abs(base_then)
    return abs(share - share_then) <= tolerance + abs(share_then)


def _median(profile: Mapping[str, Any], side: str) -> float | None:
    found = _side(profile, side).get("quantiles", {}).get("p50")
    return float(found) if isinstance(found, int | float) else None
