"""The comparison from beginning to end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.promote.diff.fuzzy import Tolerance
from workbench.promote.diff.profile import profile
from workbench.promote.diff.renames import renamed
from workbench.promote.diff.result import ColumnDiff, RowCounts, Samples, SchemaDiff, TableDiff
from workbench.promote.diff.rows import Differing, differing, project
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
        found = _compare_rows(session, columns, ours, theirs, tolerance, verify)
        rows, differ = found
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
    session: Session, columns: Columns, base: Side, candidate: Side, tolerance: Tolerance, verify: bool
) -> tuple[RowCounts, Differing | None]:
    counts = [session.row(f"SELECT count(*) FROM {side.source}")[0] for side in (base, candidate)]
    if not columns.all:
        # Nothing can be compared, so no row is shown to be the same.
        return RowCounts(counts[0], counts[1], added=counts[1], removed=counts[0], changed=0, unchanged=0), None
    relations = [f"({project(columns, i, side.source)})" for i, side in enumerate((base, candidate))]
    found = differing(session, columns, relations[0], relations[1], tolerance)
    unchanged = counts[0] - found.removed - found.changed
    return RowCounts(counts[0], counts[1], found.added, found.removed, found.changed, unchanged), found


def _changed_columns(columns: Columns, rows: RowCounts, found: Differing | None) -> dict[str, ColumnDiff]:
    if found is None:
        return {}
    both = rows.changed + rows.unchanged
    return {
        columns.all[i].name: ColumnDiff(changed, round(changed / both, 9))
        for i, changed in found.changed_by_column.items()
        if changed
    }
