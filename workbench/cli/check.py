"""``workbench check``."""

from __future__ import annotations

import os
from pathlib import Path

import click

from workbench.cli.common import console, emit_json, json_option
from workbench.config import Workspace, find_workspace
from workbench.errors import UsageError


@click.command()
@click.argument("notebooks", nargs=-1, type=click.Path(path_type=Path))
@json_option
def check(notebooks: tuple[Path, ...], as_json: bool) -> int:
    """Show what each marked output of NOTEBOOKS needs, or why it can't be cut. Never runs a notebook, reads no data.

    Without NOTEBOOKS all of the workspace's notebooks/ are checked. Exits 1 when anything is refused.

    \b
    Examples:
      workbench check notebooks/orders.py
      workbench check --json notebooks/orders.py
    """
    from workbench.promote.notebook import read_notebook
    from workbench.promote.slice import slice_notebook
    from workbench.render.slicing import outputs_json, refusal_json, slicing_view

    workspace = find_workspace()
    files = notebooks or _all(workspace)
    slicings = [slice_notebook(read_notebook(file), workspace.settings.sources) for file in files]
    refused = any(slicing.refusals for slicing in slicings)
    if as_json:
        emit_json(
            {
                "notebooks": [str(file) for file in files],
                "outputs": [
                    {"notebook": str(file), **output}
                    for file, cut in zip(files, slicings, strict=True)
                    for output in outputs_json(cut)
                ],
                "refusals": [
                    {**refusal_json(refusal), "notebook": str(file)}
                    for file, cut in zip(files, slicings, strict=True)
                    for refusal in cut.refusals
                ],
            }
        )
    else:
        screen = console()
        for file, cut in zip(files, slicings, strict=True):
            screen.print(slicing_view(cut, str(file)))
    return 1 if refused else 0


def _all(workspace: Workspace) -> tuple[Path, ...]:
    found = tuple(Path(os.path.relpath(file)) for file in sorted(workspace.notebooks.glob("*.py")))
    if not found:
        raise UsageError(f"{workspace.notebooks} holds no notebook", hint="workbench edit notebooks/first.py")
    return found
