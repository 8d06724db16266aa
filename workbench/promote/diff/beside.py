"""Rows that lie side by side in two Parquet files, compared in Arrow: row group by row group, so that little is in memory.

Only for columns of types whose equality Arrow knows as the diff does; all others are compared by the engine.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.promote.diff.chunks import Span
from workbench.promote.diff.schema import Column

if TYPE_CHECKING:
    import pyarrow as pa
    from pyarrow.parquet import ParquetFile

_THREADS = 2


@dataclass(frozen=True, slots=True)
class Beside:
    """The rows that differ: how many, in each column by its name, and their places in ascending order.

    The places are the first ones alone where no more were asked for.
    """

    count: int
    by_column: dict[str, int]
    places: list[int]


@dataclass(frozen=True, slots=True)
class _Group:
    """What was found in one row group, or a part of one: counts, places, and the first and the last key."""

    count: int
    by_column: list[int]
    places: list[int]
    ends: tuple[tuple[Any, ...], tuple[Any, ...]]


class _Unordered(Exception):
    """A key is not greater than the one before it."""


class _Reader:
    """A Parquet file, opened once by each thread. Columns that are ``packed`` are read as dictionaries with places in them."""

    def __init__(self, path: Path) -> None:
        from pyarrow.parquet import read_metadata

        self.path, self.metadata, self._own = path, read_metadata(path), threading.local()
        self.packed: list[str] = []
        ends = [0]
        for group in range(self.metadata.num_row_groups):
            ends.append(ends[-1] + self.metadata.row_group(group).num_rows)
        self.groups = list(pairwise(ends))

    @property
    def file(self) -> ParquetFile:
        from pyarrow.parquet import ParquetFile

        if not hasattr(self._own, "file"):
            self._own.file = ParquetFile(self.path, metadata=self.metadata, read_dictionary=self.packed)
        opened: ParquetFile = self._own.file
        return opened

    def kinds(self) -> dict[str, pa.DataType]:
        return {column.name: column.type for column in self.metadata.schema.to_arrow_schema()}

    def sizes(self, group: int) -> dict[str, tuple[int, bool]]:
        """Of the columns of a row group how many bytes they take, and whether it keeps texts as places in a dictionary."""
        row_group = self.metadata.row_group(group)
        chunks = [row_group.column(i) for i in range(row_group.num_columns)]
        return {
            chunk.path_in_schema: (
                chunk.total_uncompressed_size,
                chunk.physical_type == "BYTE_ARRAY" and bool({"PLAIN_DICTIONARY", "RLE_DICTIONARY"} & {*chunk.encodings}),
            )
            for chunk in chunks
        }

    def pieces(self, spans: Sequence[Span]) -> Iterator[tuple[int, Span]]:
        """The row groups that lie within spans, with what of them does, as places in the file."""
        for start, stop in sorted(spans):
            for group, (low, high) in enumerate(self.groups):
                if low < stop and start < high:
                    yield group, (max(low, start), min(high, stop))

    def read(self, group: int, span: Span, names: Sequence[str]) -> list[pa.Array]:
        """The values of columns in a part of a row group."""
        import pyarrow as pa

        table = self.file.read_row_group(group, columns=list(names), use_threads=False)
        table = table.slice(span[0] - self.groups[group][0], span[1] - span[0])
        columns = (table.column(name) for name in names)
        return [each.chunk(0) if each.num_chunks == 1 else pa.concat_arrays(each.chunks) for each in columns]


def beside(
    paths: tuple[Path, Path],
    spans: Sequence[Span],
    loose: tuple[Sequence[Span], Sequence[Span]],
    key: Sequence[Column],
    values: Sequence[Column],
    places: int | None,
) -> Beside | None:
    """Compare ``values`` in the ``spans`` that both files have, whose keys are the same; the first ``places``, or all.

    None where Arrow does not know their equality, or where keys do not ascend, so that one may have copies. The keys of the
    ``loose`` rows of either file are looked at as well.
    """
    import pyarrow as pa

    ours, theirs = _Reader(paths[0]), _Reader(paths[1])
    if not all(_known(column, reader) for column in (*key, *values) for reader in (ours, theirs)):
        return None
    keys, names = [column.name for column in key], [column.name for column in values]

    def compared(piece: tuple[int, Span]) -> _Group:
        group, span = piece
        found = ours.read(group, span, [*keys, *names])
        masks = [different(a, b) for a, b in zip(found[len(keys) :], theirs.read(group, span, names), strict=True)]
        return _group(span, masks, _ends(found[: len(keys)]), places)

    try:
        with ThreadPoolExecutor(_THREADS) as pool:
            pieces = list(ours.pieces(spans))
            groups = list(pool.map(compared, pieces))
            for reader, own in ((ours, loose[0]), (theirs, loose[1])):
                others = list(reader.pieces(own))
                ends = list(pool.map(lambda piece, reader=reader: _ends(reader.read(*piece, keys)), others))
                # Of the candidate only where it has more than the same keys.
                if reader is ours or others:
                    _ascending([*zip(pieces, (each.ends for each in groups), strict=True), *zip(others, ends, strict=True)])
    except (_Unordered, pa.ArrowNotImplementedError):
        return None
    some = [place for each in groups for place in each.places]
    return Beside(
        sum(each.count for each in groups),
        {name: sum(each.by_column[i] for each in groups) for i, name in enumerate(names)},
        some if places is None else some[:places],
    )


def equal(paths: tuple[Path, Path], span: Span, columns: Sequence[Column]) -> bool | None:
    """Whether rows that lie within one row group of either file are equal, place by place; None where Arrow can't tell."""
    ours, theirs = _Reader(paths[0]), _Reader(paths[1])
    if not all(_known(column, reader) for column in columns for reader in (ours, theirs)):
        return None
    base, candidate = (list(reader.pieces([span])) for reader in (ours, theirs))
    if len(base) != 1 or len(candidate) != 1:
        return None
    sizes, others = ours.sizes(base[0][0]), theirs.sizes(candidate[0][0])
    # Texts are unpacked where their places in the dictionaries do not tell enough; that takes most of the time.
    packed = [name for name, (_, has) in sizes.items() if has and others.get(name, (0, False))[1]]
    ours.packed = theirs.packed = packed

    def same(name: str) -> bool:
        ((one,), (other,)) = ours.read(*base[0], [name]), theirs.read(*candidate[0], [name])
        return _same_places(one, other) if name in packed else one.equals(other) or not different(one, other).true_count

    # The largest first, so that no thread is left with it at the end.
    names = sorted((column.name for column in columns), key=lambda name: sizes[name], reverse=True)
    with ThreadPoolExecutor(_THREADS) as pool:
        return all(pool.map(same, names))


