"""What runs beside production: canaries and shadows, their trials, and who reads what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from workbench.model import counted
from workbench.moments import happened, iso, iso_or_none
from workbench.render.diff import share as percent
from workbench.store.beside import BesideRecord, TrialRecord

if TYPE_CHECKING:
    from rich.console import RenderableType

    from workbench.config import Workspace

Told = tuple[BesideRecord, Sequence[TrialRecord]]


def readers_said(record: BesideRecord) -> str:
    """Who reads the candidates of a canary.

    >>> import datetime as dt
    >>> at = dt.datetime(2026, 1, 2, tzinfo=dt.UTC)
    >>> readers_said(BesideRecord(1, "canary", "P-7", "running", {}, 0, "ada", at, share=500, readers=("bi", "cy")))
    '5% of readers, and bi, cy'
    """
    parts = [f"{record.share / 100:g}% of readers"] if record.share else []
    named = ", ".join(record.readers)
    return " and ".join(parts) if not named else ", and ".join([*parts, named])


def canaries_view(told: Sequence[Told]) -> RenderableType:
    """Each canary with its data and its trials."""
    from rich.console import Group
    from rich.text import Text

    parts: list[RenderableType] = []
    for record, trials in told:
        state = record.state if record.state == "running" else f"ended, {record.outcome}"
        parts.append(Text(f"{record.promotion}  canary {state}", style="bold"))
        parts.append(Text(f"  readers     {readers_said(record)}"))
        parts.append(Text(f"  begun       {happened(record.at)} by {record.who}"))
        if record.ended is not None:
            parts.append(Text(f"  ended       {happened(record.ended)}{f': {record.reason}' if record.reason else ''}"))
        for name, at in sorted(record.data.items()):
            parts.append(Text(f"  canary.{name}  v{at.version}, {at.snapshot}", style="dim" if record.ended else ""))
        parts += trials_view(trials)
    return Group(*parts)


def trials_view(trials: Sequence[TrialRecord]) -> list[RenderableType]:
    """One line a trial: which run it ran beside, rows and seconds of both, what differs, what the gates say."""
    from rich.padding import Padding
    from rich.table import Table
    from rich.text import Text

    if not trials:
        return [Text("  no run to compare with yet", style="dim")]
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for title in ("trial", "of", "beside", "rows", "seconds", "rows that differ", "gates"):
        table.add_column(title, no_wrap=title != "gates", overflow="fold")
    for each in trials:
        live = each.facts.get("live", {})
        rows = f"{_number(live.get('rows'))} -> {_number(each.rows)}"
        seconds = f"{_seconds(live.get('seconds'))} -> {_seconds(each.facts.get('seconds'))}"
        style = "red" if each.breach else "green" if each.state == "judged" else "yellow"
        version = f"{each.pipeline}@{each.version}"
        table.add_row(each.id, version, each.run, rows, seconds, _differ(each), Text(verdict(each), style=style))
    return [Padding(table, (0, 0, 0, 2))]


def verdict(trial: TrialRecord) -> str:
    """How a trial fared, in words."""
    match trial.state:
        case "running":
            return "under way"
        case "again":
            return f"will be tried again: {trial.error}"
        case "other inputs":
            return f"not compared: {trial.error}"
    if trial.breach:
        return trial.breach
    warned = ", ".join(gate.gate for gate in trial.gates if gate.verdict == "warn")
    return f"all hold (warned: {warned})" if warned else "all hold"


def shadows_view(workspace: Workspace, told: Sequence[Told], counts: Mapping[int, int], rows: int) -> RenderableType:
    """Each shadow with its trials; with ``rows`` examples of what differs in each."""
    from rich.console import Group
    from rich.padding import Padding
    from rich.text import Text

    from workbench.promote.beside import stored_diff
    from workbench.render.diff import terminal

    parts: list[RenderableType] = []
    for record, trials in told:
        held = [each for each in trials if each.counts and not each.breach]
        state = f"{counts[record.number]} of {counted(record.runs, 'run')}"
        if record.state != "running":
            state = f"ended, {record.outcome}; {len(held)} of {counted(len(trials), 'trial')} held"
        parts.append(Text(f"{record.promotion}  shadow {state}", style="bold"))
        parts.append(Text(f"  begun       {happened(record.at)} by {record.who}"))
        if record.ended is not None:
            parts.append(Text(f"  ended       {happened(record.ended)}{f': {record.reason}' if record.reason else ''}"))
        parts += trials_view(trials)
        for each in trials if rows else ():
            found = stored_diff(workspace, each)
            if found is not None and not found.identical:
                parts.append(Text("  " + ", ".join(section(each)), style="bold"))
                parts.append(Padding(terminal(found, rows=rows), (0, 0, 0, 4)))
    return Group(*parts)


def section(trial: TrialRecord) -> tuple[str, str]:
    """The heading of a comparison, and what was compared."""
    span = trial.facts.get("live", {}).get("interval") or "all data"
    return f"{trial.id}, {trial.pipeline}@{trial.version} beside {trial.run}", f"{span}, both from the same inputs"


def beside_json(record: BesideRecord, trials: Sequence[TrialRecord], *, counted: int | None = None) -> dict[str, Any]:
    """A canary or a shadow as plain values; ``counted`` runs of those that it is to have."""
    return {
        "promotion": record.promotion,
        "kind": record.kind,
        "state": record.state,
        "outcome": record.outcome or None,
        "reason": record.reason,
        "who": record.who,
        "why": record.why,
        "begun": iso(record.at),
        "ended": iso_or_none(record.ended),
        "share": record.share / 10_000,
        "readers": list(record.readers),
        "runs": record.runs,
        "counted": len({each.run for each in trials if each.counts}) if counted is None else counted,
        "seconds_limit": record.seconds,
        "data": [
            {"pipeline": name, "version": at.version, "snapshot": at.snapshot} for name, at in sorted(record.data.items())
        ],
        "trials": [trial_json(each) for each in trials],
    }


def trial_json(trial: TrialRecord) -> dict[str, Any]:
    """A trial as plain values; null for what is not known."""
    from workbench.render.promotion import gate_json

    live = trial.facts.get("live", {})
    return {
        "trial": trial.id,
        "pipeline": trial.pipeline,
        "version": trial.version,
        "run": trial.run,
        "state": trial.state,
        "attempt": trial.attempt,
        "breach": trial.breach or None,
        "error": trial.error,
        "started": iso(trial.started),
        "finished": iso_or_none(trial.finished),
        "snapshot": trial.snapshot,
        "live_snapshot": live.get("snapshot"),
        "rows": trial.rows,
        "live_rows": live.get("rows"),
        "seconds": trial.facts.get("seconds"),
        "live_seconds": live.get("seconds"),
        "differs": trial.facts.get("differs"),
        "gates": [gate_json(gate) for gate in trial.gates],
        "record": trial.facts.get("record"),
    }


def _differ(trial: TrialRecord) -> str:
    found = trial.facts.get("differs")
    if found is None:
        return "-"
    touched = found["added"] + found["removed"] + found["changed"]
    return f"{touched:,} ({percent(touched, max(found['base'] + found['added'], 1))})"


def _number(value: int | None) -> str:
    return "-" if value is None else f"{value:,}"


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"
