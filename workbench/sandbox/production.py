"""Production as a creation sees it: relations to read once, their columns, counts and sizes. Nothing is written there."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from workbench.config import Source, Workspace
from workbench.errors import ConfigError, InfrastructureError
from workbench.runtime import duck, postgres
from workbench.runtime.duck import identifier
from workbench.runtime.sources import end_readings, placed, source_files
from workbench.runtime.sources import reading as postgres_reading
from workbench.runtime.warehouse import Warehouse
from workbench.sandbox.graph import Link
from workbench.sandbox.mask import family
from workbench.sandbox.proofs import Proofs
from workbench.sandbox.remote import Remote

PRIVATE = "__wb_"  # prefix of the columns that a creation adds while it works


@dataclass(frozen=True, slots=True)
class Production:
    """An open reading of the sources.

    ``con`` is a raw DuckDB connection, ``relations`` maps each source to a query in brackets, ``columns`` to its columns with
    their DuckDB types, ``rows`` to its row count and ``bytes`` to the size of its files. ``surveyed`` is what
    :mod:`workbench.sandbox.survey` has counted off, ``proofs`` what is known of rows that are the same as they were. Sources
    that are on a server stand in ``remotes``, too; of them, ``con`` has only the rows that were fetched.
    """

    con: Any
    relations: dict[str, str]
    columns: dict[str, dict[str, str]]
    rows: dict[str, int]
    bytes: dict[str, int]
    digests: dict[str, str]
    surveyed: dict[tuple[str, tuple[str, ...]], Any] = field(default_factory=dict)
    proofs: Proofs = field(default_factory=Proofs)
    remotes: dict[str, Remote] = field(default_factory=dict)

    def ask(self, query: str) -> list[tuple[Any, ...]]:
        """All rows of a query."""
        found: list[tuple[Any, ...]] = self.con.execute(query).fetchall()
        return found


@contextlib.contextmanager
def reading(workspace: Workspace, spill: Path, tell: Callable[[str], None], *, whole: bool = False) -> Iterator[Production]:
    """The sources, held read-only for as long as this is open; with ``whole`` also those on a server are fetched at once.

    Raises ``InfrastructureError`` at the end when a file changed in the meantime: what was read would be of two moments.
    """
    warehouse = Warehouse.open(workspace)
    names = tuple(workspace.settings.sources)
    before = {name: _states(workspace, name) for name in names}
    con = duck.raw_session(spill)
    try:
        relations, columns, rows, digests = {}, {}, {}, {}
        sizes = {name: sum(size for _, size, _ in states) for name, states in before.items()}
        remotes: dict[str, Remote] = {}
        for name in names:
            tell(f"counting {name}")
            read = workspace.source(name).read
            if postgres.is_address(read):
                at = postgres.place(name, read)
                remotes[name] = there = Remote.open(name, at, postgres_reading(con, at.address), con)
                relations[name], columns[name], sizes[name] = there.relation, there.types, there.bytes()
                rows[name], digests[name] = there.state()
                if whole:
                    there.fetch_all()
                continue
            relations[name] = f"(SELECT * FROM {'.'.join(map(identifier, placed(con, workspace, name)))})"
            columns[name] = {row[0]: row[1] for row in con.execute(f"DESCRIBE SELECT * FROM {relations[name]} t").fetchall()}
            rows[name] = con.execute(f"SELECT count(*) FROM {relations[name]} t").fetchone()[0]
            digests[name] = warehouse.source_digest(name)
        # Two tables of one file have one digest, so a state is where it is read, too.
        proofs = Proofs.read(workspace.state, {name: f"{workspace.source(name).read} {digests[name]}" for name in names})
        yield Production(con, relations, columns, rows, sizes, digests, proofs=proofs, remotes=remotes)
        changed = [name for name in names if _states(workspace, name) != before[name]]
        if not changed:
            proofs.keep()
    finally:
        end_readings(con)
        con.close()
    if changed:
        raise InfrastructureError(
            f"{', '.join(changed)} changed while being read", hint="workbench sandbox create   (again, when nothing writes)"
        )


def _states(workspace: Workspace, name: str) -> tuple[tuple[str, int, int], ...]:
    if postgres.is_address(workspace.source(name).read):
        return ()  # its transaction sees one moment, whatever is written meanwhile
    states = ((path, path.stat()) for path in source_files(workspace, name))
    return tuple((str(path), state.st_size, state.st_mtime_ns) for path, state in states)


def check_columns(sources: Mapping[str, Source], production: Production, all_links: Sequence[Link]) -> None:
    """Every column that the declarations name exists, and references compare like with like."""
    for name, source in sources.items():
        path = f"tool.workbench.sources.{name}"
        there = production.columns[name]
        mine = [column for column in there if column.startswith(PRIVATE)]
        if mine:
            raise ConfigError(f"{path}: a column may not be called {mine[0]}", hint="rename it where the source is made")
        named = {
            "key": source.key,
            "mask": list(source.mask),
            "time": [source.time] if source.time else [],
            "units": list(source.units),
            "quasi_identifiers": source.quasi_identifiers,
        }
        for setting, listed in named.items():
            for column in listed:
                _there(f"{path}.{setting}", name, column, there)
    for link in all_links:
        path = f"tool.workbench.sources.{link.child}.references"
        for own, theirs in zip(link.columns, link.to, strict=True):
            _there(path, link.child, own, production.columns[link.child])
            _there(path, link.parent, theirs, production.columns[link.parent])
            left, right = production.columns[link.child][own], production.columns[link.parent][theirs]
            if family(left) != family(right) and production.rows[link.child] and production.rows[link.parent]:
                raise ConfigError(
                    f"{path}: {link.child}.{own} is {left} and {link.parent}.{theirs} is {right}; they never match",
                    hint="cast one of them where the source is made, or remove the reference, then: workbench sandbox create",
                )


def followable(sources: Mapping[str, Source], production: Production) -> dict[str, Source]:
    """The sources without references that join columns of different types, as those of a CSV file without rows seem to be."""
    found = dict(sources)
    for name, source in sources.items():
        kept = []
        for each in source.references:
            pairs = zip(each.columns, each.to or sources[each.source].key, strict=True)
            theirs = production.columns[each.source]
            if all(family(production.columns[name][own]) == family(theirs[to]) for own, to in pairs):
                kept.append(each)
        if len(kept) < len(source.references):
            found[name] = source.model_copy(update={"references": kept})
    return found


def left_out(sources: Mapping[str, Source], followed: Mapping[str, Source]) -> tuple[str, ...]:
    """What to know of references that are not followed."""
    return tuple(
        f"{name}({', '.join(each.columns)}) -> {each.source} was not followed: a file without rows does not tell its types"
        for name, source in sources.items()
        for each in source.references
        if each not in followed[name].references
    )


def _there(path: str, source: str, column: str, there: Mapping[str, str]) -> None:
    if column not in there:
        near = get_close_matches(column, there, n=1) or [known for known in there if known.lower() == column.lower()]
        tail = f"did you mean {near[0]!r}?" if near else "it has: " + ", ".join(list(there)[:12])
        raise ConfigError(
            f"{path}: source {source} has no column {column!r}; {tail}",
            hint="correct pyproject.toml, then: workbench sandbox create",
        )
