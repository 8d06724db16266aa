"""The comparison from beginning to end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.promote.diff import narrow as narrowing
from workbench.promote.diff.fuzzy import Tolerance
from workbench.promote.diff.profile import profile
from workbench.promote.diff.renames import renamed
from workbench.promote.diff.result import ColumnDiff, RowCounts, Samples, SchemaDiff, TableDiff
from workbench.promote.diff.rows import Differing, differing
from workbench.promote.diff.samples import pick
from workbench.promote.diff.schema import Columns, line_up
from workbench.promote.diff.session import Session, Side, opened

if TYPE_CHECKING:
    import ibis.expr.types as ir


def compare_tables(
    base: ir.Table,
    candidate: ir.Table,
    *,
    key: tuple[str, ...],
    tolerance: Tolerance,
    ignore_case: bool,
    samples: int,
    distributions: bool,
    where: str | None,
    verify: bool,
) -> TableDiff:
    """Line up the columns, compare the rows, describe what was found. The arguments are those of ``diff``."""
    with opened(base, candidate) as (session, ours, theirs):
        columns = line_up(ours.columns, theirs.columns, key=key, tolerant=bool(tolerance), ignore_case=ignore_case)
        rows, differ = _compare_rows(
            session, columns, (ours, theirs), tolerance, samples=samples, whole=where is not None, verify=verify
        )
        schema = SchemaDiff(
            added=tuple(columns.added),
            removed=tuple(columns.removed),
            type_changed=columns.type_changed,
            not_compared=columns.not_compared,
            renamed=renamed(session, columns, ours, theirs, differ.table if differ else None),
        )
        changed = _changed_columns(columns, rows, differ)
        profiles = {}
        if distributions:
            profiles = {name: profile(session, name, ours, theirs) for name in changed}
            profiles |= {name: profile(session, name, None, theirs) for name in columns.added}
        picked = pick(session, columns, differ, samples, where) if differ else Samples()
        return TableDiff(schema=schema, rows=rows, columns=changed, samples=picked, distributions=profiles, key=key)


def _compare_rows(
    session: Session,
    columns: Columns,
    sides: tuple[Side, Side],
    tolerance: Tolerance,
    *,
    samples: int,
    whole: bool,
    verify: bool,
) -> tuple[RowCounts, Differing | None]:
    """Count and collect the rows that differ; no collection where nothing is compared or nothing differs."""
    base, candidate = (session.row(f"SELECT count(*) FROM {side.source}")[0] for side in sides)
    if not columns.all:
        # Nothing can be compared, so no row is shown to be the same.
        return RowCounts(base, candidate, added=candidate, removed=base, changed=0, unchanged=0), None
    if verify or base + candidate <= narrowing.SMALL:
        doubtful: narrowing.Narrowed | None = narrowing.everything(columns, sides)
    else:
        doubtful = narrowing.narrow(session, columns, sides, (base, candidate), tolerance, samples=samples, whole=whole)
    if doubtful is None:
        return RowCounts(base, candidate, added=0, removed=0, changed=0, unchanged=base), None
    found = differing(session, columns, doubtful.base, doubtful.candidate, tolerance)
    found = found.with_more(doubtful.changed, doubtful.by_column)
    unchanged = base - found.removed - found.changed
    return RowCounts(base, candidate, found.added, found.removed, found.changed, unchanged), found


def _changed_columns(columns: Columns, rows: RowCounts, found: Differing | None) -> dict[str, ColumnDiff]:
    if found is None:
        return {}
    both = rows.changed + rows.unchanged
    return {
        columns.all[i].name: ColumnDiff(changed, round(changed / both, 9))
        for i, changed in found.changed_by_column.items()
        if changed
    }
