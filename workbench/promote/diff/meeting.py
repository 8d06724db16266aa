"""Signatures that meet by key hash, one to one: where most rows differ, or columns travel by value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from workbench.promote.diff.fuzzy import Tolerance
from workbench.promote.diff.schema import Columns
from workbench.promote.diff.session import Session
from workbench.promote.diff.signature import Doubt, Prints, Signatures
from workbench.promote.diff.sql import any_true, listing

# Rows of the lowest keys among which the lowest that differ are looked for first.
_HEAD = 4096


def nearly_unique(session: Session, prints: Prints, rows: int) -> bool:
    """Whether meeting by key hash can't multiply rows: few keys have copies, and none has many."""
    buckets, relation = 1 << 16, prints.relation
    # Counted in an array rather than a hash table.
    with session.tuned(perfect_ht_threshold=16):
        bucket = f"CAST(k & {buckets - 1} AS USMALLINT)"
        (largest,) = session.row(f"SELECT coalesce(max(n), 0) FROM (SELECT count(*) AS n FROM {relation} GROUP BY {bucket})")
    expected = rows / buckets
    if largest > 2 * expected + 8 * expected**0.5 + 64:
        return False
    copies = f"SELECT count(*) AS n FROM {relation} WHERE (k >> 40) & 63 = 0 GROUP BY k"
    pairs, sample = session.row(f"SELECT coalesce(sum(n * n), 0), coalesce(sum(n), 0) FROM ({copies})")
    return bool(pairs <= 1.5 * sample + 64)


def meet_all(session: Session, columns: Columns, prints: Signatures, tolerance: Tolerance) -> Doubt | None:
    """All keys in doubt, without the hashes of their rows; None when a key turned out to have copies on both sides."""
    differs = any_true(["b.h IS DISTINCT FROM c.h", *_differences(columns, prints, tolerance)])
    base, candidate = (side.relation for side in prints.both)
    met = session.make(
        f"SELECT count(b.h) AS b, count(c.h) AS c, list(coalesce(b.k, c.k)) FILTER ({differs}) AS doubtful "
        f"FROM {base} b FULL JOIN {candidate} c ON b.k IS NOT DISTINCT FROM c.k"
    )
    seen = session.row(f"SELECT b, c FROM {met}")
    rows = tuple(session.row(f"SELECT count(*) FROM {name}")[0] for name in (base, candidate))
    if seen != rows:
        return None
    keys = session.make(f"SELECT unnest(doubtful) AS k FROM {met}")
    return Doubt(keys, session.row(f"SELECT count(*) FROM {keys}")[0], (0, 0), unique=False)


def _differences(columns: Columns, prints: Signatures, tolerance: Tolerance) -> list[str]:
    """Whether each heavy column differs, as SQL over ``b`` and ``c``."""
    return [f"NOT {tolerance.same(f'b.t{i}', f'c.t{i}', fuzzy=columns.all[i].how.fuzzy)}" for i in prints.heavy]


@dataclass(frozen=True, slots=True)
class Heavy:
    """What rows differ in heavy columns alone: how many beyond those listed, in each column, and the listed keys' hashes."""

    changed: int
    by_column: dict[int, int]
    keys: str | None


@dataclass(frozen=True, slots=True)
class Pairs:
    """Rows of the keys that are not in doubt (``deep`` has those that are) beside each other: they differ in heavy columns
    at most, which are compared here by value.

    With ``unique`` no key of the base has copies, for certain: then rows that lie in the same order on both sides are compared
    by their place, which takes half as long as a join.
    """

    session: Session
    columns: Columns
    prints: Signatures
    tolerance: Tolerance
    deep: Doubt
    unique: bool

    def differing(self, rows: Sequence[int], *, most: int, lowest: int, list_all: bool) -> Heavy | None:
        """Where more than ``most`` differ, only the ``lowest`` are listed, as examples; None unless keys met one to one."""
        flags = listing((f"count(*) FILTER (x{i})" for i in self.prints.heavy), lead=True)
        rest, place = f"k NOT IN {self._deep}", self.unique and self._in_step()
        wanted = f"SELECT count(*) FILTER (torn), count(*), count(*) FILTER ({self._any}){flags} FROM "
        torn, pairs, beyond, *totals = self.session.row(wanted + self._met(rest, place))
        if torn:
            place = False
            torn, pairs, beyond, *totals = self.session.row(wanted + self._met(rest))
        if any(pairs != count - known for count, known in zip(rows, self.deep.rows, strict=True)):
            return None
        if not beyond:
            return Heavy(0, {}, None)
        if list_all and beyond <= most:
            return Heavy(0, {}, self.session.make(f"SELECT k FROM {self._met(rest, place)} WHERE {self._any}"))
        picked = self._lowest(min(lowest, beyond), place)
        shown, *seen = self.session.row(f"SELECT count(*){flags} FROM {picked}")
        left = [total - count for total, count in zip(totals, seen, strict=True)]
        return Heavy(beyond - shown, dict(zip(self.prints.heavy, left, strict=True)), picked)

    def _in_step(self) -> bool:
        """Whether the heads of both sides have the same keys in the same order."""
        base, candidate = (
            f"(SELECT k FROM {side.relation} WHERE k NOT IN {self._deep} LIMIT {_HEAD})" for side in self.prints.both
        )
        (differ,) = self.session.row(
            f"SELECT count(*) FILTER (b.k IS DISTINCT FROM c.k) FROM {base} b POSITIONAL JOIN {candidate} c"
        )
        return not differ

    def _lowest(self, count: int, place: bool) -> str:
        """A table of differing rows with the lowest keys. Where many rows differ they are found among the first ones."""
        order = f"ORDER BY {listing(f'c{i} NULLS LAST' for i in range(len(self.columns.key)))} LIMIT"
        rest = f"k NOT IN {self._deep}"
        head = self.session.make(f"SELECT k FROM {self.prints.base.relation} WHERE {rest} {order} {max(_HEAD, count)}")
        for met in (self._met(f"k IN (FROM {head})"), self._met(rest, place)):
            found = self.session.make(f"SELECT * FROM {met} WHERE {self._any} {order} {count}")
            if self.session.row(f"SELECT count(*) FROM {found}")[0] == count:
                break
        return found

    @property
    def _deep(self) -> str:
        return f"(SELECT k FROM {self.deep.keys})"

    @property
    def _any(self) -> str:
        return any_true(f"x{i}" for i in self.prints.heavy)

    def _met(self, some: str, place: bool = False) -> str:
        """Pairs of ``some`` rows: ``k``, the key's forms ``c<i>``, and ``x<i>``, whether a heavy column differs.

        Rows that are side by side without having one key are ``torn``.
        """
        columns, heavy = self.columns, self.prints.heavy
        base, candidate = (f"(SELECT * FROM {side.relation} WHERE {some})" for side in self.prints.both)
        keys = [f"b.c{i} AS c{i}" for i in range(len(columns.key))]
        differ = zip(_differences(columns, self.prints, self.tolerance), heavy, strict=True)
        torn = "b.k IS DISTINCT FROM c.k AS torn"
        parts = listing(["b.k AS k", torn, *keys, *(f"{sql} AS x{i}" for sql, i in differ)])
        how = f"{base} b POSITIONAL JOIN {candidate} c" if place else f"{base} b JOIN {candidate} c ON b.k = c.k"
        return f"(SELECT {parts} FROM {how})"
