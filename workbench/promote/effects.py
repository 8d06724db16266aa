"""What the logic of a pipeline may not do: read elsewhere, ask the clock, roll dice, touch files, run early.

Each kind of thing has its own reason. What is called is told by the import that its name comes from, so an alias hides
nothing; what is called on a value is told by the method's name.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from workbench.promote.forbidden import (
    ALSO_COLUMNS,
    DISPLAY_MODULES,
    DISPLAY_OPTIONS,
    DYNAMIC_HINT,
    FRAME_LIBRARIES,
    FRAME_METHODS,
    INSIDES,
    RANDOM_HINT,
    SAYS,
    SEEDED,
    lookup,
    method,
)
from workbench.promote.literals import is_literal
from workbench.promote.program import Program, Statement, walk
from workbench.promote.refusal import Reason, Refusal


def find_effects(program: Program, statement: Statement, skip: frozenset[int], *, frames: bool = False) -> Iterator[Refusal]:
    """Everything that a needed statement does and a pipeline may not; nodes whose ids are in ``skip`` are edited away.

    ``frames`` says that it is part of a declared local step, whose function may work on data frames.
    """
    inner: set[int] = set()
    for node in walk(statement):
        if id(node) in skip:
            continue
        if isinstance(node, (ast.Attribute, ast.Name)) and id(node) not in inner and isinstance(node.ctx, ast.Load):
            path = program.dotted(statement, node)
            if path is not None:
                inner.update(chain(node))
                if not (frames and path.startswith(FRAME_LIBRARIES) and _executed(path)):
                    yield from _path(program, statement, node, path)
            elif isinstance(node, ast.Attribute) and not (frames and _of_frame(program, statement, node)):
                yield from _attribute(statement, node)
        if isinstance(node, ast.Call):
            yield from _sample(program, statement, node, frames=frames)
        elif isinstance(node, (ast.Await, ast.AsyncFor, ast.AsyncWith, ast.AsyncFunctionDef)):
            yield statement.refuse(
                Reason.ASYNC, node, "async", "asynchronous code in the logic", "use plain functions: Ibis is lazy"
            )
        elif isinstance(node, ast.Global):
            name = node.names[0]
            what = f"a function changes the global {name}"
            yield statement.refuse(Reason.GLOBAL_STATE, node, name, what, "return the value instead")


def _path(program: Program, statement: Statement, node: ast.expr, path: str) -> Iterator[Refusal]:
    if path in SEEDED and _seeded(statement, node):
        return
    if isinstance(node, ast.Name) and _is_module(program, statement, node):
        what = f"module {path} is used as a value, so that it can't be seen what is used of it"
        yield statement.refuse(Reason.DYNAMIC_NAMES, node, path, what, f"write {node.id}.name where it is used")
        return
    if path == "builtins.getattr":
        if not _literal_getattr(program, statement, node):
            what = "getattr with a name that is not a literal"
            yield statement.refuse(
                Reason.DYNAMIC_NAMES, node, "getattr", what, 'index the table instead: table["column"] or table[name]'
            )
        return
    found = lookup(path) or _member(path)
    if found is not None:
        reason, hint = found
        shown = path.removeprefix("builtins.")
        yield statement.refuse(reason, node, shown, f"{shown} {SAYS[reason]}", hint)
    elif path == "ibis.memtable":
        call = _call_of(statement, node)
        if call is None or not all(is_literal(arg) for arg in (*call.args, *(keyword.value for keyword in call.keywords))):
            what = "ibis.memtable of something that is not written out as a literal"
            yield statement.refuse(
                Reason.MEMTABLE,
                node,
                "ibis.memtable",
                what,
                "write the rows out, declare them as a source, or compute them in a step: @wb.local(schema={…})",
            )


def chain(node: ast.expr) -> set[int]:
    """The ids of the attributes and the name that a dotted expression is made of."""
    found = {id(node)}
    while isinstance(node, ast.Attribute):
        node = node.value
        found.add(id(node))
    return found


def _member(path: str) -> tuple[Reason, str] | None:
    """Methods and insides that are reached through a class: ``ibis.Table.execute``, ``ibis.__dict__``."""
    for name in path.split(".")[1:]:
        if name in INSIDES:
            return Reason.DYNAMIC_NAMES, DYNAMIC_HINT
        if name not in ALSO_COLUMNS and (found := method(name)) is not None:
            return found
    return None


def _attribute(statement: Statement, node: ast.Attribute) -> Iterator[Refusal]:
    name = node.attr
    found = method(name)
    if found is not None and (name not in ALSO_COLUMNS or _call_of(statement, node) is not None):
        reason, hint = found
        yield statement.refuse(reason, node, name, f".{name}() {SAYS[reason]}", hint)
    elif name in INSIDES:
        yield statement.refuse(Reason.DYNAMIC_NAMES, node, name, f".{name} {SAYS[Reason.DYNAMIC_NAMES]}", DYNAMIC_HINT)


def _executed(path: str) -> bool:
    found = lookup(path)
    return found is not None and found[0] is Reason.EXECUTED


def _of_frame(program: Program, statement: Statement, node: ast.Attribute) -> bool:
    """Whether a conversion is one of a data frame: not of a variable of the notebook, which may hold a table."""
    if node.attr not in FRAME_METHODS:
        return False
    read = {statement.key(use.name) for each in ast.walk(node) if (use := statement.by_node.get(id(each))) is not None}
    code = (ast.FunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom)
    return all(isinstance(program.statements[number].node, code) for key in read for number in program.definitions.get(key, ()))


def _sample(program: Program, statement: Statement, call: ast.Call, *, frames: bool) -> Iterator[Refusal]:
    if not isinstance(call.func, ast.Attribute) or program.dotted(statement, call.func) is not None:
        return
    name, seeds = call.func.attr, ("seed", "random_state") if frames else ("seed",)
    if name == "sample" and not any(
        keyword.arg in seeds and isinstance(keyword.value, ast.Constant) and isinstance(keyword.value.value, int)
        for keyword in call.keywords
    ):
        yield statement.refuse(
            Reason.RANDOM, call.func, name, ".sample() without a literal seed gives other rows each time", RANDOM_HINT
        )


def _call_of(statement: Statement, func: ast.expr) -> ast.Call | None:
    return next((node for node in walk(statement) if isinstance(node, ast.Call) and node.func is func), None)


def _seeded(statement: Statement, node: ast.expr) -> bool:
    call = _call_of(statement, node)
    if call is None:
        return False
    given = [*call.args, *(keyword.value for keyword in call.keywords)]
    return len(given) == 1 and isinstance(given[0], ast.Constant) and isinstance(given[0].value, int)


def _literal_getattr(program: Program, statement: Statement, node: ast.expr) -> bool:
    call = _call_of(statement, node)
    if call is None or len(call.args) < 2 or program.dotted(statement, call.args[0]) is not None:
        return False
    name = call.args[1]
    return isinstance(name, ast.Constant) and method(str(name.value)) is None and name.value not in INSIDES


def _is_module(program: Program, statement: Statement, node: ast.Name) -> bool:
    imported = program.imports.get(statement.key(node.id)) if id(node) in statement.by_node else None
    return imported is not None and imported.member is None


def changes_module_state(program: Program, statement: Statement) -> Iterator[tuple[ast.expr, str]]:
    """Where a statement changes what a whole imported module does: ``ibis.options.sql.default_limit = 5``."""
    inner: set[int] = set()
    for node in walk(statement):
        if not isinstance(node, ast.Attribute) or id(node) in inner:
            continue
        inner.update(chain(node))
        path = program.dotted(statement, node)
        if path is None or path.startswith(DISPLAY_OPTIONS) or path.split(".")[0] in DISPLAY_MODULES:
            continue
        stored = not isinstance(node.ctx, ast.Load)
        found = lookup(path)
        if stored or (found is not None and found[0] is Reason.GLOBAL_STATE and _call_of(statement, node) is not None):
            yield node, path
