"""``workbench sweep``."""

from __future__ import annotations

from pathlib import Path

import click

from workbench.cli.common import console, emit_json, json_option
from workbench.config import find_workspace


@click.command()
@click.argument("notebook", type=click.Path(path_type=Path))
@click.argument("output")
@click.option("-p", "given", multiple=True, metavar="NAME=VALUE,VALUE", help="Values to try; with several -p, each with each.")
@json_option
def sweep(notebook: Path, output: str, given: tuple[str, ...], as_json: bool) -> int:
    """Compute OUTPUT of NOTEBOOK in the sandbox at several values of its parameters: one row a scenario.

    Production is neither read nor written. At most 100 scenarios; each one's table is kept below .workbench/sweeps/, where
    the ten newest sweeps of an output stay. Exits 1 when a scenario fails.

    \b
    Examples:
      workbench sweep notebooks/delays.py late_departures -p min_delay=5,15,30
      workbench sweep notebooks/delays.py late_departures -p min_delay=5,15 -p carrier=all,UA --json
    """
    from workbench.cli.progress import steps
    from workbench.promote.sweep import sweep as run_sweep
    from workbench.render.sweep import compare, sweep_json, sweep_view

    workspace = find_workspace()
    with steps() as progress:
        progress("scenarios in the sandbox")
        found = run_sweep(workspace, notebook, output, given)
    if as_json:
        emit_json(sweep_json(found))
    else:
        console().print(sweep_view(found))
        if command := compare(found):
            click.echo(f"compare two: {command}")
    return int(any(each.error for each in found.scenarios))
