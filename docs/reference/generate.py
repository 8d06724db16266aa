"""Write ``cli.md`` beside this file from the commands themselves; ``tests/test_docs.py`` holds the two equal."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import click

from workbench.cli.main import COMMANDS, workbench

PAGE = Path(__file__).with_name("cli.md")
HEAD = """\
# Command line

Written from the commands by `make docs`; `workbench COMMAND --help` says the same.

Every command takes `--json` (one document on standard output, described in [json-schema/](../json-schema)), writes results to
standard output and progress to standard error, and asks nothing. [Exit codes](../exit-codes.md) are the same everywhere.
`NO_COLOR` is honoured.
"""


def commands() -> Iterator[tuple[str, click.Command]]:
    """Every command that can be typed, by its full name, in the order of ``workbench --help``."""
    context = click.Context(workbench, info_name="workbench")
    for verb in COMMANDS:
        command = workbench.get_command(context, verb)
        assert command is not None, verb
        if isinstance(command, click.Group):
            for name, below in command.commands.items():
                yield f"{verb} {name}", below
        else:
            yield verb, command


def page() -> str:
    """The whole page."""
    parts = [HEAD, "\n".join(f"- [`workbench {name}`](#workbench-{name.replace(' ', '-')})" for name, _ in commands())]
    parts.extend(_section(name, command) for name, command in commands())
    return "\n\n".join(part.strip() for part in parts) + "\n"


def _section(name: str, command: click.Command) -> str:
    context = click.Context(command, info_name=f"workbench {name}")
    usage = " ".join(command.collect_usage_pieces(context))
    text = inspect.cleandoc(command.help or "").replace("\b\n", "")
    told, _, examples = text.partition("Examples:\n")
    parts = [f"## workbench {name}", f"    workbench {name} {usage}".rstrip(), told.strip()]
    rows = [record for option in _options(command, context) if (record := option.get_help_record(context))]
    if rows:
        cells = [f"| `{_cell(flags)}` | {_cell(text)} |" for flags, text in rows]
        parts.append("\n".join(["| option | |", "|---|---|", *cells]))
    if examples.strip():
        parts.append("```console\n" + "\n".join(f"$ {line.strip()}" for line in examples.strip().splitlines()) + "\n```")
    return "\n\n".join(parts)


def _options(command: click.Command, context: click.Context) -> list[click.Option]:
    return [param for param in command.get_params(context) if isinstance(param, click.Option) and "--help" not in param.opts]


def _cell(text: str) -> str:
    return re.sub(r"\s+", " ", text).replace("|", r"\|")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
