"""The rows in doubt, read from the tables: narrow columns first, wide ones only where they can differ."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from workbench.promote.diff.rows import ADDED, CHANGED, REMOVED, Differing, project
from workbench.promote.diff.schema import Columns
from workbench.promote.diff.session import Session, Side
from workbench.promote.diff.signature import Doubt, Halves, key_hash
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


def in_halves(
    session: Session, columns: Columns, sides: Sequence[Side], doubt: Doubt, keys: str, halves: Halves
) -> Narrowed | None:
    """The same, the wide columns only of rows whose hashes say that those differ; None where a key turns out to have copies.

    ``keys`` holds the keys in doubt and others whose rows have equal hashes.
    """
    narrow = [i for i in range(len(columns.all)) if i not in halves.wide]
    hashes = [key_hash(columns, which) for which in (0, 1)]
    first, found = [], []
    for which, side in enumerate(sides):
        also = [f"{hashes[which]} AS k", f"{halves.narrow_hash(columns, which)} AS half"]
        where = f" WHERE {hashes[which]} IN (SELECT k FROM {keys})"
        first.append(session.make(project(columns, which, side.source, where, only=narrow, also=also)))
        rows, different = session.row(f"SELECT count(*), count(DISTINCT k) FROM {first[which]}")
        if rows != different:
            return None
    base, candidate = first
    wide = session.make(
        f"SELECT d.k FROM {doubt.keys} d JOIN {base} b ON d.k = b.k JOIN {candidate} c ON d.k = c.k "
        "WHERE xor(d.hb, b.half) <> xor(d.hc, c.half)"
    )
    (differ,) = session.row(f"SELECT count(*) FROM {wide}")
    with session.tuned(enable_fsst_vectors=True):
        for which, side in enumerate(sides):
            where = f" WHERE {hashes[which]} IN (SELECT k FROM {wide})" if differ else " LIMIT 0"
            rest = project(columns, which, side.source, where, only=halves.wide, also=[f"{hashes[which]} AS k"])
            found.append(
                session.make(
                    f"SELECT f.* EXCLUDE (k, half), w.* EXCLUDE (k) FROM {first[which]} f LEFT JOIN ({rest}) w ON f.k = w.k"
                )
            )
    return Narrowed(found[0], found[1], lacking=halves.wide)


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
    wanted = session.make(f"SELECT example, {forms} FROM {shown}")
    plain = all(column.how.same and not column.how.nested for column in columns.key)
    (nulls,) = session.row(f"SELECT count(*) FROM {wanted} WHERE {any_true(f'c{i} IS NULL' for i in keys)}")
    joins, values = "", []
    for which, letter in enumerate("bc"):
        side = sides[which]
        if plain and not nulls:
            # Each value by itself, which the engine takes to the storage: what can't hold them is not read.
            names = listing(ident(column.name) for column in columns.key)
            where = f"({names}) IN (SELECT {listing(f'c{i}' for i in keys)} FROM {wanted})"
        else:
            hashed = hash_of(column.how.hashed(f"c{i}") for i, column in enumerate(columns.key))
            where = f"{key_hash(columns, which)} IN (SELECT {hashed} FROM {wanted})"
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
