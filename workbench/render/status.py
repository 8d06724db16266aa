"""``workbench status``: one line a pipeline, and the same as plain values."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from workbench.moments import age, iso, iso_or_none
from workbench.operate.observe import PipelineStatus, Readers
from workbench.render.listing import Listing

if TYPE_CHECKING:
    from rich.console import RenderableType

STYLES = {
    Readers.GOOD: "green",
    Readers.STALE: "yellow",
    Readers.KEPT: "yellow",
    Readers.DAMAGED: "bold red",
    Readers.NOT_PUBLISHED: "dim",
}


def view(found: Sequence[PipelineStatus], now: dt.datetime) -> RenderableType:
    """A table of one line a pipeline; reasons stand beneath it."""
    from rich.console import Group
    from rich.text import Text

    titles = ("pipeline", "live", "up to date", "data through", "last run", "next due", "readers see")
    table = Listing(titles, words=frozenset({"up to date", "last run", "next due", "readers see"}))
    reasons = []
    for each in found:
        table.add(
            each.pipeline,
            f"v{each.version}" if each.version is not None else "-",
            f"{age(now - each.confirmed)} ago" if each.confirmed is not None else "-",
            each.through or "-",
            _last(each, now),
            _due(each, now),
            Text(each.readers.value, style=STYLES[each.readers]),
        )
        holds = [other.pipeline for other in found if other.held_by == each.pipeline]
        if each.reason or holds:
            said = each.reason or "an interval of its schedule failed"
            more = f"; holds {', '.join(holds)}; next: workbench schedule ls" if holds else ""
            style = "yellow" if each.deprecated or each.demoted else STYLES[each.readers]
            reasons.append(Text(f"{each.pipeline}: {said}{more}", style=style))
        if each.beside is not None:
            alert = "ALERT " if each.beside.alert else ""
            reasons.append(Text(f"{each.pipeline}: {alert}{each.beside.text}", style="bold red" if alert else ""))
    return Group(table, *reasons)


def status_json(each: PipelineStatus) -> dict[str, Any]:
    """One pipeline as plain values; moments are ISO 8601 in UTC."""
    last = each.last_run
    return {
        "pipeline": each.pipeline,
        "version": each.version,
        "readers": each.readers.value,
        "reason": each.reason,
        "published": iso_or_none(each.published),
        "up_to_date": iso_or_none(each.confirmed),
        "data_through": each.through,
        "rows": each.rows,
        "next_due": iso_or_none(each.due),
        "held_by": each.held_by,
        "held_back": each.held_back,
        "beside": None if each.beside is None else asdict(each.beside),
        "demoted": None
        if each.demoted is None
        else {"at": iso(each.demoted.at), "who": each.demoted.who, "why": each.demoted.why, "readers": each.demoted.readers},
        "deprecated": None
        if each.deprecated is None
        else {"until": each.deprecated.until.isoformat(), "use": each.deprecated.instead or None, "why": each.deprecated.why},
        "last_run": None
        if last is None
        else {
            "run": last.id,
            "status": "killed" if each.lost else last.status,
            "interval": None if last.interval is None else str(last.interval),
            "started": iso_or_none(last.started),
            "finished": iso_or_none(last.finished),
            "error": last.error,
        },
    }


def _last(each: PipelineStatus, now: dt.datetime) -> str:
    run = each.last_run
    if run is None:
        return "-"
    said = "killed" if each.lost else run.status
    return f"{run.id} {said} {age(now - (run.finished or run.started))} ago"


def _due(each: PipelineStatus, now: dt.datetime) -> str:
    return "-" if each.due is None else f"in {age(each.due - now)}"
