"""Findings: what could be better in a notebook. Unlike a refusal, a finding leaves the slice possible."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Literal


class Severity(StrEnum):
    """How bad a finding is: an error keeps the notebook from working, a warning should be mended, a note only says."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a rule found.

    ``cell`` is the cell's index from 0 (None outside of cells), ``line`` the 1-based line of the file, ``hint`` the way out.
    ``source`` says whose rule it is, and ``fixable`` that ``workbench check --fix`` mends it.
    """

    line: int
    cell: int | None
    source: Literal["workbench", "marimo"]
    rule: str
    severity: Severity
    message: str
    hint: str = ""
    fixable: bool = False

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self) | {"severity": self.severity.value}
