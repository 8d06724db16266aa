"""Options that several verbs have in common."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from workbench.cli.common import json_option

COMMENT = "Markdown for a comment on a pull request"

F = TypeVar("F", bound=Callable[..., Any])


def form_option(github: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Add ``--format`` and ``--json``, which is short for one of its values; they arrive as the argument ``form``.

    ``github`` says what the form for GitHub is.
    """

    def add(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def chosen(*args: Any, form: str, as_json: bool, **kwargs: Any) -> Any:
            return function(*args, form="json" if as_json else form, **kwargs)

        kind = click.Choice(["text", "json", "github"])
        option = click.option("--format", "form", type=kind, default="text", show_default=True, help=f"github: {github}.")
        return option(json_option(chosen))

    return add


def page_option(text: str) -> Callable[[F], F]:
    """Add ``--html FILE``; it arrives as the argument ``page``."""
    return click.option("--html", "page", type=click.Path(path_type=Path, dir_okay=False), help=text)


def rows_option(default: int, text: str = "Example rows of each kind of difference.", most: int = 10_000) -> Callable[[F], F]:
    """Add ``--rows``, the number of example rows."""
    return click.option("--rows", type=click.IntRange(0, most), default=default, show_default=True, help=text)
