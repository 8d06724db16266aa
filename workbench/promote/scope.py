"""Which name means which thing: every use of a cell's global names, told apart from names of inner scopes.

Python itself decides, through the standard library's ``symtable``; this module only walks the syntax tree in step with
Python's tables, so that each use has a position that can be edited.
"""

from __future__ import annotations

import ast
import symtable
import warnings
from dataclasses import dataclass
from typing import Literal

Context = Literal["load", "store", "del"]
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
_COMPREHENSIONS: dict[type[ast.AST], str] = {
    ast.ListComp: "listcomp", ast.SetComp: "setcomp", ast.DictComp: "dictcomp", ast.GeneratorExp: "genexpr",
}  # fmt: skip


class ScopeMismatch(Exception):
    """Python's tables and the syntax tree can't be matched; ``line`` is the 1-based line of the code."""

    def __init__(self, line: int) -> None:
        super().__init__(line)
        self.line = line


@dataclass(frozen=True, slots=True, eq=False)
class Use:
    """One use of a global name of the cell.

    ``node`` is where it stands (a ``Name`` when it can be edited in place). ``late`` says that it stands in a function
    body, so that it is looked up when the function is called. ``inner`` are the names that inner scopes bind there.
    """

    name: str
    context: Context
    node: ast.AST
    late: bool
    inner: frozenset[str]


def uses(code: str, tree: ast.Module) -> list[list[Use]]:
    """The uses of global names in each top-level statement of ``tree``, the parsed ``code``.

    >>> code = "n = 2\\nf = lambda n, m: n + m + k"
    >>> [[(use.name, use.context) for use in each] for each in uses(code, ast.parse(code))]
    [[('n', 'store')], [('f', 'store'), ('k', 'load')]]
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SyntaxWarning)
        table = symtable.symtable(code, "<cell>", "exec")
    walker = _Walker(table)
    found = []
    for statement in tree.body:
        walker.uses = []
        walker.visit(statement)
        found.append(walker.uses)
    return found


@dataclass(frozen=True, slots=True, eq=False)
class Binding:
    """One use of a name with the number of the scope that binds it: 0 is the module; class bodies are left out."""

    scope: int
    name: str
    node: ast.AST
    stored: bool
    argument: bool


def scopes(code: str, tree: ast.Module) -> list[Binding]:
    """Every use of a name in ``tree``, the parsed ``code``, with the scope that it belongs to.

    >>> code = "f = lambda a: [a for b in a]"
    >>> [(each.scope, each.name, each.argument) for each in scopes(code, ast.parse(code)) if each.name != "f"]
    [(1, 'a', True), (2, 'b', False), (1, 'a', True)]
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SyntaxWarning)
        walker = _Walker(symtable.symtable(code, "<module>", "exec"))
    for statement in tree.body:
        walker.visit(statement)
    return walker.bindings


class _Scope:
    """A table of Python's with its children in the order in which they are entered."""

    __slots__ = ("bound", "children", "kind", "late", "names", "number", "symbols", "table", "visible")

    def __init__(self, table: symtable.SymbolTable, parent: _Scope | None) -> None:
        self.table = table
        self.late: bool
        self.visible: frozenset[str]
        self.kind = str(table.get_type()).rpartition(".")[2].lower()
        self.children: dict[tuple[str, int], list[symtable.SymbolTable]] = {}
        for child in table.get_children():
            self.children.setdefault((child.get_name(), child.get_lineno()), []).append(child)
        self.symbols: dict[str, symtable.Symbol] = {symbol.get_name(): symbol for symbol in table.get_symbols()}
        local: frozenset[str] = (
            frozenset() if parent is None else frozenset(name for name, symbol in self.symbols.items() if symbol.is_local())
        )
        # What a class body binds is not seen by the functions in it.
        outer: frozenset[str] = frozenset() if parent is None else parent.visible
        self.visible = outer if self.kind == "class" else outer | local
        self.names = outer | local
        self.late = parent is not None and (parent.late or self.kind == "function")
        self.bound: set[str] = set()
        self.number = 0


