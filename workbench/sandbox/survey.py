"""Whether keys are unique and references complete, on all rows: proved on numbers where that is quick, else by SQL.

Nearly all keys are integers, and nearly all are sound. Their values are counted off in arrays, which takes a tenth of the time
that SQL needs to group or join them. Only what can't be proved so is asked of the database, which then says how often.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from workbench.config import Source
from workbench.errors import ConfigError
from workbench.runtime.duck import identifier
from workbench.sandbox.graph import Link
from workbench.sandbox.hashing import all_filled
from workbench.sandbox.production import Production

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

DENSE = 1 << 27  # up to so many different numbers each has a byte of its own
MANY = 10_000_000  # up to so many rows numbers that lie further apart have slots
BATCH = 1 << 16  # numbers at a time, so that what is computed of them stays near the processor
_INTEGERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER")


@dataclass(frozen=True, slots=True)
class Numbered:
    """The values of some integer columns of a source as one number each, counted from ``low`` in every column.

    ``flags`` has one for each possible number; where these are too many, ``slots`` hold the numbers that are there, each in the
    first array whose slot for it was not taken by another. ``unique`` when none is there twice, ``full`` when all are there.
    """

    low: tuple[int, ...]
    width: tuple[int, ...]
    unique: bool
    full: bool
    flags: NDArray[np.bool_] | None = None
    slots: tuple[NDArray[np.int64], ...] = ()

    def has_all(self, numbers: NDArray[np.int64]) -> bool:
        """Whether all of these are there."""
        if self.flags is not None:
            return bool(self.flags[numbers].all())
        for array in self.slots:
            numbers = numbers[array[_slot(numbers, array)] != numbers]
        return not len(numbers)


def _slot(numbers: NDArray[np.int64], array: NDArray[np.int64]) -> NDArray[np.int64]:
    """Where each number belongs in an array of a power of two, scattered by a multiplication that differs by length."""
    import numpy as np

    bits = len(array).bit_length() - 1
    scattered = numbers.view(np.uint64) * np.uint64(0x9E3779B97F4A7C15 + 2 * bits)
    return (scattered >> np.uint64(64 - bits)).view(np.int64)


def check_keys(sources: Mapping[str, Source], production: Production, tell: Callable[[str], None]) -> None:
    """Every declared key names each row once; ``ConfigError`` says how often it does not."""
    for name, source in sources.items():
        if not source.key or not production.rows[name]:
            continue
        tell(f"checking the key of {name}")
        production.proofs.unique(name, source.key, partial(_check_key, name, source, production))


def _check_key(name: str, source: Source, production: Production) -> bool:
    remote = production.remotes.get(name)
    numbered = None if remote is not None else _numbered(production, name, tuple(source.key))
    if (numbered is not None and numbered.unique) or (remote is not None and remote.is_unique(source.key)):
        return True
    columns = ", ".join(identifier(column) for column in source.key)
    filled = all_filled(source.key, "t")
    grouped = (
        f"SELECT count(*) AS n FROM {remote.at.relation if remote else production.relations[name]} t "
        f"WHERE {filled} GROUP BY {columns} HAVING count(*) > 1"
    )
    ask = remote.ask if remote else production.ask
    keys, extra = ask(f"SELECT count(*), coalesce(sum(g.n), 0) FROM ({grouped}) g")[0]
    if keys:
        raise ConfigError(
            f"tool.workbench.sources.{name}.key: {source.key} is not unique: {keys:,} values are on {int(extra):,} rows",
            hint="add the column that tells these rows apart, then: workbench sandbox create",
        )
    return True


def complete(production: Production, link: Link) -> int | None:
    """How many references are not NULL, when each of them is proved to find its row; None says nothing."""
    return production.proofs.complete(link, partial(_complete, production, link))


def _complete(production: Production, link: Link) -> int | None:
    if not _integers(production, link.child, link.columns):
        return None
    parent = _numbered(production, link.parent, link.to)
    if parent is None:
        return None
    bounds = _bounds(production, link.child, link.columns)
    if bounds is None:
        return 0
    for (low, high), start, width in zip(bounds, parent.low, parent.width, strict=True):
        if low < start or high >= start + width:
            return None
    if parent.full:  # nothing between its ends is missing, and how many are NULL is on account, too
        counted = f"SELECT count(*) FROM {production.relations[link.child]} t WHERE {all_filled(link.columns, 't')}"
        return int(production.ask(counted)[0][0])
    filled = 0
    for batch in _numbers(production, link.child, link.columns, parent.low, parent.width):
        if not parent.has_all(batch):
            return None
        filled += len(batch)
    return filled


def _numbered(production: Production, name: str, columns: tuple[str, ...]) -> Numbered | None:
    """Kept for as long as production is open, since a key is checked and then referred to."""
    if (name, columns) not in production.surveyed:
        production.surveyed[name, columns] = _count_off(production, name, columns)
    found: Numbered | None = production.surveyed[name, columns]
    return found


def _count_off(production: Production, name: str, columns: tuple[str, ...]) -> Numbered | None:
    import numpy as np

    bounds = _bounds(production, name, columns) if _integers(production, name, columns) else None
    if bounds is None:
        return None
    low, width = tuple(first for first, _ in bounds), tuple(last - first + 1 for first, last in bounds)
    span = math.prod(width)
    batches = _numbers(production, name, columns, low, width)
    if span <= DENSE:
        flags, rows = np.zeros(span, np.bool_), 0
        for batch in batches:
            flags[batch] = True
            rows += len(batch)
        distinct = int(np.count_nonzero(flags))
        return Numbered(low, width, distinct == rows, distinct == span, flags=flags)
    if production.rows[name] > MANY or span >= 1 << 62:
        return None
    left = np.concatenate([np.empty(0, np.int64), *batches])
    rows, distinct, slots = len(left), 0, []
    while len(left):
        slots.append(np.full(1 << (2 * len(left)).bit_length(), -1, np.int64))
        places = _slot(left, slots[-1])
        slots[-1][places] = left
        distinct += int(np.count_nonzero(slots[-1] >= 0))
        left = left[slots[-1][places] != left]
    return Numbered(low, width, distinct == rows, distinct == span, slots=tuple(slots))


def _integers(production: Production, name: str, columns: Sequence[str]) -> bool:
    return all(production.columns[name][column] in _INTEGERS for column in columns)


def _bounds(production: Production, name: str, columns: Sequence[str]) -> list[tuple[int, int]] | None:
    """The smallest and largest value of each column, of which Parquet files keep account; None when all are NULL."""
    asked = ", ".join(f"min({identifier(column)}), max({identifier(column)})" for column in columns)
    (row,) = production.ask(f"SELECT {asked} FROM {production.relations[name]} t")
    if None in row:
        return None
    return [(int(row[place]), int(row[place + 1])) for place in range(0, len(row), 2)]


def _numbers(
    production: Production, name: str, columns: Sequence[str], low: Sequence[int], width: Sequence[int]
) -> Iterator[NDArray[np.int64]]:
    text, step = [], 1
    for column, first, wide in reversed(list(zip(columns, low, width, strict=True))):
        text.append(f"(t.{identifier(column)}::BIGINT - {first}) * {step}")
        step *= wide
    query = f"SELECT {' + '.join(text)} AS n FROM {production.relations[name]} t WHERE {all_filled(columns, 't')}"
    for (batch,) in whole_numbers(production.con, query):
        yield batch


def whole_numbers(con: Any, query: str) -> Iterator[tuple[NDArray[np.int64], ...]]:
    """The columns of a query, BIGINT without NULLs, some rows at a time."""
    import numpy as np

    for batch in con.execute(query).to_arrow_reader(BATCH):  # its to_numpy would import pandas
        yield tuple(np.frombuffer(each.buffers()[1], np.int64, len(each), each.offset * 8) for each in batch.columns)
