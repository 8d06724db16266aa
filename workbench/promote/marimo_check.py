"""What marimo's own check says of a notebook, as findings beside ours."""

from __future__ import annotations

from typing import Any

from workbench.errors import quoted
from workbench.promote.finding import Finding, Severity
from workbench.promote.notebook import Notebook, diagnose, markdown_as_written, split_lines

_SEVERITY = {"breaking": Severity.ERROR}
_NO_VERSION = "Expected `__generated_with`"
_OUTSIDE = "Unexpected statement, expected body cell definition"
# What marimo's fixer changes without taking any code away: markdown's indentation, and the line with marimo's version.
_INDENTED_MARKDOWN = "markdown-indentation"


def marimo_findings(notebook: Notebook) -> tuple[Finding, ...]:
    """What ``marimo check`` says of the notebook, with the rules that its configuration selects."""
    diagnostics = diagnose(notebook)
    if isinstance(diagnostics, str):
        return (Finding(1, None, "marimo", "check", Severity.ERROR, f"marimo can't check it: {diagnostics}"),)
    found = [_finding(notebook, diagnostic) for diagnostic in diagnostics]
    return tuple(sorted(found, key=lambda each: (each.line, each.rule)))


def marimo_fix(notebook: Notebook) -> str:
    """The notebook's text with what marimo can mend mended, and every other line as it was.

    marimo's own fixer is not used: it rewrites the whole file, and drops code that stands outside of cells.
    """
    from marimo import __version__

    newline = "\r\n" if "\r\n" in notebook.text else "\n"
    lines = split_lines(notebook.text)
    for finding in sorted(marimo_findings(notebook), key=lambda each: each.line, reverse=True):
        if finding.fixable and finding.rule == _INDENTED_MARKDOWN and finding.cell is not None:
            cell = notebook.cells[finding.cell]
            formatted = [f"    {line}" if line else "" for line in markdown_as_written(cell).split("\n")]
            lines[cell.line - 1 : cell.line + cell.code.count("\n")] = formatted
        elif finding.fixable and finding.message.startswith(_NO_VERSION):
            lines.insert(finding.line - 1, f'__generated_with = "{__version__}"')
    return newline.join(lines) if newline.join(split_lines(notebook.text)) == notebook.text else notebook.text


def _finding(notebook: Notebook, diagnostic: Any) -> Finding:
    text = notebook.text
    # marimo counts from 0, and after it has stripped the file's leading white space.
    first = 1 + text[: len(text) - len(text.lstrip())].count("\n")
    line, *more = sorted(first + each for each in (diagnostic.line if isinstance(diagnostic.line, list) else [diagnostic.line]))
    others = "".join(f", also line {each}" for each in more)
    message = " ".join(str(diagnostic.message).split())
    hint = " ".join(str(diagnostic.fix or "").split())
    fixable = diagnostic.name == _INDENTED_MARKDOWN or message.startswith(_NO_VERSION)
    if message.startswith(_OUTSIDE):
        message = "code that stands outside of every cell: marimo never shows it, and drops it at its next save"
        hint = "move it into a cell"
    if fixable:
        hint = f"workbench check --fix {quoted(notebook.path)}"
    severity = _SEVERITY.get(diagnostic.severity.value if diagnostic.severity else "", Severity.WARNING)
    index = _cell(notebook, line, diagnostic.cell_id)
    if line < 1:  # what is wrong with the whole file, or a cell as a whole
        line = 1 if index is None else notebook.cells[index].line
    return Finding(line, index, "marimo", diagnostic.name or "check", severity, message + others, hint, fixable)


def _cell(notebook: Notebook, line: int, ids: list[str] | None) -> int | None:
    """The cell that a finding belongs to: some rules number it, others name a line, at times that of its ``def``."""
    if ids and len(ids) == 1 and ids[0].isdecimal() and int(ids[0]) < len(notebook.cells):
        return int(ids[0])
    found = (cell.index for cell in notebook.cells if cell.line - 1 <= line <= cell.line + cell.code.count("\n"))
    return next(found, None)
