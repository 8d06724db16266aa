"""``workbench contract``: what versions promise, and whether what is live keeps it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from workbench.cli.common import console, emit_json, json_option
from workbench.config import find_workspace

if TYPE_CHECKING:
    from workbench.catalog.promises import Judged


@click.group()
def contract() -> None:
    """Hold data against the contracts of the versions that are live, or print them whole.

    \b
    Examples:
      workbench contract check
      workbench contract export late_departures
      workbench contract check late_departures --sandbox
    """


@contract.command()
@click.argument("name", metavar="PIPELINE[@VERSION]")
@json_option
def export(name: str, as_json: bool) -> None:
    """Print the whole contract in the Open Data Contract Standard, as YAML: promises, owner, service levels, retention.

    Without a version it is that of the live one. What it says of the data is the version's contract.yaml; owner, freshness,
    retention and schedule are those of pipeline.toml now.

    \b
    Examples:
      workbench contract export late_departures > late_departures.odcs.yaml
      workbench contract export late_departures@2 --json
    """
    from workbench.catalog.contract import as_text
    from workbench.catalog.standard import whole
    from workbench.errors import UnknownName
    from workbench.model import VersionId
    from workbench.operate.schedule import read_config
    from workbench.runtime.warehouse import Warehouse

    workspace = find_workspace()
    if "@" in name:
        version = VersionId.parse(name)
    else:
        live = Warehouse.open(workspace).live()
        if name not in live:
            raise UnknownName.of("live pipeline", name, live, hint="workbench status")
        version = VersionId(name, live[name].version)
    config = read_config(workspace, version.pipeline)
    document = whole(
        workspace, version, owner=config.owner, freshness=config.freshness, retention=config.retention, schedule=config.cron,
        timezone=config.timezone,
    )  # fmt: skip
    if as_json:
        emit_json({"contract": document})
    else:
        click.echo(as_text(document), nl=False)


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
        click.echo('nothing is published yet; next: workbench promote NOTEBOOK --why "first version"')
    return 1 if not sandbox and any(each.broken for each in found) else 0
