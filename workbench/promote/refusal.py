"""Refusals: why a slice can't be cut, each with its place in the notebook and the way out.

Every member of :class:`Reason` has a page in ``docs/refusals/`` and a fixture in ``tests/corpus/``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from workbench.promote.page import page

if TYPE_CHECKING:
    from workbench.promote.notebook import Cell


class Reason(StrEnum):
    """One thing that a slice may not hold, or that leaves it undecided."""

    ASYNC = "async"
    CLOCK = "clock"
    CYCLE = "cycle"
    DISABLED_CELL = "disabled-cell"
    DYNAMIC_NAMES = "dynamic-names"
    ENVIRONMENT = "environment"
    EXECUTED = "executed"
    FILES = "files"
    GLOBAL_STATE = "global-state"
    MARIMO = "marimo-in-logic"
    MARK_ARGUMENTS = "mark-arguments"
    MARK_PLACE = "mark-place"
    MEMTABLE = "memtable"
    MO_CACHE = "mo-cache"
    MO_SQL = "mo-sql"
    MO_STATE = "mo-state"
    MO_STOP = "mo-stop"
    MULTIPLE_DEFINITIONS = "multiple-definitions"
    MUTATION = "mutation"
    NAME_CLASH = "name-clash"
    NETWORK = "network"
    PARAMETER = "parameter"
    PROCESS = "process"
    RANDOM = "random"
    READ = "read-outside-sources"
    SCOPE = "scope"
    STAR_IMPORT = "star-import"
    UNDECLARED_SOURCE = "undeclared-source"
    UNDEFINED_NAME = "undefined-name"
    UNPACKAGED_IMPORT = "unpackaged-import"
    UNPARSABLE = "unparsable-cell"
    WIDGET_DOMAIN = "widget-domain"
    WIDGET_KIND = "widget-kind"
    WIDGET_SAME_CELL = "widget-same-cell"
    WIDGET_WHOLE = "widget-whole"

    @property
    def page(self) -> str:
        """Where the documentation says what, why, and the way out."""
        return f"docs/refusals/{self.value}.md"

    @property
    def command(self) -> str:
        """The command that prints that page."""
        return f"workbench check --explain {self.value}"

    def text(self) -> str:
        """The page, as Markdown; what leads to other pages is left as plain words.

        >>> Reason.STAR_IMPORT.text().splitlines()[0]
        '# star-import'
        """
        return page(f"refusals/{self.value}.md")


def summaries() -> dict[Reason, str]:
    """What each reason says, in a few words, as the overview of the pages has it.

    >>> summaries()[Reason.STAR_IMPORT]
    'A cell has `from module import *`'
    """
    overview = re.findall(r"^- ([\w-]+): (.+)$", page("refusals/README.md"), re.MULTILINE)
    return {Reason(name): said for name, said in overview}


@dataclass(frozen=True, slots=True, order=True)
class Refusal:
    """One refused thing.

    ``cell`` is the cell's index from 0, ``line`` the 1-based line of the file, ``name`` what is refused (a variable, a
    function, a module). ``hint`` is the way out.
    """

    cell: int
    line: int
    reason: Reason
    name: str
    message: str
    hint: str

    @classmethod
    def at(cls, reason: Reason, cell: Cell, line: int, name: str, what: str, hint: str) -> Refusal:
        """A refusal whose message names the place; ``line`` counts from 1 in the cell's code."""
        place = cell.line + line - 1
        return cls(cell.index, place, reason, name, f"{cell.label}, line {place}: {what}", hint)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values; ``page`` is the page of the reason in the documentation, and ``explain`` prints it."""
        return {
            "reason": self.reason.value,
            "cell": self.cell,
            "line": self.line,
            "name": self.name,
            "message": self.message,
            "hint": self.hint,
            "page": self.reason.page,
            "explain": self.reason.command,
        }