def _same_places(one: pa.DictionaryArray, other: pa.DictionaryArray) -> bool:
    """Whether texts are equal: by their places in the dictionaries, where one of these begins like the other.

    >>> import pyarrow as pa
    >>> own, other, reordered = (pa.array(texts).dictionary_encode() for texts in ("abb", "abbc", "ba"))
    >>> _same_places(own, other[:3]), _same_places(own[:2], reordered), _same_places(own[:2], reordered.take([1, 0]))
    (True, False, True)
    """
    count = min(len(one.dictionary), len(other.dictionary))
    if one.dictionary.slice(0, count).equals(other.dictionary.slice(0, count)) and one.indices.equals(other.indices):
        return True
    return bool(one.dictionary_decode().equals(other.dictionary_decode()))


def different(one: pa.Array, other: pa.Array) -> pa.Array:
    """Where two arrays of one type differ: NULL equals NULL, NaN equals NaN, -0.0 equals 0.0.

    >>> import pyarrow as pa
    >>> different(pa.array([1.0, None, float("nan"), -0.0]), pa.array([2.0, 1.0, float("nan"), 0.0])).to_pylist()
    [True, True, False, False]
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    found = pc.not_equal(one, other)
    if pa.types.is_floating(one.type):
        found = pc.and_not(found, pc.and_(pc.is_nan(one), pc.is_nan(other)))
    return pc.coalesce(found, pc.xor(one.is_null(), other.is_null())) if found.null_count else found


def _group(span: Span, masks: Sequence[pa.Array], ends: tuple[tuple[Any, ...], tuple[Any, ...]], places: int | None) -> _Group:
    import pyarrow.compute as pc

    whole = masks[0]
    for mask in masks[1:]:
        whole = pc.or_(whole, mask)
    found = pc.indices_nonzero(whole)
    listed = [span[0] + place for place in (found if places is None else found.slice(0, places)).to_pylist()]
    return _Group(len(found), [mask.true_count for mask in masks], listed, ends)


def _ends(keys: Sequence[pa.Array]) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """The first and the last key of some rows; raises where one is not greater than the one before it."""
    import pyarrow.compute as pc

    if any(each.null_count for each in keys):
        raise _Unordered
    count = len(keys[0])
    greater = None
    for each in reversed(keys):
        after, before = each.slice(1), each.slice(0, count - 1)
        more = pc.greater(after, before)
        greater = more if greater is None else pc.or_(more, pc.and_(pc.equal(after, before), greater))
    if greater is None or greater.true_count < count - 1:
        raise _Unordered
    return tuple(each[0].as_py() for each in keys), tuple(each[-1].as_py() for each in keys)


def _ascending(found: list[tuple[tuple[int, Span], tuple[tuple[Any, ...], tuple[Any, ...]]]]) -> None:
    ordered = [ends for _, ends in sorted(found, key=lambda each: each[0][1])]
    if not all(one[1] < other[0] for one, other in pairwise(ordered)):
        raise _Unordered


def _known(column: Column, reader: _Reader) -> bool:
    """Whether a column is compared as it is, and has the type in the file that it has in the table."""
    import pyarrow as pa

    kind = column.base
    if not column.how.same or column.how.fuzzy or str(kind) != str(column.candidate):
        return False
    if kind.id == "decimal":
        size = {name: int(str(value)) for name, value in kind.children}
        meant = pa.decimal128(size["precision"], size["scale"])
    else:
        meant = {
            "tinyint": pa.int8(), "smallint": pa.int16(), "integer": pa.int32(), "bigint": pa.int64(),
            "utinyint": pa.uint8(), "usmallint": pa.uint16(), "uinteger": pa.uint32(), "ubigint": pa.uint64(),
            "float": pa.float32(), "double": pa.float64(), "boolean": pa.bool_(), "varchar": pa.string(),
            "date": pa.date32(), "timestamp": pa.timestamp("us"), "timestamp with time zone": pa.timestamp("us", "UTC"),
        }.get(kind.id)  # fmt: skip
    return meant is not None and reader.kinds().get(column.name) == meant
