"""Production sources, read as they are declared: Parquet or CSV files, a table of another DuckDB file or of a PostgreSQL."""

from __future__ import annotations

import contextlib
import glob
import hashlib
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.config import Workspace
from workbench.errors import InfrastructureError, UsageError
from workbench.runtime import distant, postgres
from workbench.runtime.digests import Digests
from workbench.runtime.duck import AGAIN, file_list, identifier, infrastructure, literal, rows, table_of
from workbench.runtime.whole import check_whole, fault

if TYPE_CHECKING:
    import ibis.expr.types as ir
    from ibis.backends.duckdb import Backend

DUCKDB = "duckdb:"
_PARQUET = (".parquet", ".pq", ".parq")
_CSV = (".csv", ".tsv", ".csv.gz", ".tsv.gz", ".csv.zst", ".tsv.zst")


class SourceGone(UsageError):
    """No file of a source is there."""


def open_source(con: Backend, workspace: Workspace, name: str, *, rows: bool = True) -> ir.Table:
    """The declared source of that name as a table of the session ``con``; without ``rows`` a server need not send any.

    Of a table of a server nothing is fetched before a query reads it, and then the columns that it reads (``distant``).

    Raises ``UsageError`` when a file, table or format is not what the declaration says, ``InfrastructureError`` when
    another process holds the file.
    """
    read = workspace.source(name).read
    with _explained(name, read):
        if postgres.is_address(read):
            return _there(con, workspace, name, rows)
        *database, table = placed(con.con, workspace, name)
        return con.table(table, database=(database[0], database[1])) if database else table_of(con, table)


def placed(con: Any, workspace: Workspace, name: str) -> tuple[str, ...]:
    """Make files or a table of another DuckDB file readable for a connection of DuckDB; the parts of its name there.

    Raises what :func:`open_source` does.
    """
    read = workspace.source(name).read
    with _explained(name, read):
        if read.startswith(DUCKDB):
            return _attached(con, workspace, name)
        paths = source_files(workspace, name)
        con.execute(f"CREATE OR REPLACE TEMP VIEW {identifier(name)} AS SELECT * FROM {_reader(name, read, paths)}")
        return (name,)


@contextlib.contextmanager
def _explained(name: str, read: str) -> Iterator[None]:
    import duckdb

    try:
        yield
    except duckdb.Error as error:
        retryable = infrastructure(error, f"source {name!r}") if isinstance(error, duckdb.IOException) else None
        if retryable is not None:
            raise retryable from error
        if "get_next failed" in str(error):  # of what a server sends
            raise InfrastructureError(
                f"source {name!r}: the server stopped sending rows: {str(error).rpartition(': ')[2].strip()}",
                hint=f"see whether the server runs, {AGAIN}",
            ) from error
        said, hint = fault(error)
        first = said or str(error).splitlines()[0]
        raise UsageError(f"source {name!r} can't be read from {read!r}: {first}", hint=hint or _hint(name)) from error


def source_files(workspace: Workspace, name: str) -> list[Path]:
    """The files that hold a source now, sorted by name; at least one.

    A pattern is expanded here and not by DuckDB, so that a folder called ``a[1]`` above the workspace is no pattern.
    """
    read = workspace.source(name).read
    if read.startswith(DUCKDB):
        place, _, table = read.removeprefix(DUCKDB).partition("#")
        if not table:
            raise UsageError(f"source {name!r}: {read!r} names no table", hint=f"write it as {DUCKDB}{place}#SCHEMA.TABLE")
        found = [workspace.root / place] if (workspace.root / place).is_file() else []
    else:
        place = read
        plain = workspace.root / read
        if plain.is_dir():
            raise UsageError(f"source {name!r}: {read!r} is a folder", hint=f'write read = "{read.rstrip("/")}/*.parquet"')
        names = [read] if plain.is_file() else sorted(glob.glob(read, root_dir=workspace.root, recursive=True))
        found = [workspace.root / each for each in names if _is_file(name, read, workspace.root / each)]
    if not found:
        raise SourceGone(f"source {name!r}: no file {place!r} below {workspace.root}", hint=_hint(name))
    return found


def _is_file(name: str, read: str, path: Path) -> bool:
    """Whether a pattern found a file; what looks like data and can't be read as a file is not passed over in silence.

    Raises ``InfrastructureError`` for a link that leads nowhere, ``UsageError`` for a folder or a pipe with the name of a file.
    """
    if path.is_file():
        return True
    if path.is_symlink() and not path.exists():
        raise InfrastructureError(
            f"source {name!r}: {path.name}, which {read!r} finds, is a link that leads nowhere",
            hint=f"restore what it leads to, or remove the link, {AGAIN}",
        )
    if path.exists() and path.name.lower().endswith((*_PARQUET, *_CSV)):
        kind = "a folder" if path.is_dir() else "no file"
        raise UsageError(f"source {name!r}: {path.name}, which {read!r} finds, is {kind}", hint=_hint(name))
    return False


def check_readable(con: Any, workspace: Workspace, name: str) -> None:
    """Raise what :func:`open_source` would, as far as no rows have to be read for it; ``con`` is of DuckDB."""
    read = workspace.source(name).read
    if postgres.is_address(read):
        at = postgres.place(name, read)
        reading(con, at.address).columns(at)
    elif read.startswith(DUCKDB) or all(path.name.lower().endswith(_PARQUET) for path in source_files(workspace, name)):
        placed(con, workspace, name)  # of CSV every row would be read, to guess its types


