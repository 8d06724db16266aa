"""How the rows that a run computed meet what readers have: strategies, late data, and rows that are held back.

Everything here works on a table of the session, computed by one thread and sorted, and on the files of the base; what comes
out depends on these rows alone, so that doing it again gives the same bytes.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.errors import UsageError
from workbench.model import Check, DataFile, Interval, Snapshot
from workbench.runtime import checks
from workbench.runtime.duck import file_list, identifier, literal, rows

if TYPE_CHECKING:
    from ibis.backends.duckdb import Backend

REJECTED = "workbench_rejected"


@dataclass(frozen=True, slots=True)
class Rules:
    """What a contract says of writing.

    ``strategy`` is one of ``model.STRATEGIES``; ``lateness`` is how far before its interval a run looks again for rows that
    came late; rows that break one of ``reject`` are held back, unless they equal a row of the files ``released``.
    """

    strategy: str = "replace"
    lateness: dt.timedelta = dt.timedelta()
    reject: tuple[Check, ...] = ()
    released: tuple[Path, ...] = ()

    def reach(self, interval: Interval | None) -> Interval | None:
        """The interval with what it looks back to."""
        return None if interval is None else Interval(interval.start - self.lateness, interval.end)


REPLACE = Rules()


@dataclass(frozen=True, slots=True)
class Written:
    """What was staged: the snapshot, and counts of rows.

    ``computed`` lie in the interval, or are all; ``late`` came after their interval had been computed, in ``reopened``
    partitions. Of what was merged by key, ``added`` were new, ``updated`` took the place of another and ``ignored`` were
    already there. ``rejected`` is the file of the rows that were held back.
    """

    snapshot: Snapshot
    computed: int = 0
    late: int = 0
    reopened: int = 0
    added: int = 0
    updated: int = 0
    ignored: int = 0
    rejected: DataFile | None = None


@dataclass(slots=True)
class Staging:
    """A table of the session ``backend`` in the making; ``base_query`` reads what readers have, None when that is nothing."""

    backend: Backend
    table: str
    columns: dict[str, str]
    key: tuple[str, ...]
    partition_by: str | None
    base: Snapshot | None
    base_query: str | None
    counts: dict[str, int] = field(default_factory=dict)

    @property
    def con(self) -> Any:
        return self.backend.con

    def split(self, rules: Rules) -> bool:
        """Move the rows that break a check into a table of their own, ``<table>_bad``; False when there are none."""
        if not rules.reject:
            return False
        import ibis

        found = self.backend.table(self.table, database=("temp", "main"))
        flagged = found.mutate(**{REJECTED: checks.breaks(found, rules.reject)})
        query = str(ibis.to_sql(flagged, dialect="duckdb"))
        let = ""
        if rules.released:
            known = f"(SELECT {self._cast()} FROM read_parquet({file_list(list(rules.released))}))"
            let = f" AND NOT EXISTS (SELECT 1 FROM {known} AS known WHERE {_same('known', 'flagged', self.columns)})"
        flags = f"SELECT *, coalesce({REJECTED}, false){let} AS bad FROM ({query}) AS flagged {self._order()}"
        self.con.execute(f"CREATE OR REPLACE TEMP TABLE {self.table}_flag AS {flags}")
        for name, wanted in ((f"{self.table}_bad", "bad"), (self.table, "NOT bad")):
            self.con.execute(
                f"CREATE OR REPLACE TEMP TABLE {name} AS SELECT * EXCLUDE ({REJECTED}, bad) FROM {self.table}_flag "
                f"WHERE {wanted} {self._order()}"
            )
        self.con.execute(f"DROP TABLE {self.table}_flag")
        return self._count(f"FROM {self.table}_bad") > 0

    def count(self, rules: Rules, interval: Interval | None) -> None:
        """Note how many rows were computed, and how many of them came late."""
        if interval is None or self.partition_by is None:
            self.counts["computed"] = self._count(f"FROM {self.table}")
            return
        inside = f"{moment(self.partition_by, self.columns)} >= $1 AND {moment(self.partition_by, self.columns)} < $2"
        self.counts["computed"] = self._count(f"FROM {self.table} WHERE {inside}", [interval.start, interval.end])
        if not rules.lateness or self.base_query is None:
            return
        before = [interval.start - rules.lateness, interval.start]
        mine, theirs = (f"SELECT * FROM {of} WHERE {inside}" for of in (self.table, f"({self.base_query})"))
        late = f"FROM ({mine} EXCEPT ALL {theirs})"
        self.counts["late"] = self._count(late, before)
        self.counts["reopened"] = self._count(f"FROM (SELECT DISTINCT {identifier(self.partition_by)} {late})", before)

    def merge(self, strategy: str) -> list[DataFile]:
        """Put rows of the base into the table, as the strategy says; the files of the base that stay as they are."""
        base = self.base
        if base is None or self.base_query is None:
            self.counts["added"] = self._count(f"FROM {self.table}")
            return []
        if base.columns != self.columns:
            differing = sorted(dict(base.columns.items() ^ self.columns.items()))
            raise UsageError(
                f"{strategy} can't join what readers see: it has other columns or types than this run: {', '.join(differing)}",
                hint="correct the notebook, then: workbench promote",
            )
        new, old = f"{self.table}_new", f"{self.table}_old"
        self.con.execute(f"CREATE OR REPLACE TEMP TABLE {new} AS FROM {self.table}")
        self.con.execute(f"CREATE OR REPLACE TEMP TABLE {old} AS {self.base_query}")
        # Without a key no row meets another.
        met = f"EXISTS (SELECT 1 FROM {{0}} AS other WHERE {_same('other', 'mine', self.key)})" if self.key else "false"
        known = f"FROM {new} AS mine WHERE {met.format(old)}"
        changed = f"FROM (SELECT * {known} EXCEPT ALL SELECT * FROM {old})"
        self.counts["added"] = self._count(f"FROM {new}") - self._count(known)
        if strategy == "upsert":
            self.counts["updated"] = self._count(changed)
            self.counts["ignored"] = self._count(known) - self.counts["updated"]
            mine, theirs = f"FROM {new}", f"SELECT * FROM {old} AS mine WHERE NOT {met.format(new)}"
            gone = f"SELECT * FROM {old} AS mine WHERE {met.format(new)}"
        else:
            self.counts["ignored"] = self._count(known)
            mine, theirs = f"SELECT * FROM {new} AS mine WHERE NOT {met.format(old)}", f"SELECT * FROM {old}"
            gone = f"SELECT * FROM {old} WHERE false"
        touched = self._partitions(f"{mine} UNION ALL {gone}")
        if self.partition_by is not None:
            place = f"CAST({identifier(self.partition_by)} AS VARCHAR)"
            listed = [text for text in touched if text is not None]
            theirs += (" AND " if "WHERE" in theirs else " WHERE ") + (
                f"({_one_of(place, listed)}{f' OR {place} IS NULL' if None in touched else ''})"
            )
        self.con.execute(
            f"CREATE OR REPLACE TEMP TABLE {self.table} AS SELECT * FROM ({mine} UNION ALL {theirs}) {self._order()}"
        )
        for name in (new, old):
            self.con.execute(f"DROP TABLE {name}")
        return [] if self.partition_by is None else [file for file in base.files if file.partition not in touched]

    def drop(self, rules: Rules) -> None:
        """Forget every table that these rules may have made."""
        made = ["", *(["_bad", "_flag"] if rules.reject else []), *([] if rules.strategy == "replace" else ["_new", "_old"])]
        self.con.execute("; ".join(f"DROP TABLE IF EXISTS temp.main.{self.table}{suffix}" for suffix in made))

    def _partitions(self, query: str) -> set[str | None]:
        if self.partition_by is None:
            return {None}
        found = rows(self.con, f"SELECT DISTINCT CAST({identifier(self.partition_by)} AS VARCHAR) FROM ({query})")
        return {text for (text,) in found}

    def _count(self, what: str, parameters: list[Any] | None = None) -> int:
        return int(rows(self.con, f"SELECT count(*) {what}", parameters)[0][0])

    def _cast(self) -> str:
        return ", ".join(f"CAST({identifier(name)} AS {kind}) AS {identifier(name)}" for name, kind in self.columns.items())

    def _order(self) -> str:
        first = [name for name in (self.partition_by, *self.key) if name is not None]
        names = dict.fromkeys([*first, *self.columns])
        return "ORDER BY " + ", ".join(f"{identifier(name)} ASC NULLS FIRST" for name in names)


def moment(column: str, columns: dict[str, str]) -> str:
    """A partition column as a moment, in SQL; naive means UTC."""
    return f"CAST(CAST({identifier(column)} AS {columns[column]}) AS TIMESTAMPTZ)"


def _one_of(place: str, texts: list[str]) -> str:
    return f"{place} IN ({', '.join(map(literal, texts))})" if texts else "false"


def _same(one: str, other: str, columns: Sequence[str] | dict[str, str]) -> str:
    """That two rows agree in all of these columns; NULLs count as equal."""
    return " AND ".join(f"{one}.{identifier(name)} IS NOT DISTINCT FROM {other}.{identifier(name)}" for name in columns)
