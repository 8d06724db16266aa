"""``workbench status``."""

from __future__ import annotations

import datetime as dt

import click

from workbench.cli.common import console, emit_json, json_option
from workbench.config import find_workspace


@click.command()
@json_option
def status(as_json: bool) -> None:
    """One line a pipeline: live version, freshness, last run, next due, and whether readers see good data.

    \b
    What readers see is one of
      good             whole, checked, and as fresh as promised
      stale            whole and checked, but not brought up to date in time
      old data kept    the last run failed or found nothing, so readers keep what they had
      damaged          a file is missing or has another size: workbench doctor
      not published    nothing yet

    \b
    Examples:
      workbench status
      workbench status --json
    """
    from workbench.operate.observe import status as look
    from workbench.render.status import status_json, view

    now = dt.datetime.now(dt.UTC)
    found = look(find_workspace(), now)
    if as_json:
        emit_json({"pipelines": [status_json(each) for each in found]})
    elif found:
        console().print(view(found, now))
    else:
        click.echo('no pipelines yet; next: workbench promote NOTEBOOK --why "first version"')
