"""marimo's own check of a notebook, in this process: a process of its own costs twenty times as much.

Beside :mod:`workbench.promote.notebook` the only importer of marimo's private modules.
"""

from __future__ import annotations

import dataclasses
import re
import warnings
from typing import Any

from workbench.promote.finding import Finding, Severity
from workbench.promote.notebook import Cell, Notebook, split_lines

_SEVERITY = {"breaking": Severity.ERROR}
_NO_VERSION = "Expected `__generated_with`"
_OUTSIDE = "Unexpected statement, expected body cell definition"
_DEFINITION = re.compile(r"^(async\s+def\b|def\b|class\b|@)", re.MULTILINE)
# What marimo's fixer changes without taking any code away: markdown's indentation, and the line with marimo's version.
_INDENTED_MARKDOWN = "markdown-indentation"


def marimo_findings(notebook: Notebook) -> tuple[Finding, ...]:
    """What ``marimo check`` says of the notebook, with the rules that its configuration selects."""
    diagnostics = _quickly(notebook)
    if diagnostics is None:
        status = _wholly(notebook)
        if status.failed or status.skipped:
            said = " ".join([status.message, *status.details]).strip()
            return (Finding(1, None, "marimo", "check", Severity.ERROR, f"marimo can't check it: {said}"),)
        diagnostics = status.diagnostics
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
            formatted = [f"    {line}" if line else "" for line in _formatted(cell).split("\n")]
            lines[cell.line - 1 : cell.line + cell.code.count("\n")] = formatted
        elif finding.fixable and finding.message.startswith(_NO_VERSION):
            lines.insert(finding.line - 1, f'__generated_with = "{__version__}"')
    return newline.join(lines) if newline.join(split_lines(notebook.text)) == notebook.text else notebook.text


def _formatted(cell: Cell) -> str:
    """The code of a markdown cell as marimo writes it."""
    from marimo._ast.codegen import format_markdown
    from marimo._ast.compiler import compile_cell
    from marimo._types.ids import CellId_t

    return str(format_markdown(compile_cell(cell.code, CellId_t(str(cell.index)))))


def _wholly(notebook: Notebook) -> Any:
    """marimo's check of the file as its command does it: reads it again, and compiles every cell three times over."""
    linter = _linter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        linter.run_streaming(iter([notebook.path]))
    return linter.files[0]


def _quickly(notebook: Notebook) -> list[Any] | None:
    """The same rules on what is parsed and compiled already; None where they need what only a new compilation can say.

    Those are notebooks with SQL, whose errors marimo collects while it compiles, and cells that don't compile.
    """
    import asyncio

    from marimo._lint.context import LintContext, RuleContext
    from marimo._runtime.dataflow import DirectedGraph
    from marimo._types.ids import CellId_t

    native = notebook.native
    if native is None or len(native.compiled) < len(notebook.cells) or any(cell.sql or cell.tables for cell in notebook.cells):
        return None
    graph = DirectedGraph()
    for cell in notebook.cells:
        graph.register_cell(CellId_t("setup" if cell.kind == "setup" else str(cell.index)), native.compiled[cell.index])
    context = LintContext(dataclasses.replace(native.parsed, filename=str(notebook.path)), notebook.text.strip())
    context._graph = graph
    rules = _linter()._rule_engine_for_file(str(notebook.path)).rules
    definitions = sum(_DEFINITION.search(cell.code) is not None for cell in notebook.cells)

    async def check() -> list[Any]:
        for rule in rules:
            # The order of definitions compiles every cell twice, and is of interest from two cells with definitions on.
            if rule.name != "reusable-definition-order" or definitions > 1:
                await rule.check(RuleContext(context, rule))
        return await context.get_diagnostics()

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return asyncio.run(check())


def _linter() -> Any:
    from marimo._lint import Linter, resolve_lint_config

    return Linter(lint_config=resolve_lint_config(None, None))


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
        hint = f"workbench check --fix {notebook.path}"
    severity = _SEVERITY.get(diagnostic.severity.value if diagnostic.severity else "", Severity.WARNING)
    index = _cell(notebook, line, diagnostic.cell_id)
    return Finding(line, index, "marimo", diagnostic.name or "check", severity, message + others, hint, fixable)


def _cell(notebook: Notebook, line: int, ids: list[str] | None) -> int | None:
    """The cell that a finding belongs to: some rules number it, others name a line, at times that of its ``def``."""
    if ids and len(ids) == 1 and ids[0].isdecimal() and int(ids[0]) < len(notebook.cells):
        return int(ids[0])
    found = (cell.index for cell in notebook.cells if cell.line - 1 <= line <= cell.line + cell.code.count("\n"))
    return next(found, None)
