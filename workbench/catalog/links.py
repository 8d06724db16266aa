"""The part of the lineage that a picture shows: what a table or column rests on, or what rests on it, as plain links."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from workbench.catalog.trace import ROWS, Graph, Place
from workbench.model import LineageRole

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


def upstream(graph: Graph, table: str, column: str | None = None) -> Part:
    """All that a pipeline, or one column of it, rests on, down to the sources."""
    return _part(graph, table, column, _into)


def downstream(graph: Graph, table: str, column: str | None = None) -> Part:
    """All that rests on a table, or on one column of it."""
    return _part(graph, table, column, _out_of)


def both(graph: Graph, table: str) -> Part:
    """All that a table rests on and all that rests on it."""
    up, down = upstream(graph, table), downstream(graph, table)
    return Part(tuple(sorted({*up.links, *down.links})), tuple(dict.fromkeys((*up.focus, *down.focus))))


def _part(graph: Graph, table: str, column: str | None, step: Callable[[Graph, Place], Iterable[Step]]) -> Part:
    names = [*graph.columns(table), *([ROWS] if table in graph.edges else [])] if column is None else [column]
    focus = tuple(Place(table, name, graph.kind(table)) for name in names)
    found: set[Link] = set()
    seen, ahead = set(focus), list(focus)
    while ahead:
        for link, place in step(graph, ahead.pop()):
            found.add(link)
            if place not in seen:
                seen.add(place)
                ahead.append(place)
    return Part(tuple(sorted(found)), focus)


def _into(graph: Graph, place: Place) -> Iterable[Step]:
    wanted = (place.column.split(".")[0], ROWS)
    for edge in graph.edges.get(place.table, ()):
        if edge.column in wanted:
            link = Link(edge.input, edge.input_column, edge.role, place.table, edge.column)
            yield link, Place(edge.input, edge.input_column, graph.kind(edge.input))


def _out_of(graph: Graph, place: Place) -> Iterable[Step]:
    for pipeline, edges in graph.edges.items():
        for edge in edges:
            if edge.input == place.table and place.column in (ROWS, edge.input_column, edge.input_column.split(".")[0]):
                link = Link(edge.input, edge.input_column, edge.role, pipeline, edge.column)
                yield link, Place(pipeline, edge.column, "pipeline")
