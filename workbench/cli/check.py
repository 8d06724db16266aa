"""``workbench check``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from workbench.cli.common import console, emit_json
from workbench.cli.map import MAP_PAGE, show_maps
from workbench.cli.options import form_option, page_option
from workbench.config import Workspace, find_workspace
from workbench.errors import UnknownName, UsageError

if TYPE_CHECKING:
    from workbench.promote.check import Checked


@click.command()
@click.argument("notebooks", nargs=-1, type=click.Path(path_type=Path))
@click.option("--fix", is_flag=True, help="Mend first what is mechanical; every other byte of the file stays.")
@click.option("--strict", is_flag=True, help="Exit 1 on warnings too.")
@click.option("--map", "mapped", is_flag=True, help="Show the cells beside the module that each output would become.")
@page_option(MAP_PAGE)
@click.option("--ignore-scripts", is_flag=True, help="Pass over Python files that are no marimo notebooks, such as helpers.")
@click.option(
    "--explain",
    "reason",
    metavar="[NAME]",
    is_flag=False,
    flag_value="",
    help="Print what the reason to refuse or the finding NAME means, and the way out; alone, list all of them.",
)
@form_option("annotations for a workflow of GitHub Actions")
def check(
    notebooks: tuple[Path, ...],
    fix: bool,
    strict: bool,
    mapped: bool,
    page: Path | None,
    ignore_scripts: bool,
    reason: str | None,
    form: str,
) -> int:
    """Show what each marked output of NOTEBOOKS needs, or why it can't be cut, and what else could be better.

    Never runs a notebook and reads no data. Marimo's own check is included. Without NOTEBOOKS all of the workspace's
    notebooks/ are checked. Exits 1 when anything is refused or wrong, 2 when a file is no notebook.

    \b
    Examples:
      workbench check notebooks/orders.py
      workbench check --fix
      workbench check --strict --format github
      workbench check --json notebooks/orders.py
      workbench check --map notebooks/orders.py
      workbench check --explain clock
    """
    if reason is not None:
        if notebooks or fix or strict or mapped or page is not None or ignore_scripts or form == "github":
            raise UsageError("--explain reads no notebook and goes with --json alone", hint="workbench check --explain")
        _explain(reason, form)
        return 0
    from workbench.promote.check import check_file, is_script

    if page is not None and not mapped:
        raise UsageError("--html writes the map: say --map too", hint="workbench check NOTEBOOK --map --html map.html")
    workspace = find_workspace()
    files = notebooks or _all(workspace)
    if ignore_scripts or not notebooks:
        files = tuple(file for file in files if not is_script(file))
    checked = [check_file(workspace, file, fix=fix) for file in files]
    if len(checked) == 1 and checked[0].error is not None and form != "github":
        raise checked[0].error
    if len(notebooks) == 1 and not ignore_scripts and checked[0].slicing is None and checked[0].error is None:
        # Whoever names one notebook wants to know what it would become; among many, an exploration is fine.
        _refuse_unmarked(workspace, notebooks[0])
    if mapped:
        _map(checked, page, form)
    else:
        _say(checked, form)
    if any(each.error is not None for each in checked):
        return UsageError.exit_code
    return int(any(each.fails(strict=strict) for each in checked))


def _explain(name: str, form: str) -> None:
    """The page of a reason or a rule, or all of them."""
    from workbench.promote.finding import Rule
    from workbench.promote.refusal import Reason
    from workbench.render.reasons import ReasonPage, reason_json, reasons_json, reasons_view

    if not name:
        if form == "json":
            emit_json(reasons_json())
        else:
            console().print(reasons_view())
            click.echo("next: workbench check --explain NAME")
        return
    known: dict[str, Reason | Rule] = {each.value: each for each in (*Reason, *Rule)}
    found = known.get(name.lower())
    if found is None:
        raise UnknownName.of("reason or finding", name, known, hint="workbench check --explain")
    if form == "json":
        emit_json(reason_json(found))
    else:
        console().print(ReasonPage(found))


def _refuse_unmarked(workspace: Workspace, notebook: Path) -> None:
    """The error that promoting a notebook without marks ends in."""
    from workbench.promote.notebook import read_notebook
    from workbench.promote.slice import slice_notebook

    slice_notebook(read_notebook(notebook), workspace.settings.sources)


def _say(checked: list[Checked], form: str) -> None:
    from workbench.render.findings import checked_json, checked_view, github_lines

    if form == "json":
        emit_json(checked_json(checked))
    elif form == "github":
        for line in github_lines(checked):
            click.echo(line)
    else:
        screen = console()
        for each in checked:
            screen.print(checked_view(each))


def _map(checked: list[Checked], page: Path | None, form: str) -> None:
    """The maps of all outputs that can be cut, after what was found where that is asked for as text."""
    from workbench.promote.mapping import build_map
    from workbench.promote.module import build_module
    from workbench.render.findings import checked_json

    maps = []
    for slicing in (each.slicing for each in checked if each.slicing is not None):
        for cut in slicing.slices:
            if not cut.refusals:
                module = build_module(cut, slicing.notebook)
                maps.append((cut.mark.name, build_map(cut, module, slicing.notebook)))
    if form != "json":
        _say(checked, form)
    show_maps(maps, ", ".join(each.path.name for each in checked), page, checked_json(checked) if form == "json" else None)


def _all(workspace: Workspace) -> tuple[Path, ...]:
    found = tuple(Path(os.path.relpath(file)) for file in sorted(workspace.notebooks.glob("*.py")))
    if not found:
        raise UsageError(f"{workspace.notebooks} holds no notebook", hint="workbench edit notebooks/first.py")
    return found
