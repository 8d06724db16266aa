"""Removed columns that live on under another name: same type, same values in the rows that both tables have."""

from __future__ import annotations

from collections.abc import Iterable

from workbench.promote.diff.kinds import compare
from workbench.promote.diff.rows import CHANGED
from workbench.promote.diff.schema import Columns
from workbench.promote.diff.session import Session, Side
from workbench.promote.diff.sql import all_true, hash_of, ident, listing


def renamed(session: Session, columns: Columns, base: Side, candidate: Side, differing: str | None) -> dict[str, str]:
    """Removed column -> added column that has its type and, in all rows that both tables have, its values.

    ``differing`` is the table of differing rows (None where no rows were paired). Judged by the sum of 64-bit hashes of key
    and value; a column of nothing but NULL is nobody's new name.
    """
    removed = {name: kind for name, kind in columns.removed.items() if str(kind) in set(map(str, columns.added.values()))}
    added = {name: kind for name, kind in columns.added.items() if str(kind) in set(map(str, removed.values()))}
    if not removed or not added:
        return {}
    left = _prints(session, columns, base, 0, removed, differing)
    right = _prints(session, columns, candidate, 1, added, differing)
    found: dict[str, str] = {}
    for name, kind in removed.items():
        for other, its in added.items():
            if other not in found.values() and str(kind) == str(its) and left[name] == right[other] and left[name][1]:
                found[name] = other
                break
    return found


def _prints(
    session: Session, columns: Columns, side: Side, which: int, names: Iterable[str], differing: str | None
) -> dict[str, tuple[int, int]]:
    keys = columns.grouping
    parts = []
    for name in names:
        kind = side.columns[name]
        how = compare(kind, kind)
        if how is not None:  # every type compares with itself
            parts.append((how.hashed(how.base(ident(name))), name))
    hashed = listing(f"sum({hash_of(['h', f'v{i}'])}), count(v{i})" for i in range(len(parts)))
    row_hash = hash_of(column.hashed(which) for column in keys)
    forms = listing((f"{column.form(which)} AS c{i}" for i, column in enumerate(keys)), lead=True)
    values = listing((f"{form} AS v{i}" for i, (form, _) in enumerate(parts)), lead=True)
    inner = f"SELECT {row_hash} AS h{values}{forms} FROM {side.source}"
    where = ""
    if differing is not None and keys:
        # Rows that only one side has prove nothing about the columns.
        positions = [columns.all.index(column) for column in keys]
        same = all_true([f"coalesce(p.b{p}, p.c{p}) IS NOT DISTINCT FROM s.c{i}" for i, p in enumerate(positions)])
        where = f" WHERE NOT EXISTS (SELECT 1 FROM {differing} p WHERE p.kind <> {CHANGED} AND {same})"
    found = session.row(f"SELECT {hashed} FROM ({inner}) s{where}")
    return {name: (found[2 * i] or 0, found[2 * i + 1]) for i, (_, name) in enumerate(parts)}
