"""Backfills: plans that are carried out, interval by interval. While one is under way its range is silent for alerts."""

from __future__ import annotations

import datetime as dt
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from workbench.model import Interval
from workbench.store import rows, tables
from workbench.store.database import Store
from workbench.store.engine import next_number
from workbench.store.records import BackfillRecord, BackfillState, Window, WindowState

PREFIX = "B"
Did = Literal["begun", "taken over", "paused", "resumed", "cancelled", "finished"]
ACTIVE: tuple[BackfillState, ...] = ("running", "paused")


def tell(store: Store, record: BackfillRecord, did: Did, *, who: str, at: dt.datetime) -> None:
    """Write to the ledger what became of a backfill: in the transaction that makes it so, whose end advances the head."""
    span = Interval(record.windows[0].interval.start, record.windows[-1].interval.end)
    said = {"backfill": record.id, "pipeline": record.pipeline, "version": record.version, "did": did, "who": who}
    counted = dict(sorted(Counter(each.state for each in record.windows).items()))
    store.append_ledger("backfill", said | {"digest": record.digest, "span": str(span), "intervals": counted}, at=at)


def add(
    store: Store,
    *,
    pipeline: str,
    version: int,
    digest: str,
    plan: Mapping[str, Any],
    intervals: Sequence[Interval],
    who: str,
    process: Mapping[str, Any],
    at: dt.datetime,
) -> BackfillRecord:
    """Begin to carry out a plan."""
    with store.transaction() as connection:
        serial = next_number(connection, tables.backfills)
        connection.execute(
            tables.backfills.insert().values(
                number=serial,
                pipeline=pipeline,
                version=version,
                digest=digest,
                plan=rows.text(dict(plan)),
                state="running",
                at=rows.moment(at),
                who=who,
                process=rows.text(dict(process)),
            )
        )
        for interval in intervals:
            connection.execute(
                tables.backfill_intervals.insert().values(
                    backfill=serial, start=rows.moment(interval.start), end=rows.moment(interval.end), state="pending", error=""
                )
            )
        found = get(store, f"{PREFIX}-{serial}")
        assert found is not None
        tell(store, found, "begun", who=who, at=at)
    store.write_head()
    return found


def get(store: Store, identity: str) -> BackfillRecord | None:
    """The backfill of that id, or None."""
    serial = rows.number(PREFIX, identity)
    found = [] if serial is None else store.select(tables.backfills, tables.backfills.c.number == serial)
    return _record(store, found[0]) if found else None


def find(store: Store, pipeline: str | None = None, *, active: bool = False) -> tuple[BackfillRecord, ...]:
    """All backfills, or those of a pipeline, or those under way, the oldest first."""
    from sqlalchemy import and_, true

    table = tables.backfills
    conditions = [] if pipeline is None else [table.c.pipeline == pipeline]
    conditions += [table.c.state.in_(ACTIVE)] if active else []
    return tuple(_record(store, row) for row in store.select(table, and_(true(), *conditions)))


def set_state(store: Store, identity: str, state: BackfillState, *, finished: dt.datetime | None = None) -> None:
    """Move a backfill to another state."""
    _update(store, identity, state=state, finished=None if finished is None else rows.moment(finished))


def take_over(store: Store, identity: str, process: Mapping[str, Any]) -> None:
    """Another process goes on with a backfill; what ended without success is to be done again."""
    table = tables.backfill_intervals
    with store.transaction() as connection:
        _update(store, identity, state="running", process=rows.text(dict(process)), finished=None)
        mine = (table.c.backfill == rows.number(PREFIX, identity)) & (table.c.state != "succeeded")
        connection.execute(table.update().where(mine).values(state="pending", error=""))


def set_window(
    store: Store, identity: str, interval: Interval, state: WindowState, *, run: str | None = None, error: str = ""
) -> None:
    """Say how one interval of a backfill stands."""
    table = tables.backfill_intervals
    one = (table.c.backfill == rows.number(PREFIX, identity)) & (table.c.start == rows.moment(interval.start))
    with store.transaction() as connection:
        connection.execute(table.update().where(one).values(state=state, run=run, error=error))


def silenced(store: Store, pipeline: str, interval: Interval | None) -> str | None:
    """The id of the backfill under way whose range an interval meets, so that nobody is alerted about it; else None."""
    for each in find(store, pipeline, active=True):
        first, last = each.windows[0].interval.start, each.windows[-1].interval.end
        if interval is not None and interval.start < last and first < interval.end:
            return each.id
    return None


def _update(store: Store, identity: str, **values: Any) -> None:
    table = tables.backfills
    with store.transaction() as connection:
        connection.execute(table.update().where(table.c.number == rows.number(PREFIX, identity)).values(**values))


def _record(store: Store, row: Mapping[str, Any]) -> BackfillRecord:
    table = tables.backfill_intervals
    windows = tuple(
        Window(Interval(_when(each["start"]), _when(each["end"])), each["state"], each["run"], each["error"])
        for each in store.select(table, table.c.backfill == row["number"])
    )
    return BackfillRecord(
        id=f"{PREFIX}-{row['number']}",
        pipeline=row["pipeline"],
        version=row["version"],
        digest=row["digest"],
        plan=json.loads(row["plan"]),
        state=row["state"],
        at=_when(row["at"]),
        who=row["who"],
        process=json.loads(row["process"]),
        windows=windows,
        finished=None if row["finished"] is None else _when(row["finished"]),
    )


def _when(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text)
