"""Example rows of what differs, in the order of the key, and the changes that a condition selects."""

from __future__ import annotations

import re
from typing import Any

from workbench.errors import UsageError
from workbench.promote.diff.result import ChangedRow, Samples, plain
from workbench.promote.diff.rows import ADDED, CHANGED, REMOVED, Differing
from workbench.promote.diff.schema import Columns
from workbench.promote.diff.session import Session
from workbench.promote.diff.sql import listing
from workbench.promote.diff.where import HINT


def pick(session: Session, columns: Columns, found: Differing, count: int, where: str = "TRUE") -> Samples:
    """Up to ``count`` rows of each kind; ``where`` (SQL over the table of differing rows) narrows the changed ones."""
    if count <= 0:
        return Samples()
    table = found.shown or found.table
    # A condition is judged also where no row has changed.
    changed = _selected(session, columns, table, count, where) if found.changed or where != "TRUE" else []
    added = _fetch(session, columns, table, ADDED, (1,), count) if found.added else []
    removed = _fetch(session, columns, table, REMOVED, (0,), count) if found.removed else []
    return Samples(
        added=tuple(_named(columns, row) for row in added),
        removed=tuple(_named(columns, row) for row in removed),
        changed=tuple(_changed(columns, row) for row in changed),
    )


def _selected(session: Session, columns: Columns, table: str, count: int, where: str) -> list[tuple[Any, ...]]:
    import duckdb

    try:
        return _fetch(session, columns, table, CHANGED, (0, 1), count, where)
    except (
        duckdb.BinderException,
        duckdb.ConversionException,
        duckdb.InvalidInputException,
        duckdb.OutOfRangeException,
    ) as error:
        if where == "TRUE":
            raise
        # The engine names its own columns from here on, which say nothing to whoever typed the condition.
        said = re.split(r"\s*(?:when casting from|You might need|LINE 1)|\n", str(error).partition(": ")[2])[0]
        raise UsageError(f"the condition of --where can't be judged: {said}", hint=HINT) from error


def _fetch(
    session: Session, columns: Columns, table: str, kind: int, sides: tuple[int, ...], count: int, where: str = "TRUE"
) -> list[tuple[Any, ...]]:
    shown = []
    for side in sides:
        for i, column in enumerate(columns.all):
            raw = f"{'bc'[side]}{i}" if column.how.same else f"r{'bc'[side]}{i}"
            shown.append(column.shown(side)(raw))
    flags = listing((f"x{i}" for i in range(len(columns.key), len(columns.all))), lead=True)
    letter = "b" if 0 in sides else "c"
    order = listing(f"{side}{i} NULLS LAST" for side in dict.fromkeys((letter, "c")) for i in range(len(columns.all)))
    chosen = f"SELECT * FROM {table} WHERE kind = {kind} AND ({where}) ORDER BY {order} LIMIT {count}"
    # Copies of one row stand as often as there are of them, up to the limit.
    return session.rows(
        f"SELECT {listing(shown)}{flags} FROM (SELECT *, unnest(range(least(n, {count}))) FROM ({chosen})) "
        f"ORDER BY {order} LIMIT {count}"
    )


def _named(columns: Columns, row: tuple[Any, ...], offset: int = 0) -> dict[str, Any]:
    return {column.name: plain(row[offset + i]) for i, column in enumerate(columns.all)}


def _changed(columns: Columns, row: tuple[Any, ...]) -> ChangedRow:
    count, keys = len(columns.all), len(columns.key)
    base, candidate = _named(columns, row), _named(columns, row, count)
    flags = row[2 * count :]
    return ChangedRow(
        key={column.name: base[column.name] for column in columns.key},
        columns=tuple(column.name for column, differs in zip(columns.values, flags, strict=True) if differs),
        base={column.name: base[column.name] for column in columns.all[keys:]},
        candidate={column.name: candidate[column.name] for column in columns.all[keys:]},
    )
