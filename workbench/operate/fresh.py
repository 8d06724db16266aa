"""How old the sources of production are, beside how fresh they are declared to be."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from workbench.config import Source, Workspace, parse_duration
from workbench.errors import ConfigError
from workbench.operate.age import age
from workbench.runtime import postgres
from workbench.runtime.duck import identifier
from workbench.runtime.sources import reading, source_files
from workbench.runtime.warehouse import Warehouse


@dataclass(frozen=True, slots=True)
class Freshness:
    """How far a source has come: ``newest`` is the latest of its times (UTC), else when its files last changed.

    ``newest`` is None for a source without rows. ``time`` is the column, empty where the files count.
    """

    name: str
    newest: dt.datetime | None
    promised: str
    time: str
    owner: str

    def stale(self, now: dt.datetime) -> bool:
        """Whether the source is older than it is declared to become."""
        return self.newest is None or (now - self.newest).total_seconds() > parse_duration(self.promised)

    def said(self, now: dt.datetime) -> str:
        """In words, as ``weather: its newest time_hour is 3 days old, promised within 1d``."""
        if self.newest is None:
            return f"{self.name}: it has no {self.time}, promised within {self.promised}"
        what = f"its newest {self.time} is" if self.time else "its files are"
        return f"{self.name}: {what} {age(now - self.newest)} old, promised within {self.promised}"


def freshness(workspace: Workspace, name: str) -> Freshness | None:
    """How far a source has come; None where nobody declared how fresh it is to be.

    Raises ``ConfigError`` where its ``time`` is no column of dates or times, and what reading it raises.
    """
    source = workspace.source(name)
    if source.freshness is None:
        return None
    newest = _latest(workspace, name, source) if source.time else _changed(workspace, name)
    return Freshness(name, newest, source.freshness, source.time or "", source.owner)


def _changed(workspace: Workspace, name: str) -> dt.datetime:
    return max(dt.datetime.fromtimestamp(path.stat().st_mtime, dt.UTC) for path in source_files(workspace, name))


def _latest(workspace: Workspace, name: str, source: Source) -> dt.datetime | None:
    warehouse = Warehouse.open(workspace)
    con = warehouse.connect()
    try:
        table = warehouse.source(con, name, rows=False)
        kind = table.schema().get(source.time)
        if kind is None or not (kind.is_date() or kind.is_timestamp()):
            what = "no column of it" if kind is None else f"{kind}, neither a date nor a time"
            raise ConfigError(
                f"tool.workbench.sources.{name}.time: {source.time} is {what}",
                hint=f"correct time in [tool.workbench.sources.{name}], or remove freshness",
            )
        if postgres.is_address(source.read):
            at = postgres.place(name, source.read)
            asked = f"SELECT max(s.{identifier(str(source.time))}) FROM {at.relation} s"
            ((found,),) = reading(con, at.address).rows(asked)
        else:
            asked = f"SELECT max({identifier(str(source.time))}) AS newest FROM ({con.compile(table)}) t"
            # A number of microseconds, since DuckDB needs a library of its own to hand over a time in a zone.
            shown = "newest" if kind.is_date() else "make_timestamp(epoch_us(newest))"
            found = con.con.execute(f"SELECT {shown} FROM ({asked}) n").fetchone()[0]
        return _moment(found)
    finally:
        con.disconnect()


def _moment(value: Any) -> dt.datetime | None:
    """A date is as new as its end; a time without a zone is taken as UTC."""
    if isinstance(value, dt.datetime):
        return value.replace(tzinfo=dt.UTC) if value.tzinfo is None else value.astimezone(dt.UTC)
    if isinstance(value, dt.date):
        return dt.datetime.combine(value, dt.time(), dt.UTC) + dt.timedelta(days=1)
    return None
