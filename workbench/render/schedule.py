"""``workbench schedule``: what is due when, as a table and as plain values."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from workbench.moments import age, iso_or_none, planned
from workbench.render.listing import Listing

if TYPE_CHECKING:
    from rich.console import RenderableType

    from workbench.operate.agenda import Entry, Firing
    from workbench.operate.plan import Held


def agenda_view(entries: Sequence[Entry], now: dt.datetime) -> RenderableType:
    """One line a pipeline."""
    from rich.console import Group
    from rich.text import Text

    table = Listing(("pipeline", "schedule", "last interval", "state", "next due"))
    reasons = []
    for each in entries:
        last = each.last
        table.add(
            each.pipeline,
            each.schedule if each.timezone in ("", "UTC") else f"{each.schedule} {each.timezone}",
            "-" if last is None else str(last.interval),
            "-" if last is None else last.state,
            "-" if each.due is None else "now" if each.due <= now else f"in {age(each.due - now)}",
        )
        if each.reason:
            reasons.append(Text(f"{each.pipeline}: {each.reason}", style="yellow"))
    return Group(table, *reasons)


def firings_view(firings: Sequence[Firing]) -> RenderableType:
    """One line a moment."""
    table = Listing(("due (UTC)", "on its own clock", "pipeline", "interval"))
    for each in firings:
        local = each.due.astimezone(each.zone)
        table.add(planned(each.due, zone=False), f"{local:%a %H:%M %Z}", each.pipeline, str(each.interval))
    return table


def entry_json(each: Entry) -> dict[str, Any]:
    """One pipeline as plain values."""
    last = each.last
    return {
        "pipeline": each.pipeline,
        "schedule": each.schedule,
        "timezone": each.timezone,
        "due": iso_or_none(each.due),
        "interval": None if each.interval is None else str(each.interval),
        "reason": each.reason,
        "upstream": list(each.upstream),
        "last": None
        if last is None
        else {
            "interval": str(last.interval),
            "state": last.state,
            "attempt": last.attempt,
            "not_before": iso_or_none(last.not_before),
            "run": last.run,
            "error": last.error,
        },
    }


def firing_json(each: Firing) -> dict[str, Any]:
    """One moment as plain values."""
    return {
        "due": iso_or_none(each.due),
        "local": each.due.astimezone(each.zone).isoformat(timespec="seconds"),
        "pipeline": each.pipeline,
        "interval": str(each.interval),
    }


def held_json(each: Held) -> dict[str, Any]:
    """One interval that waits for another pipeline."""
    return {"pipeline": each.pipeline, "interval": str(each.interval), "cause": each.cause, "error": each.error}
