"""``workbench edit``: marimo on the sandbox, without production's credentials, and confined where the system can do that."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import click

from workbench.cli.common import emit_json, json_option
from workbench.config import Workspace, find_workspace
from workbench.errors import InfrastructureError, NotebookError, UsageError, quoted
from workbench.runtime.landlock import Rules

# marimo opens notebooks without running them, because they may come from strangers; these run in the sandbox.
RUN_AT_ONCE = "_MARIMO_CONFIG_OVERLOAD_RUNTIME_AUTO_INSTANTIATE"


@click.command()
@click.argument("notebook", type=click.Path(path_type=Path))
@click.option("--port", type=click.IntRange(1, 65535), help="Port to listen on; the first free one from 2718 on when left out.")
@click.option("--headless", is_flag=True, help="Open no browser.")
@click.option("--no-token", is_flag=True, help="Ask for no token. Everyone on this machine can then run code as you.")
@click.option("--no-run", is_flag=True, help="Open the notebook without running its cells.")
@json_option
def edit(notebook: Path, port: int | None, headless: bool, no_token: bool, no_run: bool, as_json: bool) -> int:
    """Open NOTEBOOK in marimo on the active sandbox. A file that does not exist yet becomes a starter with marks in it.

    The notebook's process gets the sandbox and a short list of harmless variables (PATH, HOME, LANG, PYTHON…, MARIMO_… and
    the like). Everything else of the environment is withheld from it: passwords, tokens, cloud and database settings.
    It listens on this machine only. On Linux with Landlock it can open no file but the sandbox, the notebook's folder and what
    Python needs, and no TCP connection; the first line says whether that holds here.

    \b
    Examples:
      workbench edit notebooks/orders.py
      workbench edit notebooks/orders.py --headless --port 2800
    """
    from workbench.runtime.files import write_atomic
    from workbench.sandbox import registry
    from workbench.sandbox.confine import offered, plan
    from workbench.sandbox.editor import HOST, Place, marimo_folders, refuse_taken
    from workbench.sandbox.environment import analyst_environment

    workspace = find_workspace()
    _check(notebook)
    sandbox = registry.active(workspace)
    if port is not None:
        refuse_taken(port, notebook)
    made = not notebook.exists()
    if made:
        write_atomic(notebook, starter(workspace, notebook.stem))
    place = Place.make(port, token=not no_token)
    environment = (
        analyst_environment(workspace.root, sandbox.path) | place.variables | ({} if no_run else {RUN_AT_ONCE: "true"})
    )
    rules = plan(
        workspace, notebooks=notebook.parent, sandbox=sandbox.path, own=place.folder, save=True,
        write=marimo_folders(environment), listen=place.ports,
    )  # fmt: skip
    confinement = offered()
    if as_json:
        withheld = sorted(set(os.environ) - set(environment))
        emit_json(
            {
                "notebook": str(notebook),
                "made": made,
                "sandbox": sandbox.id,
                "host": HOST,
                "port": place.port,
                "withheld": withheld,
            }
            | {"confined": {"files": confinement.files, "network": confinement.network}}
        )
    else:
        click.echo(f"{'new notebook' if made else 'notebook'} {notebook} on sandbox {sandbox.id}, {confinement}", err=True)
    sys.stdout.flush()
    place.attend(workspace.warehouse / "current.duckdb", browser=not headless)
    return _serve(place.command(notebook), environment, rules)


def _check(notebook: Path) -> None:
    if notebook.is_dir():
        raise NotebookError(f"{notebook} is a folder", hint=f"workbench edit {quoted(notebook / 'first.py')}")
    if notebook.suffix != ".py":
        raise NotebookError(
            f"{notebook} is no Python file, as marimo's notebooks are",
            hint=f"workbench edit {quoted(notebook.with_suffix('.py'))}",
        )
    if not notebook.parent.is_dir():
        raise NotebookError(
            f"there is no folder {notebook.parent}",
            hint=f"mkdir -p {quoted(notebook.parent)}, then: workbench edit {quoted(notebook)}",
        )
    if notebook.exists():
        try:
            found = "marimo.App" in notebook.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            found = False
        if not found:
            raise NotebookError(
                f"{notebook} is no marimo notebook",
                hint=f"marimo convert {quoted(notebook)} -o {quoted(notebook.with_stem(notebook.stem + '_notebook'))}",
            )


def starter(workspace: Workspace, stem: str) -> str:
    """A notebook that marks one output: the rows of a source for each row that it refers to, or else for each key."""
    from workbench.model import check_name

    named = {name: source for name, source in workspace.settings.sources.items() if source.key}
    if not named:
        raise UsageError(
            "no source with a key is declared, so there is nothing to start from",
            hint="declare one in pyproject.toml as [tool.workbench.sources.NAME]",
        )
    name, source = next(iter(named.items()))
    column = source.key[-1]
    for each, declared in named.items():
        # A masked column would make the result personal, which a gate holds up: no way to begin.
        single = [
            given.columns[0]
            for given in declared.references
            if len(given.columns) == 1 and not declared.mask.keys() & given.columns
        ]
        if single:
            name, column = each, single[0]
            break
    try:
        output = check_name("output", stem)
    except UsageError:
        output = f"{name}_counted"
    if output == name or output in ("counted", "at_least", "ibis", "mo", "wb"):
        output = f"{name}_counted"
    text = (Path(__file__).parent / "demo_files" / "starter.py.txt").read_text(encoding="utf-8")
    words = {"OUTPUT": output, "SOURCE": name, "COLUMN": json.dumps(column)[1:-1], "NAME": json.dumps(stem)[1:-1]}
    return re.sub("|".join(words), lambda match: words[match[0]], text)


def _serve(command: list[str], environment: dict[str, str], rules: Rules) -> int:
    """Run marimo, confined, until it ends. What it prints goes to stderr, so that stdout holds results only."""
    from workbench.sandbox.confine import confine

    confine(rules)
    try:
        if os.name == "posix":
            os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
            os.execve(command[0], command, environment)  # noqa: S606  # the signals of the terminal are marimo's from here on
        return subprocess.run(command, env=environment, stdout=sys.stderr, check=False).returncode
    except OSError as error:
        raise InfrastructureError(f"marimo does not start: {error}", hint="workbench doctor") from None
