"""What happened to a pipeline, for the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from workbench.catalog.history import Event

if TYPE_CHECKING:
    from rich.console import RenderableType


def history_view(events: Sequence[Event]) -> RenderableType:
    """One line an event."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for title in ("when (UTC)", "version", "what", "", "who", "how"):
        table.add_column(title, no_wrap=title not in ("who", "how"), overflow="ellipsis" if title == "who" else "fold")
    for each in events:
        version = "" if each.version is None else f"v{each.version}"
        how = "  ".join(part for part in (each.what, f'"{each.why}"' if each.why else "") if part)
        table.add_row(f"{each.at:%Y-%m-%d %H:%M:%S}", version, each.happened, each.subject, Text(each.who), Text(how))
    return table
