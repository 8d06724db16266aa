"""Guards: statements that give nothing but may stop the cell, such as ``wb.require``, ``assert`` and ``raise``.

In marimo an error in a cell stops the rest of the cell and every cell that reads from it. So the guards of each cell that
gives something to an output hold for the output too.
"""

from __future__ import annotations

import ast
from collections.abc import Collection
from dataclasses import dataclass

from workbench.promote.program import Key, Program, Statement, walk

_BINDING = (
    ast.Assign,
    ast.AnnAssign,
    ast.AugAssign,
    ast.FunctionDef,
    ast.AsyncFunctionDef,
    ast.ClassDef,
    ast.Import,
    ast.ImportFrom,
)


@dataclass(frozen=True, slots=True)
class Guards:
    """The numbers of the guard statements; ``required`` are those that call ``wb.require``."""

    program: Program
    numbers: frozenset[int]
    required: frozenset[int]

    def of(self, needed: Collection[int], root: Statement, stops: Collection[int]) -> set[int]:
        """The guards that hold for a slice of the ``needed`` statements whose mark is ``root``."""
        statements = self.program.statements
        giving = {root.cell.index} | {
            statements[number].cell.index
            for number in needed
            if number not in stops and not isinstance(statements[number].node, (ast.Import, ast.ImportFrom))
        }
        bound: set[Key] = {key for number in needed for key in statements[number].stores()}
        found = set()
        for number in self.numbers:
            statement = statements[number]
            reads = {statement.key(use.name) for use in statement.uses if use.context == "load"} - set(self.program.imports)
            about = {key for key in reads if key in self.program.definitions}
            if statement.cell.index == root.cell.index and number > root.number:
                continue  # the output is there by then
            if statement.cell.index in giving or (
                number in self.required and about and about <= bound and self._alone(statement)
            ):
                found.add(number)
        return found

    def _alone(self, statement: Statement) -> bool:
        """Whether the cell gives nothing to any other: then its guards are about what they read."""
        return not statement.cell.defs and not any(
            path == "workbench.output"
            for each in self.program.statements
            if each.cell is statement.cell
            for _, path in self.program.calls(each)
        )


def find_guards(program: Program) -> Guards:
    """The guards of a notebook. ``mo.stop(not button.value)`` is none: a pipeline has no button to wait for."""
    stopping: set[Key] = set()
    functions = {each.key(each.node.name): each for each in program.statements if isinstance(each.node, ast.FunctionDef)}
    changed = True
    while changed:
        changed = False
        for key, statement in functions.items():
            if key not in stopping and not _returns(statement.node) and _may_stop(program, statement, stopping):
                stopping.add(key)
                changed = True
    numbers, required = set(), set()
    for statement in program.statements:
        if isinstance(statement.node, _BINDING):
            continue
        if _may_stop(program, statement, stopping) and not waits_for_button(program, statement):
            numbers.add(statement.number)
        if any(path == "workbench.require" for _, path in program.calls(statement)):
            required.add(statement.number)
    return Guards(program, frozenset(numbers), frozenset(required))


def _may_stop(program: Program, statement: Statement, stopping: Collection[Key]) -> bool:
    for node in walk(statement):
        if isinstance(node, (ast.Raise, ast.Assert)):
            return True
        if isinstance(node, ast.Call):
            if program.dotted(statement, node.func) in ("workbench.require", "marimo.stop"):
                return True
            if (
                isinstance(node.func, ast.Name)
                and id(node.func) in statement.by_node
                and statement.key(node.func.id) in stopping
            ):
                return True
    return False


def _returns(function: ast.stmt) -> bool:
    return any(isinstance(node, ast.Return) and node.value is not None for node in ast.walk(function))


def waits_for_button(program: Program, statement: Statement) -> bool:
    """Whether a statement is ``mo.stop(not button.value)`` with a run button."""
    match statement.node:
        case ast.Expr(
            value=ast.Call(
                func=func, args=[ast.UnaryOp(op=ast.Not(), operand=ast.Attribute(value=ast.Name(id=name), attr="value")), *_]
            )
        ):
            if program.dotted(statement, func) != "marimo.stop":
                return False
            return (
                all(
                    any(path == "marimo.ui.run_button" for _, path in program.calls(program.statements[number]))
                    for number in program.definitions.get(statement.key(name), (-1,))
                    if number >= 0
                )
                and statement.key(name) in program.definitions
            )
        case _:
            return False
