"""Which statements may change an object in place, looking through functions, aliases, attributes and subscripts.

A change in the cell that made the object is part of its making, and is kept with it. A change in another cell is refused:
marimo does not order it against the cells that read the object.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field

from workbench.promote.effects import changes_module_state
from workbench.promote.kind import Kind
from workbench.promote.kinds import Kinds
from workbench.promote.known import CHANGING, CHANGING_FUNCTIONS, HARMLESS, HARMLESS_FUNCTIONS
from workbench.promote.marks import Marks
from workbench.promote.objects import bound_in, changed_defaults, inner_functions, restless_methods
from workbench.promote.program import Key, Program, Statement
from workbench.promote.refusal import Reason, Refusal
from workbench.promote.targets import aliases_in, argument_names, changed_targets, held_names

_NAMESPACES = ("builtins.globals", "builtins.locals", "builtins.vars")


@dataclass(slots=True)
class _Summary:
    """What calling a function may change: its arguments by name, and variables of the notebook."""

    arguments: tuple[str, ...]
    changed: set[str] = field(default_factory=set)
    variables: set[Key] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Mutations:
    """``changes`` are the numbers of the statements that may change a variable's object; ``settled`` the plain variables."""

    program: Program
    changes: dict[Key, tuple[int, ...]]
    settled: frozenset[Key]

    def refuse(self, needed: Collection[int], kept: Sequence[Statement]) -> Iterator[Refusal]:
        """Changes of what a slice needs that stand in another cell, and changes of what all cells share."""
        statements = self.program.statements
        keys = {key for number in needed for key in statements[number].stores()}
        seen: set[int] = set()
        for key in sorted(keys, key=lambda key: self.program.definitions[key]):
            homes = {statements[number].cell.index for number in self.program.definitions[key]}
            for number in self.changes.get(key, ()):
                statement, name = statements[number], key.rpartition(":")[2]
                if statement.cell.index not in homes and number not in seen and key not in statement.stores():
                    seen.add(number)
                    what = f"{name} may be changed here, and it was made in {_label(self.program, homes)}"
                    hint = f"change {name} in the cell that makes it, or work on a copy under another name"
                    yield statement.refuse(Reason.MUTATION, None, name, what, hint)
        tops = {"ibis"} | {
            imported.path.split(".")[0] for key, imported in self.program.imports.items() if key in self._read(kept)
        }
        for statement in statements:
            for call, called in self.program.calls(statement) if statement not in kept else ():
                defines = isinstance(statement.node, ast.FunctionDef)
                if called == "builtins.exec" or (called in _NAMESPACES and not call.args and not defines):
                    name = called.removeprefix("builtins.")
                    what = f"{name}() may change any name of the notebook"
                    yield statement.refuse(Reason.DYNAMIC_NAMES, call, name, what, "write the names out")
            for node, path in changes_module_state(self.program, statement):
                if path.split(".")[0] in tops or path.startswith("type("):
                    what = f"{path} is changed for the whole process, which a pipeline would not see"
                    hint = "remove it, or say the same where it is used"
                    yield statement.refuse(Reason.GLOBAL_STATE, node, path, what, hint)

    def _read(self, kept: Sequence[Statement]) -> set[Key]:
        return {each.key(use.name) for each in kept for use in each.uses}


def _label(program: Program, cells: Collection[int]) -> str:
    return ", ".join(program.notebook.cells[index].label for index in sorted(cells))


def find_mutations(program: Program, marks: Marks) -> Mutations:
    """What each statement of a program may change."""
    return _Finder(program, Kinds(program, marks)).find()


