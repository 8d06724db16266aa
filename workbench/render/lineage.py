"""Lineage for the terminal and as plain values."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from workbench.catalog.trace import ROWS, Place, Tree
from workbench.model import Edge

if TYPE_CHECKING:
    from rich.console import RenderableType

_ROLES = (
    ("value", "computed from"),
    ("filter", "filtered by"),
    ("join", "joined on"),
    ("group", "by"),
    ("order", "ordered by"),
    ("rule", "has to be in"),
)


def table_view(pipeline: str, edges: Sequence[Edge], columns: Iterable[str]) -> RenderableType:
    """One line a column of a pipeline, also if it rests on none, and one for which rows there are; a part for each role."""
    from rich.table import Table
    from rich.text import Text

    used = [(role, title) for role, title in _ROLES if any(edge.role == role for edge in edges)]
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column(pipeline, no_wrap=True)
    for _, title in used:
        table.add_column(title)
    for column in sorted({*columns, *(edge.column for edge in edges)}, key=lambda name: (name == ROWS, name)):
        cells = [
            ", ".join(f"{edge.input}.{edge.input_column}" for edge in edges if (edge.column, edge.role) == (column, role))
            for role, _ in used
        ]
        table.add_row(Text("which rows" if column == ROWS else column), *map(Text, cells))
    return table


def tree_view(tree: Tree) -> RenderableType:
    """The walk as a tree; every line names the roles by which it is reached."""
    from rich.text import Text
    from rich.tree import Tree as Drawn

    def label(each: Tree) -> Text:
        text = Text(_said(each.place), style="bold" if each.place.kind == "pipeline" else "")
        text.append(f"  {', '.join(each.roles)}" if each.roles else "", style="dim")
        return text.append("  (shown above)" if each.seen else "", style="dim")

    def grow(parent: Drawn, each: Tree) -> Drawn:
        for child in each.beyond:
            grow(parent.add(label(child)), child)
        return parent

    return grow(Drawn(label(tree)), tree)


def tree_json(tree: Tree) -> dict[str, Any]:
    """The walk as nested plain values."""
    place = tree.place
    return {
        "table": place.table,
        "column": place.column,
        "kind": place.kind,
        "roles": list(tree.roles),
        "seen": tree.seen,
        "beyond": [tree_json(each) for each in tree.beyond],
    }


def readers_json(tree: Tree) -> list[dict[str, Any]]:
    """Every pipeline that a walk reaches, with its columns; ``*`` stands for its rows."""
    reached: dict[str, set[str]] = {}
    for place in tree.places():
        if place != tree.place:
            reached.setdefault(place.table, set()).add(place.column)
    return [{"pipeline": name, "columns": sorted(columns)} for name, columns in sorted(reached.items())]


def _said(place: Place) -> str:
    return f"{place.table} (its rows)" if place.column == ROWS else str(place)
