"""A notebook beside the module of its output: on a terminal in two columns, and as one self-contained page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from workbench.promote.mapping import Map


def map_view(found: Map, title: str) -> RenderableType:
    """Cells on the left, the module on the right; what is left out is dim, with the reason beside it."""
    table = Table(box=None, expand=True, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    for heading in (Text(found.notebook), Text(title)):
        table.add_column(justify="right", style="dim", no_wrap=True)
        table.add_column(heading, ratio=1, overflow="fold")
    labels = {cell.cell: cell.label for cell in found.cells}
    seen: int | None = None
    for row in found.rows():
        if row.cell is not None and row.cell != seen:
            seen = row.cell
            table.add_row("", Text(labels[row.cell], style="bold cyan"), "", "")
        left = Text(row.text, style="dim" if row.dropped else "")
        right = Text(row.module_text, style="italic dim" if row.ours else "")
        if row.reason:
            right = Text(found.told(row), style="dim yellow")
        table.add_row(str(row.line or ""), left, str(row.module_line or ""), right)
    return Group(table, Text(""))


def map_html(maps: Sequence[tuple[str, Map]], title: str) -> str:
    """Several maps, each with its title, as one page that loads nothing; every text is escaped."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    sections = [{"title": name, "notebook": found.notebook, "parts": _parts(found)} for name, found in maps]
    return environment.get_template("map.html.j2").render(title=title, sections=sections) + "\n"


def _parts(found: Map) -> list[dict[str, Any]]:
    """The rows by cell; those of the module's own head and end have a part of their own."""
    labels: dict[int | None, str] = {cell.cell: cell.label for cell in found.cells} | {None: "written for the module"}
    parts: list[dict[str, Any]] = []
    for row in found.rows():
        if not parts or parts[-1]["cell"] != row.cell:
            parts.append({"cell": row.cell, "label": labels[row.cell], "rows": []})
        parts[-1]["rows"].append((row, found.told(row)))
    return parts
