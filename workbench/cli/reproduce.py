"""``workbench reproduce``."""

from __future__ import annotations

import click

from workbench.cli.common import emit_json, json_option
from workbench.cli.run import find_run, progress
from workbench.config import find_workspace


@click.command()
@click.argument("run_id", metavar="RUN")
@json_option
def reproduce(run_id: str, as_json: bool) -> int:
    """Run RUN (R-3) again on what it read, and say whether the result is the same.

    The run's version is computed on the snapshots of pipelines that the run read, and on its sources where they still are as
    they were, with its interval and parameters, in a warehouse that is thrown away. Nothing is published and no run recorded.

    Says MATCH when both digests are equal. Exits 1 when not, and names the first input that differs or is gone, the
    environment, or the digest.

    \b
    Examples:
      workbench reproduce R-3
      workbench reproduce R-3 --json
    """
    from workbench.operate.reproduce import reproduce as again

    run = find_run(run_id)
    with progress() as on_cell:
        found = again(find_workspace(), run, on_cell=on_cell)
    if as_json:
        emit_json(
            {
                "run": run.id,
                "pipeline": run.pipeline,
                "version": run.version,
                "match": found.match,
                "what": found.what,
                "name": found.name,
                "recorded": found.recorded,
                "found": found.found,
                "why": found.why,
            }
        )
    elif found.match:
        click.echo(f"MATCH  {run.id} of {run.pipeline}@{run.version} gives {found.found} again")
    else:
        click.echo(f"DIFFERS  {run.id} of {run.pipeline}@{run.version}: the {found.what} differs; {found.why}")
        click.echo(f"  recorded  {found.recorded}")
        click.echo(f"  found     {found.found or 'nothing'}")
    return 0 if found.match else 1
