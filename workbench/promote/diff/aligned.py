"""Rows that lie side by side in two Parquet files: compared by place, reading just the columns whose bytes differ."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from workbench.promote.diff.beside import beside
from workbench.promote.diff.chunks import Matched, Span
from workbench.promote.diff.fuzzy import Tolerance
from workbench.promote.diff.narrow import Narrowed
from workbench.promote.diff.parts import Part
from workbench.promote.diff.rows import differing, project
from workbench.promote.diff.schema import Columns
from workbench.promote.diff.session import Session
from workbench.promote.diff.signature import key_hash
from workbench.promote.diff.sql import any_true, hash_of, listing

_THREADS = 2
# A larger share of rows than this is checked for copies of keys by their order, not by looking each up.
_FEW = 0.05
_ROW = "file_row_number"


@dataclass(frozen=True, slots=True)
class _Found:
    """Rows that differ: how many, in each column, the places of the lowest keys, all places, and the hashes of their keys."""

    count: int
    by_column: dict[int, int]
    lowest: list[int]
    places: Any
    hashes: Any


def by_place(
    session: Session,
    columns: Columns,
    parts: tuple[Part, Part],
    matched: Matched,
    tolerance: Tolerance,
    *,
    samples: int,
    whole: bool,
) -> Narrowed | None:
    """What the aligned spans of two files differ in; None where a key in doubt has copies, so that its place says nothing.

    Examples are fetched by their place; all other differing rows were compared by value here and are counted. With ``whole``
    all that differ are fetched, and None says that those are too many.
    """
    positions = [i for i, column in enumerate(columns.all) if column.name in matched.columns]
    found = _in_arrow(columns, parts, matched, positions, None if whole else max(samples, 1))
    if found is None:
        found = _positions(session, columns, parts, matched.aligned, positions, tolerance, max(samples, 1))
        if found is None or (found.count and not _unique(session, columns, parts, matched, found)):
            return None
    if whole:
        if found.count > _FEW * _rows(matched.aligned):
            return None
        doubt = session.hold(_column(found.places))
        where = f" WHERE {_ROW} IN (FROM {doubt})"
        sources = [part.rows(matched.aligned, place=True) for part in parts]
    else:
        where = ""
        sources = [part.at(found.lowest) for part in parts]
    base, candidate = (session.make(project(columns, which, source, where)) for which, source in enumerate(sources))
    shown = differing(session, columns, base, candidate, tolerance)
    left = {i: count - shown.changed_by_column[i] for i, count in found.by_column.items()}
    return Narrowed(base, candidate, found.count - shown.changed, left)


def _in_arrow(
    columns: Columns, parts: tuple[Part, Part], matched: Matched, positions: Sequence[int], places: int | None
) -> _Found | None:
    """What differs, where Arrow can tell; keys then ascend, so that each stands once and the first are the lowest."""
    paths, loose = (parts[0].path, parts[1].path), (matched.base, matched.candidate)
    found = beside(paths, matched.aligned, loose, columns.key, [columns.all[i] for i in positions], places)
    if found is None:
        return None
    by_column = {i: found.by_column[columns.all[i].name] for i in positions}
    return _Found(found.count, by_column, found.places, found.places, None)


def _rows(spans: Sequence[Span]) -> int:
    return sum(stop - start for start, stop in spans)


def _column(values: Any) -> Any:
    import pyarrow as pa

    return pa.table({"v": values})


def _positions(
    session: Session,
    columns: Columns,
    parts: tuple[Part, Part],
    spans: Sequence[Span],
    positions: Sequence[int],
    tolerance: Tolerance,
    lowest: int,
) -> _Found | None:
    """The differing rows of both files' ``spans``, each thread with a share of them; None should the rows lie otherwise."""
    import pyarrow as pa

    keys = listing((f"{column.form(0)} AS k{i}" for i, column in enumerate(columns.key)), lead=True)
    ours, theirs = (
        listing((f"{columns.all[i].form(which)} AS {'bc'[which]}{i}" for i in positions), lead=True) for which in (0, 1)
    )
    flags = listing(
        (f"NOT {tolerance.same(f'b{i}', f'c{i}', fuzzy=columns.all[i].how.fuzzy)} AS x{i}" for i in positions), lead=True
    )
    hashed = hash_of(column.how.hashed(f"k{i}") for i, column in enumerate(columns.key))
    counts = listing((f"count(*) FILTER (x{i}) AS x{i}" for i in positions), lead=True)
    order = listing([*(f"k{i} := k{i}" for i in range(len(columns.key))), "place := b"])
    different = any_true(f"x{i}" for i in positions)

    def query(share: Sequence[Span]) -> str:
        base, candidate = (part.rows(share, place=True) for part in parts)
        return (
            f"SELECT count(*) FILTER (b IS DISTINCT FROM c) AS torn, "
            f"list_transform(min(struct_pack({order}), {lowest}), lambda e: e.place) AS lowest, "
            f"list(b) AS places, list({hashed}) AS hashes{counts} "
            f"FROM (SELECT *{flags} FROM (SELECT {_ROW} AS b{keys}{ours} FROM {base}) "
            f"POSITIONAL JOIN (SELECT {_ROW} AS c{theirs} FROM {candidate})) WHERE {different} OR b IS DISTINCT FROM c"
        )

    with ThreadPoolExecutor(_THREADS) as pool:
        shares = _shares(spans)
        cursors = [session.con.cursor() for _ in shares]
        try:
            tables = list(
                pool.map(lambda pair: pair[0].sql(query(pair[1])).to_arrow_table(), zip(cursors, shares, strict=True))
            )
        finally:
            for cursor in cursors:
                cursor.close()
    if any(table["torn"][0].as_py() for table in tables):
        return None
    places, hashes = (
        pa.chunked_array([chunk.flatten() for table in tables for chunk in table[name].chunks]) for name in ("places", "hashes")
    )
    totals = {i: sum(table[f"x{i}"][0].as_py() for table in tables) for i in positions}
    some = [place for table in tables for place in table["lowest"][0].as_py() or []]
    if len(some) > lowest:
        some = _lowest(session, columns, parts[0], some, lowest)
    return _Found(len(places), totals, sorted(some), places, hashes)


