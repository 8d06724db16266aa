"""SQLite as the store wants it: durable commits, the write lock taken first, and complaints that a person understands."""

from __future__ import annotations

import contextlib
import functools
import os
import shutil
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from workbench.config import Workspace
from workbench.errors import ConfigError, InfrastructureError
from workbench.locks import AGAIN, in_turn, lock_held

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine, Insert, Select, Table, Update
    from sqlalchemy.sql.expression import ClauseElement

BUSY_SECONDS = 10
_READS = "workbench reads"
WRITES = "another process writes to the store"


def place(workspace: Workspace) -> Path:
    """Where the store of a workspace is."""
    return workspace.root / workspace.settings.store.removeprefix("sqlite:")


@functools.lru_cache(maxsize=32)
def connect(file: Path, *, read_only: bool) -> Engine:
    """An engine for a database file. Read-only, nothing of the file or beside it is changed.

    It keeps no connection, but what statements compile to, which costs more than to run them: so there is one a file.
    """
    from sqlalchemy import create_engine, event
    from sqlalchemy.pool import NullPool

    place = f"sqlite:///file:{_escaped(file)}?mode={'ro' if read_only else 'rwc'}&uri=true"
    engine = create_engine(place, poolclass=NullPool, connect_args={"timeout": BUSY_SECONDS, "isolation_level": None})

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, _: Any) -> None:
        if not read_only:
            connection.execute("PRAGMA journal_mode=DELETE")
            connection.execute("PRAGMA synchronous=EXTRA")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN" if read_only or connection.info.get(_READS) else "BEGIN IMMEDIATE")

    return engine


def one_writer(file: Path) -> contextlib.AbstractContextManager[None]:
    """The turn to write to a store, for one thread of this process: SQLite itself looks again after ever longer pauses."""
    return in_turn(file, WRITES, BUSY_SECONDS)


@contextlib.contextmanager
def _reading(connection: Connection) -> Iterator[None]:
    """A transaction that only reads, and so need not wait for one that writes to begin, nor keep others from it."""
    connection.info[_READS] = True
    try:
        with connection.begin():
            yield
    finally:
        connection.info.pop(_READS, None)


def reading(file: Path) -> Connection | None:
    """A read-only connection to a store; None where there is none, or where its first transaction never ended.

    Where a process was killed in the middle of a commit, a copy in memory is read, since SQLite would repair the file itself.
    """
    from sqlalchemy.exc import DatabaseError

    from workbench.store.tables import REVISION

    if not file.exists():
        return None
    connection = None
    try:
        connection = connect(file, read_only=True).connect()
        found = revision(connection)
    except (DatabaseError, sqlite3.DatabaseError) as error:
        if connection is not None:
            connection.close()
        if not ("readonly" in str(getattr(error, "orig", error)) and _journal(file).exists()):
            raise explained(error, file) from error
        connection = _rolled_back(file).connect()
        found = revision(connection)
    if found == REVISION:
        return connection
    connection.close()
    if found is not None:
        raise ConfigError(f"{file.name} is of another version of workbench (revision {found})", hint="workbench doctor")
    return None


def _rolled_back(file: Path) -> Engine:
    """The store in memory, as it was before the transaction that never ended."""
    from sqlalchemy import create_engine
    from sqlalchemy.pool import StaticPool

    memory = sqlite3.connect(":memory:", check_same_thread=False, isolation_level=None)
    try:
        with TemporaryDirectory(prefix="workbench-store-") as folder:
            copy = Path(folder) / file.name
            # Not closed again: that would take away the locks which other threads of this process hold on the file.
            held = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
            copy.write_bytes(os.pread(held, os.fstat(held).st_size, 0))
            shutil.copyfile(_journal(file), _journal(copy))
            with closing(sqlite3.connect(copy)) as connection:
                connection.backup(memory)
    except (OSError, sqlite3.Error) as error:
        memory.close()
        raise explained(error, file) from error
    return create_engine("sqlite://", creator=lambda: memory, poolclass=StaticPool)


def _journal(file: Path) -> Path:
    return file.with_name(file.name + "-journal")


def _escaped(file: Path) -> str:
    return str(file).replace("%", "%25").replace("?", "%3f").replace("#", "%23")


def revision(connection: Connection) -> str | None:
    """The migration that a database is at; None for an empty one."""
    try:
        found = _driver(connection).execute("SELECT version_num FROM alembic_version").fetchone()
    except sqlite3.OperationalError as error:
        if "no such table" not in str(error):
            raise
        return None
    return str(found[0]) if found else None


def migrate(connection: Connection) -> None:
    """Bring a database to the newest migration, in the transaction that is open, unless somebody else has meanwhile."""
    from workbench.store.tables import REVISION

    if revision(connection) != REVISION:
        from workbench.store.migrations import upgrade

        upgrade(connection)


