"""``workbench changelog``."""

from __future__ import annotations

import click

from workbench.cli.common import console, emit_json, json_option
from workbench.config import find_workspace
from workbench.errors import UnknownName


@click.command()
@click.argument("pipeline")
@click.option("--limit", type=click.IntRange(min=1), default=None, help="The newest versions, at most so many.")
@json_option
def changelog(pipeline: str, limit: int | None, as_json: bool) -> None:
    """Show what each version of PIPELINE changed, the newest first, as its CHANGELOG.md tells; who, when and why.

    \b
    Examples:
      workbench changelog late_departures
      workbench changelog late_departures --limit 1 --json
    """
    from workbench.catalog.changelog import told
    from workbench.catalog.version import pipelines
    from workbench.cli.endings import warn
    from workbench.model import VersionId
    from workbench.render.changelog import changelog_json, changelog_view
    from workbench.runtime.views import read_current

    workspace = find_workspace()
    known = pipelines(workspace)
    if pipeline not in known:
        raise UnknownName.of("pipeline", pipeline, known, hint="workbench catalog")
    shown = read_current(workspace.warehouse).views.get(pipeline)
    live = None if shown is None else shown.version
    found = told(workspace, pipeline)[:limit]
    leaving = warn(workspace, versions=[VersionId(pipeline, each.number) for each in found])
    if as_json:
        emit_json(changelog_json(pipeline, found, live, leaving))
    else:
        console().print(changelog_view(found, live))
