"""Errors of ours in a notebook that somebody edits: a message with the next step in place of a traceback."""

from __future__ import annotations

import functools
import html
import sys
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from workbench.errors import WorkbenchError

P = ParamSpec("P")
R = TypeVar("R")


def stopping(function: Callable[P, R]) -> Callable[P, R]:
    """The function; in marimo's editor an error of ours stops the cell, and those that need it, and shows what to do.

    Everywhere else (a run, a proof, a script) the error is raised.
    """

    @functools.wraps(function)
    def called(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(*args, **kwargs)
        except WorkbenchError as error:
            if not _edited():
                raise
            problem = error
        import marimo as mo

        mo.stop(True, mo.callout(mo.Html(message(problem)), kind="danger"))
        raise problem  # mo.stop does not return

    return called


def message(error: WorkbenchError) -> str:
    """An error and its way out as HTML.

    >>> message(WorkbenchError("there is no sandbox", hint="workbench sandbox create"))
    '<strong>there is no sandbox</strong><br>workbench sandbox create'
    """
    hint = f"<br>{html.escape(error.hint)}" if error.hint else ""
    return f"<strong>{html.escape(error.message)}</strong>{hint}"


def _edited() -> bool:
    marimo = sys.modules.get("marimo")
    return marimo is not None and bool(marimo.running_in_notebook())