def asked(
    connection: Connection, table: Table, condition: Any, equal: Mapping[str, Any], newest_first: bool, limit: int | None
) -> list[dict[str, Any]]:
    """The rows of a table by its key that meet a condition and have ``equal`` values (None: any), at most ``limit``.

    A tuple stands for any of its values.
    """
    wanted = {name: value for name, value in equal.items() if value is not None}
    shape = tuple((name, len(value) if isinstance(value, tuple) else None) for name, value in wanted.items())
    query = _asking(table, shape, newest_first, limit)
    values: dict[str, Any] = {}
    for name, value in wanted.items():
        values |= {f"{name}_{n}": each for n, each in enumerate(value)} if isinstance(value, tuple) else {name: value}
    if condition is not None:
        with _reading(connection) if not connection.in_transaction() else contextlib.nullcontext():
            found = connection.execute(query.where(condition), values)
            return [dict(zip(found.keys(), row, strict=True)) for row in found.all()]
    cursor = execute(connection, query, values)
    names = [each[0] for each in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def execute(connection: Connection, statement: ClauseElement, values: Mapping[str, Any]) -> sqlite3.Cursor:
    """Run a statement that is there for good, in the transaction that is open, as SQLAlchemy writes it.

    What SQLAlchemy does for each execution takes it several times as long as SQLite takes for one of the store's statements,
    all columns of which hold text and numbers.
    """
    text, names, fixed = _written(statement, ())
    return _driver(connection).execute(text, [values[name] if name in values else fixed[name] for name in names])


def add(connection: Connection, table: Table, values: Mapping[str, Any]) -> None:
    """Write down a row."""
    execute(connection, _adding(table), values)


def change(connection: Connection, table: Table, where: Mapping[str, Any], values: Mapping[str, Any]) -> None:
    """Give new values to the rows that have those of ``where``."""
    text, names, _ = _written(_changing(table, tuple(where)), tuple(values))
    given = {**values, **{f"of_{name}": value for name, value in where.items()}}
    _driver(connection).execute(text, [given[name] for name in names])


def _driver(connection: Connection) -> sqlite3.Connection:
    """SQLite's own connection. While no transaction is open each of its statements is one."""
    found: sqlite3.Connection | None = connection.connection.driver_connection
    assert found is not None
    return found


# Each is made once: to build a query, and to write it as text, costs more than to run it.


@functools.lru_cache(maxsize=512)
def _written(statement: ClauseElement, columns: tuple[str, ...]) -> tuple[str, tuple[str, ...], Mapping[str, Any]]:
    """The text of a statement, the names of its values in order, and those of them that are part of it."""
    from sqlalchemy.dialects import sqlite

    made: Any = statement.compile(
        dialect=sqlite.dialect(paramstyle="qmark"),
        column_keys=list(columns) or None,
    )
    return str(made), tuple(made.positiontup or ()), dict(made.params)


@functools.lru_cache(maxsize=256)
def _asking(table: Table, equal: tuple[tuple[str, int | None], ...], newest_first: bool, limit: int | None) -> Select[Any]:
    from sqlalchemy import bindparam

    key = [column.desc() if newest_first else column for column in table.primary_key.columns]
    one = (table.c[name] == bindparam(name) for name, count in equal if count is None)
    any_of = (table.c[name].in_([bindparam(f"{name}_{n}") for n in range(count)]) for name, count in equal if count is not None)
    return table.select().where(*one, *any_of).order_by(*key).limit(limit)


@functools.lru_cache(maxsize=32)
def _adding(table: Table) -> Insert:
    return table.insert()


@functools.lru_cache(maxsize=256)
def _changing(table: Table, where: tuple[str, ...]) -> Update:
    from sqlalchemy import bindparam

    return table.update().where(*(table.c[name] == bindparam(f"of_{name}") for name in where))


@functools.lru_cache(maxsize=32)
def _highest(table: Table) -> Select[Any]:
    from sqlalchemy import func, select

    return select(func.coalesce(func.max(table.c.number), 0))


def next_number(connection: Connection, table: Table) -> int:
    """One more than the highest number of a table; inside of a transaction nobody else gets it."""
    return int(execute(connection, _highest(table), {}).fetchone()[0]) + 1


def explained(error: Exception, file: Path) -> InfrastructureError:
    """What SQLite's complaint about the store in ``file`` means to the person who typed the command."""
    text = str(getattr(error, "orig", error))
    if "locked" in text:
        return lock_held(WRITES, file)
    if "full" in text or "disk I/O" in text:
        return InfrastructureError(f"the store can't be written: {text}", hint=f"free space, then {AGAIN}")
    if "readonly" in text or "unable to open" in text:
        return InfrastructureError(f"the store can't be opened: {text}", hint="workbench doctor")
    if "malformed" in text or "not a database" in text:
        # Nothing here can mend it; what is published is beside it, and whole.
        said = f"the store is damaged: {text}; versions and what readers see are untouched"
        return InfrastructureError(said, hint=f"put back a copy of {file} that is whole, then: workbench doctor")
    return InfrastructureError(f"the store fails: {text}", hint="workbench doctor")
