"""DuckDB as the engine of the embedded warehouse: sessions, quoting, and what its errors mean."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import weakref
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.errors import InfrastructureError

if TYPE_CHECKING:
    import ibis.expr.datatypes as dt
    import ibis.expr.types as ir
    from ibis.backends.duckdb import Backend

AGAIN = "then type the same command again"
_NOTE = "workbench files: "


def identifier(name: str) -> str:
    """A name as SQL, whatever characters it has.

    >>> print(identifier('say "hi"'))
    "say ""hi\"""
    """
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A text as SQL.

    >>> print(literal("it's"))
    'it''s'
    """
    return "'" + text.replace("'", "''") + "'"


def file_list(paths: list[Path]) -> str:
    """Paths as a SQL list; DuckDB takes a name that exists literally before it reads it as a pattern."""
    return "[" + ", ".join(literal(str(path)) for path in paths) + "]"


def session(spill: Path) -> Backend:
    """A fresh in-memory session in UTC that loads nothing from the network and spills to ``spill`` when memory is short.

    In a child of a warm process it has one thread, until ``widen`` gives it the others.
    """
    import ibis

    made = _take_ready()
    if made is not None:
        made.con.execute(f"SET temp_directory = {literal(str(spill))}")
        _narrow.add(made.con)
        return made
    return ibis.duckdb.connect(":memory:", temp_directory=str(spill), **CONFIG)


def raw_session(spill: Path) -> Any:
    """The same as a connection of DuckDB alone, which takes a third of a second of imports less than one of Ibis."""
    import duckdb

    con = duckdb.connect(":memory:", config={"temp_directory": str(spill), **CONFIG})
    con.execute("SET TimeZone = 'UTC'")
    con.execute("SET python_enable_replacements = false")
    return con


def widen(con: Backend, *, rows: int = 0, size: float = 0) -> None:
    """Let a session use every processor when there is work to share: rows for more than one thread, or many bytes."""
    if rows > ROWS_OF_A_THREAD or size > BYTES_OF_A_THREAD:
        _narrow.discard(con.con)
        con.con.execute("RESET threads")
        con.con.execute(f"RESET {LATE}")


def threads_of(con: Any) -> int:
    """How many threads a session has."""
    return 1 if con in _narrow else int(rows(con, "SELECT current_setting('threads')")[0][0])


def make_ready() -> None:
    """Make a session that the next child of this process takes: in memory, and without a thread of its own."""
    import duckdb
    import ibis

    made = ibis.duckdb.from_connection(duckdb.connect(":memory:", config={"threads": 1, **CONFIG}))
    made.con.execute(f"SET {LATE} = 0")
    _ready[:] = [(os.getpid(), made)]
    with duckdb.connect(":memory:", config={"threads": 1, **CONFIG}) as con:  # the session itself stays as small as it is
        for kind in _USUAL:  # what tables mostly have, which takes long to parse and to write
            for nullable in (True, False):
                stored_as(con, _from_duckdb(kind, nullable))


def _take_ready() -> Backend | None:
    """The session that the process made from which this one was forked; None where there is none, or it was taken."""
    if _ready and _ready[0][0] != os.getpid():
        return _ready.pop()[1]
    return None


CONFIG = {"autoinstall_known_extensions": False, "preserve_insertion_order": True}
ROWS_OF_A_THREAD = 122_880  # DuckDB's row group, which threads don't share
BYTES_OF_A_THREAD = 1 << 20
LATE = "late_materialization_max_rows"  # DuckDB reads twice for the first few rows by a key, which pays for wide tables alone
_HELD = " in memory"
_PLAIN = tuple(
    "BOOLEAN TINYINT SMALLINT INTEGER BIGINT UTINYINT USMALLINT UINTEGER UBIGINT FLOAT DOUBLE VARCHAR DATE TIMESTAMP".split()
)
_USUAL = (*_PLAIN, "HUGEINT", "BLOB", "TIME", "UUID", "TIMESTAMP WITH TIME ZONE")
_narrow: weakref.WeakSet[Any] = weakref.WeakSet()  # sessions that have the one thread with which they were made
_ready: list[tuple[int, Backend]] = []
_stored: dict[dt.DataType, str] = {}


@dataclass(frozen=True, slots=True)
class Listed:
    """A Parquet file behind a view: its rows, digest and partition where they are known."""

    path: Path
    rows: int = 0
    sha256: str = ""
    partition: str | None = None


def note_files(con: Any, view: str, files: Iterable[Listed]) -> None:
    """Say with a view that it reads just these Parquet files, column by column, by name."""
    noted = [[str(file.path), file.rows, file.sha256, file.partition] for file in files]
    con.execute(f"COMMENT ON VIEW {identifier(view)} IS {literal(_NOTE + json.dumps(noted))}")


