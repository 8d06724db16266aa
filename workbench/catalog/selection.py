"""Rows of a published table that somebody asks about, by values as they are typed: read by their column's type, and bound."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from workbench.catalog.profile import plain_rows
from workbench.errors import InfrastructureError, UnknownName, UsageError, WorkbenchError
from workbench.model import DataFile, Snapshot, printable
from workbench.runtime.duck import identifier, reported
from workbench.runtime.warehouse import Warehouse

if TYPE_CHECKING:
    from ibis.backends.duckdb import Backend

Row = dict[str, Any]
MOST_ROWS = 10_000
_PAIR = re.compile(r",(?=\s*[^\W\d]\w*\s*=)")
_TIMES = ("DATE", "TIMESTAMP")
_WHOLE = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT")


@dataclass(frozen=True, slots=True)
class Selection:
    """Which rows: those with these values (text by column, None for NULL), and of that day of the column ``time``."""

    key: Mapping[str, str | None]
    day: dt.date | None = None
    time: str = ""

    def __str__(self) -> str:
        said = [f"{name}={'NULL' if value is None else printable(value[:200])}" for name, value in self.key.items()]
        return ", ".join([*said, *([f"{self.time} on {self.day}"] if self.day is not None else [])])


def parse_key(texts: Sequence[str]) -> dict[str, str | None]:
    """Values by column, from ``column=value,column=value`` or a JSON object, for values that hold such commas and for NULL.

    >>> parse_key(["day=2013-06-03,origin=JFK"])
    {'day': '2013-06-03', 'origin': 'JFK'}
    >>> parse_key(['{"name": "a,b=c", "until": null}'])
    {'name': 'a,b=c', 'until': None}
    """
    found: dict[str, str | None] = {}
    for text in texts:
        for name, value in _pairs(text):
            if name in found:
                raise UsageError(f"--key names {name} twice", hint="name each column once")
            found[name] = value
    return found


def _pairs(text: str) -> list[tuple[str, str | None]]:
    hint = "write it as --key day=2013-06-03,origin=JFK"
    if text.lstrip().startswith("{"):
        try:
            given = json.loads(text)
        except ValueError as error:
            raise UsageError(f"--key {text[:60]!r} is no JSON object: {error}", hint=hint) from None
        return [
            (name, value if value is None or isinstance(value, str) else json.dumps(value)) for name, value in given.items()
        ]
    pairs = [part.partition("=") for part in _PAIR.split(text)]
    if any(not separator or not name.strip() for name, separator, _ in pairs):
        raise UsageError(f"--key {text[:60]!r} is not COLUMN=VALUE", hint=hint)
    return [(name.strip(), value) for name, _, value in pairs]


def known(name: str, snapshot: Snapshot) -> str:
    """The name itself, when the snapshot has such a column."""
    if name not in snapshot.columns:
        raise UnknownName.of(
            f"column of {snapshot.pipeline}@{snapshot.version}",
            name,
            snapshot.columns,
            hint=f"workbench lineage {snapshot.pipeline}",
        )
    return name


def time_of(snapshot: Snapshot, key: Sequence[str]) -> str:
    """The column that says of which day a row is: the partition's, else the only one of the key, else the only one."""
    partition = [snapshot.partition_by] if snapshot.partition_by is not None else []
    for names in (partition, key, list(snapshot.columns)):
        times = [name for name in names if snapshot.columns.get(name, "").startswith(_TIMES)]
        if len(times) == 1:
            return times[0]
    raise UsageError(
        f"no column of {snapshot.pipeline}@{snapshot.version} says of which day a row is",
        hint=f"workbench explain {snapshot.pipeline} --key COLUMN=VALUE",
    )


def read_rows(
    warehouse: Warehouse, con: Backend, snapshot: Snapshot, wanted: Selection, columns: Sequence[str]
) -> tuple[Row, ...] | None:
    """These columns of the rows that are wanted, in order, as JSON has them; None when the data was removed since.

    Raises ``UnknownName`` for a column that the snapshot lacks, ``UsageError`` for a value that is none of its column's type,
    ``WorkbenchError`` where more than ``MOST_ROWS`` rows are wanted.
    """
    for name in (*wanted.key, *columns, *([wanted.time] if wanted.day is not None else [])):
        known(name, snapshot)
    conditions, values = ["true"], []
    for name, value in wanted.key.items():
        conditions.append(f"{identifier(name)} IS NOT DISTINCT FROM CAST(? AS {snapshot.columns[name]})")
        values.append(_typed(con, snapshot, name, value))
    if wanted.day is not None:
        conditions.append(f"CAST({identifier(wanted.time)} AS DATE) = CAST(? AS DATE)")
        values.append(wanted.day.isoformat())
    narrow = replace(snapshot, files=files_of(con, snapshot, wanted))
    if warehouse.damaged(narrow):
        return None
    listed = ", ".join(identifier(name) for name in columns)
    with reported(f"reading {snapshot.id}"):
        view = identifier(warehouse.read(con, narrow).get_name())
        query = f"SELECT {listed} FROM {view} WHERE {' AND '.join(conditions)} ORDER BY ALL LIMIT {MOST_ROWS + 1}"
        found = con.con.execute(query, values).to_arrow_table().to_pylist()
    if len(found) > MOST_ROWS:
        raise WorkbenchError(f"more than {MOST_ROWS:,} rows have {wanted}", hint="name one of them by its key, with --key")
    return tuple(plain_rows(tuple(found)))


def files_of(con: Backend, snapshot: Snapshot, wanted: Selection) -> tuple[DataFile, ...]:
    """The files of a snapshot that may hold the rows, told by their partition: the same files hold the same rows."""
    column = snapshot.partition_by
    if column is None:
        return snapshot.files
    if column in wanted.key:
        value = _typed(con, snapshot, column, wanted.key[column])
        (text,) = con.con.execute(f"SELECT CAST(CAST(? AS {snapshot.columns[column]}) AS VARCHAR)", [value]).fetchone()
        return tuple(file for file in snapshot.files if file.partition == text)
    if wanted.day is not None and column == wanted.time:
        day = wanted.day.isoformat()
        return tuple(file for file in snapshot.files if file.partition is not None and file.partition.startswith(day))
    return snapshot.files


def snapshot_of(warehouse: Warehouse, identity: str, pipeline: str) -> Snapshot | None:
    """The snapshot of that id; None when it was removed."""
    try:
        return warehouse.snapshot(identity, pipeline)
    except InfrastructureError:
        return None


def _typed(con: Backend, snapshot: Snapshot, name: str, value: str | None) -> str | None:
    """The text itself, when it is a value of the column's type."""
    import duckdb

    kind = snapshot.columns[name]
    wrong = UsageError(f"{name}={str(value)[:60]!r} is no {kind}", hint=f"workbench lineage {snapshot.pipeline}")
    # DuckDB would round 1.5 to a whole number, which is another key.
    if value is not None and kind in _WHOLE and re.fullmatch(r"\s*[+-]?\d+\s*", value) is None:
        raise wrong
    try:
        (value or "").encode()
        con.con.execute(f"SELECT CAST(? AS {kind})", [value]).fetchone()
    except (duckdb.Error, UnicodeError):
        raise wrong from None
    return value
