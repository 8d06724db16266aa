"""The rows in doubt, read from the tables: the columns that may differ first, others only where they must."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from workbench.promote.diff.rows import ADDED, CHANGED, REMOVED, Differing, project
from workbench.promote.diff.schema import Columns
from workbench.promote.diff.session import Session, Side
from workbench.promote.diff.signature import Doubt, Shares, key_hash
from workbench.promote.diff.sql import all_true, any_true, hash_of, ident, listing


@dataclass(frozen=True, slots=True)
class Narrowed:
    """Projected relations with all rows that may differ, and what was already counted beyond them.

    ``changed`` and ``by_column`` count rows that differ, but are in neither relation. The columns at the positions
    ``lacking`` do not differ in rows of a key that both relations have, and may be NULL in all rows.
    """

    base: str
    candidate: str
    changed: int = 0
    by_column: dict[int, int] = field(default_factory=dict)
    lacking: tuple[int, ...] = ()


def everything(columns: Columns, sides: Sequence[Side]) -> Narrowed:
    """All rows of both tables."""
    base, candidate = (f"({project(columns, which, side.source)})" for which, side in enumerate(sides))
    return Narrowed(base, candidate)


def in_full(session: Session, columns: Columns, sides: Sequence[Side], keys: str) -> Narrowed:
    """All rows whose key hashes are in a table, with all columns."""
    with session.tuned(enable_fsst_vectors=True):  # texts of rows that are filtered out are not unpacked
        base, candidate = (
            session.make(project(columns, which, side.source, f" WHERE {key_hash(columns, which)} IN (SELECT k FROM {keys})"))
            for which, side in enumerate(sides)
        )
    return Narrowed(base, candidate)


def in_shares(
    session: Session, columns: Columns, sides: Sequence[Side], doubt: Doubt, keys: str, shares: Shares
) -> Narrowed | None:
    """The same, all shares of columns but the first only of rows whose hashes say that what was read does not tell all; None
    where a key turns out to have copies.

    ``keys`` holds the keys in doubt and others whose rows have equal hashes.
    """
    hashes = [key_hash(columns, which) for which in (0, 1)]

    def read(which: int, share: int, among: str, only: Sequence[int]) -> str:
        """The columns ``only``, with the hashes of the key and of the share."""
        also = [f"{hashes[which]} AS k", f"{shares.hash(columns, which, share)} AS part"]
        where = f" WHERE {hashes[which]} IN (SELECT k FROM {among})"
        return session.make(project(columns, which, sides[which].source, where, only=only, also=also))

    first = [i for i in range(len(columns.all)) if i not in shares.later]
    with session.tuned(enable_fsst_vectors=True):  # texts of rows that are filtered out are not unpacked
        found = [[read(which, 0, keys, first)] for which in (0, 1)]
        for (table,) in found:
            rows, different = session.row(f"SELECT count(*), count(DISTINCT k) FROM {table}")
            if rows != different:
                return None
        left = f"(SELECT k, xor(hb, hc) AS x FROM {doubt.keys})"
        for share in range(1, len(shares.all)):
            # What is left of both hashes when the shares that were read are taken out of them differs with the others.
            base, candidate = (tables[-1] for tables in found)
            left = session.make(
                f"SELECT l.k, xor(l.x, xor(b.part, c.part)) AS x FROM {left} l JOIN {base} b ON l.k = b.k "
                f"JOIN {candidate} c ON l.k = c.k WHERE l.x <> xor(b.part, c.part)"
            )
            (differ,) = session.row(f"SELECT count(*) FROM {left}")
            if not differ:
                break
            for which, tables in enumerate(found):
                tables.append(read(which, share, left, shares.all[share]))
    unread = [i for share in shares.all[len(found[0]) :] for i in share]
    narrowed = [_beside(session, columns, which, sides[which], tables, unread) for which, tables in enumerate(found)]
    return Narrowed(narrowed[0], narrowed[1], lacking=shares.later)


def _beside(session: Session, columns: Columns, which: int, side: Side, tables: Sequence[str], unread: Sequence[int]) -> str:
    """The rows of the first table with what the others have of them; NULL in columns that were not read."""
    names = [f"t{n}.* EXCLUDE (k, part)" for n in range(len(tables))]
    joins = [f"{tables[0]} t0", *(f"LEFT JOIN {table} t{n} ON t0.k = t{n}.k" for n, table in enumerate(tables[1:], 1))]
    if unread:
        names.append("u.*")
        joins.append(f"LEFT JOIN ({project(columns, which, side.source, ' LIMIT 0', only=unread)}) u ON FALSE")
    return session.make(f"SELECT {listing(names)} FROM {' '.join(joins)}")


def examples(
    session: Session, columns: Columns, sides: Sequence[Side], found: Differing, lacking: Sequence[int], count: int
) -> str:
    """A table as that of the differing rows, with the lowest ``count`` of each kind and nothing lacking.

    Keys are unique on both sides.
    """
    keys = range(len(columns.key))
    order = listing(f"coalesce(b{i}, c{i}) NULLS LAST" for i in keys)
    lowest = " UNION ALL ".join(
        f"(FROM {found.table} WHERE kind = {kind} ORDER BY {order} LIMIT {count})" for kind in (ADDED, REMOVED, CHANGED)
    )
    forms = listing(f"coalesce(b{i}, c{i}) AS c{i}" for i in keys)
    # Nothing but NULL on a side whose row is lacking: the key is that of the other side.
    shown = session.make(f"SELECT *, row_number() OVER () AS example FROM ({lowest})")
    wanted = session.make(f"SELECT example, kind, {forms} FROM {shown}")
    plain = all(column.how.same and not column.how.nested for column in columns.key)
    (nulls,) = session.row(f"SELECT count(*) FROM {wanted} WHERE {any_true(f'c{i} IS NULL' for i in keys)}")
    joins, values = "", []
    for which, letter in enumerate("bc"):
        side = sides[which]
        here = f"FROM {wanted} WHERE kind <> {(ADDED, REMOVED)[which]}"  # keys of rows that this side has
        if plain and not nulls:
            # Each value by itself, which the engine takes to the storage: what can't hold them is not read.
            names = listing(ident(column.name) for column in columns.key)
            where = f"({names}) IN (SELECT {listing(f'c{i}' for i in keys)} {here})"
        else:
            hashed = hash_of(column.how.hashed(f"c{i}") for i, column in enumerate(columns.key))
            where = f"{key_hash(columns, which)} IN (SELECT {hashed} {here})"
        rows = project(columns, which, side.source, f" WHERE {where}", only=[*keys, *lacking])
        same = all_true(f"w.c{i} IS NOT DISTINCT FROM v.c{i}" for i in keys)
        rest = session.make(
            f"SELECT w.example, v.* EXCLUDE ({listing(f'c{i}' for i in keys)}) FROM {wanted} w JOIN ({rows}) v ON {same}"
        )
        joins += f" LEFT JOIN {rest} {letter} ON s.example = {letter}.example"
        for i in lacking:
            values.append(f"{letter}.c{i} AS {letter}{i}")
            if not columns.all[i].how.same:
                values.append(f"{letter}.r{i} AS r{letter}{i}")
    return session.make(f"SELECT s.* REPLACE ({listing(values)}) FROM {shown} s{joins}")
