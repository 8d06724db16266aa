"""What happened to a pipeline, for the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from workbench.catalog.history import Event
from workbench.moments import happened
from workbench.render.listing import Listing

if TYPE_CHECKING:
    from rich.console import RenderableType


def history_view(events: Sequence[Event]) -> RenderableType:
    """One line an event."""
    titles = ("when (UTC)", "version", "what", "", "who", "how")
    table = Listing(titles, words=frozenset({"how"}), cut=frozenset({"who"}))
    for each in events:
        version = "" if each.version is None else f"v{each.version}"
        how = "  ".join(part for part in (each.what, f'"{each.why}"' if each.why else "") if part)
        table.add(happened(each.at, zone=False), version, each.happened, each.subject, each.who, how)
    return table
