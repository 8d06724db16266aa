"""Runs on a terminal and as plain values."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from workbench.catalog.showing import broken_by
from workbench.model import counted
from workbench.moments import age, happened, iso, iso_or_none
from workbench.operate.settle import is_lost
from workbench.render.listing import Listing
from workbench.store.beats import Beat
from workbench.store.records import RunRecord

if TYPE_CHECKING:
    from rich.console import RenderableType

PARTITIONS = ("added", "replaced", "removed", "unchanged")
CELLS = ("inputs", "compute", "checks", "profile", "finish")
STYLES = {"succeeded": "green", "running": "cyan", "degraded": "yellow", "failed": "bold red", "killed": "bold red"}


def run_view(run: RunRecord, *, whole: bool = False, beat: Beat | None = None) -> RenderableType:
    """One run, a fact a line; with ``whole`` also what it read and the seconds of each cell."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    facts = run.facts
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")

    def line(name: str, value: Any) -> None:
        table.add_row(name, value if isinstance(value, Text) else Text(str(value)))

    line("interval", "all data" if run.interval is None else run.interval)
    if run.parameters:
        line("parameters", ", ".join(f"{name}={value}" for name, value in run.parameters.items()))
    if "rows_in" in facts:
        line("rows in", f"{facts['rows_in']:,}")
    if "rows_out" in facts:
        line("rows out", f"{facts['rows_out']:,} of {run.rows or 0:,}")
    if facts.get("rows_rejected"):
        line("held back", f"{facts['rows_rejected']:,} rows as {facts.get('quarantine') or 'nothing yet'}")
    if facts.get("late", {}).get("rows"):
        line("late", f"{counted(facts['late']['rows'], 'row')} in {counted(facts['late']['partitions'], 'reopened partition')}")
    if "partitions" in facts:
        line("partitions", ", ".join(f"{facts['partitions'][name]:,} {name}" for name in PARTITIONS))
    if run.checks:
        broken = sum(1 for check in run.checks if check["violations"] and "on_failure" not in check)
        line("checks", f"{len(run.checks) - broken} of {len(run.checks)} passed")
    if "seconds" in facts:
        line("seconds", f"{facts['seconds']:.2f}")
    if beat is not None:
        line("alive", f"{happened(beat.at)}, {beat.memory / 1e6:,.0f} MB")
    if run.notebook:
        line("record", run.notebook)
    if whole:
        _more(run, line)
    line("readers see", Text(readers(run), style=STYLES[shown_status(run)]))
    if run.error:
        line("reason", run.error)
    if ahead := next_command(run):
        line("next", ahead)
    title = Text.assemble(
        (f"{run.id} ", "bold"), f"{run.pipeline}@{run.version} ", (shown_status(run), STYLES[shown_status(run)])
    )
    return Group(title, table)


def runs_view(found: Sequence[RunRecord], beats: Mapping[str, Beat], now: dt.datetime) -> RenderableType:
    """A table of one line a run; one under way with its last sign of life."""
    from rich.text import Text

    titles = ("run", "version", "interval", "status", "started (UTC)", "seconds", "rows", "readers see")
    table = Listing(titles, words=frozenset({"readers see"}), numbers=frozenset({"seconds", "rows"}))
    for run in found:
        said = shown_status(run)
        table.add(
            run.id,
            f"{run.pipeline}@{run.version}",
            "all data" if run.interval is None else str(run.interval),
            Text(said, style=STYLES[said]),
            happened(run.started, zone=False),
            f"{run.facts['seconds']:.2f}" if "seconds" in run.facts else "-",
            "-" if run.rows is None else f"{run.rows:,}",
            f"{beats[run.id].memory / 1e6:,.0f} MB, {age(now - beats[run.id].at)} ago" if run.id in beats else readers(run),
        )
    return table


def run_json(run: RunRecord, beat: Beat | None = None) -> dict[str, Any]:
    """One run as plain values; ``schema_version`` 1."""
    facts = dict(run.facts)
    process = {name: facts.pop(name) for name in ("pid", "process", "host") if name in facts}
    return {
        "run": run.id,
        "pipeline": run.pipeline,
        "version": run.version,
        "status": shown_status(run),
        "interval": None if run.interval is None else {"start": iso(run.interval.start), "end": iso(run.interval.end)},
        "parameters": run.parameters,
        "who": run.who,
        "started": iso(run.started),
        "finished": iso_or_none(run.finished),
        "rows": run.rows,
        "snapshot": run.snapshot,
        "code_sha256": run.code_sha256,
        "checks": list(run.checks),
        "record": run.notebook or None,
        "readers": readers(run),
        "error": run.error or None,
        "facts": facts,
        "process": process,
        "heartbeat": None if beat is None else {"at": iso(beat.at), "memory": beat.memory},
    }


def shown_status(run: RunRecord) -> str:
    """How a run stands: one that says running, but whose process is gone, was killed."""
    return "killed" if is_lost(run) else run.status


def readers(run: RunRecord) -> str:
    """What a run meant to readers."""
    match shown_status(run):
        case "succeeded" if run.facts.get("changed"):
            return "the new data"
        case "succeeded":
            return "the same data: nothing changed"
        case "running":
            return "what they had, so far"
    return "what they had"


def next_command(run: RunRecord) -> str:
    """What to type after a run that had no success: once more where that may help, else what went wrong."""
    match shown_status(run):
        case "failed" if run.notebook and not run.facts.get("passing"):
            return f"workbench runs open {run.id}"
        case "failed" | "killed" | "degraded":
            return f"workbench runs retry {run.id}"
    return ""


def _more(run: RunRecord, line: Any) -> None:
    for each in run.facts.get("inputs", ()):
        line("input", f"{each['kind']} {each['name']}: {each['rows']:,} rows, state {str(each['state'])[:16]}")
    for check in run.checks:
        if check["violations"]:
            line("check", f"{check['check']}: {broken_by(check['violations'])}")
    steps = run.facts.get("steps", {})
    if steps:
        line("cells", ", ".join(f"{name} {steps[name]:.2f} s" for name in CELLS if name in steps))
    if run.facts.get("memory"):
        line("memory", f"{run.facts['memory'] / 1e6:,.0f} MB at most")
    if run.code_sha256:
        line("code", run.code_sha256)
    if run.snapshot:
        line("data", run.snapshot)
    if run.facts.get("environment_sha256"):
        line("environment", run.facts["environment_sha256"])
    if run.facts.get("environment_lock"):
        line("packages", f".workbench/environments/{run.facts['environment_lock']}.txt")
    started = run.facts.get("trigger", "command")
    line("started", f"{happened(run.started)} by {run.who}" + ("" if started == "command" else f", {started}"))
