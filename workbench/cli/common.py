"""What every verb shares: ``--json``, where results go, and the workspace."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TextIO, TypeVar, cast

import click

from workbench.errors import UsageError
from workbench.model import SCHEMA_VERSION

if TYPE_CHECKING:
    from rich.console import Console

F = TypeVar("F", bound=Callable[..., Any])


def json_option(function: F) -> F:
    """Add ``--json`` to a command; it arrives as the argument ``as_json``."""
    return click.option("--json", "as_json", is_flag=True, help="Print one JSON document (with schema_version) on stdout.")(
        function
    )


def words(text: str) -> str:
    """A remark as it can be kept and shown anywhere: bytes that are no text are replaced, control characters go.

    >>> words("caf\\udce9 \\x1b[31mred")
    'caf\ufffd [31mred'
    """
    decoded = os.fsencode(text).decode("utf-8", "replace")
    return "".join(char for char in decoded if char in "\n\t" or char.isprintable() or char.isspace()).strip()


def reason(why: str) -> str:
    """The words of a required ``--why``; ``UsageError`` when there are none."""
    told = words(why)
    if not told:
        raise UsageError("--why is empty", hint='say why, for example --why "refunds are negative"')
    return told


def emit_json(payload: dict[str, Any]) -> None:
    """Print a result as one JSON document; dates and paths become text, NaN and infinities become null."""
    document = {"schema_version": SCHEMA_VERSION, **payload}
    click.echo(json.dumps(_plain(document), indent=2, ensure_ascii=not speaks_unicode(), default=str, allow_nan=False))


def speaks_unicode() -> bool:
    """Whether standard output takes any letter; elsewhere JSON escapes them."""
    return (getattr(sys.stdout, "encoding", None) or "utf-8").lower().startswith("utf")


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return None
    return value


def console(*, stderr: bool = False) -> Console:
    """A rich console; plain text where the stream is no terminal or ``NO_COLOR`` is set.

    Elsewhere than on a terminal no line ends in the blanks that fill tables up.
    """
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    given = os.environ.get("COLUMNS", "")
    width = None if stream.isatty() else int(given) if given.isdecimal() and int(given) > 0 else 110
    file = stream if stream.isatty() else cast("TextIO", _Trimmed(stream))
    return Console(file=file, width=width, highlight=False, soft_wrap=not stream.isatty(), emoji=False, markup=True)


@dataclass(frozen=True, slots=True)
class _Trimmed:
    """A stream that is written to without the blanks at the ends of lines."""

    stream: TextIO

    def write(self, text: str) -> int:
        return self.stream.write(re.sub(r"(?<! ) +(?=\n)", "", text))

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)
