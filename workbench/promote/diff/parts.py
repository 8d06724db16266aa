"""Parts of tables that are Parquet files: which files both sides share, and SQL that reads some rows of a file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.promote.diff.beside import equal
from workbench.promote.diff.chunks import Matched, Span, match
from workbench.promote.diff.schema import Columns
from workbench.promote.diff.session import Session, Side
from workbench.promote.diff.sql import any_true, ident, listing
from workbench.runtime.duck import Listed, file_list

if TYPE_CHECKING:
    from duckdb.sqltypes import DuckDBPyType

# Smaller files are not worth a look at their bytes.
WORTH = 1 << 22
# Rows at the head of what is left that are worth a look whether they are the same.
_HEAD = 250_000
_ROW = "file_row_number"


@dataclass(frozen=True, slots=True)
class Part:
    """One file of a table, read with the table's types."""

    path: Path
    columns: Mapping[str, DuckDBPyType]

    def rows(self, spans: Sequence[Span] | None = None, *, place: bool = False) -> str:
        """What can stand after FROM: all rows, or those of ``spans``; with ``place`` also ``file_row_number``.

        Row groups outside of the spans are not read.
        """
        parts = [*_cast(self.columns), *([_ROW] if place else [])]
        where = ""
        if spans is not None:
            where = " WHERE " + (" OR ".join(f"{_ROW} BETWEEN {start} AND {stop - 1}" for start, stop in spans) or "FALSE")
        return self._select(parts, where)

    def at(self, places: Sequence[int], *, place: bool = False) -> str:
        """What can stand after FROM: the rows of a few places."""
        where = f" WHERE {_ROW} IN ({listing(map(str, places))})" if places else " WHERE FALSE"
        return self._select([*_cast(self.columns), *([_ROW] if place else [])], where)

    def _select(self, parts: Sequence[str], where: str) -> str:
        source = f"read_parquet({file_list([self.path])}, file_row_number = true, hive_partitioning = false)"
        return f"(SELECT {listing(parts)} FROM {source}{where})"


@dataclass(frozen=True, slots=True)
class Reduced:
    """What is left to compare of two tables once files and row groups with equal bytes are taken out of both.

    ``equal`` rows were taken out. ``lone`` is set where one file on either side is left, with what its bytes say: then the
    ``sides`` hold its loose rows alone, and the aligned ones are still to be compared.
    """

    sides: tuple[Side, Side]
    equal: int = 0
    lone: tuple[tuple[Part, Part], Matched] | None = None


def reduced(session: Session, columns: Columns, sides: tuple[Side, Side], *, by_place: bool) -> Reduced:
    """Take equal files and row groups out; with ``by_place`` also leave aligned rows to be compared by their place."""
    listed = [side.files for side in sides]
    if listed[0] is None or listed[1] is None or not columns.all or any(_ROW in map(str.lower, side.columns) for side in sides):
        return Reduced(sides)
    alike = [column for column in columns.all if str(column.base) == str(column.candidate)]
    ours, theirs, equal = list(listed[0]), list(listed[1]), 0
    if len(alike) == len(columns.all):
        ours, theirs, equal = _apart(ours, theirs)
    pairs, lonely = _pairs(ours, theirs)
    pieces: tuple[list[str], list[str]] = ([], [])
    lone = None
    for one, other in pairs:
        parts = Part(one.path, sides[0].columns), Part(other.path, sides[1].columns)
        matched = _matched(one, other, columns, {column.name for column in alike})
        if matched is None:
            for which in (0, 1):
                pieces[which].append(parts[which].rows())
            continue
        matched = _longer(session, columns, parts, matched)
        equal += matched.equal
        if by_place and matched.aligned and len(pairs) == 1 and not lonely[0] and not lonely[1]:
            lone = parts, matched
        else:
            both = (tuple(sorted([*matched.aligned, *spans])) for spans in (matched.base, matched.candidate))
            matched = replace(matched, aligned=(), base=next(both), candidate=next(both))
        for which, spans in enumerate((matched.base, matched.candidate)):
            if spans:
                pieces[which].append(parts[which].rows(spans))
    for which, files in enumerate(lonely):
        pieces[which].extend(Part(file.path, sides[which].columns).rows() for file in files)
    if not equal and lone is None:
        return Reduced(sides)
    left = tuple(
        replace(side, source=f"({' UNION ALL '.join(f'FROM {piece}' for piece in own)})" if own else _empty(side.columns))
        for side, own in zip(sides, pieces, strict=True)
    )
    return Reduced((left[0], left[1]), equal, lone)


