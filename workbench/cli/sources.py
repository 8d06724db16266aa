"""``workbench sources``: propose declarations of production's tables."""

from __future__ import annotations

import click

from workbench.cli.common import emit_json, json_option
from workbench.cli.progress import steps
from workbench.config import find_workspace
from workbench.model import counted


@click.group()
def sources() -> None:
    """Propose what to declare about production's tables."""


@sources.command()
@click.argument("places", nargs=-1, metavar="[PLACE]...")
@click.option("--write", is_flag=True, help="Add the proposals to pyproject.toml; what stands there stays as it is.")
@json_option
def discover(places: tuple[str, ...], write: bool, as_json: bool) -> int:
    """Propose sources: tables with their keys, references, times, masks and units, each with its reason.

    A PLACE is a DuckDB file, a file or folder of Parquet or CSV, or a PostgreSQL (its address, or env:NAME with the address in
    a variable; #SCHEMA limits it). Without one, the folders raw and data are looked into. What is declared in a database counts
    first; other keys are proven on the data, and other references need data and names to agree. Nothing is written without
    --write, and sources that are declared already are left alone.

    \b
    Examples:
      workbench sources discover
      workbench sources discover shop.duckdb exports/ --write
      workbench sources discover env:SHOP_DB#sales --json
    """
    from workbench.render.sources import proposal_json
    from workbench.sandbox import declare
    from workbench.sandbox.discover import propose
    from workbench.sandbox.found import tables

    workspace = find_workspace()
    with steps() as tell, tables(workspace, places, tell) as found:
        proposals = propose(workspace, found, tell)
    known = [each.name for each in found if each.name in workspace.settings.sources]
    file = declare.write(workspace, proposals) if write and proposals else None
    if as_json:
        emit_json({"proposals": [proposal_json(each) for each in proposals], "declared": known, "written": file is not None})
        return 0
    if proposals:
        click.echo(declare.toml(proposals, workspace.settings.sources))
    if file is not None:
        click.echo(f"added {counted(len(proposals), 'source')} to {file.name}; next: workbench sandbox create", err=True)
    elif proposals:
        click.echo("nothing was written; next: workbench sources discover --write   (or copy what is right)", err=True)
    else:
        click.echo(f"all tables are declared already: {', '.join(known)}", err=True)
    return 0
