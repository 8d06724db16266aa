"""What the scheduler has done: one row an interval that is open, and the newest of those that are settled."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from sqlalchemy import bindparam, literal

from workbench.model import Interval
from workbench.store import rows, tables
from workbench.store.database import Store
from workbench.store.engine import add, execute
from workbench.store.records import IntervalRecord

OPEN = ("running", "retry", "failed")
_table = tables.intervals
_mine = _table.c.pipeline == bindparam("of")
_same = _table.delete().where(_mine & (_table.c.start == bindparam("at")))
_older = _table.delete().where(
    _mine & (_table.c.end < bindparam("at")) & _table.c.state.not_in([literal(each) for each in OPEN])
)


def unsettled(store: Store, pipeline: str | None = None) -> tuple[IntervalRecord, ...]:
    """The intervals that are running, wait for another attempt or have failed, by pipeline and start."""
    return tuple(_record(row) for row in store.select(_table, state=OPEN, pipeline=pipeline))


def newest(store: Store, pipeline: str | None = None) -> dict[str, IntervalRecord]:
    """The last interval of each pipeline, or of one, in any state. What follows it has not been begun."""
    found: dict[str, IntervalRecord] = {}
    for record in map(_record, store.select(_table, pipeline=pipeline)):
        known = found.get(record.pipeline)
        if known is None or record.interval.end > known.interval.end:
            found[record.pipeline] = record
    return found


def find(store: Store, pipeline: str, start: dt.datetime) -> IntervalRecord | None:
    """What is known of the interval that begins at a moment."""
    found = store.select(_table, pipeline=pipeline, start=rows.moment(start))
    return _record(found[0]) if found else None


def is_settled(store: Store, pipeline: str, interval: Interval) -> bool:
    """Whether there is nothing left to do for an interval: it, or a later one after it was left behind, is settled."""
    row = find(store, pipeline, interval.start)
    if row is not None:
        return row.state not in OPEN
    last = newest(store, pipeline).get(pipeline)
    return last is not None and last.interval.end >= interval.end


def put(store: Store, record: IntervalRecord) -> None:
    """Write down how far an interval is; a settled one makes the settled ones before it superfluous."""
    values = {
        "pipeline": record.pipeline,
        "start": rows.moment(record.interval.start),
        "end": rows.moment(record.interval.end),
        "state": record.state,
        "attempt": record.attempt,
        "not_before": None if record.not_before is None else rows.moment(record.not_before),
        "run": record.run,
        "error": record.error,
    }
    with store.transaction() as connection:
        execute(connection, _same, {"of": record.pipeline, "at": values["start"]})
        add(connection, _table, values)
        if record.state not in OPEN:
            execute(connection, _older, {"of": record.pipeline, "at": values["end"]})


def _record(row: Mapping[str, Any]) -> IntervalRecord:
    return IntervalRecord(
        pipeline=row["pipeline"],
        interval=Interval(dt.datetime.fromisoformat(row["start"]), dt.datetime.fromisoformat(row["end"])),
        state=row["state"],
        attempt=row["attempt"],
        not_before=None if row["not_before"] is None else dt.datetime.fromisoformat(row["not_before"]),
        run=row["run"],
        error=row["error"],
    )
