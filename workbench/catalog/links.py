"""The part of the lineage that a picture shows: what a table or column rests on, or what rests on it, as plain links."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from workbench.catalog.trace import ROWS, Graph, Place
from workbench.model import Edge, LineageRole, top_column

Step = tuple["Link", Place]


@dataclass(frozen=True, slots=True, order=True)
class Link:
    """Data goes from one column to another, in a role; column ``*`` stands for which rows there are."""

    table: str
    column: str
    role: LineageRole
    to_table: str
    to_column: str


@dataclass(frozen=True, slots=True)
class Part:
    """Links, sorted, and the places that were asked for."""

    links: tuple[Link, ...]
    focus: tuple[Place, ...]

    def next_to(self, table: str) -> Part:
        """The links of that table alone."""
        return Part(tuple(link for link in self.links if table in (link.table, link.to_table)), self.focus)


@dataclass(frozen=True, slots=True)
class Walks:
    """Walks along the lineage in both directions; who reads a table is looked up once for all of them."""

    graph: Graph
    reading: Mapping[str, tuple[tuple[str, Edge], ...]]

    @classmethod
    def of(cls, graph: Graph) -> Walks:
        reading: dict[str, list[tuple[str, Edge]]] = {}
        for pipeline, edges in graph.edges.items():
            for edge in edges:
                reading.setdefault(edge.input, []).append((pipeline, edge))
        return cls(graph, {table: tuple(found) for table, found in reading.items()})

    def upstream(self, table: str, column: str | None = None) -> Part:
        """All that a pipeline, or one column of it, rests on, down to the sources."""
        return self._part(table, column, self._into)

    def downstream(self, table: str, column: str | None = None) -> Part:
        """All that rests on a table, or on one column of it."""
        return self._part(table, column, self._out_of)

    def both(self, table: str) -> Part:
        """All that a table rests on and all that rests on it."""
        up, down = self.upstream(table), self.downstream(table)
        return Part(tuple(sorted({*up.links, *down.links})), up.focus)

    def _part(self, table: str, column: str | None, step: Callable[[Place], Iterable[Step]]) -> Part:
        graph = self.graph
        focus = self._whole(table) if column is None else (Place(table, column, graph.kind(table)),)
        found: set[Link] = set()
        seen, ahead = set(focus), list(focus)
        while ahead:
            for link, place in step(ahead.pop()):
                found.add(link)
                if place not in seen:
                    seen.add(place)
                    ahead.append(place)
        return Part(tuple(sorted(found)), focus)

    def _whole(self, table: str) -> tuple[Place, ...]:
        """Every column of a table that lineage knows, and of a pipeline also which rows there are."""
        read = {top_column(edge.input_column) for _, edge in self.reading.get(table, ())}
        own = {edge.column for edge in self.graph.edges.get(table, ())}
        names = sorted({*read, *own} - {ROWS}) + ([ROWS] if table in self.graph.edges else [])
        return tuple(Place(table, name, self.graph.kind(table)) for name in names)

    def _into(self, place: Place) -> Iterable[Step]:
        wanted = (top_column(place.column), ROWS)
        for edge in self.graph.edges.get(place.table, ()):
            if edge.column in wanted:
                link = Link(edge.input, edge.input_column, edge.role, place.table, edge.column)
                yield link, Place(edge.input, edge.input_column, self.graph.kind(edge.input))

    def _out_of(self, place: Place) -> Iterable[Step]:
        for pipeline, edge in self.reading.get(place.table, ()):
            if place.column in (ROWS, edge.input_column, top_column(edge.input_column)):
                link = Link(edge.input, edge.input_column, edge.role, pipeline, edge.column)
                yield link, Place(pipeline, edge.column, "pipeline")
