"""``workbench contract``: whether what is live keeps its promises."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from workbench.cli.common import console, emit_json, json_option
from workbench.config import find_workspace

if TYPE_CHECKING:
    from workbench.catalog.promises import Judged


@click.group()
def contract() -> None:
    """Hold data against the contracts of the versions that are live.

    \b
    Examples:
      workbench contract check
      workbench contract check late_departures --sandbox
    """


@contract.command()
@click.argument("pipelines", nargs=-1, metavar="[PIPELINE]...")
@click.option("--sandbox", is_flag=True, help="Compute on the active sandbox instead; what is broken only warns.")
@json_option
def check(pipelines: tuple[str, ...], sandbox: bool, as_json: bool) -> int:
    """Count the rows that break each rule of each PIPELINE's contract (all without names): schema, key and checks.

    Production is what readers see now, and exits 1 when a rule is broken. Rows that were released from quarantine are counted,
    but break nothing.

    \b
    Examples:
      workbench contract check
      workbench contract check late_departures --json
      workbench contract check --sandbox
    """
    from workbench.catalog.promises import chosen, in_production, judged_json
    from workbench.render.contract import judged_view
    from workbench.runtime.warehouse import Warehouse

    workspace = find_workspace()
    warehouse = Warehouse.open(workspace)
    live = warehouse.live()
    found: list[Judged]
    if sandbox:
        from workbench.promote.preview import in_sandbox
        from workbench.sandbox import registry, session

        numbers = {name: each.version for name, each in live.items()}
        place = registry.active(workspace).path
        opened = session.open_session(place)
        try:
            found = [in_sandbox(workspace, numbers, each.pipeline, opened) for each in chosen(workspace, live, pipelines)]
        finally:
            opened.con.disconnect()
    else:
        found = [in_production(workspace, warehouse, each) for each in chosen(workspace, live, pipelines)]
    where = f"sandbox {place.stem}" if sandbox else "production"
    if as_json:
        emit_json({"where": where, "blocks": not sandbox, "pipelines": [judged_json(each) for each in found]})
    elif found:
        console().print(judged_view(found, where, blocks=not sandbox))
    else:
        click.echo("nothing is published yet; next: workbench promote NOTEBOOK")
    return 1 if not sandbox and any(each.broken for each in found) else 0
