"""A module's text as ruff formats it, and which line became which."""

from __future__ import annotations

import ast
import subprocess

from workbench.errors import InfrastructureError, WorkbenchError

LINE_LENGTH = 120


def ruff_format(text: str) -> str:
    """The text formatted by ruff, whatever the settings of the folder are."""
    from ruff import find_ruff_bin

    command = [
        find_ruff_bin(),
        "format",
        "--isolated",
        "--no-cache",
        "--line-length",
        str(LINE_LENGTH),
        "--target-version",
        "py311",
        "-",
    ]
    try:
        done = subprocess.run(command, input=text.encode("utf-8"), capture_output=True, check=False)
    except OSError as error:
        raise InfrastructureError(f"ruff can't be started: {error}", hint="workbench doctor") from None
    if done.returncode != 0:
        raise WorkbenchError(
            f"the module does not parse: {done.stderr.decode('utf-8', 'replace').strip()}", hint="workbench check NOTEBOOK"
        )
    return done.stdout.decode("utf-8")


def moved_lines(before: str, after: str) -> dict[int, int]:
    """For each line of ``after`` on which some piece of code begins, the line of ``before`` where it began.

    Both texts have the same syntax tree, so the trees are walked side by side.

    >>> moved_lines("x = [1,\\n  2]\\n", "x = [1, 2]\\n")
    {1: 1}
    """
    found: dict[int, int] = {}
    for old, new in zip(_positions(before), _positions(after), strict=True):
        found[new] = min(old, found.get(new, old))
    return dict(sorted(found.items()))


def _positions(text: str) -> list[int]:
    """The lines of all nodes in a fixed order, those that formatting may add or take away left out."""
    found = []
    todo: list[ast.AST] = [ast.parse(text)]
    while todo:
        node = todo.pop()
        if isinstance(node, (ast.stmt, ast.expr, ast.arg, ast.keyword)):
            found.append(node.lineno)
        if not isinstance(node, ast.JoinedStr):
            todo.extend(ast.iter_child_nodes(node))
    return found
