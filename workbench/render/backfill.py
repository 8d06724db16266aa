"""Plans of backfills and how far they are, on a terminal and as plain values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING, Any

from workbench.model import Interval
from workbench.moments import iso, iso_or_none
from workbench.operate.backfill_plan import BackfillPlan
from workbench.render.listing import Listing
from workbench.store.records import BackfillRecord

if TYPE_CHECKING:
    from rich.console import RenderableType

SHOWN = 12
STYLES = {"running": "cyan", "paused": "yellow", "stopped": "bold red", "done": "green", "cancelled": "dim"}


def plan_view(plan: BackfillPlan) -> RenderableType:
    """A plan, a fact a line, with its intervals."""
    about = plan.estimate
    spans = [str(each) for each in plan.intervals]
    shown = spans if len(spans) <= SHOWN else [*spans[: SHOWN - 2], "…", spans[-1]]
    facts = {
        "parameters": ", ".join(f"{name}={value}" for name, value in plan.parameters.items()) or "none",
        "intervals": f"{len(spans):,}: " + ", ".join(shown),
        "rows read": _about(about.rows_in),
        "rows": _about(about.rows),
        "bytes": _about(about.bytes),
        "seconds": _about(about.seconds) + ("" if about.seconds is None else ", one after the other"),
        "basis": "; ".join(about.basis),
        "at one time": "several (--max-parallel)" if plan.together else "one: each builds on what the one before has shown",
        "plan": plan.digest[:16],
    }
    return _facts(f"backfill of {plan.pipeline}@{plan.version}", facts)


def backfill_view(record: BackfillRecord, *, carried_out: bool) -> RenderableType:
    """One backfill and intervals that did not succeed; ``carried_out`` says whether a process is at it."""
    facts = {"range": _span(record), "intervals": _counted(record), "who": record.who, "plan": record.digest[:16]}
    bad = [each for each in record.windows if each.state in ("failed", "degraded")]
    for each in bad[:SHOWN]:
        facts[str(each.interval)] = (
            f"{each.run} {each.state}: {each.error}" if each.run else f"{each.state} before a run: {each.error}"
        )
    if len(bad) > SHOWN:
        facts["…"] = f"and {len(bad) - SHOWN:,} more; all of them: workbench backfill --list {record.pipeline} --json"
    state = shown_state(record, carried_out)
    if state == "stopped":
        facts["next"] = f"nobody carries it out any more; workbench backfill --resume {record.id}"
    elif state == "done" and any(each.state == "failed" for each in record.windows):
        facts["next"] = "once that is mended, the same plan again: workbench backfill --apply PLAN"
    return _facts(f"{record.id} {record.pipeline}@{record.version} {state}", facts)


def backfills_view(found: Sequence[BackfillRecord], carried_out: AbstractSet[str]) -> RenderableType:
    """A table of one line for each; ``carried_out`` are the ids of those that a process is at."""
    from rich.console import Group
    from rich.text import Text

    table = Listing(
        ("id", "version", "range", "intervals", "state", "who"), words=frozenset({"intervals"}), cut=frozenset({"who"})
    )
    stopped = []
    for each in found:
        state = shown_state(each, each.id in carried_out)
        stopped += [each.id] if state == "stopped" else []
        shown = Text(state, style=STYLES[state])
        table.add(each.id, f"{each.pipeline}@{each.version}", _span(each), _counted(each), shown, each.who)
    hints = [
        Text(f"{each}: nobody carries it out any more; next: workbench backfill --resume {each}", style="yellow")
        for each in stopped
    ]
    return Group(table, *hints)


def shown_state(record: BackfillRecord, carried_out: bool) -> str:
    """How a backfill stands: one that says running, but that nobody carries out any more, has stopped."""
    return "stopped" if record.state == "running" and not carried_out else record.state


def backfill_json(record: BackfillRecord, *, carried_out: bool) -> dict[str, Any]:
    """One backfill as plain values."""
    return {
        "id": record.id,
        "pipeline": record.pipeline,
        "version": record.version,
        "state": record.state,
        "carried_out": carried_out,
        "digest": record.digest,
        "who": record.who,
        "at": iso(record.at),
        "finished": iso_or_none(record.finished),
        "intervals": [
            {
                "start": iso(each.interval.start),
                "end": iso(each.interval.end),
                "state": each.state,
                "run": each.run,
                "error": each.error or None,
            }
            for each in record.windows
        ],
    }


def _facts(title: str, facts: dict[str, str]) -> RenderableType:
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in facts.items():
        table.add_row(name, Text(value))
    return Group(Text(title, style="bold"), table)


def _about(figure: float | None) -> str:
    return "unknown" if figure is None else f"about {figure:,}"


def _span(record: BackfillRecord) -> str:
    return str(Interval(record.windows[0].interval.start, record.windows[-1].interval.end))


def _counted(record: BackfillRecord) -> str:
    counted = Counter(each.state for each in record.windows)
    return f"{counted['succeeded']:,} of {len(record.windows):,} done" + "".join(
        f", {counted[state]:,} {state}" for state in ("running", "failed", "degraded") if counted[state]
    )
