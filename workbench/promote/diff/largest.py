"""The largest changes of numbers, with the keys of their rows."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from workbench.promote.diff.kinds import family, shown
from workbench.promote.diff.result import Move, plain
from workbench.promote.diff.rows import CHANGED, Differing
from workbench.promote.diff.schema import Columns
from workbench.promote.diff.session import Session
from workbench.promote.diff.sql import listing


def largest(session: Session, columns: Columns, found: Differing, count: int) -> dict[str, tuple[Move, ...]]:
    """For each column of numbers that changed, the ``count`` rows in which it moved most, ties in the order of the key.

    Changes from or to NULL, NaN or an infinity have no size and are left out.
    """
    moves = {}
    for i, changed in found.changed_by_column.items():
        column = columns.all[i]
        if changed and family(column.base) == family(column.candidate) == "number":
            moves[column.name] = tuple(_of(session, columns, found.table, i, count))
    return {name: rows for name, rows in moves.items() if rows}


def _of(session: Session, columns: Columns, table: str, i: int, count: int) -> list[Move]:
    def raw(letter: str, position: int) -> str:
        return f"{letter}{position}" if columns.all[position].how.same else f"r{letter}{position}"

    ours, theirs = raw("b", i), raw("c", i)
    kinds = columns.all[i].base, columns.all[i].candidate
    keys = [shown(column.base)(raw("b", k)) for k, column in enumerate(columns.key)]
    size = f"abs(CAST({theirs} AS DOUBLE) - CAST({ours} AS DOUBLE))"
    ties = listing((f"b{k} NULLS LAST" for k in range(len(columns.key))), lead=True)
    rows = session.rows(
        f"SELECT {listing([*keys, shown(kinds[0])(ours), shown(kinds[1])(theirs)])} FROM {table} "
        f"WHERE kind = {CHANGED} AND x{i} AND isfinite(CAST({ours} AS DOUBLE)) AND isfinite(CAST({theirs} AS DOUBLE)) "
        f"ORDER BY {size} DESC{ties}, {ours}, {theirs} LIMIT {count}"
    )
    names = [column.name for column in columns.key]
    return [
        Move(
            key={name: plain(value) for name, value in zip(names, values, strict=True)},
            base=plain(base),
            candidate=plain(candidate),
            delta=plain(_delta(base, candidate)),
        )
        for *values, base, candidate in rows
    ]


def _delta(base: Any, candidate: Any) -> Any:
    """Candidate minus base: exact for integers and decimals, which come as text.

    >>> _delta(2**63, 2**63 + 1), _delta("0.1", "0.30"), _delta(1.5, 1)
    (1, Decimal('0.20'), -0.5)
    """
    if isinstance(base, float) or isinstance(candidate, float):
        return float(candidate) - float(base)
    if isinstance(base, int) and isinstance(candidate, int):
        return candidate - base
    return Decimal(candidate) - Decimal(base)
