"""What kind of value each variable holds, as far as its code tells: whether something may change it behind its name's back.

Ibis tables and columns, numbers and text are *plain*: nothing changes them. Most of a notebook is plain, so that the few
lists, dictionaries and objects in it can be watched closely.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable

from workbench.promote.kind import Kind, imported, join
from workbench.promote.known import COPYING, FOREIGN, FRESH
from workbench.promote.marks import Marks
from workbench.promote.objects import makes_apart, shares_attributes
from workbench.promote.program import Key, Program, Statement, assigned


class Kinds:
    """The kind of every variable of a program, and which variables may share an object."""

    def __init__(self, program: Program, marks: Marks) -> None:
        self.program, self.marks = program, marks
        self.of: dict[Key, Kind] = {}
        self.classes: dict[Key, Key] = {}
        self.functions = {
            each.key(each.node.name): each
            for each in program.statements
            if isinstance(each.node, (ast.FunctionDef, ast.ClassDef))
        }
        self._shared: dict[Key, Key] = {}
        self.methods: dict[str, list[tuple[Statement, ast.FunctionDef]]] = {}
        for each in self.functions.values():
            for node in each.node.body if isinstance(each.node, ast.ClassDef) else ():
                if isinstance(node, ast.FunctionDef):
                    self.methods.setdefault(node.name, []).append((each, node))
        self.lambdas = {
            each.key(pair[0]): (each, pair[1])
            for each in program.statements
            if (pair := assigned(each)) is not None and isinstance(pair[1], ast.Lambda)
        }
        self._depth = 0
        for statement in program.statements:
            self._statement(statement, statement.node)

    def makes_apart(self, key: Key) -> bool:
        """Whether instances of the class that the variable is share nothing."""
        return makes_apart(self.program, self.functions, key)

    def group(self, key: Key) -> Key:
        """The representative of the variables that may share an object with ``key``."""
        while key in self._shared:
            key = self._shared[key]
        return key

    def share(self, keys: Iterable[Key]) -> None:
        """Note that the variables may hold one object."""
        first, *others = {self.group(key) for key in keys} or {""}
        self._shared.update(dict.fromkeys(others, first))

    def kind(self, statement: Statement, node: ast.expr | None) -> Kind:
        """The kind of an expression's value."""
        match node:
            case ast.Name(id=name):
                return self.of.get(statement.key(name), Kind.UNKNOWN) if id(node) in statement.by_node else Kind.UNKNOWN
            case ast.Constant() | ast.JoinedStr() | ast.Compare() | ast.UnaryOp():
                return Kind.PLAIN
            case ast.Lambda():
                return Kind.CODE
            case ast.Tuple(elts=parts):
                return Kind.PLAIN if all(self.kind(statement, part) in (Kind.PLAIN, Kind.CODE) for part in parts) else Kind.DEEP
            case ast.List(elts=parts) | ast.Set(elts=parts):
                return self._container(statement, parts)
            case ast.Dict(values=values):
                return self._container(statement, values)
            case ast.ListComp(elt=elt) | ast.SetComp(elt=elt) | ast.DictComp(value=elt):
                return self._container(statement, [elt])
            case ast.GeneratorExp():
                return Kind.STREAM
            case ast.IfExp(body=body, orelse=orelse):
                return join(self.kind(statement, body), self.kind(statement, orelse))
            case ast.BoolOp(values=values):
                return join(*(self.kind(statement, value) for value in values))
            case ast.BinOp(left=left, right=right):
                return join(self.kind(statement, left), self.kind(statement, right))
            case ast.NamedExpr(value=value) | ast.Starred(value=value):
                return self.kind(statement, value)
            case ast.Attribute(value=ast.Name(id=name), attr="value") if self._of_several(statement.key(name)):
                return Kind.FLAT
            case ast.Attribute(value=value):
                held = self.kind(statement, value)
                path = self.program.dotted(statement, node)
                return Kind.PLAIN if held is Kind.PLAIN or (path or "").startswith(("ibis.", "math.")) else Kind.UNKNOWN
            case ast.Subscript(value=value, slice=ast.Slice()) if self.kind(statement, value) is Kind.FLAT:
                return Kind.FLAT
            case ast.Subscript(value=value):
                return Kind.PLAIN if self.kind(statement, value) in (Kind.PLAIN, Kind.FLAT) else Kind.UNKNOWN
            case ast.Call():
                return self._call(statement, node)
            case None:
                return Kind.PLAIN
            case _:
                return Kind.UNKNOWN

    def _of_several(self, key: Key) -> bool:
        """Whether the variable is a widget whose value is a list, which may be changed like any other."""
        widget = self.marks.widgets.get(key)
        return widget is not None and widget.parameter is not None and widget.parameter.item is not None

    def _container(self, statement: Statement, parts: Iterable[ast.expr]) -> Kind:
        kinds = [self._item(statement, part) for part in parts]
        return Kind.FLAT if all(kind in (Kind.PLAIN, Kind.CODE) for kind in kinds) else Kind.DEEP

    def _item(self, statement: Statement, part: ast.expr) -> Kind:
        """The kind of what a part of a display puts into the new container."""
        kind = self.kind(statement, part)
        return Kind.PLAIN if isinstance(part, ast.Starred) and kind is Kind.FLAT else kind

    def _fresh(self, statement: Statement, node: ast.expr) -> bool:
        """Whether an expression surely makes a new container of plain values."""
        match node:
            case ast.List(elts=parts) | ast.Set(elts=parts):
                return all(self._item(statement, part) is Kind.PLAIN for part in parts)
            case ast.ListComp(elt=elt) | ast.SetComp(elt=elt):
                return self.kind(statement, elt) is Kind.PLAIN
            case ast.BinOp() | ast.Subscript(slice=ast.Slice()):
                return self.kind(statement, node) is Kind.FLAT
            case _:
                return False

    def _call(self, statement: Statement, call: ast.Call) -> Kind:
        path = self.program.dotted(statement, call.func)
        if path is not None:
            return self._imported(statement, call, path)
        match call.func:
            case ast.Name(id=name) if statement.key(name) in self.functions and id(call.func) in statement.by_node:
                return self._own(statement, call, self.functions[statement.key(name)])
            case ast.Name(id=name) if statement.key(name) in self.lambdas and id(call.func) in statement.by_node:
                return self._returned(statement, call, *self.lambdas[statement.key(name)])
            case ast.Attribute(value=value, attr=method):
                held = self.kind(statement, value)
                if method in FOREIGN:
                    return Kind.UNKNOWN
                if held is Kind.PLAIN:
                    return Kind.STREAM if method == "finditer" else Kind.FLAT if method in FRESH else Kind.PLAIN
                if held in (Kind.OBJECT, Kind.UNKNOWN) and method in self.methods:
                    return join(*(self._returned(statement, call, *each) for each in self.methods[method]))
                if held is Kind.FLAT:
                    return (
                        Kind.FLAT
                        if method in ("copy", "keys", "values", "items")
                        else Kind.PLAIN
                        if method in ("get", "pop", "index", "count")
                        else Kind.STREAM
                    )
            case _:
                pass
        return Kind.UNKNOWN

    def _imported(self, statement: Statement, call: ast.Call, path: str) -> Kind:
        given = join(*(self.kind(statement, arg) for arg in call.args))
        return imported(path, given, lambda: join(*(self._element(statement, arg) for arg in call.args)))

    def _element(self, statement: Statement, node: ast.expr) -> Kind:
        """The kind of what a container or a stream yields, or of a value that is neither."""
        if isinstance(node, ast.GeneratorExp):
            return self.kind(statement, node.elt)
        held = self.kind(statement, node)
        return Kind.PLAIN if held is Kind.FLAT else Kind.UNKNOWN if held is Kind.STREAM else held

    def _own(self, statement: Statement, call: ast.Call, function: Statement) -> Kind:
        """The kind of what a function of the notebook returns for these arguments."""
        if isinstance(function.node, ast.ClassDef):
            return Kind.OBJECT
        if not isinstance(function.node, ast.FunctionDef):
            return Kind.UNKNOWN
        return self._returned(statement, call, function, function.node)

    def _returned(self, statement: Statement, call: ast.Call, home: Statement, function: ast.FunctionDef | ast.Lambda) -> Kind:
        if self._depth > 3:
            return Kind.UNKNOWN
        given = join(*(self.kind(statement, arg) for arg in (*call.args, *(keyword.value for keyword in call.keywords))))
        self._depth += 1
        try:
            if isinstance(function, ast.Lambda):
                from workbench.promote.inside import Inside  # it needs the kinds itself

                return Inside(self, function, given).kind(home, function.body)
            if function.decorator_list:
                paths = [self.program.dotted(home, getattr(each, "func", each)) or "" for each in function.decorator_list]
                if paths and all(path.startswith("ibis.udf.") or path == "workbench.local" for path in paths):
                    return Kind.PLAIN
                return Kind.UNKNOWN
            if any(isinstance(node, (ast.Yield, ast.YieldFrom)) for node in ast.walk(function)):
                return Kind.STREAM
            returns = [node.value for node in ast.walk(function) if isinstance(node, ast.Return)]
            from workbench.promote.inside import Inside  # it needs the kinds itself

            inside = Inside(self, function, given)
            return join(*(inside.kind(home, value) for value in returns))
        finally:
            self._depth -= 1

    def flows(self, statement: Statement, node: ast.expr | None) -> set[Key]:
        """The variables that may share an object with the value of an expression."""
        if node is None or self.kind(statement, node) is Kind.PLAIN:
            return set()
        copies = isinstance(node, ast.Call) and self.program.dotted(statement, node.func) in COPYING
        if copies and all(self.kind(statement, arg) in (Kind.PLAIN, Kind.FLAT) for arg in getattr(node, "args", ())):
            return set()
        if self._fresh(statement, node):
            return set()
        found = set()
        for each in ast.walk(node):
            use = statement.by_node.get(id(each))
            if use is None or use.context == "store":
                continue
            key = statement.key(use.name)
            if key in self.functions:
                found |= {other for other in self._globals(key) if self.of.get(other, Kind.UNKNOWN).value > Kind.CODE.value}
            elif self.of.get(key, Kind.UNKNOWN).value > Kind.CODE.value and key in self.program.definitions:
                found.add(key)
        return found

    def _globals(self, key: Key) -> set[Key]:
        function = self.functions[key]
        return {function.key(use.name) for use in function.uses if use.late and use.context == "load"} & set(
            self.program.definitions
        )

    # What statements bind

    def _statement(self, statement: Statement, node: ast.stmt) -> None:
        match node:
            case ast.Assign(targets=targets, value=value):
                for target in targets:
                    self._bind(statement, target, value)
                if len(targets) > 1 and self.kind(statement, value).value > Kind.CODE.value:
                    self.share(statement.stores())
            case ast.AnnAssign(target=target, value=value) if value is not None:
                self._bind(statement, target, value)
            case ast.AugAssign(target=ast.Name() as target, value=value):
                self._set(statement, target, self.kind(statement, value), self.flows(statement, value), also=True)
            case ast.For(target=target, iter=value) | ast.AsyncFor(target=target, iter=value):
                self._unpack(statement, target, value)
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef() | ast.Import() | ast.ImportFrom():
                for key in statement.stores() if statement.node is node else ():
                    self.of[key] = Kind.CODE
                if isinstance(node, ast.ClassDef) and statement.node is node:
                    self._body(statement, node)
                return
            case _:
                pass
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.stmt):
                self._statement(statement, child)
            elif isinstance(child, (ast.ExceptHandler, ast.match_case)):
                for inner in child.body:
                    self._statement(statement, inner)
            for each in ast.walk(child) if isinstance(child, ast.expr) else ():
                if isinstance(each, ast.NamedExpr):
                    self._bind(statement, each.target, each.value)
        for key in statement.stores() if statement.node is node else ():
            self.of.setdefault(key, Kind.UNKNOWN)

    def _body(self, statement: Statement, node: ast.ClassDef) -> None:
        """A class holds what its body binds to a name: ``names = columns`` is the list itself."""
        for each in node.body:
            if isinstance(each, (ast.Assign, ast.AnnAssign)) and (held := self.flows(statement, each.value)):
                self.share({statement.key(node.name), *held})

    def _bind(self, statement: Statement, target: ast.expr, value: ast.expr) -> None:
        match target:
            case ast.Name():
                self._set(statement, target, self.kind(statement, value), self.flows(statement, value))
                if isinstance(value, ast.Call) and isinstance(value.func, ast.Name):
                    made = self.classes[statement.key(target.id)] = statement.key(value.func.id)
                    home = self.functions.get(made)
                    if home is not None and isinstance(home.node, ast.ClassDef) and shares_attributes(home.node):
                        self.share((made, statement.key(target.id)))
            case ast.Tuple(elts=targets) | ast.List(elts=targets):
                parts = value.elts if isinstance(value, (ast.Tuple, ast.List)) else []
                if len(parts) == len(targets) and not any(isinstance(each, ast.Starred) for each in (*parts, *targets)):
                    for each, part in zip(targets, parts, strict=True):
                        self._bind(statement, each, part)
                else:
                    self._unpack(statement, target, value)
            case ast.Subscript(value=held) | ast.Attribute(value=held):
                self.share(self.flows(statement, held) | self.flows(statement, value))
            case _:
                pass

    def _unpack(self, statement: Statement, target: ast.expr, value: ast.expr) -> None:
        held = self.kind(statement, value)
        kind = Kind.PLAIN if held in (Kind.PLAIN, Kind.FLAT) else Kind.UNKNOWN
        flows = set() if kind is Kind.PLAIN else self.flows(statement, value)
        rests = {id(each.value) for each in ast.walk(target) if isinstance(each, ast.Starred)}
        for each in ast.walk(target):
            if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store):
                self._set(statement, each, join(kind, Kind.FLAT) if id(each) in rests else kind, flows)

    def _set(self, statement: Statement, target: ast.Name, kind: Kind, flows: set[Key], *, also: bool = False) -> None:
        if id(target) not in statement.by_node:
            return
        key = statement.key(target.id)
        if key in self.marks.widgets:
            kind, flows = Kind.FLAT if self._of_several(key) else Kind.PLAIN, set()
        known = self.of.get(key)
        self.of[key] = join(kind, known) if known is not None and (also or len(self.program.definitions[key]) > 1) else kind
        if flows:
            self.share({key, *flows})
