"""Declared local steps: functions under ``@wb.local``, whose bodies work on data frames, and the helpers that only they use."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field

from workbench.errors import UsageError
from workbench.promote.literals import NotLiteral, arguments, value
from workbench.promote.program import Key, Program, Statement
from workbench.promote.refusal import Reason, Refusal

PATH = "workbench.local"


@dataclass(frozen=True, slots=True)
class Steps:
    """The local steps of a program.

    ``frames`` are the numbers of the statements whose functions only ever see data frames: steps, and helpers that nothing
    else uses. ``places`` are the ids of the nodes that name ``wb.local`` where it may stand; ``problems`` are by statement.
    """

    frames: frozenset[int] = frozenset()
    places: frozenset[int] = frozenset()
    problems: dict[int, Refusal] = field(default_factory=dict)


def find_steps(program: Program) -> Steps:
    """The local steps of a program; their arguments are read as the marks are, without running anything."""
    if not any("local" in cell.code for cell in program.notebook.cells):
        return Steps()
    steps: set[int] = set()
    places: set[int] = set()
    problems: dict[int, Refusal] = {}
    for statement in program.statements:
        node = statement.node
        for decorator in node.decorator_list if isinstance(node, ast.FunctionDef) else ():
            func = decorator.func if isinstance(decorator, ast.Call) else decorator
            if program.dotted(statement, func) != PATH:
                continue
            steps.add(statement.number)
            places.add(id(func))
            problem = _problem(program, statement, decorator)
            if problem is not None:
                problems[statement.number] = problem
    return Steps(_with_helpers(program, steps), frozenset(places), problems)


def _problem(program: Program, statement: Statement, decorator: ast.expr) -> Refusal | None:
    from workbench.runtime.local import local

    def refuse(node: ast.AST, what: str, hint: str) -> Refusal:
        return statement.refuse(Reason.MARK_ARGUMENTS, node, "wb.local", what, hint)

    example = 'write @wb.local(schema={"day": "date", "n": "int64"}), with literal types'
    if not isinstance(decorator, ast.Call):
        return refuse(decorator, "wb.local does not say which columns the step returns", example)
    try:
        given = {
            name: value(node, lambda each: program.dotted(statement, each)) for name, node in arguments(decorator, ()).items()
        }
    except (NotLiteral, TypeError) as error:
        at = error.node if isinstance(error, NotLiteral) else decorator
        return refuse(at, "an argument of wb.local is not a literal, by name", example)
    try:
        local(**given)
    except UsageError as error:
        return refuse(decorator, error.message, error.hint)
    except TypeError:
        return refuse(decorator, "wb.local takes schema=, frames= and max_rows=, and schema= it needs", example)
    return None


def _with_helpers(program: Program, steps: set[int]) -> frozenset[int]:
    """The steps, and the functions and classes that are read in their bodies alone."""
    readers: dict[Key, set[int]] = {}
    now: set[Key] = set()
    for statement in program.statements:
        for use in statement.uses:
            if use.context == "load":
                key = statement.key(use.name)
                readers.setdefault(key, set()).add(statement.number)
                if not use.late:
                    now.add(key)
    found = set(steps)
    helpers = {
        statement.number: statement.key(statement.node.name)
        for statement in program.statements
        if isinstance(statement.node, (ast.FunctionDef, ast.ClassDef)) and statement.number not in steps
    }
    # All helpers at first, then those fall out that something else uses: so helpers may call each other and themselves.
    inside = {number for number, key in helpers.items() if readers.get(key) and key not in now}
    while True:
        out = {number for number in inside if not readers[helpers[number]] <= found | inside}
        if not out:
            return frozenset(found | inside)
        inside -= out


def used_by_frames_alone(program: Program, steps: Steps, key: Key) -> bool:
    """Whether a variable is read in the bodies of local steps and their helpers, and nowhere else."""
    read = [
        (statement.number, use)
        for statement in program.statements
        for use in statement.uses
        if use.context == "load" and statement.key(use.name) == key
    ]
    return bool(read) and all(number in steps.frames and use.late for number, use in read)
