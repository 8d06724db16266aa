"""What stands in clear somewhere: values that look personal, and rows that few others are like."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.config import Source, Workspace
from workbench.errors import UnknownName, UsageError
from workbench.runtime import postgres
from workbench.runtime.duck import identifier
from workbench.sandbox import personal, registry
from workbench.sandbox.found import Found, tables
from workbench.sandbox.registry import SandboxInfo

K = 5  # rows that are alike in a class, at least, unless somebody says otherwise


@dataclass(frozen=True, slots=True)
class Hit:
    """Values of one column that look personal; ``kept`` when somebody has decided that they may be seen."""

    table: str
    column: str
    looks: str
    hits: int
    values: int
    kept: bool = False

    @property
    def share(self) -> float:
        return self.hits / self.values


@dataclass(frozen=True, slots=True)
class Anonymity:
    """Classes of rows that are alike in chosen columns: how many, how small the smallest, and rows in those below ``k``."""

    table: str
    columns: tuple[str, ...]
    k: int
    rows: int
    classes: int
    smallest: int
    rows_below: int

    @property
    def share_below(self) -> float:
        return self.rows_below / self.rows if self.rows else 0.0


@dataclass(frozen=True, slots=True)
class Scan:
    """What was found in one target."""

    target: str
    tables: tuple[str, ...]
    hits: tuple[Hit, ...]
    anonymity: tuple[Anonymity, ...]

    @property
    def clean(self) -> bool:
        return all(each.kept for each in self.hits)


def scan(
    workspace: Workspace,
    target: str | None,
    quasi: Sequence[str] = (),
    k: int = K,
    tell: Callable[[str], None] = lambda _: None,
) -> Scan:
    """Look through a sandbox (the active one, or by its id), a declared source, or any file, folder or PostgreSQL.

    ``quasi`` are the columns whose classes are counted in each table that has them, in place of the declared ones.
    """
    sources = workspace.settings.sources
    with _opened(workspace, target, tell) as (name, found):
        hits: list[Hit] = []
        counted: list[Anonymity] = []
        for each in found:
            tell(f"looking through {each.name}")
            declared = sources.get(each.name, Source(read="-"))
            kept = {column for column, rule in declared.mask.items() if rule == "keep"}
            hits += [
                Hit(each.name, look.column, look.kind, look.hits, look.values, look.column in kept)
                for look in personal.looks(each.ask, f"(SELECT * FROM {each.relation} r)", each.columns)
            ]
            columns = tuple(quasi) or tuple(declared.quasi_identifiers)
            if columns and set(columns) <= set(each.columns):
                counted.append(anonymity(each.ask, each.name, each.relation, columns, k))
        missing = [column for column in quasi if not any(column in each.columns for each in found)]
        if missing or (quasi and not counted):
            lacking = f"no table has a column {missing[0]!r}" if missing else "no table has all of these columns"
            raise UsageError(f"--quasi {','.join(quasi)}: {lacking}", hint="workbench scan --help")
    return Scan(name, tuple(each.name for each in found), tuple(hits), tuple(counted))


def anonymity(
    ask: Callable[[str], list[tuple[Any, ...]]], table: str, relation: str, columns: Sequence[str], k: int = K
) -> Anonymity:
    """Count the classes of a table by one GROUP BY; NULL is like NULL."""
    listed = ", ".join(f"s.{identifier(column)}" for column in columns)
    grouped = f"SELECT count(*) AS n FROM {relation} s GROUP BY {listed}"
    below = f"CASE WHEN g.n < {int(k)} THEN g.n ELSE 0 END"
    row = ask(f"SELECT coalesce(sum(g.n), 0), count(*), coalesce(min(g.n), 0), coalesce(sum({below}), 0) FROM ({grouped}) g")[0]
    return Anonymity(table, tuple(columns), k, *(int(value) for value in row))


def sandbox_anonymity(info: SandboxInfo, sources: Mapping[str, Source], k: int = K) -> tuple[Anonymity, ...]:
    """The classes of a sandbox's tables by the columns that the settings declare."""
    wanted = {name: sources[name].quasi_identifiers for name in info.tables if name in sources}
    if not any(wanted.values()):
        return ()
    with _sandbox(info) as found:
        return tuple(
            anonymity(each.ask, each.name, each.relation, wanted[each.name], k)
            for each in found
            if wanted.get(each.name) and set(wanted[each.name]) <= set(each.columns)
        )


@contextlib.contextmanager
def _opened(workspace: Workspace, target: str | None, tell: Callable[[str], None]) -> Iterator[tuple[str, tuple[Found, ...]]]:
    known = {info.id: info for info in registry.ls(workspace)}
    if target is None or target in known or (target and sum(each.startswith(target) for each in known) == 1):
        info = registry.active(workspace) if target is None else registry.find(workspace, target)
        with _sandbox(info) as found:
            yield f"sandbox {info.id}", found
    elif target in workspace.settings.sources:
        read = workspace.settings.sources[target].read
        with _source(workspace, target) as found:
            yield f"source {target} ({read.partition('?')[0]})", found
    elif postgres.is_address(target) or (workspace.root / target).exists() or Path(target).exists():
        with tables(workspace, [target], tell) as found:
            yield target.partition("?")[0], found
    else:
        raise UnknownName.of(
            "sandbox, source or file", target, [*known, *workspace.settings.sources], hint="workbench scan --pii [TARGET]"
        )


@contextlib.contextmanager
def _sandbox(info: SandboxInfo) -> Iterator[tuple[Found, ...]]:
    from workbench.sandbox.session import open_session

    session = open_session(info.path)
    try:
        yield tuple(_found(session.con.con, name, f"main.{identifier(name)}") for name in session.sources)
    finally:
        session.con.disconnect()


@contextlib.contextmanager
def _source(workspace: Workspace, name: str) -> Iterator[tuple[Found, ...]]:
    from workbench.runtime.distant import narrowed
    from workbench.runtime.sources import end_readings
    from workbench.runtime.warehouse import Warehouse

    warehouse = Warehouse.open(workspace)
    con = warehouse.connect()
    try:
        yield (_found(con.con, name, f"({con.compile(narrowed(warehouse.source(con, name)))})"),)
    finally:
        end_readings(con)
        con.disconnect()


def _found(con: Any, name: str, relation: str) -> Found:
    def ask(query: str) -> list[tuple[Any, ...]]:
        rows: list[tuple[Any, ...]] = con.execute(query).fetchall()
        return rows

    columns = {row[0]: row[1] for row in ask(f"DESCRIBE SELECT * FROM {relation} r")}
    return Found(name, "", "duckdb", name, relation, ask, columns, ask(f"SELECT count(*) FROM {relation} r")[0][0])
