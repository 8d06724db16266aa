"""What instances of a notebook's classes and closures of its functions hold: of their own, shared, or changed by mere use."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator, Mapping

from workbench.promote.forbidden import INSIDES
from workbench.promote.program import Key, Program, Statement

_MAKING = frozenset({"__init__", "__new__", "__post_init__", "__set_name__"})


def makes_apart(program: Program, functions: Mapping[Key, Statement], key: Key) -> bool:
    """Whether the variable is a class of methods alone that never reach the class, so that its instances share nothing."""
    statement = functions.get(key)
    node = statement.node if statement is not None and len(program.definitions[key]) == 1 else None
    if not isinstance(node, ast.ClassDef) or node.bases or node.keywords or node.decorator_list:
        return False
    names = {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}
    inner = {each.attr for each in ast.walk(node) if isinstance(each, ast.Attribute)}
    if names & {node.name, "type", "super", "__class__"} or inner & INSIDES:
        return False
    for each in node.body:
        if isinstance(each, ast.FunctionDef) and not each.decorator_list:
            if all(isinstance(default, ast.Constant) for default in _defaults(each)):
                continue
        elif isinstance(each, ast.Expr) and isinstance(each.value, ast.Constant):
            continue
        return False
    return True


def shares_attributes(node: ast.ClassDef) -> bool:
    """Whether instances of a class share something that can change: a list in its body, for one."""
    plain = (ast.Constant, ast.Tuple, ast.UnaryOp, ast.Compare, ast.JoinedStr)
    values = [each.value for each in node.body if isinstance(each, (ast.Assign, ast.AnnAssign)) and each.value is not None]
    return any(not isinstance(value, plain) for value in values)


def changed_defaults(function: ast.FunctionDef | ast.Lambda, changed: Collection[str]) -> Iterator[ast.expr]:
    """The defaults that a function changes when it is called without those arguments; the next call finds them changed."""
    every = function.args
    positional = [*every.posonlyargs, *every.args]
    pairs = [
        *zip(reversed(positional), reversed(every.defaults), strict=False),
        *zip(every.kwonlyargs, every.kw_defaults, strict=True),
    ]
    for argument, default in pairs:
        if argument.arg in changed and default is not None and not isinstance(default, ast.Constant):
            yield default


def restless_methods(node: ast.ClassDef) -> Iterator[ast.FunctionDef]:
    """The methods of a class that run without being called by name: properties, and those of two underscores."""
    for each in node.body:
        if isinstance(each, ast.FunctionDef) and each.name not in _MAKING:
            dunder = each.name.startswith("__") and each.name.endswith("__")
            if dunder or any("property" in ast.unparse(decorator) for decorator in each.decorator_list):
                yield each


def inner_functions(function: ast.AST) -> Iterator[ast.FunctionDef | ast.Lambda]:
    """The functions inside of a function."""
    for node in ast.walk(function):
        if node is not function and isinstance(node, (ast.FunctionDef, ast.Lambda)):
            yield node


def bound_in(function: ast.FunctionDef | ast.Lambda) -> set[str]:
    """The names that a function binds for itself."""
    every = function.args
    arguments = (*every.posonlyargs, *every.args, *every.kwonlyargs, every.vararg, every.kwarg)
    found = {each.arg for each in arguments if each is not None}
    found |= {node.id for node in ast.walk(function) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    return found - {name for node in ast.walk(function) if isinstance(node, ast.Nonlocal) for name in node.names}


def _defaults(function: ast.FunctionDef) -> list[ast.expr]:
    return [*function.args.defaults, *(default for default in function.args.kw_defaults if default is not None)]
