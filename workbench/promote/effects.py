"""What the logic of a pipeline may not do: read elsewhere, ask the clock, roll dice, touch files, run early.

Each kind of thing has its own reason. What is called is told by the import that its name comes from, so an alias hides
nothing; what is called on a value is told by the method's name.
"""

from __future__ import annotations

import ast
import sys
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
    SQL_FUNCTIONS,
    lookup,
    method,
    unknown,
)
from workbench.promote.literals import is_literal
from workbench.promote.program import Program, Statement, assigned, walk
from workbench.promote.refusal import Reason, Refusal


def find_effects(program: Program, statement: Statement, skip: frozenset[int], *, frames: bool = False) -> Iterator[Refusal]:
    """Everything that a needed statement does and a pipeline may not; nodes whose ids are in ``skip`` are edited away.

    ``frames`` says that it is part of a declared local step, whose function may work on data frames.
    """
    inner: set[int] = set()
    yield from _builtin_function(program, statement)
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
        if isinstance(node, (ast.Call, ast.Starred, ast.For, ast.comprehension)):
            yield from _order_of_set(program, statement, node)
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
    found = lookup(path) or _member(path) or _module_inside(path) or unknown(path)
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


def _module_inside(path: str) -> tuple[Reason, str] | None:
    """What is reached through a module that another one has imported: ``json.codecs.open``, ``random._os``."""
    parts = [part.lstrip("_") for part in path.split(".")]
    for start in range(1, len(parts)):
        if parts[start] in sys.stdlib_module_names and parts[start] != parts[0]:
            inner = ".".join(parts[start:])
            found = lookup(inner) or (lookup(f"{inner}.") if start == len(parts) - 1 else None)
            if found is not None:
                return found
    return None


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


_ANY_ORDER = frozenset(f"builtins.{name}" for name in "len min max sum any all bool set frozenset isinstance print".split())
_SETS = frozenset({"union", "intersection", "difference", "symmetric_difference", "copy"})


def _order_of_set(program: Program, statement: Statement, node: ast.AST) -> Iterator[Refusal]:
    """Where the order of a set counts, which differs from process to process."""
    match node:
        case ast.Starred(value=value) | ast.For(iter=value) | ast.comprehension(iter=value):
            used = [value]
        case ast.Call(func=ast.Attribute(value=value, attr="pop"), args=[]) if _is_set(program, statement, value):
            used = [value]
        case ast.Call(func=func, args=args):
            path = program.dotted(statement, func)
            keyed = any(isinstance(keyword.arg, str) for keyword in node.keywords)
            ordered = path in _ANY_ORDER or (path == "builtins.sorted" and not keyed)
            listing = path is not None and path.startswith("builtins.") and not ordered
            joining = isinstance(func, ast.Attribute) and func.attr in ("join", "extend", "fromkeys", "from_iterable")
            used = args if listing or joining else []
        case _:
            used = []
    for value in used:
        if _is_set(program, statement, value):
            text = ast.unparse(value)
            name = text if len(text) <= 30 else "a set"
            what = f"{name} is a set, whose order differs from process to process"
            yield statement.refuse(Reason.RANDOM, value, name, what, "sort it: sorted(…)")


def _is_set(program: Program, statement: Statement, node: ast.expr, depth: int = 3) -> bool:
    """Whether an expression is surely a set of texts or unknown things; those of numbers written out keep their order."""
    match node:
        case ast.Set(elts=elts):
            return not all(isinstance(each, ast.Constant) and isinstance(each.value, (int, bool)) for each in elts)
        case ast.SetComp():
            return True
        case ast.Call(func=ast.Name() as func) if program.dotted(statement, func) in ("builtins.set", "builtins.frozenset"):
            return True
        case ast.Call(func=ast.Attribute(value=value, attr=attr)) if attr in _SETS:
            return _is_set(program, statement, value, depth)
        case ast.BinOp(left=left, right=right, op=ast.BitOr() | ast.BitAnd() | ast.Sub() | ast.BitXor()):
            return _is_set(program, statement, left, depth) or _is_set(program, statement, right, depth)
        case ast.Name(id=name) if depth and id(node) in statement.by_node:
            found = [program.statements[number] for number in program.definitions.get(statement.key(name), ())]
            bound = assigned(found[0]) if len(found) == 1 else None
            return bound is not None and _is_set(program, found[0], bound[1], depth - 1)
        case _:
            return False


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
        if path is None and isinstance(node.ctx, ast.Store) and _is_type(program, statement, node.value):
            yield node, f"type(…).{node.attr}"
        if path is None or path.startswith(DISPLAY_OPTIONS) or path.split(".")[0] in DISPLAY_MODULES:
            continue
        stored = not isinstance(node.ctx, ast.Load)
        found = lookup(path)
        if stored or (found is not None and found[0] is Reason.GLOBAL_STATE and _call_of(statement, node) is not None):
            yield node, path


def _is_type(program: Program, statement: Statement, node: ast.expr) -> bool:
    """Whether an expression is the class of some value, which all values of its kind share."""
    match node:
        case ast.Call(func=func):
            return program.dotted(statement, func) == "builtins.type"
        case ast.Attribute(attr=attr):
            return attr == "__class__"
        case ast.Name(id=name) if id(node) in statement.by_node:
            found = [program.statements[number] for number in program.definitions.get(statement.key(name), ())]
            bound = assigned(found[0]) if len(found) == 1 else None
            return bound is not None and not isinstance(bound[1], ast.Name) and _is_type(program, found[0], bound[1])
        case _:
            return False


def _builtin_function(program: Program, statement: Statement) -> Iterator[Refusal]:
    """A function of the database under ``@ibis.udf.scalar.builtin`` that a query may not ask for either."""
    function = statement.node
    if not isinstance(function, ast.FunctionDef):
        return
    for decorator in function.decorator_list:
        func = decorator.func if isinstance(decorator, ast.Call) else decorator
        path = program.dotted(statement, func) or ""
        if path.startswith("ibis.udf.") and path.endswith(".builtin"):
            keywords = decorator.keywords if isinstance(decorator, ast.Call) else []
            named = next((each.value for each in keywords if each.arg == "name"), ast.Constant(function.name))
            name = str(named.value).lower() if isinstance(named, ast.Constant) else ""
            if (reason := SQL_FUNCTIONS.get(name)) is not None:
                what = f"the database's {name}() {SAYS[reason]}"
                yield statement.refuse(reason, function, name, what, "take the value as a parameter, or from a source")
