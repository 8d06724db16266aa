"""``workbench reproduce``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from workbench.cli.common import emit_json, json_option
from workbench.cli.run import find_run, progress
from workbench.config import find_workspace

if TYPE_CHECKING:
    from workbench.catalog.environment import Difference

SHOWN = 8


@click.command()
@click.argument("run_id", metavar="RUN")
@click.option(
    "--install", is_flag=True, help="Install the packages that it ran with, beside all else, and compute it with those."
)
@json_option
def reproduce(run_id: str, install: bool, as_json: bool) -> int:
    """Run RUN (R-3) again on what it read, and say whether the result is the same.

    The run's version is computed on the snapshots of pipelines that the run read, and on its sources where they still are as
    they were, with its interval and parameters, in a warehouse that is thrown away. Nothing is published and no run recorded.

    Says MATCH when both digests are equal. Exits 1 when not, and names the first input that differs or is gone, the
    environment, or the digest.

    With --install, pip makes a virtual environment of exactly the packages of then below .workbench/environments, once, from
    where its configuration says. Nothing is installed where they are what is installed here.

    \b
    Examples:
      workbench reproduce R-3
      workbench reproduce R-3 --install
      workbench reproduce R-3 --json
    """
    from workbench.cli.progress import steps
    from workbench.operate.reproduce import reproduce as again

    run, workspace = find_run(run_id), find_workspace()
    if install:
        with steps() as tell:
            found = again(workspace, run, install=True, tell=tell)
    else:
        with progress() as on_cell:
            found = again(workspace, run, on_cell=on_cell)
    place = None if found.place is None else found.place.relative_to(workspace.root).as_posix()
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
                "packages": [asdict(each) for each in found.packages],
                "environment": place,
            }
        )
        return 0 if found.match else 1
    if found.match:
        click.echo(f"MATCH  {run.id} of {run.pipeline}@{run.version} gives {found.found} again")
    else:
        click.echo(f"DIFFERS  {run.id} of {run.pipeline}@{run.version}: the {found.what} differs; {found.why}")
        click.echo(f"  recorded  {found.recorded}")
        click.echo(f"  found     {found.found or 'nothing'}")
    if place is not None:
        click.echo(f"  computed in {place}")
    if found.packages and found.what != "environment":
        click.echo(f"  other packages than then: {_some(found.packages)}")
    if found.packages and not found.match and not install:
        click.echo(f"next: workbench reproduce {run.id} --install")
    return 0 if found.match else 1


def _some(packages: Sequence[Difference]) -> str:
    more = f" and {len(packages) - SHOWN:,} more" if len(packages) > SHOWN else ""
    return "; ".join(map(str, packages[:SHOWN])) + more
