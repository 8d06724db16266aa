"""Narrowing: hashes find the few rows that may differ, so that only those are compared by value.

Each side is read once into a *signature*: for each row a 64-bit hash of its key and one of all that is compared exactly;
columns under a tolerance, and those that differ in many rows, travel by value. Sums of the signatures end the comparison
of identical tables. Else signatures meet by key hash (where keys are all but unique) or cancel within buckets of key
hashes, and the rows of the keys that remain are fetched.

A difference is missed only where two rows of one key have the same 64-bit hash (at most compared pairs * 2^-64), or where
all sums of two tables agree by chance. ``verify`` compares by value what this would skip.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from workbench.promote.diff.fuzzy import Tolerance
from workbench.promote.diff.rows import project
from workbench.promote.diff.schema import Columns
from workbench.promote.diff.session import Session, Side
from workbench.promote.diff.signature import Signatures, key_hash
from workbench.promote.diff.sql import all_true, any_true, listing

# Below so many rows in both tables, comparing by value at once is as fast.
SMALL = 500_000
# Rows at the head of both tables that tell which columns differ in many rows.
_PROBE = 4096
# A larger share of keys in doubt is not worth fetching apart.
_FEW = 0.4


@dataclass(frozen=True, slots=True)
class Narrowed:
    """Projected relations with all rows that may differ, and what was already counted beyond them.

    ``changed`` and ``by_column`` count rows that differ, but are in neither relation.
    """

    base: str
    candidate: str
    changed: int = 0
    by_column: dict[int, int] = field(default_factory=dict)


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
    rows: Sequence[int],
    tolerance: Tolerance,
    *,
    samples: int,
    whole: bool,
) -> Narrowed | None:
    """The rows that may differ; None when the tables hold the same rows.

    ``samples`` changed rows of the lowest keys are always among them; with ``whole`` all that differ are.
    """
    fuzzy = [i for i, column in enumerate(columns.all) if column.how.fuzzy]
    heavy = fuzzy or (_heavy(session, columns, sides, tolerance) if columns.keyed else [])
    most = int(_FEW * max(rows))
    keys: str | None = None
    changed = 0
    by_column: dict[int, int] = {}
    # Sums of buckets in an array rather than a hash table, and texts that are thrown away are not unpacked.
    with session.tuned(perfect_ht_threshold=16):
        prints = Signatures.of(session, columns, sides, heavy)
        if rows[0] == rows[1] and (fuzzy or not heavy) and prints.equal():
            return None
        if not heavy:
            left = prints.narrowed(max(rows))
            if left is None:
                return None if rows[0] == rows[1] else everything(columns, sides)
            unique = left is prints and _nearly_unique(session, left.base, rows[0])
            keys = (_Meeting(session, columns, left, tolerance).listed() if unique else None) or left.cancelled()
        elif _nearly_unique(session, prints.base, rows[0]):
            met = _Meeting(session, columns, prints, tolerance)
            if columns.keyed and not whole:
                keys, changed, by_column = met.counted(most=most, lowest=max(samples, 1), list_all=bool(fuzzy))
            else:
                keys = met.listed()
    if keys is None or session.row(f"SELECT count(*) FROM {keys}")[0] > most:
        return everything(columns, sides)
    with session.tuned(enable_fsst_vectors=True):
        where = [f" WHERE {key_hash(columns, which)} IN (FROM {keys})" for which in (0, 1)]
        fetched = [session.make(project(columns, which, sides[which].source, where[which])) for which in (0, 1)]
    return Narrowed(fetched[0], fetched[1], changed, by_column)


def everything(columns: Columns, sides: tuple[Side, Side]) -> Narrowed:
    """All rows of both tables."""
    base, candidate = (f"({project(columns, which, sides[which].source)})" for which in (0, 1))
    return Narrowed(base, candidate)


def _heavy(session: Session, columns: Columns, sides: tuple[Side, Side], tolerance: Tolerance) -> list[int]:
    """Positions of the columns that differ in many rows, judged by the heads of the tables; none where those don't meet."""
    base, candidate = (project(columns, which, f"(FROM {side.source} LIMIT {_PROBE})") for which, side in enumerate(sides))
    on = all_true(f"b.c{i} IS NOT DISTINCT FROM c.c{i}" for i in range(len(columns.key)))
    values = range(len(columns.key), len(columns.all))
    same = (tolerance.same(f"b.c{i}", f"c.c{i}", fuzzy=columns.all[i].how.fuzzy) for i in values)
    flags = listing((f"count(*) FILTER (NOT {equal})" for equal in same), lead=True)
    pairs, *changed = session.row(f"SELECT count(*){flags} FROM ({base}) b JOIN ({candidate}) c ON {on}")
    heavy = [i for i, count in zip(values, changed, strict=True) if count > 0.2 * pairs]
    # More pairs than rows: keys have copies, and what meets here says nothing.
    return heavy if _PROBE // 8 <= pairs <= _PROBE and len(heavy) <= 6 else []


