"""What gates look at: everything that is known of one candidate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from workbench.catalog.contract import Contract
from workbench.catalog.policy import Rule
from workbench.config import Gates
from workbench.model import CheckResult
from workbench.promote.diff import TableDiff
from workbench.promote.diff.result import plain
from workbench.promote.equality import Equality


@dataclass(frozen=True, slots=True)
class Case:
    """One candidate before the gates.

    ``live_contract`` and ``logic`` are None for a pipeline's first version; ``equality`` is None for a version whose code is
    unchanged and that was only recomputed because its input changes. ``seconds`` is the wall-clock time of the trial,
    ``live_seconds`` that of the live version on the same snapshot, ``bytes`` what the candidate's data takes on disk.

    ``reviewed`` is how the candidate differed when it was promoted; None while it is. Where it is known, ``allow_change``
    covers a difference like that one and no other.

    ``personal`` maps columns to the personal ones that they are computed from, ``declassified`` those of them that name nobody
    to the reason. ``readers`` are the live pipelines that rest on this one, ``lost_by`` those that read a column which readers
    lose. ``allow_change`` is the share of rows that the author declared to change, ``allow_breaking`` that readers may lose
    what the contract promised. ``deprecated`` says of versions that this one reads why readers should leave them, and whether
    their last day is over.
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
    reviewed: TableDiff | None = None
    allow_breaking: bool = False
    live_seconds: float | None = None
    bytes: int = 0
    personal: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    declassified: Mapping[str, str] = field(default_factory=dict)
    readers: tuple[str, ...] = ()
    lost_by: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    policies: tuple[Rule, ...] = ()
    owner: str = ""
    deprecated: Mapping[str, bool] = field(default_factory=dict)


def broken_rows(result: CheckResult) -> dict[str, Any]:
    """How many rows break a check, and a few of them, as plain JSON values."""
    return {
        "violations": result.violations,
        "examples": [{name: plain(value) for name, value in row.items()} for row in result.examples],
    }
