"""Values of a promotion: what was asked for, how each pipeline fared, how it ended."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from workbench.model import GateResult
from workbench.promote.candidate import Candidate
from workbench.promote.equality import Equality
from workbench.promote.notebook import Notebook
from workbench.promote.slice import Slicing
from workbench.promote.trial import Tried

Status = Literal["waiting", "refused", "unchanged", "not cut"]


@dataclass(frozen=True, slots=True)
class Request:
    """What a person asks for. ``outputs`` empty means all marked outputs; ``at`` is the moment, in UTC."""

    notebook: Path
    outputs: tuple[str, ...]
    why: str
    who: str
    at: dt.datetime
    dry_run: bool = False
    allow_change: float | None = None
    allow_breaking: bool = False


@dataclass(frozen=True, slots=True)
class Judged:
    """One pipeline at the end of a promotion. ``candidate`` and ``proof`` are None where only the input changed."""

    pipeline: str
    version: int
    candidate: Candidate | None
    proof: Equality | None
    tried: Tried | None
    gates: tuple[GateResult, ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a promotion ended. ``promotion`` is its id, or "" when nothing was recorded."""

    status: Status
    notebook: Notebook
    slicing: Slicing
    judged: tuple[Judged, ...] = ()
    unchanged: tuple[Candidate, ...] = ()
    promotion: str = ""