def source_size(workspace: Workspace, name: str) -> float:
    """Bytes of the files that hold a source; endless for a table of a server, which does not tell."""
    if postgres.is_address(workspace.source(name).read):
        return float("inf")
    return sum(path.stat().st_size for path in source_files(workspace, name))


def source_stamp(workspace: Workspace, name: str) -> tuple[object, ...] | None:
    """Changes when a file of a source is written, replaced, added or removed; None for a table of a server."""
    read = workspace.source(name).read
    if postgres.is_address(read):
        return None
    found: list[object] = [name, read]
    for path in source_files(workspace, name):
        for file in (path, path.with_name(path.name + ".wal")):
            with contextlib.suppress(FileNotFoundError):
                at = file.stat()
                found.append((str(file), at.st_dev, at.st_ino, at.st_size, at.st_mtime_ns, at.st_ctime_ns))
    return tuple(found)


def digest(workspace: Workspace, name: str, con: Backend | None = None, *, keep: bool = True) -> str:
    """Identifies what a source holds now: the bytes and names of its files, or the rows of its table in a PostgreSQL.

    That is the moment which ``con`` reads, where it is given, and of which it is to be known that it still reads the same.
    Hashes of files are noted in the workspace, unless ``keep`` is false.
    """
    read = workspace.source(name).read
    if postgres.is_address(read):
        at = postgres.place(name, read)
        if con is not None:
            return reading(con, at.address).digest(at)
        once = postgres.Reading(at.address)
        try:
            return once.digest(at)
        finally:
            once.close()
    held, known = hashlib.sha256(), Digests.read(workspace.state)
    for path in source_files(workspace, name):
        for file in (path, path.with_name(path.name + ".wal")):
            if file.is_file():
                held.update(f"{file.name}\0{known.sha256(file)}\n".encode())
    if keep:
        known.keep()
    return held.hexdigest()


def _reader(name: str, read: str, paths: list[Path]) -> str:
    parquet = [path for path in paths if path.name.lower().endswith(_PARQUET)]
    text = [path for path in paths if is_text(path)]
    strange = sorted({*paths} - {*parquet, *text})
    if strange or (parquet and text):
        found = f"{strange[0].name}, which is neither Parquet nor CSV" if strange else "both Parquet and CSV files"
        raise UsageError(
            f"source {name!r}: {read!r} finds {found}", hint=f"name files that end in {_PARQUET[0]} or {_CSV[0]}: {_hint(name)}"
        )
    for path in paths:
        check_whole(name, path)
    # Of CSV every row takes part in guessing the types, so that a value far down can't contradict them.
    return f"read_parquet({file_list(paths)})" if parquet else f"read_csv({file_list(paths)}, sample_size=-1)"


def is_text(path: Path) -> bool:
    """Whether a file of a source is CSV."""
    return path.name.lower().endswith(_CSV)


def _attached(con: Any, workspace: Workspace, name: str) -> tuple[str, str, str]:
    path = source_files(workspace, name)[0].resolve()
    wanted = workspace.source(name).read.partition("#")[2]
    schema, _, table = wanted.rpartition(".")
    schema = schema or "main"
    known = dict(rows(con, "SELECT path, database_name FROM duckdb_databases() WHERE path IS NOT NULL"))
    catalog = known.get(str(path))
    if catalog is None:
        catalog = f"source_{hashlib.sha256(str(path).encode()).hexdigest()[:12]}"
        con.execute(f"ATTACH {literal(str(path))} AS {identifier(catalog)} (READ_ONLY)")
    listed = f"SELECT schema_name || '.' || {{0}} FROM {{1}} WHERE database_name = {literal(catalog)}"
    tables = listed.format("table_name", "duckdb_tables()")
    views = listed.format("view_name", "duckdb_views()") + " AND NOT internal"
    there = {row[0] for row in rows(con, f"{tables} UNION ALL {views}")}
    if f"{schema}.{table}" not in there:
        raise UsageError(
            f"source {name!r}: {path.name} has no table {schema}.{table}; there are: {', '.join(sorted(there)[:12]) or 'none'}",
            hint=_hint(name),
        )
    return catalog, schema, table


def reading(con: Any, address: str) -> postgres.Reading:
    """The transaction in which a session, of Ibis or of DuckDB alone, reads a PostgreSQL: one for all its tables.

    It ends with the session.
    """
    held = _readings.setdefault(id(con), {})
    if address not in held:
        if not held:
            weakref.finalize(con, _end, id(con))
        held[address] = postgres.Reading(address)
    return held[address]


def end_readings(con: Any) -> None:
    """End what ``reading`` began for a session."""
    _end(id(con))


_readings: dict[int, dict[str, postgres.Reading]] = {}


def _end(session: int) -> None:
    distant.forget(session)
    for each in _readings.pop(session, {}).values():
        each.close()


def _there(con: Backend, workspace: Workspace, name: str, filled: bool) -> ir.Table:
    """A table of a PostgreSQL, of which is fetched what is read; or its columns without rows."""
    read = workspace.source(name).read
    at = postgres.place(name, read)
    there = reading(con, at.address)
    if filled:
        return distant.stand(con, read, at, there, lambda: _explained(name, read))
    digest = hashlib.sha256(read.encode()).hexdigest()[:12]
    return con.table(distant.empty(con.con, digest, there.columns(at).values()))


def _hint(name: str) -> str:
    return f"correct read of [tool.workbench.sources.{name}] in pyproject.toml, then: workbench doctor"