def _nearly_unique(session: Session, prints: str, rows: int) -> bool:
    """Whether meeting by key hash can't multiply rows: few keys have copies, and none has many."""
    buckets = 1 << 16
    (largest,) = session.row(
        f"SELECT coalesce(max(n), 0) FROM (SELECT count(*) AS n FROM {prints} GROUP BY CAST(k & {buckets - 1} AS USMALLINT))"
    )
    expected = rows / buckets
    if largest > 2 * expected + 8 * expected**0.5 + 64:
        return False
    copies = f"SELECT count(*) AS n FROM {prints} WHERE (k >> 40) & 63 = 0 GROUP BY k"
    pairs, sample = session.row(f"SELECT coalesce(sum(n * n), 0), coalesce(sum(n), 0) FROM ({copies})")
    return bool(pairs <= 1.5 * sample + 64)


@dataclass(frozen=True, slots=True)
class _Meeting:
    """Signatures joined by key hash, in one pass that keeps counts and the keys in doubt only.

    A row is *deep* when it has no partner or its exactly compared columns differ; otherwise ``x<i>`` says which heavy
    columns differ, by value.
    """

    session: Session
    columns: Columns
    prints: Signatures
    tolerance: Tolerance

    @property
    def heavy(self) -> tuple[int, ...]:
        return self.prints.heavy

    def listed(self) -> str | None:
        """All keys in doubt; None when a key turned out to have copies on both sides."""
        met = self._meet(f"list(k) FILTER (deep OR {self._differs}) AS doubtful")
        return self.session.make(f"SELECT unnest(doubtful) AS k FROM {met}") if met else None

    def counted(self, *, most: int, lowest: int, list_all: bool) -> tuple[str | None, int, dict[int, int]]:
        """Keys in doubt; where more than ``most`` differ in heavy columns alone, just the ``lowest`` of those, as examples.

        The others were compared by value here: how many there are, and how many differ in each heavy column.
        """
        only = f"NOT deep AND ({self._differs})"
        names = [*(f"c{i}" for i in range(len(self.columns.key))), "k", *(f"x{i}" for i in self.heavy)]
        first = f"min(struct_pack({listing(f'{name} := {name}' for name in names)}), {lowest}) FILTER ({only}) AS lowest"
        sums = listing((f"count(*) FILTER (NOT deep AND x{i}) AS x{i}" for i in self.heavy), lead=True)
        # Where the heavy columns were found by looking, so many rows differ that a list of them is of no use.
        others = f", list(k) FILTER ({only}) AS others" if list_all else ""
        met = self._meet(f"count(*) FILTER ({only}) AS beyond, list(k) FILTER (deep) AS deep, {first}{sums}{others}")
        if met is None:
            return None, 0, {}
        flags = listing((f"x{i}" for i in self.heavy), lead=True)
        totals = self.session.row(f"SELECT beyond{flags} FROM {met}")
        if list_all and totals[0] <= most:
            return self.session.make(f"SELECT unnest(deep) AS k FROM {met} UNION ALL SELECT unnest(others) FROM {met}"), 0, {}
        picked = self.session.make(f"SELECT unnest(lowest, recursive := true) FROM {met}")
        keys = self.session.make(f"SELECT unnest(deep) AS k FROM {met} UNION ALL SELECT k FROM {picked}")
        counts = listing((f"count(*) FILTER (x{i})" for i in self.heavy), lead=True)
        shown = self.session.row(f"SELECT count(*){counts} FROM {picked}")
        left = [total - seen for total, seen in zip(totals, shown, strict=True)]
        return keys, left[0], dict(zip(self.heavy, left[1:], strict=True))

    @property
    def _differs(self) -> str:
        return any_true(f"x{i}" for i in self.heavy)

    def _meet(self, wanted: str) -> str | None:
        """One row with the wanted aggregates; None unless the join was one to one."""
        columns = self.columns.all
        same = [(i, self.tolerance.same(f"b.t{i}", f"c.t{i}", fuzzy=columns[i].how.fuzzy)) for i in self.heavy]
        parts = [f"NOT {equal} AS x{i}" for i, equal in same]
        if self.heavy:
            parts += [f"coalesce(b.c{i}, c.c{i}) AS c{i}" for i in range(len(self.columns.key))]
        met = self.session.make(
            f"SELECT count(*) AS n, count(hb) AS b, count(hc) AS c, {wanted} FROM (SELECT coalesce(b.k, c.k) AS k, "
            f"b.h AS hb, c.h AS hc, b.h IS DISTINCT FROM c.h AS deep{listing(parts, lead=True)} "
            f"FROM {self.prints.base} b FULL JOIN {self.prints.candidate} c ON b.k IS NOT DISTINCT FROM c.k)"
        )
        seen = self.session.row(f"SELECT b, c FROM {met}")
        rows = tuple(self.session.row(f"SELECT count(*) FROM {name}")[0] for name in self.prints.both)
        return met if seen == rows else None
