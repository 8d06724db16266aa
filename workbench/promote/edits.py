"""Edits of a statement's text by offset, so that comments and formatting survive, with the line that each line came from."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable
from dataclasses import dataclass

from workbench.promote.program import Statement, walk

_TAIL = re.compile(r"[ \t]*(?:;[ \t]*)?(#[^\n]*)?(?=\n|\Z)")


@dataclass(frozen=True, slots=True, order=True)
class Edit:
    """Replace the characters ``start`` to ``end`` of a cell's code by ``text``."""

    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a module before it is formatted.

    ``origin`` is the 1-based line of the cell's code; None for lines that are ours. ``raw`` lines stand inside a string, so
    they must not be indented.
    """

    text: str
    origin: int | None = None
    raw: bool = False


def lines_of(statement: Statement, start: int, end: int, edits: Iterable[Edit]) -> list[Line]:
    """The lines of a part of the cell's code with the edits that lie in it made."""
    code, pieces, position = statement.text.code, [], start
    for edit in sorted(set(edits)):
        if start <= edit.start and edit.end <= end:
            pieces.append((code[position : edit.start], position))
            pieces.append((edit.text, edit.start))
            position = edit.end
    pieces.append((code[position:end], position))
    within = _inside_strings(statement)
    lines, text, origin = [], "", None
    for piece, offset in pieces:
        for part in piece.splitlines(keepends=True) or [""]:
            origin = statement.text.line(offset) if origin is None else origin
            text += part
            if part.endswith("\n"):
                lines.append(Line(text.rstrip("\n"), origin, origin in within))
                text, origin = "", None
            offset += len(part)
    if text or not lines:
        lines.append(Line(text, origin, origin in within))
    return lines


def comments_above(statement: Statement, floor: int) -> int:
    """Where the block of comment lines directly above the statement begins; ``floor`` is the line that it can't reach."""
    line = statement.line
    if statement.text.code[statement.text.starts[line - 1] : statement.start].strip():
        return statement.start
    while line - 1 > floor and statement.text.lines[line - 2].lstrip().startswith("#"):
        line -= 1
    return statement.text.starts[line - 1]


def comment_behind(statement: Statement) -> str:
    """The comment behind the statement on its last line."""
    match = _TAIL.match(statement.text.code, statement.end)
    return (match[1] or "") if match else ""


def blank_above(statement: Statement, start: int) -> bool:
    """Whether an empty line stands above the offset ``start``."""
    line = statement.text.line(start)
    return line > 1 and not statement.text.lines[line - 2].strip()


def _inside_strings(statement: Statement) -> set[int]:
    """Lines of the cell's code that begin inside a string."""
    found: set[int] = set()
    for node in walk(statement):
        if isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, (str, bytes))):
            found.update(range(node.lineno + 1, (node.end_lineno or node.lineno) + 1))
    return found
