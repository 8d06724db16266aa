"""Where the boxes and lines of a lineage picture go: tables in layers from left to right, their columns as rows. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from workbench.catalog.links import Link, Part
from workbench.catalog.trace import ROWS
from workbench.render.grid import clean

# Pixels. A letter is as wide as the widest of the fonts that the page names.
LETTER, HEADER, ROW, PAD = 7.4, 34, 24, 14
ACROSS, BETWEEN, MARGIN = 130, 28, 12
LONGEST = 34
SWEEPS = 4


@dataclass(frozen=True, slots=True)
class Row:
    """One column in a box; ``y`` is the middle of it."""

    id: str
    column: str
    label: str
    y: float
    focus: bool


@dataclass(frozen=True, slots=True)
class Box:
    """One table; ``focus`` says that all of it was asked for."""

    table: str
    label: str
    kind: str
    x: float
    y: float
    width: float
    height: float
    rows: tuple[Row, ...]
    focus: bool


@dataclass(frozen=True, slots=True)
class Line:
    """One link: ``path`` is that of an SVG element, ``source`` and ``target`` the ids of the rows that it joins."""

    role: str
    source: str
    target: str
    path: str
    said: str


@dataclass(frozen=True, slots=True)
class Picture:
    """All that is drawn, in pixels."""

    width: float
    height: float
    boxes: tuple[Box, ...]
    lines: tuple[Line, ...]


def layout(part: Part, kinds: Mapping[str, str], prefix: str = "r") -> Picture:
    """Places everything; equal parts give equal pictures. ``kinds`` says of each table whether it is a source or a pipeline."""
    columns = _columns(part)
    layers = _ordered(_layers(columns, part.links), part.links)
    widths = {table: _width(table, names) for table, names in columns.items()}
    heights = {table: HEADER + ROW * len(names) + 6 for table, names in columns.items()}
    tallest = max((_stacked(heights, layer) for layer in layers), default=0.0)
    whole = {place.table for place in part.focus} if len(part.focus) > 1 else set()
    focus = {(place.table, place.column) for place in part.focus if not whole}
    boxes: list[Box] = []
    x = float(MARGIN)
    for layer in layers:
        y = MARGIN + (tallest - _stacked(heights, layer)) / 2
        for table in layer:
            top = y + HEADER + ROW / 2
            number = len(boxes)
            rows = tuple(
                Row(f"{prefix}{number}-{i}", name, _said(name), top + i * ROW, (table, name) in focus)
                for i, name in enumerate(columns[table])
            )
            label = clean(table, LONGEST)
            boxes.append(
                Box(table, label, kinds.get(table, "source"), x, y, widths[table], heights[table], rows, table in whole)
            )
            y += heights[table] + BETWEEN
        x += max(widths[table] for table in layer) + ACROSS
    return Picture(max(x - ACROSS, 0) + MARGIN, tallest + 2 * MARGIN, tuple(boxes), _lines(part.links, boxes))


def _said(column: str) -> str:
    return "which rows" if column == ROWS else clean(column, LONGEST)


def _columns(part: Part) -> dict[str, list[str]]:
    """The rows of each box: columns by name, which rows there are last."""
    found: dict[str, set[str]] = {}
    for link in part.links:
        found.setdefault(link.table, set()).add(link.column)
        found.setdefault(link.to_table, set()).add(link.to_column)
    for place in part.focus:
        found.setdefault(place.table, set()).add(place.column)
    return {table: sorted(names, key=lambda name: (name == ROWS, name)) for table, names in sorted(found.items())}


def _layers(columns: Iterable[str], links: Iterable[Link]) -> list[list[str]]:
    """Each table one layer right of the furthest that it reads."""
    reads: dict[str, set[str]] = {table: set() for table in columns}
    for link in links:
        reads[link.to_table].add(link.table)
    depth: dict[str, int] = {}

    def deep(table: str, above: frozenset[str]) -> int:
        if table not in depth:
            below = (deep(each, above | {table}) + 1 for each in sorted(reads[table]) if each not in above | {table})
            depth[table] = max(below, default=0)
        return depth[table]

    for table in reads:
        deep(table, frozenset())
    layers: list[list[str]] = [[] for _ in range(max(depth.values(), default=-1) + 1)]
    for table in sorted(depth):
        layers[depth[table]].append(table)
    # A source that is read late stands next to its first reader, so that fewer lines pass behind boxes.
    for table in sorted(reads):
        readers = [depth[other] for other, read in reads.items() if table in read]
        if not reads[table] and readers and min(readers) - 1 > depth[table]:
            layers[depth[table]].remove(table)
            layers[min(readers) - 1].append(table)
    return [sorted(layer) for layer in layers if layer]


def _ordered(layers: list[list[str]], links: Iterable[Link]) -> list[list[str]]:
    """Tables of a layer beside those that they are joined to, as far as a few sweeps bring it."""
    joined: dict[str, set[str]] = {}
    for link in links:
        joined.setdefault(link.table, set()).add(link.to_table)
        joined.setdefault(link.to_table, set()).add(link.table)
    for sweep in range(SWEEPS):
        place = {table: i / max(len(layer), 1) for layer in layers for i, table in enumerate(layer)}
        for layer in layers if sweep % 2 else reversed(layers):
            near = {table: sorted(place[each] for each in joined.get(table, ()) if each not in layer) for table in layer}
            middle = {table: sum(found) / len(found) if found else place[table] for table, found in near.items()}
            layer.sort(key=lambda table: (middle[table], table))
            place |= {table: i / max(len(layer), 1) for i, table in enumerate(layer)}
    return layers


def _stacked(heights: Mapping[str, float], layer: list[str]) -> float:
    return sum(heights[table] for table in layer) + BETWEEN * max(len(layer) - 1, 0)


def _width(table: str, names: Iterable[str]) -> float:
    longest = max(len(clean(table, LONGEST)) * 1.1 + 9, *(len(_said(name)) for name in names))
    return round(longest * LETTER + 2 * PAD, 1)


def _lines(links: Iterable[Link], boxes: Iterable[Box]) -> tuple[Line, ...]:
    """Curves from the right of one row to the left of another; several between the same two lie side by side."""
    rows = {(box.table, row.column): (box, row) for box in boxes for row in box.rows}
    pairs: dict[tuple[str, ...], list[Link]] = {}
    for link in links:
        pairs.setdefault((link.table, link.column, link.to_table, link.to_column), []).append(link)
    found = []
    for same in pairs.values():
        for i, link in enumerate(same):
            (left, start), (right, end) = rows[link.table, link.column], rows[link.to_table, link.to_column]
            aside = (i - (len(same) - 1) / 2) * 4
            x1, y1, x2, y2 = left.x + left.width, start.y + aside, right.x, end.y + aside
            bend = max(40.0, (x2 - x1) * 0.45)
            path = f"M{x1:.1f},{y1:.1f} C{x1 + bend:.1f},{y1:.1f} {x2 - bend:.1f},{y2:.1f} {x2:.1f},{y2:.1f}"
            said = f"{link.table}.{_said(link.column)} → {link.to_table}.{_said(link.to_column)}: {link.role}"
            found.append(Line(link.role, start.id, end.id, path, said))
    return tuple(found)
