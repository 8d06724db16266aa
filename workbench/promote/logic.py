"""What a module computes, as a digest that comments, docstrings and the names of its variables do not change."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from workbench.promote.scope import scopes


def logic_digest(text: str, function: str, files: Mapping[str, str] = MappingProxyType({})) -> str:
    """The SHA-256 of a module's logic: its syntax tree without positions, docstrings and the names of variables.

    ``files`` are helper modules packaged along; of these only positions, comments and docstrings do not count.

    Names of parameters, inputs and imported things count, and so does the name of the pipeline.

    >>> one = "def t(flights):\\n    late = flights.head()\\n    return late"
    >>> two = 'def t(flights):\\n    "Docs."\\n    # why\\n    rows = flights.head()\\n    return rows'
    >>> logic_digest(one, "t") == logic_digest(two, "t") != logic_digest(one.replace("head", "tail"), "t")
    True
    """
    tree = ast.parse(text)
    _rename(text, tree, {function, *_imported(tree)})
    for node in ast.walk(tree):
        _strip(node)
    parts = [ast.dump(tree)]
    for path, helper in sorted(files.items()):
        parsed = ast.parse(helper)
        for node in ast.walk(parsed):
            _strip(node)
        parts += [path, ast.dump(parsed)]
    return hashlib.sha256("\0".join(parts).encode("utf-8")).hexdigest()


def _imported(tree: ast.Module) -> set[str]:
    return {
        alias.asname or alias.name.partition(".")[0]
        for node in tree.body
        if isinstance(node, (ast.Import, ast.ImportFrom))
        for alias in node.names
    }


def _rename(text: str, tree: ast.Module, fixed: set[str]) -> None:
    """Number the variables of a module in order of appearance: its own that are not ``fixed``, and those of its functions.

    Arguments keep their names, for calls may name them.
    """
    bindings = scopes(text, tree)
    stored = {binding.name for binding in bindings if binding.scope == 0 and binding.stored}
    numbers: dict[tuple[int, str], str] = {}
    for binding in bindings:
        if (binding.scope == 0 and (binding.name in fixed or binding.name not in stored)) or binding.argument:
            continue
        new = numbers.setdefault((binding.scope, binding.name), f"v{len(numbers)}")
        _set_name(binding.node, binding.name, new)


def _set_name(node: ast.AST, old: str, new: str) -> None:
    match node:
        case ast.Name():
            node.id = new
        case (
            ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef() | ast.ExceptHandler() | ast.MatchStar() | ast.MatchAs()
        ):
            node.name = new
        case ast.MatchMapping():
            node.rest = new
        case ast.Nonlocal(names=names):
            names[names.index(old)] = new
        case ast.alias():
            node.asname = new
        case _:
            raise AssertionError(f"{type(node).__name__} binds {old}")


def _strip(node: ast.AST) -> None:
    body: Any = getattr(node, "body", None)
    if isinstance(node, (ast.Module, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)) and body:
        first = body[0]
        if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
            node.body = body[1:] or [ast.Pass()]
