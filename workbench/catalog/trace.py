"""Where columns come from and where they go, through every live pipeline: walks over stored lineage."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from workbench.catalog.contract import read_contract
from workbench.catalog.version import pipelines, read_lineage, version_dir
from workbench.config import Workspace
from workbench.errors import UnknownName, WorkbenchError
from workbench.model import Edge, LineageRole, VersionId, top_column
from workbench.runtime.warehouse import Warehouse
from workbench.store import Store, lineage

ROWS = "*"
Kind = Literal["source", "pipeline"]


@dataclass(frozen=True, slots=True)
class Place:
    """A column of a source or pipeline; the column ``*`` stands for which rows there are."""

    table: str
    column: str
    kind: Kind

    def __str__(self) -> str:
        return f"{self.table}.{self.column}"


@dataclass(frozen=True, slots=True)
class Tree:
    """A place, by which roles it is reached from the one above, and what lies beyond. ``seen`` says that it is shown above."""

    place: Place
    roles: tuple[LineageRole, ...] = ()
    beyond: tuple[Tree, ...] = ()
    seen: bool = False

    def places(self) -> Iterator[Place]:
        """This place and all beyond it, each as often as it is reached."""
        yield self.place
        for each in self.beyond:
            yield from each.places()


@dataclass(frozen=True, slots=True)
class Graph:
    """The lineage of every live pipeline, and the columns of all tables. Edges of one pipeline are sorted."""

    edges: Mapping[str, tuple[Edge, ...]]
    sources: frozenset[str]

    def kind(self, table: str) -> Kind:
        return "pipeline" if table in self.edges else "source"

    def columns(self, table: str) -> tuple[str, ...]:
        """Every column of a table that lineage knows: those of a pipeline, those of a source that anybody reads."""
        own = {edge.column for edge in self.edges.get(table, ())}
        read = {top_column(edge.input_column) for edges in self.edges.values() for edge in edges if edge.input == table}
        return tuple(sorted((own | read) - {ROWS}))

    def upstream(self, table: str, column: str) -> Tree:
        """What a column, or with ``*`` the rows, of a pipeline rest on, down to the sources."""
        return self._walk(Place(table, column, self.kind(table)), (), Graph._rests_on, set())

    def downstream(self, table: str, column: str) -> Tree:
        """What rests on a column of a source or pipeline; with ``*`` on any of its columns."""
        return self._walk(Place(table, column, self.kind(table)), (), Graph._reads, set())

    def readers(self, table: str, columns: Iterable[str]) -> dict[str, tuple[str, ...]]:
        """The pipelines that read any of these columns themselves, each with the columns that it reads."""
        wanted, found = {*columns}, {}
        for pipeline, edges in self.edges.items():
            read = {top_column(edge.input_column) for edge in edges if edge.input == table} & wanted
            if read:
                found[pipeline] = tuple(sorted(read))
        return found

    def rests_on(self, table: str) -> tuple[str, ...]:
        """The pipelines that rest on a table, directly or through others, by name."""
        return tuple(sorted({place.table for place in self.downstream(table, ROWS).places()} - {table}))

    def _walk(self, place: Place, roles: tuple[LineageRole, ...], step: _Step, seen: set[Place]) -> Tree:
        further = step(self, place)
        if roles == ("rule",):  # what is only looked for there says nothing of what lies beyond
            return Tree(place, roles)
        if place in seen and further:
            return Tree(place, roles, seen=True)
        seen.add(place)
        return Tree(place, roles, tuple(self._walk(each, by, step, seen) for each, by in further.items()))

    def _rests_on(self, place: Place) -> dict[Place, tuple[LineageRole, ...]]:
        wanted = (top_column(place.column), ROWS)
        found: dict[Place, set[LineageRole]] = {}
        for edge in self.edges.get(place.table, ()):
            if edge.column in wanted:
                found.setdefault(Place(edge.input, edge.input_column, self.kind(edge.input)), set()).add(edge.role)
        return _sorted(found)

    def _reads(self, place: Place) -> dict[Place, tuple[LineageRole, ...]]:
        found: dict[Place, set[LineageRole]] = {}
        for pipeline, edges in self.edges.items():
            for edge in edges:
                nested = top_column(edge.input_column)
                if edge.input == place.table and place.column in (ROWS, edge.input_column, nested):
                    found.setdefault(Place(pipeline, edge.column, "pipeline"), set()).add(edge.role)
        return _sorted(found)


_Step = Callable[[Graph, Place], Mapping[Place, tuple[LineageRole, ...]]]


def _sorted(found: Mapping[Place, set[LineageRole]]) -> dict[Place, tuple[LineageRole, ...]]:
    order = sorted(found, key=lambda place: (place.table, place.column))
    return {place: tuple(sorted(found[place])) for place in order}


def live_graph(workspace: Workspace, replaced: VersionId | None = None) -> Graph:
    """The lineage of what readers see now; with ``replaced``, that version stands in for its pipeline's live one.

    Versions that were published before lineage was kept are read from their manifests.
    """
    live = {name: at.version for name, at in Warehouse.open(workspace).live().items()}
    edges: dict[str, list[Edge]] = {name: [] for name in live}
    with Store.open(workspace, read_only=True) as store:
        for pipeline, edge in lineage.of(store, live):
            edges[pipeline].append(edge)
    for name, number in live.items():
        if not edges[name]:
            edges[name] += sorted(read_lineage(version_dir(workspace, VersionId(name, number))))
    if replaced is not None:
        folder = version_dir(workspace, replaced)
        if not folder.is_dir():
            raise UnknownName.of("version", str(replaced), pipelines(workspace), hint="workbench status")
        edges[replaced.pipeline] = sorted(read_lineage(folder))
    return Graph({name: tuple(found) for name, found in edges.items()}, frozenset(workspace.settings.sources))


def promised_columns(workspace: Workspace, pipeline: str, version: int | None = None) -> tuple[str, ...]:
    """The columns of a version of a pipeline, or of its live one, in their order; also those that rest on no column."""
    if version is None:
        version = Warehouse.open(workspace).current().views[pipeline].version
    return tuple(each.name for each in read_contract(version_dir(workspace, VersionId(pipeline, version))).columns)


def columns_there(workspace: Workspace, graph: Graph, table: str) -> tuple[str, ...]:
    """The columns that a live pipeline promises, or that a source has now; none where it can't be read."""
    if table in graph.edges:
        return promised_columns(workspace, table)
    warehouse = Warehouse.open(workspace)
    con = warehouse.connect()
    try:
        return tuple(warehouse.source(con, table, rows=False).columns)
    except WorkbenchError:
        return ()
    finally:
        con.disconnect()


def resolve(graph: Graph, text: str, there: Callable[[str], Iterable[str]] = lambda _: ()) -> tuple[str, str | None]:
    """The table and column that ``late_departures.rate`` or ``flights`` names; ``UnknownName`` with the nearest otherwise.

    ``there`` gives the columns of a table, asked where lineage knows none of that name: one that nobody reads, or a count.
    """
    table, _, column = text.partition(".")
    tables = sorted({*graph.edges, *graph.sources})
    if table not in tables:
        raise UnknownName.of("source or pipeline", table, tables, hint="workbench status")
    known, named = graph.columns(table), {column, top_column(column)}
    if column and not named & {*known}:
        known = tuple(sorted({*known, *there(table)}))
        if not named & {*known}:
            raise UnknownName.of(f"column of {table}", column, known, hint=f"workbench catalog {table}")
    return table, column or None
