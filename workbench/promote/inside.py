"""Kinds of values inside a function of the notebook."""

from __future__ import annotations

import ast

from workbench.promote.kind import Kind, join
from workbench.promote.kinds import Kinds
from workbench.promote.known import FOREIGN, FRESH
from workbench.promote.program import Statement


class Inside:
    """Kinds inside a function of the notebook: arguments hold what they are given, other names what is assigned to them."""

    def __init__(self, kinds: Kinds, function: ast.FunctionDef | ast.Lambda, given: Kind) -> None:
        every = function.args
        defaults = [*every.defaults, *(each for each in every.kw_defaults if each is not None)]
        self.kinds = kinds
        self.given = given if all(isinstance(each, ast.Constant) for each in defaults) else Kind.UNKNOWN
        arguments = [*every.posonlyargs, *every.args, *every.kwonlyargs]
        self.arguments = {each.arg for each in arguments} - {"self", "cls"}
        self.values: dict[str, list[ast.expr]] = {}
        for node in ast.walk(function):
            if isinstance(node, ast.Assign):
                for target in node.targets:
                    if isinstance(target, ast.Name):
                        self.values.setdefault(target.id, []).append(node.value)
        simple = {id(target) for node in ast.walk(function) if isinstance(node, ast.Assign) for target in node.targets}
        stored = (node for node in ast.walk(function) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store))
        self.odd = {node.id for node in stored if id(node) not in simple}
        self.open: set[str] = set()

    def kind(self, statement: Statement, node: ast.expr | None) -> Kind:
        """The kind of an expression in the function's body."""
        program = self.kinds.program
        match node:
            case ast.Name(id=name) if id(node) not in statement.by_node:
                return self._local(statement, name)
            case ast.Call(func=ast.Attribute(value=value, attr=method)) if program.dotted(statement, node.func) is None:
                plain = self.kind(statement, value) is Kind.PLAIN and method not in FRESH and method not in FOREIGN
                return Kind.PLAIN if plain else self.kinds.kind(statement, node)
            case ast.Attribute(value=value) | ast.Subscript(value=value) if program.dotted(statement, node) is None:
                return Kind.PLAIN if self.kind(statement, value) is Kind.PLAIN else Kind.UNKNOWN
            case ast.BinOp(left=left, right=right):
                return join(self.kind(statement, left), self.kind(statement, right))
            case ast.IfExp(body=body, orelse=orelse):
                return join(self.kind(statement, body), self.kind(statement, orelse))
            case _:
                return self.kinds.kind(statement, node)

    def _local(self, statement: Statement, name: str) -> Kind:
        if name in self.odd or name in self.open:
            return Kind.UNKNOWN if name in self.odd else Kind.PLAIN
        found = [self.given] if name in self.arguments else []
        self.open.add(name)
        found += [self.kind(statement, value) for value in self.values.get(name, ())]
        self.open.discard(name)
        return join(*found) if found else Kind.UNKNOWN
