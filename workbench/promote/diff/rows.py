"""Which rows were added, removed and changed: exact, by value, with duplicates and tolerances.

Rows are multisets per key. Identical copies cancel, copies within the tolerance match next, and what is left of a key
pairs up in the order of its values; the surplus was added or removed. Without a key nothing pairs up.

The result is a temporary table of the rows that differ. Its columns carry positions instead of names, so that no name of
a user's column can meet one of ours: ``kind`` (1 added, -1 removed, 0 changed), ``n`` copies, and for the i-th compared
column ``b<i>`` and ``c<i>`` (forms of both sides), ``rb<i>`` and ``rc<i>`` (raw values, where the form is another one)
and ``x<i>`` (whether it differs).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from workbench.promote.diff.fuzzy import Tolerance, match_within
from workbench.promote.diff.schema import Columns
from workbench.promote.diff.session import Session
from workbench.promote.diff.sql import all_true, any_true, ident, listing

ADDED, REMOVED, CHANGED = 1, -1, 0


@dataclass(frozen=True, slots=True)
class Differing:
    """The rows that differ: a temporary table as described above, and how many there are of each kind.

    ``changed_by_column`` counts changed rows for each compared column, by its position. Where ``table`` lacks values, ``shown``
    is a table like it with the rows of the lowest keys, in full.
    """

    table: str
    added: int
    removed: int
    changed: int
    changed_by_column: dict[int, int]
    shown: str | None = None

    def with_more(self, changed: int, by_column: dict[int, int]) -> Differing:
        """The same with changed rows that were counted elsewhere and are not in the table."""
        total = {i: count + by_column.get(i, 0) for i, count in self.changed_by_column.items()}
        return replace(self, changed=self.changed + changed, changed_by_column=total)


def project(
    columns: Columns, side: int, source: str, where: str = "", *, only: Sequence[int] | None = None, also: Sequence[str] = ()
) -> str:
    """One side as positional columns ``c<i>`` (forms) and ``r<i>`` (raw values, where the form is another one).

    With ``only`` just those positions, and ``also`` other SQL beside them.
    """
    parts = [*also]
    for i, column in enumerate(columns.all):
        if only is not None and i not in only:
            continue
        parts.append(f"{column.form(side)} AS c{i}")
        if not column.how.same:
            parts.append(f"{ident(column.name)} AS r{i}")
    return f"SELECT {listing(parts)} FROM {source}{where}"


def differing(session: Session, columns: Columns, base: str, candidate: str, tolerance: Tolerance) -> Differing:
    """Compare two projected relations (SQL that can stand after FROM) row by row."""
    empty = [not session.rows(f"SELECT 1 FROM {relation} LIMIT 1") for relation in (base, candidate)]
    if any(empty):
        return _one_sided(session, columns, base, candidate, REMOVED if empty[1] else ADDED)
    if columns.keyed and _unique(session, columns, base) and _unique(session, columns, candidate):
        table = _joined(session, columns, base, candidate, tolerance, "")
    else:
        table = _paired(session, columns, base, candidate, tolerance)
    flags = [f"count(*) FILTER (kind = {CHANGED} AND x{i})" for i in _value_positions(columns)]
    counts = session.row(
        f"SELECT {listing(f'coalesce(sum(n) FILTER (kind = {kind}), 0)::BIGINT' for kind in (ADDED, REMOVED, CHANGED))}"
        f"{listing(flags, lead=True)} FROM {table}"
    )
    added, removed, changed, *by_column = counts
    return Differing(table, added, removed, changed, dict(zip(_value_positions(columns), by_column, strict=True)))


def _value_positions(columns: Columns) -> range:
    return range(len(columns.key), len(columns.all))


def _unique(session: Session, columns: Columns, relation: str) -> bool:
    keys = listing(f"c{i}" for i in range(len(columns.key)))
    return not session.rows(f"SELECT 1 FROM (SELECT count(*) AS n FROM {relation} GROUP BY {keys}) WHERE n > 1 LIMIT 1")


def _one_sided(session: Session, columns: Columns, base: str, candidate: str, kind: int) -> Differing:
    """All rows of the side that has some were added or removed; they are read where they are, once for each question."""
    (count,) = session.row(f"SELECT count(*) FROM {candidate if kind == ADDED else base}")
    sides = (
        f"{candidate} c LEFT JOIN (FROM {base} LIMIT 0) b"
        if kind == ADDED
        else f"{base} b LEFT JOIN (FROM {candidate} LIMIT 0) c"
    )
    flags = listing((f"NULL::BOOLEAN AS x{i}" for i in _value_positions(columns)), lead=True)
    table = f"(SELECT {kind}::TINYINT AS kind, 1::BIGINT AS n{listing(_both(columns), lead=True)}{flags} FROM {sides} ON FALSE)"
    nothing = dict.fromkeys(_value_positions(columns), 0)
    return Differing(table, count if kind == ADDED else 0, count if kind == REMOVED else 0, 0, nothing)


def _both(columns: Columns) -> list[str]:
    """The values of the relations ``b`` and ``c`` beside each other, as the table of differing rows names them."""
    names = []
    for i, column in enumerate(columns.all):
        names += [f"b.c{i} AS b{i}", f"c.c{i} AS c{i}"]
        if not column.how.same:
            names += [f"b.r{i} AS rb{i}", f"c.r{i} AS rc{i}"]
    return names


def _joined(session: Session, columns: Columns, base: str, candidate: str, tolerance: Tolerance, also: str) -> str:
    """Full join on the key (and ``also``, another condition); equal pairs left out."""
    values = zip(_value_positions(columns), columns.values, strict=True)
    flags = [f"NOT {tolerance.same(f'b.c{i}', f'c.c{i}', fuzzy=column.how.fuzzy)} AS x{i}" for i, column in values]
    on = all_true([f"b.c{i} IS NOT DISTINCT FROM c.c{i}" for i in range(len(columns.key))])
    different = any_true([f"x{i}" for i in _value_positions(columns)])
    return session.make(
        f"SELECT * FROM (SELECT CASE WHEN c.h IS NULL THEN {REMOVED} WHEN b.h IS NULL THEN {ADDED} ELSE {CHANGED} END AS kind, "
        f"1::BIGINT AS n{listing(_both(columns), lead=True)}{listing(flags, lead=True)} "
        f"FROM (SELECT *, TRUE AS h FROM {base}) b FULL JOIN (SELECT *, TRUE AS h FROM {candidate}) c ON {on}{also}) "
        f"WHERE kind <> {CHANGED} OR {different}"
    )


def _paired(session: Session, columns: Columns, base: str, candidate: str, tolerance: Tolerance) -> str:
    """Cancel identical copies, then those within tolerance; pair up the rest of each key."""
    count = len(columns.all)
    forms = listing(f"c{i}" for i in range(count))
    raw = [i for i, column in enumerate(columns.all) if not column.how.same]
    ours = listing((f"r{i} AS rb{i}, NULL AS rc{i}" for i in raw), lead=True)
    theirs = listing((f"NULL AS rb{i}, r{i} AS rc{i}" for i in raw), lead=True)
    left = session.make(
        f"SELECT {forms}, sum(s)::BIGINT AS d{listing((f'min(rb{i}) AS rb{i}, min(rc{i}) AS rc{i}' for i in raw), lead=True)} "
        f"FROM (SELECT 1 AS s, {forms}{ours} FROM {base} UNION ALL SELECT -1 AS s, {forms}{theirs} FROM {candidate}) "
        f"GROUP BY {forms} HAVING sum(s) <> 0"
    )
    fuzzy = [i for i, column in enumerate(columns.all) if column.how.fuzzy]
    if not columns.keyed and not fuzzy:
        return _whole(session, columns, left, raw)
    sides = []
    for sign, letter in ((1, "b"), (-1, "c")):
        raws = listing((f"r{letter}{i} AS r{i}" for i in raw), lead=True)
        # Every copy is a row of its own from here on, numbered in the order of the values.
        sides.append(
            session.make(
                f"SELECT row_number() OVER (ORDER BY {forms}) AS id, * FROM (SELECT {forms}{raws}, unnest(range({sign} * d)) "
                f"FROM {left} WHERE {sign} * d > 0)"
            )
        )
    if fuzzy:
        grouping = [i for i in range(count) if i not in fuzzy]
        sides = match_within(session, sides[0], sides[1], grouping, fuzzy, tolerance)
    if columns.keyed:
        ranks = [f"row_number() OVER (PARTITION BY {listing(f'c{i}' for i in range(len(columns.key)))} ORDER BY id)"] * 2
    else:
        ranks = ["id", "-id"]  # no row meets one of the other side
    base, candidate = (f"(SELECT {rank} AS rank, * FROM {side})" for rank, side in zip(ranks, sides, strict=True))
    return _joined(session, columns, base, candidate, tolerance, " AND b.rank = c.rank")


def _whole(session: Session, columns: Columns, left: str, raw: list[int]) -> str:
    """Rows without a key: every left-over row was added or removed."""
    sides = [
        listing(f"CASE WHEN d {sign} 0 THEN c{i} END AS {letter}{i}" for i in range(len(columns.all)))
        for sign, letter in ((">", "b"), ("<", "c"))
    ]
    flags = listing((f"NULL::BOOLEAN AS x{i}" for i in _value_positions(columns)), lead=True)
    raws = listing((f"rb{i}, rc{i}" for i in raw), lead=True)
    return session.make(
        f"SELECT CAST(-sign(d) AS TINYINT) AS kind, abs(d) AS n, {sides[0]}, {sides[1]}{raws}{flags} FROM {left}"
    )
