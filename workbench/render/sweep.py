"""Sweeps on a terminal and as JSON: one row a scenario."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from workbench.promote.sweep import Scenario, Sweep


def sweep_view(sweep: Sweep) -> RenderableType:
    """One row a scenario: the parameters that vary, rows, and of each numeric column a sum of whole numbers, else a mean."""
    varied = sweep.varied or tuple(sweep.scenarios[0].parameters)
    columns = list(dict.fromkeys(name for each in sweep.scenarios for name in each.columns))
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("scenario", justify="right", overflow="fold")
    for name in varied:
        table.add_column(Text(name), overflow="fold")
    table.add_column("rows", justify="right", overflow="fold")
    kinds = {name: _kind(name, sweep) for name in columns}
    for name, kind in kinds.items():
        table.add_column(Text(f"{name}\n{kind}"), justify="right", overflow="fold")
    errors = []
    for each in sweep.scenarios:
        values = [Text(str(each.parameters[name])) for name in varied]
        rows = Text("failed", style="bold red") if each.rows is None else Text(f"{each.rows:,}")
        figures = [_number(each.columns.get(name, {}).get(kind)) for name, kind in kinds.items()]
        table.add_row(str(each.number), *values, rows, *figures)
        if each.error:
            errors.append(Text(f"scenario {each.number} failed: {each.error}", style="red"))
    note = f"{sweep.output} on sandbox {sweep.sandbox}, a sample of {sweep.sample} of production; production was not touched"
    return Group(Text(note), table, *errors)


def _kind(name: str, sweep: Sweep) -> str:
    sums = [each.columns[name]["sum"] for each in sweep.scenarios if name in each.columns]
    return "mean" if any(isinstance(total, float) for total in sums) else "sum"


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,}" if isinstance(value, int) else f"{value:,.4g}" if abs(value) < 1000 else f"{value:,.1f}"


def compare(sweep: Sweep) -> str:
    """The command that compares the first scenario with the last one; empty when there are no two."""
    done = [each.file for each in sweep.scenarios if each.file is not None]
    if len(done) < 2:
        return ""
    words = ["workbench", "diff", _relative(done[0]), _relative(done[-1])]
    return shlex.join(words + (["--key", ",".join(sweep.key)] if sweep.key else []))


def sweep_json(sweep: Sweep) -> dict[str, Any]:
    """A sweep as plain values; paths are relative to the current folder."""
    return {
        "output": sweep.output,
        "id": sweep.id,
        "sandbox": sweep.sandbox,
        "sample": sweep.sample,
        "key": list(sweep.key),
        "varied": list(sweep.varied),
        "folder": _relative(sweep.folder),
        "scenarios": [_scenario_json(each) for each in sweep.scenarios],
        "compare": compare(sweep) or None,
    }


def _scenario_json(scenario: Scenario) -> dict[str, Any]:
    return {
        "scenario": scenario.number,
        "parameters": scenario.parameters,
        "rows": scenario.rows,
        "columns": scenario.columns,
        "file": None if scenario.file is None else _relative(scenario.file),
        "error": scenario.error or None,
    }


def _relative(path: Path) -> str:
    return os.path.relpath(path)
