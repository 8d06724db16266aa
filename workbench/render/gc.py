"""What ``workbench gc`` removes and keeps, on a terminal and as plain values."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from typing import TYPE_CHECKING, Any

from workbench.model import counted
from workbench.moments import iso

if TYPE_CHECKING:
    from rich.console import RenderableType

    from workbench.operate.gc import GcPlan

SHOWN = 20


def size(count: int) -> str:
    """A number of bytes in words.

    >>> size(0), size(1536), size(25_000_000)
    ('0 bytes', '1.5 kB', '25.0 MB')
    """
    if count < 1000:
        return f"{count} bytes"
    unit, power = next((unit, power) for unit, power in (("TB", 4), ("GB", 3), ("MB", 2), ("kB", 1)) if count >= 1000**power)
    return f"{count / 1000**power:.1f} {unit}"


def gc_view(plan: GcPlan, *, dry_run: bool) -> RenderableType:
    """What goes, a line each and why; what stays, by reason."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    verb = "would go" if dry_run else "gone"
    for gone in plan.gone[:SHOWN]:
        table.add_row(Text(verb, style="yellow"), Text(gone.snapshot), Text(gone.why))
    if len(plan.gone) > SHOWN:
        table.add_row("", f"and {len(plan.gone) - SHOWN:,} more", "")
    if plan.runs:
        named = ", ".join(run.id for run in plan.runs[:SHOWN]) + (" and more" if len(plan.runs) > SHOWN else "")
        table.add_row(Text(verb, style="yellow"), f"records of {counted(len(plan.runs), 'run')}", named)
    for why, count in Counter(each.why for each in plan.kept).most_common(SHOWN):
        table.add_row("kept", counted(count, "snapshot"), Text(why))
    numbers = {"snapshot": len(plan.gone), "file": len(plan.files), "folder": len(plan.folders)}
    total = ", ".join([*(counted(number, noun) for noun, number in numbers.items()), size(plan.bytes)])
    said = "nothing to remove" if plan.empty else f"{total} {'would be removed' if dry_run else 'removed'}"
    more = "; next: workbench gc" if dry_run and not plan.empty else ""
    return Group(table, Text(said + more))


def gc_json(plan: GcPlan, now: dt.datetime, *, dry_run: bool) -> dict[str, Any]:
    """The same, with every snapshot."""
    return {
        "at": iso(now),
        "dry_run": dry_run,
        "removed": [{"pipeline": each.pipeline, "snapshot": each.snapshot, "why": each.why} for each in plan.gone],
        "runs": [run.id for run in plan.runs],
        "files": len(plan.files),
        "folders": len(plan.folders),
        "bytes": plan.bytes,
        "kept": [{"pipeline": each.pipeline, "snapshot": each.snapshot, "why": each.why} for each in plan.kept],
    }
