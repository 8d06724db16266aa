"""Findings: what could be better in a notebook. Unlike a refusal, a finding leaves the slice possible."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Literal

from workbench.promote.page import page


class Severity(StrEnum):
    """How bad a finding is: an error keeps the notebook from working, a warning should be mended, a note only says."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


class Rule(StrEnum):
    """One of our own rules; the table in ``docs/check.md`` says of each what it finds, and the way out."""

    IBIS_UNDERSCORE = "ibis-underscore"
    PARAMETER_DOC = "parameter-doc"
    PARAMETER_RANGE = "parameter-range"
    LIMIT_ORDER = "limit-order"
    UNUSED_MARK = "unused-mark"
    OUTPUT_KEY = "output-key"
    OUTPUT_DOC = "output-doc"
    COLUMN_DOC = "column-doc"
    RULE_TABLE = "rule-table"
    DEPRECATED_INPUT = "deprecated-input"
    UNIMPORTED_MARK = "unimported-mark"
    NO_OUTPUT = "no-output"

    @property
    def command(self) -> str:
        """The command that prints what the table says."""
        return f"workbench check --explain {self.value}"

    def text(self) -> str:
        """What the table says, as a page of Markdown.

        >>> Rule.OUTPUT_DOC.text().splitlines()
        ['# output-doc', '', '**Warning.** An output without `doc=`. Say what one row is.']
        """
        severity, said = said_of_rules()[self]
        return f"# {self.value}\n\n**{severity.value.capitalize()}.** {said}\n"


def said_of_rules() -> dict[Rule, tuple[Severity, str]]:
    """How bad each rule's findings are as a rule, and what is found, as Markdown; the first sentence is a summary."""
    rows = re.findall(r"^\| `([\w-]+)` \| (error|warning|note) \| (.+) \|$", page("check.md"), re.MULTILINE)
    return {Rule(name): (Severity(severity), said) for name, severity, said in rows}


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

    @property
    def explain(self) -> str:
        """The command that says more of the rule; nothing for marimo's."""
        return Rule(self.rule).command if self.source == "workbench" else ""

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self) | {"severity": self.severity.value, "explain": self.explain}
