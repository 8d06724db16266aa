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

    Beneath are sources that are older than their declared freshness, but for tables on a server: workbench doctor asks those.

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
    from workbench.operate.fresh import stale_sources
    from workbench.operate.observe import status as look
    from workbench.render.fresh import stale_json, stale_view
    from workbench.render.status import status_json, view

    workspace, now = find_workspace(), dt.datetime.now(dt.UTC)
    found, stale = look(workspace, now), stale_sources(workspace, now, servers=False)
    if as_json:
        emit_json({"pipelines": [status_json(each) for each in found], "stale_sources": [stale_json(each) for each in stale]})
        return
    if found:
        console().print(view(found, now))
    for each in stale:
        console().print(stale_view(each, now))
    if not found:
        click.echo('no pipelines yet; next: workbench promote NOTEBOOK --why "first version"')
