"""Lineage as one HTML file with a picture that works offline, in light and dark, by keyboard, and without scripts."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.catalog.links import Link, Part
from workbench.catalog.trace import ROWS, Graph
from workbench.render.grid import clean
from workbench.render.lineage_layout import layout

if TYPE_CHECKING:
    from jinja2 import Environment

ROLES = (
    ("value", "value"),
    ("filter", "filter"),
    ("join", "join key"),
    ("group", "grouping"),
    ("order", "ordering"),
    ("rule", "rule"),
)


def html(graph: Graph, part: Part, title: str, nothing: str) -> str:
    """One self-contained page; every name is escaped. ``nothing`` is what to say where there are no links."""
    picture = layout(part, {name: graph.kind(name) for name in {*graph.edges, *graph.sources}})
    page = environment().get_template("lineage.html.j2")
    said = {"title": clean(title), "nothing": clean(nothing), "picture": picture, "roles": used(part), "lines": as_table(part)}
    return page.render(said) + "\n"


def used(part: Part) -> list[tuple[str, str]]:
    """The roles that occur, each with what it is called."""
    there = {link.role for link in part.links}
    return [(role, said) for role, said in ROLES if role in there]


def as_table(part: Part) -> list[tuple[str, str, list[str]]]:
    """The links in words: a column, a role, and the columns that it rests on in that role."""
    order = [role for role, _ in ROLES]

    def key(link: Link) -> tuple[str, bool, str, int]:
        return link.to_table, link.to_column == ROWS, link.to_column, order.index(link.role)

    return [
        (_said(table, column), ROLES[role][1], [_said(each.table, each.column) for each in same])
        for (table, _, column, role), same in groupby(sorted(part.links, key=key), key=key)
    ]


def environment() -> Environment:
    """Where the templates of pages are, with escaping switched on."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    return Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _said(table: str, column: str) -> str:
    return f"{clean(table)} (its rows)" if column == ROWS else f"{clean(table)}.{clean(column)}"
