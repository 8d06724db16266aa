"""The last sign of life of each run that took longer than a moment."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from workbench.store import rows, tables
from workbench.store.database import Store


@dataclass(frozen=True, slots=True)
class Beat:
    """When a run last gave a sign of life, and the most resident bytes that it had until then."""

    at: dt.datetime
    memory: int


def beat(store: Store, run: str, memory: int, *, at: dt.datetime) -> None:
    """Note a sign of life in place of the one before."""
    table, serial = tables.beats, rows.number("R", run)
    with store.transaction() as connection:
        connection.execute(table.delete().where(table.c.number == serial))
        connection.execute(table.insert().values(number=serial, at=rows.moment(at), memory=memory))


def last(store: Store, run: str) -> Beat | None:
    """The last sign of life of a run, None when there was none."""
    found = store.select(tables.beats, tables.beats.c.number == rows.number("R", run))
    return Beat(dt.datetime.fromisoformat(found[0]["at"]), found[0]["memory"]) if found else None
