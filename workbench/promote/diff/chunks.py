"""Parquet files beside each other, byte by byte: what equal column chunks prove, so that only the rest is decoded.

A column chunk of a Parquet file holds one column of one row group. Where two chunks have the same schema, codec and number of
values, equal bytes decode to equal values, whoever wrote them; one deterministic writer makes equal values equal bytes almost
always. Different bytes prove nothing: those are decoded and compared.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

Span = tuple[int, int]
_PIECE = 1 << 20
_THREADS = 2


@dataclass(frozen=True, slots=True)
class Matched:
    """What the bytes of two files say about their rows, as half-open spans of row numbers.

    ``equal`` rows are in both files at the same place. ``aligned`` spans have the same rows on both sides, as far as the key
    goes, and differ at most in ``columns``. ``base`` and ``candidate`` are what must be compared in full.
    """

    equal: int = 0
    aligned: tuple[Span, ...] = ()
    columns: frozenset[str] = frozenset()
    base: tuple[Span, ...] = ()
    candidate: tuple[Span, ...] = ()


@dataclass(slots=True)
class _File:
    path: Path
    groups: list[int] = field(default_factory=list)
    leaves: dict[str, range] = field(default_factory=dict)
    kinds: list[str] = field(default_factory=list)
    chunks: list[list[tuple[int, int, Any]]] = field(default_factory=list)

    @property
    def spans(self) -> list[Span]:
        ends = [0]
        for rows in self.groups:
            ends.append(ends[-1] + rows)
        return list(pairwise(ends))


def match(base: Path, candidate: Path, key: Sequence[str], columns: Collection[str], alike: Collection[str]) -> Matched | None:
    """Compare two files row group by row group; None where their layout can't be told.

    ``columns`` are those that count, the key among them; one that is not ``alike`` (read with other types), or that a file
    lacks, counts as different.
    """
    ours, theirs = _layout(base), _layout(candidate)
    if ours is None or theirs is None:
        return None
    # Row groups lie side by side as long as all before them have equal numbers of rows.
    steps = list(zip(ours.groups, theirs.groups, strict=False))
    side_by_side = next((i for i, (a, b) in enumerate(steps) if a != b), len(steps))
    order = [*key, *(name for name in columns if name not in key)]
    with base.open("rb") as one, candidate.open("rb") as other, ThreadPoolExecutor(_THREADS) as pool:

        def differing(group: int) -> frozenset[str] | None:
            """The columns whose chunks differ; None where the key's do, or without a key any."""
            found = set()
            for name in order:
                if name not in alike or not _same(one.fileno(), other.fileno(), ours, theirs, name, group):
                    if not key or name in key:
                        return None
                    found.add(name)
            return frozenset(found)

        results = list(pool.map(differing, range(side_by_side)))
    equal = 0
    aligned: list[Span] = []
    loose: list[Span] = []
    changed: set[str] = set()
    for span, names in zip(ours.spans, results, strict=False):
        if names is None:
            loose.append(span)
        elif names:
            aligned.append(span)
            changed |= names
        else:
            equal += span[1] - span[0]
    rest = (_joined([*loose, *file.spans[side_by_side:]]) for file in (ours, theirs))
    return Matched(equal, _joined(aligned), frozenset(changed), *rest)


def _joined(spans: Sequence[Span]) -> tuple[Span, ...]:
    """Neighbouring spans as one.

    >>> _joined([(0, 5), (5, 9), (12, 13)])
    ((0, 9), (12, 13))
    """
    found: list[Span] = []
    for start, stop in spans:
        if found and found[-1][1] == start:
            found[-1] = (found[-1][0], stop)
        else:
            found.append((start, stop))
    return tuple(found)


def _layout(path: Path) -> _File | None:
    """Where the chunks of a file lie; None for what is no plain Parquet file."""
    import pyarrow as pa
    from pyarrow.parquet import ParquetFile

    try:
        with ParquetFile(path) as opened:
            meta, schema, fields = opened.metadata, opened.schema, list(opened.schema_arrow)
    except (OSError, pa.ArrowException):
        return None
    file, start = _File(path), 0
    for column in fields:
        stop = start + _leaves(column.type)
        file.leaves[column.name] = range(start, stop)
        start = stop
    if start != meta.num_columns or len(file.leaves) != len(fields):
        return None
    file.kinds = [str(schema.column(i)) for i in range(start)]
    for group in range(meta.num_row_groups):
        row_group = meta.row_group(group)
        file.groups.append(row_group.num_rows)
        chunks = []
        for i in range(start):
            chunk = row_group.column(i)
            places = (chunk.data_page_offset, chunk.dictionary_page_offset if chunk.has_dictionary_page else None)
            begin = min((place for place in places if place), default=0)
            if not begin and chunk.total_compressed_size:
                return None
            chunks.append((begin, chunk.total_compressed_size, (chunk.compression, chunk.num_values)))
        file.chunks.append(chunks)
    return file


def _leaves(kind: Any) -> int:
    """How many chunks a column of an Arrow type takes in a row group."""
    return sum(_leaves(kind.field(i).type) for i in range(kind.num_fields)) if kind.num_fields else 1


def _same(one: int, other: int, ours: _File, theirs: _File, name: str, group: int) -> bool:
    """Whether the chunks of a column in a row group are proved to hold equal values."""
    left, right = ours.leaves.get(name), theirs.leaves.get(name)
    if left is None or right is None or len(left) != len(right):
        return False
    for i, j in zip(left, right, strict=True):
        (begin, size, how), (start, length, way) = ours.chunks[group][i], theirs.chunks[group][j]
        if size != length or how != way or ours.kinds[i] != theirs.kinds[j]:
            return False
        for offset in range(0, size, _PIECE):
            piece = min(_PIECE, size - offset)
            if os.pread(one, piece, begin + offset) != os.pread(other, piece, start + offset):
                return False
    return True