class _Walker:
    """Visits a statement in the order of CPython's symtable.c and resolves each name."""

    def __init__(self, table: symtable.SymbolTable) -> None:
        self.scopes = [_Scope(table, None)]
        self.uses: list[Use] = []
        self.bindings: list[Binding] = []
        self.count = 0

    def visit(self, node: ast.AST) -> None:
        method = getattr(self, f"_visit_{type(node).__name__.lower()}", None)
        if method is not None:
            method(node)
        elif type(node) in _COMPREHENSIONS:
            self._comprehension(node)
        else:
            self._children(node)

    def _children(self, node: ast.AST) -> None:
        for child in ast.iter_child_nodes(node):
            self.visit(child)

    def _use(self, name: str, context: Context, node: ast.AST) -> None:
        scope = self.scopes[-1]
        if len(self.scopes) > 1:
            mangled = _mangled(name, self.scopes)
            symbol = scope.symbols.get(mangled)
            # A name that Python mangles in a class is not the one that the notebook defines.
            if symbol is None or (mangled != name and symbol.is_global()):
                raise ScopeMismatch(getattr(node, "lineno", 1))
            if scope.kind == "class" and symbol.is_local():
                # A class body looks a name up outside until it is bound inside.
                if context != "load":
                    scope.bound.add(name)
                    return
                if name in scope.bound or not self._global_outside(name):
                    return
            elif not symbol.is_global():
                self._inner(name, context, node)
                return
        self.bindings.append(Binding(0, name, node, context == "store", False))
        self.uses.append(Use(name, context, node, scope.late, scope.names))

    def _inner(self, name: str, context: Context, node: ast.AST) -> None:
        for scope in reversed(self.scopes[1:]):
            symbol = scope.symbols.get(name)
            if scope.kind == "function" and symbol is not None and symbol.is_local():
                self.bindings.append(Binding(scope.number, name, node, context == "store", symbol.is_parameter()))
                return

    def _global_outside(self, name: str) -> bool:
        return all(
            name not in scope.symbols or not scope.symbols[name].is_local()
            for scope in self.scopes[1:-1]
            if scope.kind == "function"
        )

    def _enter(self, name: str, node: ast.AST) -> None:
        queue = self.scopes[-1].children.get((name, getattr(node, "lineno", 0)))
        if not queue:
            raise ScopeMismatch(getattr(node, "lineno", 1))
        self.scopes.append(_Scope(queue.pop(0), self.scopes[-1]))
        self.count += 1
        self.scopes[-1].number = self.count

    def _visit_nonlocal(self, node: ast.Nonlocal) -> None:
        for name in node.names:
            self._inner(name, "load", node)

    def _visit_name(self, node: ast.Name) -> None:
        contexts: dict[type[ast.expr_context], Context] = {ast.Load: "load", ast.Store: "store", ast.Del: "del"}
        self._use(node.id, contexts[type(node.ctx)], node)

    def _visit_assign(self, node: ast.Assign) -> None:
        if self.scopes[-1].kind == "class" and all(isinstance(target, ast.Name) for target in node.targets):
            # `x = x` in a class reads the outer x.
            self.visit(node.value)
            for target in node.targets:
                self.visit(target)
        else:
            self._children(node)

    def _visit_functiondef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        self._use(node.name, "store", node)
        self._refuse_type_parameters(node)
        for default in (*node.args.defaults, *(each for each in node.args.kw_defaults if each is not None)):
            self.visit(default)
        arguments = [*node.args.posonlyargs, *node.args.args, node.args.vararg, *node.args.kwonlyargs, node.args.kwarg]
        for annotation in (*(each.annotation for each in arguments if each), node.returns):
            if annotation is not None:
                self.visit(annotation)
        for decorator in node.decorator_list:
            self.visit(decorator)
        self._enter(node.name, node)
        for statement in node.body:
            self.visit(statement)
        self.scopes.pop()

    _visit_asyncfunctiondef = _visit_functiondef

    def _visit_lambda(self, node: ast.Lambda) -> None:
        for default in (*node.args.defaults, *(each for each in node.args.kw_defaults if each is not None)):
            self.visit(default)
        self._enter("lambda", node)
        self.visit(node.body)
        self.scopes.pop()

    def _visit_classdef(self, node: ast.ClassDef) -> None:
        self._use(node.name, "store", node)
        self._refuse_type_parameters(node)
        for part in (*node.bases, *node.keywords, *node.decorator_list):
            self.visit(part)
        self._enter(node.name, node)
        for statement in node.body:
            self.visit(statement)
        self.scopes.pop()

    def _refuse_type_parameters(self, node: ast.AST) -> None:
        if getattr(node, "type_params", None):
            raise ScopeMismatch(getattr(node, "lineno", 1))

    def _comprehension(self, node: ast.AST) -> None:
        assert isinstance(node, (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp))
        first, *others = node.generators
        self.visit(first.iter)
        self._enter(_COMPREHENSIONS[type(node)], node)
        # The scope of a comprehension runs where it stands, unless it is a generator.
        self.scopes[-1].late = self.scopes[-2].late or isinstance(node, ast.GeneratorExp)
        self.visit(first.target)
        for condition in first.ifs:
            self.visit(condition)
        for other in others:
            self.visit(other)
        if isinstance(node, ast.DictComp):
            self.visit(node.key)
            self.visit(node.value)
        else:
            self.visit(node.elt)
        self.scopes.pop()

    def _visit_alias(self, node: ast.alias) -> None:
        if node.name != "*":
            self._use(node.asname or node.name.partition(".")[0], "store", node)

    def _visit_excepthandler(self, node: ast.ExceptHandler) -> None:
        if node.type is not None:
            self.visit(node.type)
        if node.name:
            self._use(node.name, "store", node)
        for statement in node.body:
            self.visit(statement)

    def _visit_matchas(self, node: ast.MatchAs) -> None:
        if node.pattern is not None:
            self.visit(node.pattern)
        if node.name:
            self._use(node.name, "store", node)

    def _visit_matchstar(self, node: ast.MatchStar) -> None:
        if node.name:
            self._use(node.name, "store", node)

    def _visit_matchmapping(self, node: ast.MatchMapping) -> None:
        self._children(node)
        if node.rest:
            self._use(node.rest, "store", node)


def _mangled(name: str, scopes: list[_Scope]) -> str:
    """The name as Python's tables hold it: names with two leading underscores are mangled inside a class."""
    if name.startswith("__") and not name.endswith("__"):
        for scope in reversed(scopes):
            if scope.kind == "class":
                return f"_{scope.table.get_name().lstrip('_')}{name}"
    return name


def bound_names(tree: ast.Module) -> set[str]:
    """All names that any scope of a module binds; what a new name must not collide with."""
    found: set[str] = set()
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name, ctx=ast.Store()) | ast.arg(arg=name):
                found.add(name)
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                found.add(name)
            case ast.alias(name=name, asname=asname):
                found.add(asname or name.partition(".")[0])
            case _:
                pass
    return found
