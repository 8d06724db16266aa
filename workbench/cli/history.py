"""``workbench history``."""

from __future__ import annotations

from dataclasses import asdict

import click

from workbench.cli.common import console, emit_json, json_option
from workbench.config import find_workspace
from workbench.moments import iso


@click.command()
@click.argument("pipeline")
@click.option("--limit", type=click.IntRange(min=1), default=50, show_default=True, help="The newest ones, at most so many.")
@json_option
def history(pipeline: str, limit: int, as_json: bool) -> None:
    """List what happened to PIPELINE, the newest first: promoted, decided, waived, published, rolled back, released, run.

    \b
    Examples:
      workbench history late_departures
      workbench history late_departures --limit 5 --json
    """
    from workbench.catalog.history import history as happened
    from workbench.render.history import history_view

    events = happened(find_workspace(), pipeline)
    if as_json:
        shown = [{**asdict(each), "at": iso(each.at)} for each in events[:limit]]
        emit_json({"pipeline": pipeline, "count": len(events), "events": shown})
    elif events:
        console().print(history_view(events[:limit]))
    else:
        click.echo(f"nothing is recorded of {pipeline} here; its versions stand in promoted/{pipeline}/CHANGELOG.md")