def _longer(session: Session, columns: Columns, parts: tuple[Part, Part], matched: Matched) -> Matched:
    """The same, when the last loose rows of both files begin alike: rows were appended to a row group that was not full."""
    if not (matched.base and matched.candidate and matched.base[-1][0] == matched.candidate[-1][0]):
        return matched
    start, stop = matched.base[-1][0], min(matched.base[-1][1], matched.candidate[-1][1])
    if stop - start > _HEAD:
        return matched
    if not _equal(session, columns, parts, (start, stop)):
        return matched
    rest = (
        (*spans[:-1], *([(stop, spans[-1][1])] if spans[-1][1] > stop else [])) for spans in (matched.base, matched.candidate)
    )
    return replace(matched, equal=matched.equal + stop - start, base=next(rest), candidate=next(rest))


def _equal(session: Session, columns: Columns, parts: tuple[Part, Part], span: Span) -> bool:
    """Whether both files have equal rows at the same places; where Arrow can't tell, as the engine sees it."""
    found = equal((parts[0].path, parts[1].path), span, columns.all)
    if found is not None:
        return found
    ours, theirs = (
        listing((f"{column.form(which)} AS {'bc'[which]}{i}" for i, column in enumerate(columns.all)), lead=True)
        for which in (0, 1)
    )
    differs = any_true(["b <> c", *(f"b{i} IS DISTINCT FROM c{i}" for i in range(len(columns.all)))])
    base, candidate = (part.rows([span], place=True) for part in parts)
    (differing,) = session.row(
        f"SELECT count(*) FROM (SELECT {_ROW} AS b{ours} FROM {base}) "
        f"POSITIONAL JOIN (SELECT {_ROW} AS c{theirs} FROM {candidate}) WHERE {differs}"
    )
    return bool(differing == 0)


def _cast(columns: Mapping[str, DuckDBPyType]) -> list[str]:
    return [f"CAST({ident(name)} AS {kind}) AS {ident(name)}" for name, kind in columns.items()]


def _empty(columns: Mapping[str, DuckDBPyType]) -> str:
    return f"(SELECT {listing(f'CAST(NULL AS {kind}) AS {ident(name)}' for name, kind in columns.items())} WHERE FALSE)"


def _apart(ours: Sequence[Listed], theirs: Sequence[Listed]) -> tuple[list[Listed], list[Listed], int]:
    """The files of either side that the other one lacks, by their digests, copy by copy; and the rows of the others."""
    both = Counter(file.sha256 for file in ours if file.sha256) & Counter(file.sha256 for file in theirs if file.sha256)
    equal = 0
    left: list[list[Listed]] = []
    for files in (ours, theirs):
        shared = both.copy()
        own, equal = [], 0
        for file in files:
            if file.sha256 and shared[file.sha256] > 0:
                shared[file.sha256] -= 1
                equal += file.rows
            else:
                own.append(file)
        left.append(own)
    return left[0], left[1], equal


def _pairs(ours: list[Listed], theirs: list[Listed]) -> tuple[list[tuple[Listed, Listed]], tuple[list[Listed], list[Listed]]]:
    """Files of the same partition beside each other, and those without a partner. Which files are paired is never wrong,
    only more or less worth while."""
    others: dict[str | None, list[Listed]] = {}
    for file in theirs:
        others.setdefault(file.partition, []).append(file)
    pairs, alone = [], []
    for file in ours:
        if others.get(file.partition):
            pairs.append((file, others[file.partition].pop(0)))
        else:
            alone.append(file)
    return pairs, (alone, [file for files in others.values() for file in files])


def _matched(one: Listed, other: Listed, columns: Columns, alike: set[str]) -> Matched | None:
    if min(file.path.stat().st_size for file in (one, other)) < WORTH:
        return None
    # A column of another type must be decoded; one that no file has under its name counts as different as well.
    key = [column.name for column in columns.key]
    if not set(key) <= alike:
        return None
    found = match(one.path, other.path, key, [column.name for column in columns.all], alike)
    return found if found is not None and (found.equal or found.aligned) else None