def _shares(spans: Sequence[Span]) -> list[list[Span]]:
    """The spans in one part for each thread, of about as many rows; none is empty.

    >>> _shares([(0, 10), (20, 22)])
    [[(0, 6)], [(6, 10), (20, 22)]]
    """
    size = -(-_rows(spans) // _THREADS)
    shares: list[list[Span]] = [[]]
    room = size
    for start, stop in spans:
        while start < stop:
            if room == 0:
                shares.append([])
                room = size
            end = min(stop, start + room)
            shares[-1].append((start, end))
            room -= end - start
            start = end
    return shares


def _lowest(session: Session, columns: Columns, part: Part, places: Sequence[int], count: int) -> list[int]:
    rows = part.at(places, place=True)
    order = listing(f"{column.form(0)} NULLS LAST" for column in columns.key)
    return [place for (place,) in session.rows(f"SELECT {_ROW} FROM {rows} ORDER BY {order} LIMIT {count}")]


def _unique(session: Session, columns: Columns, parts: tuple[Part, Part], matched: Matched, found: _Found) -> bool:
    """Whether each key in doubt stands once on either side, among all rows that were not cancelled."""
    sides = [
        part.rows(sorted([*matched.aligned, *spans]), place=True)
        for part, spans in zip(parts, (matched.base, matched.candidate), strict=True)
    ]
    # The keys of aligned spans are the same bytes, so a candidate with nothing beside them needs no look of its own.
    sides = sides if matched.candidate else sides[:1]
    if found.count > _FEW * _rows(matched.aligned):
        return all(_ascending(session, columns, which, side) for which, side in enumerate(sides))
    keys = session.hold(_column(found.hashes))
    counts = [
        session.row(f"SELECT count(*) FROM {side} WHERE {key_hash(columns, which)} IN (FROM {keys})")[0]
        for which, side in enumerate(sides)
    ]
    return all(count == found.count for count in counts)


def _ascending(session: Session, columns: Columns, which: int, side: str) -> bool:
    """Whether each key is greater than the one before it; without a NULL among them."""
    names = range(len(columns.key))
    forms = [f"{column.form(which)} AS k{i}" for i, column in enumerate(columns.key)]
    before = [f"lag(k{i}) OVER () AS l{i}" for i in names]
    greater = "FALSE"
    for i in reversed(names):
        greater = f"(k{i} > l{i} OR (k{i} = l{i} AND {greater}))"
    (wrong,) = session.row(
        f"SELECT count(*) FROM (SELECT *, lag(place) OVER () AS previous{listing(before, lead=True)} "
        f"FROM (SELECT {_ROW} AS place{listing(forms, lead=True)} FROM {side})) "
        f"WHERE previous IS NOT NULL AND NOT coalesce(place > previous AND {greater}, FALSE)"
    )
    return bool(wrong == 0)
