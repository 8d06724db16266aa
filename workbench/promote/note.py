"""Markdown of a notebook: the text directly above a marked cell says what the output is for."""

from __future__ import annotations

import ast
import inspect

from workbench.promote.notebook import Cell
from workbench.promote.program import Program


def note_above(program: Program, cell: Cell) -> str:
    """The literal markdown of the cell directly above, or an empty text."""
    cells = program.notebook.cells
    if cell.index == 0:
        return ""
    above = [each for each in program.statements if each.cell is cells[cell.index - 1]]
    if len(above) != 1:
        return ""
    match above[0].node:
        case ast.Expr(value=ast.Call(func=func, args=[ast.Constant(value=str() as text)])) if (
            program.dotted(above[0], func) == "marimo.md"
        ):
            return inspect.cleandoc(text).strip()
        case _:
            return ""
