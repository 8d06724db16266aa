"""How old the sources of production are, beside how fresh they are declared to be."""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from workbench.config import Source, Workspace, parse_duration
from workbench.errors import ConfigError, WorkbenchError
from workbench.moments import age
from workbench.runtime import postgres
from workbench.runtime.duck import identifier, raw_session
from workbench.runtime.sources import end_readings, placed, reading, source_files


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

    def whom(self) -> str:
        """Whom to ask about it."""
        return f"ask {self.owner} what became of {self.name}" if self.owner else f"ask whoever fills {self.name}"


def freshness(workspace: Workspace, name: str) -> Freshness | None:
    """How far a source has come; None where nobody declared how fresh it is to be.

    Raises ``ConfigError`` where its ``time`` is no column of dates or times, and what reading it raises.
    """
    source = workspace.source(name)
    if source.freshness is None:
        return None
    newest = _latest(workspace, name, source) if source.time else _changed(workspace, name)
    return Freshness(name, newest, source.freshness, source.time or "", source.owner)


def stale_sources(
    workspace: Workspace, now: dt.datetime, names: Iterable[str] | None = None, *, servers: bool = True
) -> list[Freshness]:
    """Which of these sources, or of all, are older than they are declared to become.

    Those that can't be read are left to ``workbench doctor``; without ``servers`` no server is asked.
    """
    sources, found = workspace.settings.sources, []
    for name in sources if names is None else dict.fromkeys(names):
        if name not in sources or (postgres.is_address(sources[name].read) and not servers):
            continue
        with contextlib.suppress(WorkbenchError):
            found.append(freshness(workspace, name))
    return [each for each in found if each is not None and each.stale(now)]


def _changed(workspace: Workspace, name: str) -> dt.datetime:
    return max(dt.datetime.fromtimestamp(path.stat().st_mtime, dt.UTC) for path in source_files(workspace, name))


def _latest(workspace: Workspace, name: str, source: Source) -> dt.datetime | None:
    con = raw_session(workspace.state / "spill")  # without Ibis, since what says how things stand is to be quick
    try:
        column = identifier(str(source.time))
        if postgres.is_address(source.read):
            at = postgres.place(name, source.read)
            there = reading(con, at.address)
            known = there.columns(at).get(str(source.time))
            _check_time(name, source, known.duckdb if known is not None else None)
            ((found,),) = there.rows(f"SELECT max(s.{column}) FROM {at.relation} s")
            return _moment(found)
        table = ".".join(map(identifier, placed(con, workspace, name)))
        kinds = {row[0]: row[1] for row in con.execute(f"DESCRIBE SELECT * FROM {table}").fetchall()}
        _check_time(name, source, kinds.get(str(source.time)))
        # A number of microseconds, since DuckDB needs a library of its own to hand over a time in a zone.
        shown = "newest" if kinds[str(source.time)] == "DATE" else "make_timestamp(epoch_us(newest))"
        return _moment(con.execute(f"SELECT {shown} FROM (SELECT max({column}) AS newest FROM {table}) n").fetchone()[0])
    finally:
        end_readings(con)
        con.close()


def _check_time(name: str, source: Source, kind: str | None) -> None:
    if kind is None or not (kind == "DATE" or kind.startswith("TIMESTAMP")):
        what = "no column of it" if kind is None else f"{kind}, neither a date nor a time"
        raise ConfigError(
            f"tool.workbench.sources.{name}.time: {source.time} is {what}",
            hint=f"correct time in [tool.workbench.sources.{name}], or remove freshness",
        )


def _moment(value: Any) -> dt.datetime | None:
    """A date is as new as its end; a time without a zone is taken as UTC."""
    if isinstance(value, dt.datetime):
        return value.replace(tzinfo=dt.UTC) if value.tzinfo is None else value.astimezone(dt.UTC)
    if isinstance(value, dt.date):
        return dt.datetime.combine(value, dt.time(), dt.UTC) + dt.timedelta(days=1)
    return None