class _Finder:
    def __init__(self, program: Program, kinds: Kinds) -> None:
        self.program, self.kinds = program, kinds
        self.summaries: dict[Key, _Summary] = {}
        self.methods: dict[str, list[_Summary]] = {}
        self.restless: set[Key] = set()  # classes and functions what they give changes when it is merely used

    def find(self) -> Mutations:
        self._summarise()
        direct: dict[int, set[Key]] = {}
        for statement in self.program.statements:
            direct[statement.number] = set(self._changed(statement))
        changes: dict[Key, set[int]] = {}
        members: dict[Key, set[Key]] = {}
        for key in self.program.definitions:
            members.setdefault(self.kinds.group(key), set()).add(key)
        for number, keys in direct.items():
            for key in keys:
                for other in members.get(self.kinds.group(key), {key}):
                    changes.setdefault(other, set()).add(number)
        settled = frozenset(key for key, kind in self.kinds.of.items() if kind is Kind.PLAIN)
        return Mutations(self.program, {key: tuple(sorted(numbers)) for key, numbers in changes.items()}, settled)

    def _changed(self, statement: Statement) -> Iterator[Key]:
        made = self._made(statement, statement.node)
        for name in self._roots(statement, statement.node, top=True):
            use = statement.by_node.get(id(name))
            if use is not None and id(name) not in made and self._can_change(statement.key(use.name)):
                yield statement.key(use.name)
        for node in self._code(statement.node, top=True):
            for summary in self.methods.get(node.attr, ()) if isinstance(node, ast.Attribute) else ():
                yield from summary.variables
        for use in statement.uses:
            key = statement.key(use.name)
            if use.context != "load" or key in statement.stores():
                continue
            # Inside a `def` a late use is a call to come; elsewhere, and in a decorator, it may be a call now.
            defined = isinstance(statement.node, (ast.FunctionDef, ast.ClassDef))
            if key in self.summaries and not (defined and use.late):
                yield from self.summaries[key].variables
            if self.kinds.of.get(key) is Kind.STREAM or self.kinds.classes.get(key) in self.restless:
                yield key

    def _can_change(self, key: Key) -> bool:
        return key in self.program.definitions and key not in self.program.imports and self.kinds.of.get(key) is not Kind.PLAIN

    def _made(self, statement: Statement, node: ast.AST) -> set[int]:
        """The ids of the names of classes whose instances, made here, hold nothing that another instance holds too."""
        names = (each.func for each in ast.walk(node) if isinstance(each, ast.Call) and isinstance(each.func, ast.Name))
        return {id(name) for name in names if self.kinds.makes_apart(statement.key(name.id)) and id(name) in statement.by_node}

    # Functions

    def _summarise(self) -> None:
        bodies: list[tuple[Statement, ast.FunctionDef | ast.Lambda, _Summary]] = []
        for key, statement in self.kinds.functions.items():
            if isinstance(statement.node, ast.FunctionDef):
                self.summaries[key] = summary = _Summary(argument_names(statement.node))
                bodies.append((statement, statement.node, summary))
            for node in statement.node.body if isinstance(statement.node, ast.ClassDef) else ():
                if isinstance(node, ast.FunctionDef):
                    summary = _Summary(argument_names(node))
                    self.methods.setdefault(node.name, []).append(summary)
                    bodies.append((statement, node, summary))
                    if node.name == "__init__":
                        self.summaries[key] = _Summary(summary.arguments[1:], summary.changed, summary.variables)
        for statement in self.program.statements:
            if isinstance(statement.node, ast.Assign) and isinstance(statement.node.value, ast.Lambda):
                for key in statement.stores():
                    self.summaries[key] = summary = _Summary(argument_names(statement.node.value))
                    bodies.append((statement, statement.node.value, summary))
        changed = True
        while changed:
            changed = False
            for statement, function, summary in bodies:
                size = len(summary.changed) + len(summary.variables)
                self._summarise_one(statement, function, summary)
                changed |= len(summary.changed) + len(summary.variables) != size
        of = {id(function): summary for _, function, summary in bodies}
        for key, statement in self.kinds.functions.items():
            node = statement.node
            if isinstance(node, ast.FunctionDef) and any(self._keeps(statement, inner) for inner in inner_functions(node)):
                self.restless.add(key)
            if isinstance(node, ast.ClassDef) and any(
                set(of[id(method)].arguments[:1]) & of[id(method)].changed for method in restless_methods(node)
            ):
                self.restless.add(key)

    def _keeps(self, statement: Statement, inner: ast.FunctionDef | ast.Lambda) -> bool:
        """Whether a function inside another one changes what the outer one holds, so that calls of it differ."""
        own = bound_in(inner)
        rebinds = any(isinstance(node, ast.Nonlocal) for node in ast.walk(inner))
        roots = (name for name in self._roots(statement, inner, top=False) if id(name) not in statement.by_node)
        return rebinds or any(name.id not in own for name in roots)

    def _summarise_one(self, statement: Statement, function: ast.FunctionDef | ast.Lambda, summary: _Summary) -> None:
        aliases, made = aliases_in(function), self._made(statement, function)
        for name in self._roots(statement, function, top=False):
            use = statement.by_node.get(id(name))
            if use is None:
                summary.changed |= {name.id, *aliases.get(name.id, ())} & set(summary.arguments)
            elif id(name) not in made and self._can_change(statement.key(use.name)):
                summary.variables.add(statement.key(use.name))
        for node in ast.walk(function):
            use = statement.by_node.get(id(node))
            if use is not None and use.late and statement.key(use.name) in self.summaries:
                summary.variables |= self.summaries[statement.key(use.name)].variables
            elif use is not None and use.late and use.context == "store":
                summary.variables.add(statement.key(use.name))
        for default in changed_defaults(function, summary.changed):
            summary.variables |= set(statement.stores()) if statement.node is function else set()
            held = {statement.key(name.id) for name in held_names(default) if id(name) in statement.by_node}
            summary.variables |= {key for key in held if self._can_change(key)}

    # Where something is changed

    def _roots(self, statement: Statement, node: ast.AST, *, top: bool) -> Iterator[ast.Name]:
        """The names whose objects the code in ``node`` may change; a ``def`` changes nothing by itself."""
        called: set[int] = set()
        for child in self._code(node, top=top):
            match child:
                case ast.Assign(targets=targets) | ast.Delete(targets=targets):
                    for target in targets:
                        yield from changed_targets(target)
                case ast.AugAssign(target=target):
                    yield from changed_targets(target)
                    if isinstance(target, ast.Name):
                        yield target
                case ast.AnnAssign(target=target) | ast.For(target=target) | ast.comprehension(target=target):
                    yield from changed_targets(target)
                case ast.With(items=items):
                    for item in items:
                        yield from held_names(item.context_expr)
                        yield from changed_targets(item.optional_vars) if item.optional_vars is not None else ()
                case ast.Attribute(value=value, attr=method) if method in CHANGING and id(child) not in called:
                    if self.kinds.kind(statement, value) not in (Kind.PLAIN, Kind.CODE):
                        yield from held_names(value)
                case ast.Call():
                    called.add(id(child.func))
                    discarded = isinstance(statement.node, ast.Expr) and statement.node.value is child and not statement.last
                    yield from self._call(statement, child, discarded=discarded)
                case _:
                    pass

    def _code(self, node: ast.AST, *, top: bool) -> Iterator[ast.AST]:
        """The nodes that run when a statement runs: all but the bodies of functions, whose calls are looked through."""
        if top and isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            for part in (*node.decorator_list, *node.args.defaults, *(each for each in node.args.kw_defaults if each)):
                yield from ast.walk(part)
        elif top and isinstance(node, ast.ClassDef):
            for inner in (*node.decorator_list, *node.bases, *node.body):
                yield from self._code(inner, top=True)
        else:
            yield from ast.walk(node)

    def _call(self, statement: Statement, call: ast.Call, *, discarded: bool) -> Iterator[ast.Name]:
        given = [*call.args, *(keyword.value for keyword in call.keywords)]
        path = self.program.dotted(statement, call.func)
        if path is not None:
            changing = path.startswith(CHANGING_FUNCTIONS) and not path.startswith(HARMLESS_FUNCTIONS)
            if changing or (discarded and path.split(".")[0] not in HARMLESS):
                yield from (name for each in given for name in held_names(each))
            return
        match call.func:
            case ast.Name(id=name) if id(call.func) in statement.by_node:
                summary = self.summaries.get(statement.key(name))
                if statement.key(name) in self.restless:
                    yield from (each for arg in given for each in held_names(arg))
                if summary is not None:
                    yield from self._through(statement, summary, call)
                elif statement.key(name) not in self.kinds.functions:
                    yield from (each for arg in given for each in held_names(arg))
                    if self._holds(statement.key(name)):
                        yield call.func
            case ast.Attribute(value=held, attr=method):
                yield from self._method(statement, call, held, method, discarded=discarded)
            case _:
                yield from (name for each in given for name in held_names(each))
                # What is called may hold the object itself: getattr(names, "append")("UA"), or adders[0]("UA").
                direct = isinstance(call.func, (ast.Call, ast.Lambda))
                yield from (name for name in held_names(call.func) if direct or self._holds(statement.key(name.id)))

    def _holds(self, key: Key) -> bool:
        """Whether something called may hold a container or an object of another variable: ``add = columns.append``."""
        group, holding = self.kinds.group(key), (Kind.FLAT, Kind.DEEP, Kind.OBJECT)
        return any(
            other != key and kind in holding and self.kinds.group(other) == group for other, kind in self.kinds.of.items()
        )

    def _method(
        self, statement: Statement, call: ast.Call, held: ast.expr, method: str, *, discarded: bool
    ) -> Iterator[ast.Name]:
        kind = self.kinds.kind(statement, held)
        if kind is Kind.PLAIN:
            return
        of_class = kind is Kind.CODE or (self.program.dotted(statement, held) or "").startswith("builtins.")
        if of_class and method in CHANGING and call.args:  # list.append(names, "UA")
            yield from held_names(call.args[0])
        own = self.methods.get(method, []) if kind in (Kind.CODE, Kind.OBJECT, Kind.UNKNOWN) else []
        for summary in own:
            if summary.arguments[:1] and summary.arguments[0] in summary.changed:
                yield from held_names(held)
            yield from self._through(statement, _Summary(summary.arguments[1:], summary.changed), call)
        if method in CHANGING:
            yield from held_names(held)
            if method in ("append", "add", "extend", "insert", "update", "setdefault", "appendleft"):
                flows = [key for arg in call.args for key in self.kinds.flows(statement, arg)]
                self.kinds.share(
                    [*(statement.key(name.id) for name in held_names(held) if id(name) in statement.by_node), *flows]
                )
        elif not own and discarded:
            yield from held_names(held)

    def _through(self, statement: Statement, summary: _Summary, call: ast.Call) -> Iterator[ast.Name]:
        """The names given for arguments that the called function changes."""
        for index, arg in enumerate(call.args):
            name = summary.arguments[index] if index < len(summary.arguments) else ""
            if isinstance(arg, ast.Starred):
                yield from self._spread(statement, summary, arg.value)
            elif name in summary.changed or (not name and summary.changed):
                yield from held_names(arg)
        for keyword in call.keywords:
            if keyword.arg is None:
                yield from self._spread(statement, summary, keyword.value)
            elif keyword.arg in summary.changed:
                yield from held_names(keyword.value)

    def _spread(self, statement: Statement, summary: _Summary, value: ast.expr) -> Iterator[ast.Name]:
        """What ``*value`` and ``**value`` hand over is a copy: only what it holds may be changed."""
        if summary.changed and self.kinds.kind(statement, value) not in (Kind.PLAIN, Kind.FLAT):
            yield from held_names(value)
