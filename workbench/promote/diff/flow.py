"""The comparison from beginning to end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from workbench.promote.diff import narrow as narrowing
from workbench.promote.diff.aligned import by_place
from workbench.promote.diff.fetch import examples
from workbench.promote.diff.fuzzy import Tolerance
from workbench.promote.diff.largest import largest
from workbench.promote.diff.parts import Reduced, reduced
from workbench.promote.diff.profile import profile
from workbench.promote.diff.renames import renamed
from workbench.promote.diff.result import ColumnDiff, RowCounts, Samples, SchemaDiff, TableDiff
from workbench.promote.diff.rows import Differing, differing
from workbench.promote.diff.samples import pick
from workbench.promote.diff.schema import Columns, line_up
from workbench.promote.diff.session import Session, Side, opened
from workbench.promote.diff.sql import ident, listing
from workbench.promote.diff.where import condition

if TYPE_CHECKING:
    import ibis.expr.types as ir


NO_TOLERANCE = Tolerance()
_MANY = 8
# So many values are copied to be described.
_VALUES = 20_000_000


@dataclass(frozen=True, slots=True)
class Options:
    """How to compare; see ``diff``."""

    key: tuple[str, ...] = ()
    tolerance: Tolerance = NO_TOLERANCE
    ignore_case: bool = False
    samples: int = 5
    distributions: bool = True
    where: str | None = None
    verify: bool = False
    largest: int = 0


def compare_tables(base: ir.Table, candidate: ir.Table, options: Options, *, shared: int = 0) -> TableDiff:
    """Line up the columns, compare the rows, describe what was found.

    ``shared`` rows are known to be in both tables and left out of both.
    """
    with opened(base, candidate) as (session, (ours, theirs)):
        columns = line_up(
            ours.columns,
            theirs.columns,
            key=options.key,
            tolerant=bool(options.tolerance),
            ignore_case=options.ignore_case,
        )
        where = "TRUE" if options.where is None else condition(options.where, columns)
        rows, differ = _compare_rows(session, columns, (ours, theirs), options, shared)
        schema = SchemaDiff(
            added=tuple(columns.added),
            removed=tuple(columns.removed),
            type_changed=columns.type_changed,
            not_compared=columns.not_compared,
            renamed=renamed(session, columns, ours, theirs, differ.table if differ else None),
        )
        changed = _changed_columns(columns, rows, differ)
        profiles = {}
        if options.distributions:
            sizes = zip((ours, theirs), (rows.base, rows.candidate), strict=True)
            ours, theirs = (_at_hand(session, side, [*changed, *columns.added], count) for side, count in sizes)
            profiles = {name: profile(session, name, ours, theirs) for name in changed}
            profiles |= {name: profile(session, name, None, theirs) for name in columns.added}
        picked = pick(session, columns, differ, options.samples, where) if differ else Samples()
        moves = largest(session, columns, differ, options.largest) if differ and columns.keyed and options.largest > 0 else {}
        return TableDiff(schema, rows, changed, picked, profiles, options.key, moves)


def _at_hand(session: Session, side: Side, names: Sequence[str], rows: int) -> Side:
    """The columns to describe, copied once where they lie in many small files, or are many: each question opens all files
    again, and looks at all columns."""
    wanted = [name for name in names if name in side.columns]
    counted = [file.rows for file in side.files or ()]  # 0 where nobody counted
    small_files = len(counted) >= _MANY and all(counted) and sum(counted) <= narrowing.SMALL
    many_columns = side.files is not None and len(wanted) >= _MANY and rows * len(wanted) <= _VALUES
    if not (wanted and small_files) and not many_columns:
        return side
    return Side(session.make(f"SELECT {listing(map(ident, wanted))} FROM {side.source}"), side.columns)


def _compare_rows(
    session: Session, columns: Columns, sides: tuple[Side, Side], options: Options, shared: int
) -> tuple[RowCounts, Differing | None]:
    """Count and collect the rows that differ; no collection where nothing is compared or nothing differs."""
    whole = options.where is not None or options.largest > 0
    left, aligned = Reduced(sides) if options.verify else reduced(session, columns, sides, by_place=columns.keyed), None
    equal = left.equal + shared
    if left.lone is not None:
        parts, matched = left.lone
        aligned = by_place(session, columns, parts, matched, options.tolerance, samples=options.samples, whole=whole)
        if aligned is None:
            left = reduced(session, columns, sides, by_place=False)
        else:
            equal += sum(stop - start for start, stop in matched.aligned)
    base, candidate = (session.row(f"SELECT count(*) FROM {side.source}")[0] for side in left.sides)
    total = base + equal, candidate + equal
    if not columns.all:
        # Nothing can be compared, so no row is shown to be the same.
        return RowCounts(*total, added=candidate, removed=base, changed=0, unchanged=shared), None
    if options.verify or not (base and candidate) or base + candidate <= narrowing.SMALL:
        doubtful: narrowing.Narrowed | None = narrowing.everything(columns, left.sides)
    else:
        doubtful = narrowing.narrow(
            session,
            columns,
            left.sides,
            (base, candidate),
            options.tolerance,
            samples=options.samples,
            whole=whole,
            # A condition may name any column, and examples are looked up in what is loose alone.
            full=options.where is not None or aligned is not None,
        )
    doubtful = narrowing.together(doubtful, aligned)
    if doubtful is None:
        return RowCounts(*total, added=0, removed=0, changed=0, unchanged=total[0]), None
    found = differing(session, columns, doubtful.base, doubtful.candidate, options.tolerance)
    found = found.with_more(doubtful.changed, doubtful.by_column)
    if doubtful.lacking and options.samples > 0:
        found = replace(found, shown=examples(session, columns, left.sides, found, doubtful.lacking, options.samples))
    unchanged = total[0] - found.removed - found.changed
    return RowCounts(*total, found.added, found.removed, found.changed, unchanged), found


def _changed_columns(columns: Columns, rows: RowCounts, found: Differing | None) -> dict[str, ColumnDiff]:
    if found is None:
        return {}
    both = rows.changed + rows.unchanged
    return {
        columns.all[i].name: ColumnDiff(changed, round(changed / both, 9))
        for i, changed in found.changed_by_column.items()
        if changed
    }
