"""Slices and refusals on a terminal and as JSON: which statements become which output, and why others can't."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from workbench.model import Parameter
from workbench.promote.refusal import Refusal
from workbench.promote.slice import Slice, Slicing


def slicing_view(slicing: Slicing, notebook: str) -> RenderableType:
    """All outputs of a notebook, each with its inputs, parameters and statements; then what is refused."""
    parts: list[RenderableType] = [Text(notebook, style="bold")]
    parts += [Padding(_slice_view(cut, slicing), (0, 0, 0, 2)) for cut in slicing.slices]
    if slicing.refusals:
        parts.append(refusals_view(slicing.refusals))
    return Group(*parts)


def _slice_view(cut: Slice, slicing: Slicing) -> RenderableType:
    mark = cut.mark
    facts = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    facts.add_row(
        "reads", ", ".join(source.name + (" (pipeline)" if source.kind == "pipeline" else "") for source in cut.inputs)
    )
    for parameter in cut.parameters:
        facts.add_row("parameter", f"{parameter.name} = {parameter.default!r}, {parameter.domain()}")
    if mark.key:
        facts.add_row(
            "key", ", ".join(mark.key) + (f"; one partition for each {mark.partition_by}" if mark.partition_by else "")
        )
    if mark.strategy != "replace":
        facts.add_row("strategy", f"{mark.strategy} by key")
    if mark.allowed_lateness is not None:
        facts.add_row("late rows", f"looked for in the {mark.allowed_lateness} before an interval")
    for check in mark.checks:
        facts.add_row("check", f"{check}{'; rows that break it are held back' if check.on_failure == 'quarantine' else ''}")
    labels = {cell.index: cell.label for cell in slicing.notebook.cells}
    for index in cut.cells:
        lines = [_lines(kept.line, kept.end_line) for kept in cut.kept if kept.cell == index]
        facts.add_row("takes", f"{labels[index]}: {_named(lines) if lines else 'source, parameter or import'}")
    reasons: dict[str, list[str]] = {}
    for dropped in cut.dropped:
        if dropped.cell in cut.cells:
            reasons.setdefault(dropped.reason, []).append(_lines(dropped.line, dropped.end_line))
    for reason, lines in reasons.items():
        facts.add_row("leaves", Text(f"{_named(lines)}: {reason}", style="dim"))
    title = Text(mark.name, style="bold green" if not cut.refusals else "bold red")
    title.append("" if not cut.refusals else "  refused")
    return Group(title, Padding(facts, (0, 0, 0, 2)))


def _named(lines: Sequence[str]) -> str:
    return ("line " if len(lines) == 1 and "-" not in lines[0] else "lines ") + ", ".join(lines)


def _lines(first: int, last: int) -> str:
    return str(first) if first == last else f"{first}-{last}"


def refusals_view(refusals: Sequence[Refusal]) -> RenderableType:
    """Each refusal with its place, and the way out on a line of its own."""
    parts: list[RenderableType] = []
    for refusal in refusals:
        line = Text("refused ", style="bold red")
        line.append(f"[{refusal.reason.value}] ", style="red")
        line.append(refusal.message)
        parts += [line, Text(f"  way out: {refusal.hint}")]
        if refusal.hint != refusal.reason.command:
            parts.append(Text(f"  more: {refusal.reason.command}", style="dim"))
    return Group(*parts)


def refusal_json(refusal: Refusal) -> dict[str, Any]:
    """One refusal as plain values."""
    return refusal.to_json()


def outputs_json(slicing: Slicing) -> list[dict[str, Any]]:
    """All outputs as plain values, those that others read first."""
    return [
        {
            "name": cut.mark.name,
            "inputs": [source.name for source in cut.inputs],
            "reads": [{"name": source.name, "kind": source.kind, "columns": list(source.columns)} for source in cut.inputs],
            "params": {parameter.name: _parameter_json(parameter) for parameter in cut.parameters},
            "key": list(cut.mark.key),
            "partition_by": cut.mark.partition_by,
            "cells": list(cut.cells),
            "statements": [{"cell": kept.cell, "line": kept.line, "end_line": kept.end_line} for kept in cut.kept],
            "dropped": [
                {"cell": each.cell, "line": each.line, "end_line": each.end_line, "reason": each.reason} for each in cut.dropped
            ],
            "refusals": [refusal_json(refusal) for refusal in cut.refusals],
        }
        for cut in slicing.slices
    ]


def _parameter_json(parameter: Parameter) -> dict[str, Any]:
    return {
        "type": parameter.type,
        "default": _plain(parameter.default),
        "ge": _plain(parameter.ge),
        "le": _plain(parameter.le),
        "choices": None if parameter.choices is None else [_plain(choice) for choice in parameter.choices],
        "doc": parameter.doc,
    }


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, dt.date) else value
