"""Sources that are older than they are declared to become: a line each, and the same as plain values."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

from workbench.moments import iso_or_none
from workbench.operate.fresh import Freshness

if TYPE_CHECKING:
    from rich.text import Text


def stale_view(source: Freshness, now: dt.datetime) -> Text:
    """One line: how old, beside what was promised, and whom to ask."""
    from rich.text import Text

    return Text(f"source {source.said(now)}; {source.whom()}", style="yellow")


def stale_json(source: Freshness) -> dict[str, Any]:
    """One source as plain values; ``newest`` is ISO 8601 in UTC, null for a source without rows."""
    return {
        "source": source.name,
        "newest": iso_or_none(source.newest),
        "promised": source.promised,
        "time": source.time or None,
        "owner": source.owner or None,
    }
