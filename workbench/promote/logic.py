"""What a module computes, as a digest that comments, docstrings and the names of its variables do not change."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from workbench.promote.scope import uses


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
    main = next((node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == function), None)
    top = _rename(text, tree, tree.body, "m", {function, *_imported(tree)})
    if main is not None:
        arguments = {each.arg for each in (*main.args.posonlyargs, *main.args.args, *main.args.kwonlyargs)}
        # The body as a module of its own: what is local to the function is global there.
        body = ast.Module(main.body, [])
        source = ast.unparse(_unreturned(body))
        again = ast.parse(source)
        _rename(source, again, again.body, "v", arguments | top | _imported(tree) | {function}, only_stored=True)
        main.body = again.body
    for node in ast.walk(tree):
        _strip(node)
    parts = [ast.dump(tree)]
    for path, helper in sorted(files.items()):
        parsed = ast.parse(helper)
        for node in ast.walk(parsed):
            _strip(node)
        parts += [path, ast.dump(parsed)]
    return hashlib.sha256("\0".join(parts).encode("utf-8")).hexdigest()


class _Unreturned(ast.NodeTransformer):
    """``return`` can't stand at the top level of a module; a marked expression can."""

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        return node

    visit_AsyncFunctionDef = visit_Lambda = visit_FunctionDef  # type: ignore[assignment]

    def visit_Return(self, node: ast.Return) -> ast.AST:
        value = node.value or ast.Constant(None)
        return ast.Expr(ast.Call(ast.Name("__return__", ast.Load()), [value], []))


def _unreturned(body: ast.Module) -> ast.AST:
    changed: ast.Module = _Unreturned().visit(body)
    return ast.fix_missing_locations(changed)


def _imported(tree: ast.Module) -> set[str]:
    return {
        alias.asname or alias.name.partition(".")[0]
        for node in tree.body
        if isinstance(node, (ast.Import, ast.ImportFrom))
        for alias in node.names
    }


def _rename(
    text: str, tree: ast.Module, body: list[ast.stmt], prefix: str, fixed: set[str], *, only_stored: bool = False
) -> set[str]:
    """Give the global names of a module that are not ``fixed`` numbers in order of appearance; the names that it binds."""
    found = uses(text, tree)
    stored = {use.name for each in found for use in each if use.context == "store"}
    numbers: dict[str, str] = {}
    for each in found:
        for use in each:
            if use.name in fixed or use.name not in stored:
                continue
            new = numbers.setdefault(use.name, f"{prefix}{len(numbers)}")
            _set_name(use.node, use.name, new)
    return stored


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