def noted_files(comment: str | None) -> tuple[Listed, ...] | None:
    """The files that ``note_files`` said of a view, from its comment; None for any other comment.

    >>> noted_files('workbench files: [["a.parquet", 3, "", null]]')
    (Listed(path=PosixPath('a.parquet'), rows=3, sha256='', partition=None),)
    """
    if comment is None or not comment.startswith(_NOTE):
        return None
    return tuple(Listed(Path(path), *rest) for path, *rest in json.loads(comment.removeprefix(_NOTE)))


def table_of(con: Backend, name: str, columns: Mapping[str, str] | None = None) -> ir.Table:
    """A table or view of a session, as ``con.table`` gives it.

    ``columns`` are names and DuckDB types of a view's, if they are known and each may be NULL.
    """
    import ibis.expr.operations as ops

    if columns is None:
        told = rows(con.con, f"DESCRIBE {identifier(name)}")
    else:
        told = [(column, kind, "YES") for column, kind in columns.items()]
    schema = {column: _from_duckdb(kind, nullable == "YES") for column, kind, nullable, *_ in told}
    if any(kind.is_geospatial() for kind in schema.values()):
        return con.table(name)  # it loads what reads them
    return ops.DatabaseTable(name, schema=schema, source=con).to_expr()


def held(con: Backend, name: str, query: str, columns: Mapping[str, str]) -> ir.Table:
    """The rows of a query as they are now, kept in memory, with names and DuckDB types of its columns."""
    con.con.execute(f"CREATE OR REPLACE TEMP TABLE {identifier(name + _HELD)} AS {query}")
    return table_of(con, name + _HELD, columns)


@functools.cache
def _from_duckdb(kind: str, nullable: bool) -> dt.DataType:
    from ibis.backends.sql.datatypes import DuckDBType

    return DuckDBType.from_string(kind, nullable=nullable)


@functools.cache
def type_sql(kind: dt.DataType) -> str:
    """An Ibis type as DuckDB writes it."""
    from ibis.backends.sql.datatypes import DuckDBType

    return str(DuckDBType.to_string(kind))


def stored_as(con: Any, kind: dt.DataType) -> str:
    """An Ibis type as DuckDB tells of a column that has it; a connection of DuckDB is asked once for each."""
    if kind not in _stored:
        ((_stored[kind],),) = rows(con, f"SELECT typeof(CAST(NULL AS {type_sql(kind)}))")
    return _stored[kind]


def place_of(table: ir.Table) -> str:
    """A table of a session as SQL names it."""
    at: Any = table.op()
    return ".".join(identifier(part) for part in (at.namespace.catalog, at.namespace.database, at.name) if part)


def arrow_rows(table: ir.Table, sql: str, parameters: list[Any] | None = None) -> list[dict[str, Any]]:
    """All rows of a query in the session of a table, with the values that Arrow makes of them.

    Where these are of plain types, DuckDB makes the same ones itself, in less time.
    """
    backend: Any = table.get_backend()
    told = backend.con.execute(sql, parameters or [])
    if all(str(kind) in _PLAIN for _, kind, *_ in told.description):
        names = [name for name, *_ in told.description]
        return [dict(zip(names, row, strict=True)) for row in told.fetchall()]
    found: list[dict[str, Any]] = told.to_arrow_table().to_pylist()
    return found


@contextlib.contextmanager
def reported(what: str) -> Iterator[None]:
    """Turn a full disk or a lock held by another process into an ``InfrastructureError`` that names what was done."""
    import duckdb

    try:
        yield
    except (duckdb.Error, OSError) as error:
        translated = infrastructure(error, what)
        if translated is None:
            raise
        raise translated from error


def infrastructure(error: BaseException, what: str) -> InfrastructureError | None:
    """The retryable meaning of an error, or None when it has none."""
    text = str(error)
    first = text.splitlines()[0] if text else type(error).__name__
    if "Could not set lock on file" in text or "Conflicting lock is held" in text:
        return InfrastructureError(f"{what}: another process holds the file: {first}", hint=f"wait for it to end, {AGAIN}")
    if any(sign in text for sign in ("No space left on device", "Disk quota exceeded", "File too large")):
        return InfrastructureError(f"{what}: the disk is full; nothing was published", hint=f"free space, {AGAIN}")
    if "failed to offload data block" in text or "max_temp_directory_size" in text:
        return InfrastructureError(f"{what}: no room to spill what memory can't hold: {first}", hint=f"free space, {AGAIN}")
    if isinstance(error, OSError) or type(error).__name__ == "IOException":
        return InfrastructureError(f"{what}: {first}", hint="workbench doctor")
    return None


def rows(con: Any, sql: str, parameters: list[Any] | None = None) -> list[tuple[Any, ...]]:
    """All rows of a query on a raw DuckDB connection."""
    found: list[tuple[Any, ...]] = con.execute(sql, parameters).fetchall() if parameters else con.execute(sql).fetchall()
    return found
