"""Narrowing: hashes find the few rows that may differ, so that only those are compared by value.

Each side is read once into a *signature*: for each row a 64-bit hash of its key and one of all that is compared exactly;
columns under a tolerance, and those that differ in many rows, travel by value. Sums of the hashes in buckets of keys end the
comparison of identical tables, and leave few rows of others, which cancel by their hashes. The rows of the keys that remain
are fetched.

A difference is missed only where two rows of one key have the same 64-bit hash (at most compared pairs * 2^-64), or where
a sum of hashes in a bucket agrees by chance (at most buckets * 2^-64). ``verify`` compares by value what this would skip.
"""

from __future__ import annotations

from dataclasses import replace

from workbench.promote.diff.fetch import Narrowed, everything, in_full, in_shares
from workbench.promote.diff.fuzzy import Tolerance
from workbench.promote.diff.meeting import Heavy, Pairs, meet_all, nearly_unique
from workbench.promote.diff.rows import project
from workbench.promote.diff.schema import Columns
from workbench.promote.diff.session import Session, Side
from workbench.promote.diff.signature import Doubt, Shares, Signatures
from workbench.promote.diff.sql import all_true, listing

__all__ = ["SMALL", "Narrowed", "everything", "narrow", "together"]

# Below so many rows in both tables, comparing by value at once is as fast.
SMALL = 500_000
# Rows at the head of both tables that tell which columns differ in many rows.
_PROBE = 4096
# A larger share of keys in doubt is not worth fetching apart.
_FEW = 0.4


def together(one: Narrowed | None, other: Narrowed | None) -> Narrowed | None:
    """Rows in doubt of two disjoint parts of the tables as one."""
    if one is None or other is None:
        return one or other
    return Narrowed(
        f"(FROM {one.base} UNION ALL BY NAME FROM {other.base})",
        f"(FROM {one.candidate} UNION ALL BY NAME FROM {other.candidate})",
        one.changed + other.changed,
        {i: one.by_column.get(i, 0) + other.by_column.get(i, 0) for i in one.by_column.keys() | other.by_column.keys()},
    )


def narrow(
    session: Session,
    columns: Columns,
    sides: tuple[Side, Side],
    rows: tuple[int, int],
    tolerance: Tolerance,
    *,
    samples: int,
    whole: bool,
    full: bool,
) -> Narrowed | None:
    """The rows that may differ; None when the tables hold the same rows.

    ``samples`` changed rows of the lowest keys are always among them; with ``whole`` all that differ are, and with ``full``
    they have values in all columns.
    """
    fuzzy = [i for i, column in enumerate(columns.all) if column.how.fuzzy]
    many, seen = _heads(session, columns, sides, tolerance) if columns.keyed and not fuzzy else ([], [])
    heavy = fuzzy or many
    shares = Shares.of(columns, heavy, seen)
    prints = Signatures.of(session, columns, sides, heavy, shares, rows)
    left = prints.narrowed(max(rows))
    if left is None and rows[0] == rows[1] and (not heavy or (fuzzy and prints.equal())):
        return None
    beyond = Heavy(0, {}, None)
    most = int(_FEW * max(rows))
    doubt: Doubt | None = None
    if left is not prints and columns.keyed and heavy and not whole:
        deep = left.cancelled() if left else _none(session)
        unique = prints.base.unique()
        if unique or (unique is None and nearly_unique(session, prints.base, rows[0])):
            pairs = Pairs(session, columns, prints, tolerance, deep, bool(unique))
            found = pairs.differing(rows, most=most, lowest=max(samples, 1), list_all=bool(fuzzy))
            doubt, beyond = (deep, found) if found else (None, beyond)
    elif heavy or left is prints:
        if nearly_unique(session, prints.base, rows[0]):
            doubt = meet_all(session, columns, prints, tolerance)
        if doubt is None and not heavy:
            doubt = prints.cancelled()
    elif left:
        doubt = left.cancelled()
    if doubt is None or doubt.count > most:
        return everything(columns, sides)
    keys = session.make(f"SELECT k FROM {doubt.keys} UNION ALL SELECT k FROM {beyond.keys}") if beyond.keys else doubt.keys
    narrowed = None
    if columns.keyed and doubt.unique and shares.later and not full:
        narrowed = in_shares(session, columns, sides, doubt, keys, shares)
    narrowed = narrowed or in_full(session, columns, sides, keys)
    return replace(narrowed, changed=beyond.changed, by_column=beyond.by_column)


def _none(session: Session) -> Doubt:
    """No key is in doubt."""
    return Doubt(session.make("SELECT 0::UBIGINT AS k, 0::UBIGINT AS hb, 0::UBIGINT AS hc WHERE FALSE"), 0, (0, 0), True)


def _heads(session: Session, columns: Columns, sides: tuple[Side, Side], tolerance: Tolerance) -> tuple[list[int], list[int]]:
    """Positions of the columns that differ in many rows, and of those that differ in some, judged by the heads of the tables;
    none where those don't meet."""
    base, candidate = (project(columns, which, f"(FROM {side.source} LIMIT {_PROBE})") for which, side in enumerate(sides))
    on = all_true(f"b.c{i} IS NOT DISTINCT FROM c.c{i}" for i in range(len(columns.key)))
    values = range(len(columns.key), len(columns.all))
    same = (tolerance.same(f"b.c{i}", f"c.c{i}", fuzzy=columns.all[i].how.fuzzy) for i in values)
    flags = listing((f"count(*) FILTER (NOT {equal})" for equal in same), lead=True)
    pairs, *changed = session.row(f"SELECT count(*){flags} FROM ({base}) b JOIN ({candidate}) c ON {on}")
    if not _PROBE // 8 <= pairs <= _PROBE:
        # More pairs than rows: keys have copies, and what meets here says nothing.
        return [], []
    many = [i for i, count in zip(values, changed, strict=True) if count > 0.2 * pairs]
    return many if len(many) <= 6 else [], [i for i, count in zip(values, changed, strict=True) if count]
