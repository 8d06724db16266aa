"""When the data that readers see was last brought up to date, or found to be so, for all pipelines at once."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import func, select

from workbench.store import tables
from workbench.store.database import Store
from workbench.store.rows import number


def confirmed(store: Store, live: Mapping[str, tuple[int, str]]) -> dict[str, str]:
    """Pipeline to moment (ISO 8601, UTC), of those that are live: pipeline to its version and the operation that showed it.

    The moment is the end of the last successful run of that version, or when readers were moved, whichever is later.
    """
    if not store.select(tables.operations, limit=1):  # nobody was ever moved, or there is no store yet
        return {}
    runs, operations = tables.runs.c, tables.operations.c
    newest = select(runs.pipeline, runs.version, func.max(runs.finished)).where(runs.status == "succeeded")
    moved = {number("O", operation) for _, operation in live.values() if operation}
    with store.transaction() as connection:
        finished = {(row[0], row[1]): row[2] for row in connection.execute(newest.group_by(runs.pipeline, runs.version))}
        at = {row[0]: row[1] for row in connection.execute(select(operations.number, operations.at)) if row[0] in moved}
    found = {}
    for name, (version, operation) in live.items():
        moments = (finished.get((name, version)), at.get(number("O", operation)) if operation else None)
        found[name] = max((moment for moment in moments if moment), default="")
    return {name: moment for name, moment in found.items() if moment}
