"""Why a statement of the notebook is not in the module, in words."""

from __future__ import annotations

import ast
from collections.abc import Mapping

from workbench.promote.marks import Marks
from workbench.promote.outputs import Output
from workbench.promote.program import Key, Program, Statement


def explain(program: Program, marks: Marks, output: Output, statement: Statement, aliases: Mapping[Key, str]) -> str:
    """The reason why ``output`` does without a statement."""
    other = next((each for each in marks.outputs if each.statement is statement), None)
    if other is not None:
        return f"output {other.mark.name}, a pipeline of its own"
    widget = next((each for each in marks.widgets.values() if each.statement is statement), None)
    if widget is not None and widget.parameter is not None:
        return f"parameter {widget.parameter.name}"
    for key in statement.stores():
        if key in aliases:
            return f"argument {aliases[key]}"
    if isinstance(statement.node, (ast.Import, ast.ImportFrom)):
        return f"import that {output.mark.name} does not use"
    paths = [path or "" for _, path in program.calls(statement)]
    if "marimo.md" in paths and not statement.stores():
        return "text"
    if (
        widget is not None
        or (statement.last and isinstance(statement.node, ast.Expr))
        or any(path.startswith("marimo.") for path in paths)
    ):
        return "display"
    return f"not needed by {output.mark.name}"
