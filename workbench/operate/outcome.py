"""How an execution ended, read from what its notebook left and from its record."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.catalog.job import RESULT
from workbench.catalog.showing import broken_by
from workbench.store.records import RunRecord

if TYPE_CHECKING:
    from workbench.runtime.execute import Execution


# What DuckDB advises to whoever calls it, which a run can't follow.
_ADVICE = re.compile(
    r"\n+(?=LINE \d+:|This can happen when|(?:Possible|Potential) (?:[Ss]olution|[Ff]ix)"
    r"|If you are trying to read files with different)"
)


def read_result(folder: Path) -> dict[str, Any]:
    """What the run notebook left in the folder of its run; nothing when it ended before."""
    try:
        found: dict[str, Any] = json.loads((folder / RESULT).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return found


def kept(execution: Execution, result: Mapping[str, Any]) -> dict[str, Any]:
    """What the store keeps of an execution, however it ended."""
    told = (
        "inputs",
        "rows_in",
        "rows_out",
        "rows_rejected",
        "late",
        "merged",
        "partitions",
        "bytes",
        "base",
        "environment_sha256",
        "environment_lock",
    )
    facts = {name: result[name] for name in told if name in result}
    facts |= {"steps": execution.steps, "memory": execution.memory, "cell": execution.cell, "outcome": execution.outcome}
    ran = {"code_sha256": result["code_sha256"]} if result.get("code_sha256") else {}
    return {
        **ran,
        "snapshot": result.get("snapshot"),
        "rows": result.get("rows"),
        "checks": tuple(result.get("checks", ())),
        "facts": facts,
    }


def why_failed(execution: Execution, result: Mapping[str, Any]) -> str:
    """Why a run failed: the checks that its data breaks, else what its cell raised."""
    broken = [check for check in result.get("checks", ()) if check["violations"] and "on_failure" not in check]
    if execution.cell == "checks" and broken:
        return "; ".join(f"check {check['check']}: {broken_by(check['violations'])}" for check in broken)
    return f"cell {execution.cell}: {_ADVICE.split(execution.error, maxsplit=1)[0].rstrip()}"


def why_empty(run: RunRecord, result: Mapping[str, Any]) -> str:
    """Why a run computed no rows, as far as its inputs tell."""
    span = f" for {run.interval}" if run.interval is not None else ""
    without = [each["name"] for each in result["inputs"] if each["rows"] == 0]
    why = f"; {', '.join(without)} had none" if without else ""
    held = result.get("rows_rejected", 0)
    return f"no rows{span}{f'; all {held:,} were held back' if held else why}"
