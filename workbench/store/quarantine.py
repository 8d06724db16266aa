"""Rows that were held back: kept until somebody releases or discards them."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from workbench.errors import GuardRefused
from workbench.model import DataFile, Interval
from workbench.store import rows, tables
from workbench.store.database import Store
from workbench.store.engine import next_number
from workbench.store.records import QuarantineRecord, QuarantineState

PREFIX = "Q"
table = tables.quarantine


def hold(
    store: Store,
    *,
    pipeline: str,
    version: int,
    run: str,
    interval: Interval | None,
    file: DataFile,
    checks: tuple[str, ...],
    at: dt.datetime,
) -> QuarantineRecord:
    """Keep rows that a run held back. Equal rows of one version are kept once, whatever became of them."""
    with store.transaction() as connection:
        for known in find(store, pipeline):
            if known.version == version and known.file.sha256 == file.sha256:
                return known
        serial = next_number(connection, table)
        record = QuarantineRecord(f"{PREFIX}-{serial}", pipeline, version, run, interval, file, checks, "held", at)
        connection.execute(table.insert().values(_values(record)))
    return record


def find(store: Store, pipeline: str | None = None, *, state: QuarantineState | None = None) -> tuple[QuarantineRecord, ...]:
    """What was held back, the oldest first; of all pipelines or one, in any state or one."""
    return tuple(_record(row) for row in store.select(table, pipeline=pipeline, state=state))


def get(store: Store, identity: str) -> QuarantineRecord | None:
    """What was held back under that id, or None."""
    serial = rows.number(PREFIX, identity)
    found = [] if serial is None else store.select(table, number=serial)
    return _record(found[0]) if found else None


def begin_release(store: Store, record: QuarantineRecord, operation: str, *, who: str, why: str, at: dt.datetime) -> None:
    """Note, in the transaction that writes down the intent, that an operation is to show these rows to readers."""
    _refuse_decided(store, record)
    _update(store, record.id, state="releasing", operation=operation, who=who, why=why, decided=rows.moment(at))


def settle(store: Store, operation: str, state: QuarantineState) -> None:
    """Say what became of the rows that an operation was to release: "released", or "held" again."""
    with store.transaction() as connection:
        connection.execute(table.update().where(table.c.operation == operation).values(state=state))


def discard(store: Store, record: QuarantineRecord, *, who: str, why: str, at: dt.datetime) -> QuarantineRecord:
    """Decide, on the ledger, that these rows are never shown."""
    with store.transaction():
        _refuse_decided(store, record)
        _update(store, record.id, state="discarded", who=who, why=why, decided=rows.moment(at))
        said = {"quarantine": record.id, "pipeline": record.pipeline, "rows": record.file.rows, "who": who, "why": why}
        store.append_ledger("discard", {**said, "sha256": record.file.sha256}, at=at)
    store.write_head()
    found = get(store, record.id)
    assert found is not None
    return found


def _refuse_decided(store: Store, record: QuarantineRecord) -> None:
    found = get(store, record.id)
    if found is None or found.state != "held":
        state = "gone" if found is None else found.state
        raise GuardRefused(f"{record.id} is {state} already", hint=f"workbench quarantine show {record.id}")


def _update(store: Store, identity: str, **values: Any) -> None:
    with store.transaction() as connection:
        connection.execute(table.update().where(table.c.number == rows.number(PREFIX, identity)).values(**values))


def _values(record: QuarantineRecord) -> dict[str, Any]:
    span = record.interval
    return {
        "number": rows.number(PREFIX, record.id),
        "pipeline": record.pipeline,
        "version": record.version,
        "run": record.run,
        "interval_start": None if span is None else rows.moment(span.start),
        "interval_end": None if span is None else rows.moment(span.end),
        "rows": record.file.rows,
        "file": rows.text(asdict(record.file)),
        "checks": rows.text(list(record.checks)),
        "state": record.state,
        "at": rows.moment(record.at),
        "who": record.who,
        "why": record.why,
        "decided": None,
        "operation": None,
    }


def _record(row: Mapping[str, Any]) -> QuarantineRecord:
    def when(text: str | None) -> dt.datetime | None:
        return None if text is None else dt.datetime.fromisoformat(text)

    start, end, at = when(row["interval_start"]), when(row["interval_end"]), when(row["at"])
    assert at is not None
    return QuarantineRecord(
        id=f"{PREFIX}-{row['number']}",
        pipeline=row["pipeline"],
        version=row["version"],
        run=row["run"],
        interval=None if start is None or end is None else Interval(start, end),
        file=DataFile(**json.loads(row["file"])),
        checks=tuple(json.loads(row["checks"])),
        state=row["state"],
        at=at,
        who=row["who"],
        why=row["why"],
        decided=when(row["decided"]),
        operation=row["operation"],
    )
