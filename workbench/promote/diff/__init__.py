"""What differs between two tables: schema, rows, values, distributions. Knows nothing of promotion.

The sentence: line up the columns, count the rows, narrow both tables to the keys that may differ, compare those by
value, then describe what was found.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from workbench.promote.diff.result import ChangedRow, ColumnDiff, Move, RowCounts, Samples, SchemaDiff, TableDiff

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from workbench.model import Snapshot

__all__ = ["ChangedRow", "ColumnDiff", "Move", "RowCounts", "Samples", "SchemaDiff", "TableDiff", "diff", "diff_snapshots"]


def diff(
    base: ir.Table,
    candidate: ir.Table,
    *,
    key: Sequence[str] = (),
    abs_tol: float = 0.0,
    rel_tol: float = 0.0,
    ignore_case: bool = False,
    samples: int = 5,
    distributions: bool = True,
    where: str | None = None,
    verify: bool = False,
    largest: int = 0,
    thin: bool = False,
    shared: int = 0,
) -> TableDiff:
    """Compare two Ibis tables, exactly.

    ``key`` names the columns by which rows are matched; without it whole rows are compared as a multiset. Floats are equal
    when ``|a - b| <= max(abs_tol, rel_tol * max(|a|, |b|))``; everything else must be equal. ``ignore_case`` compares text
    without regard to case. ``samples`` example rows of each kind are kept, the changed ones narrowed by ``where``, a SQL
    condition over the key columns and ``base_<column>``, ``candidate_<column>`` and ``delta_<column>``. Hashes narrow the
    work first; ``verify`` compares every row by value instead. Of each column of numbers the ``largest`` changes are kept.

    The tables stay where they are when one DuckDB connection holds both; otherwise both are pulled into memory. With
    ``thin``, for tables of DuckDB and PostgreSQL, only checksums and the rows that may differ are pulled, and there are no
    distributions. ``shared`` equal rows are left out of both tables already, and count as unchanged.

    >>> import ibis
    >>> old = ibis.memtable({"id": [1, 2], "price": [1.0, 2.0]})
    >>> new = ibis.memtable({"id": [2, 3], "price": [2.5, 3.0]})
    >>> diff(old, new, key=["id"]).rows
    RowCounts(base=2, candidate=2, added=1, removed=1, changed=1, unchanged=0)

    Raises ``UsageError`` for a key that can't match rows, a tolerance below 0, or data that the engine can't read.
    """
    from workbench.promote.diff.flow import Options, compare_tables
    from workbench.promote.diff.fuzzy import Tolerance

    options = Options(
        key=tuple(key),
        tolerance=Tolerance(float(abs_tol), float(rel_tol)),
        ignore_case=ignore_case,
        samples=samples,
        distributions=distributions,
        where=where,
        verify=verify,
        largest=largest,
    )
    if thin and not verify:
        from workbench.promote.diff.thin import held, thinned

        left = thinned(held(base), held(candidate), key)
        if left is not None:
            return compare_tables(left.base, left.candidate, replace(options, distributions=False), shared=left.shared + shared)
    return compare_tables(base, candidate, options, shared=shared)


def diff_snapshots(
    base: Snapshot,
    candidate: Snapshot,
    read: Callable[[Snapshot], ir.Table],
    *,
    key: Sequence[str] = (),
    samples: int = 5,
    distributions: bool = True,
    largest: int = 10,
) -> TableDiff:
    """Compare two snapshots of the warehouse as ``diff`` would.

    ``read`` makes a table of a snapshot (``warehouse.read`` with its session), which knows its files. Files are immutable and
    named by their bytes: what is in both snapshots holds equal rows, which cancel unread; of the others the bytes are
    compared first, and only what differs in them is decoded.
    """
    return diff(read(base), read(candidate), key=key, samples=samples, distributions=distributions, largest=largest)
