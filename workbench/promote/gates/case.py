"""What gates look at: everything that is known of one candidate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from workbench.catalog.contract import Contract
from workbench.config import Gates
from workbench.model import CheckResult
from workbench.promote.diff import TableDiff
from workbench.promote.diff.result import plain
from workbench.promote.equality import Equality


@dataclass(frozen=True, slots=True)
class Case:
    """One candidate before the gates.

    ``live_contract`` and ``logic`` are None for a pipeline's first version; ``equality`` is None for a version whose code is
    unchanged and that was only recomputed because its input changes. ``seconds`` is the wall-clock time of the trial.
    ``allow_change`` is the share of rows that the author declared to change, ``allow_breaking`` that readers may lose columns.
    """

    contract: Contract
    live_contract: Contract | None
    equality: Equality | None
    checks: tuple[CheckResult, ...]
    key_checks: tuple[CheckResult, ...]
    rows: int
    logic: TableDiff | None
    seconds: float
    thresholds: Gates
    allow_change: float | None = None
    allow_breaking: bool = False


def broken_rows(result: CheckResult) -> dict[str, Any]:
    """How many rows break a check, and a few of them, as plain JSON values."""
    return {
        "violations": result.violations,
        "examples": [{name: plain(value) for name, value in row.items()} for row in result.examples],
    }
