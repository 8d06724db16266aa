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
    from sqlalchemy import Connection, Engine, Select, Table, Update

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
def reading_only(connection: Connection) -> Iterator[None]:
    """A transaction that only reads, and so need not wait for one that writes to begin, nor keep others from it."""
    connection.info[_READS] = True
    try:
        with connection.begin():
            yield
    finally:
        connection.info.pop(_READS, None)


def reading(file: Path) -> Engine | None:
    """A read-only engine for a store; None where there is none, or where its first transaction never ended.

    Where a process was killed in the middle of a commit, a copy in memory is read, since SQLite would repair the file itself.
    """
    from sqlalchemy.exc import DatabaseError

    from workbench.store.tables import REVISION

    if not file.exists():
        return None
    engine = connect(file, read_only=True)
    try:
        with engine.connect() as connection:
            found = revision(connection)
    except DatabaseError as error:
        engine.dispose()
        if "readonly" not in str(error.orig) or not _journal(file).exists():
            raise explained(error, file) from error
        engine = _rolled_back(file)
        with engine.connect() as connection:
            found = revision(connection)
    if found != REVISION:
        engine.dispose()
    if found not in (None, REVISION):
        raise ConfigError(f"{file.name} is of another version of workbench (revision {found})", hint="workbench doctor")
    return None if found is None else engine


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
    there = connection.exec_driver_sql("SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'").first()
    found = connection.exec_driver_sql("SELECT version_num FROM alembic_version").first() if there else None
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
    """The rows of a table by its key that meet a condition and have ``equal`` values (None: any), at most ``limit``."""
    values = {name: value for name, value in equal.items() if value is not None}
    query = _asking(table, tuple(values), newest_first, limit)
    found = connection.execute(query if condition is None else query.where(condition), values)
    names = tuple(found.keys())
    return [dict(zip(names, row, strict=True)) for row in found.all()]


def change(connection: Connection, table: Table, where: Mapping[str, Any], values: Mapping[str, Any]) -> None:
    """Give new values to the rows that have those of ``where``."""
    connection.execute(_changing(table, tuple(where)), {**values, **{f"of_{name}": value for name, value in where.items()}})


# Each is made once: to build a query costs more than to run it.


@functools.lru_cache(maxsize=256)
def _asking(table: Table, equal: tuple[str, ...], newest_first: bool, limit: int | None) -> Select[Any]:
    from sqlalchemy import bindparam

    key = [column.desc() if newest_first else column for column in table.primary_key.columns]
    same = (table.c[name] == bindparam(name) for name in equal)
    return table.select().where(*same).order_by(*key).limit(limit)


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
    return int(connection.execute(_highest(table)).scalar_one()) + 1


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
