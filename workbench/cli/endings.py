"""Warnings about deprecated versions, wherever a command meets one."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from workbench.config import Workspace
    from workbench.model import VersionId


def warn(workspace: Workspace, pipelines: Collection[str] = (), versions: Collection[VersionId] = ()) -> list[dict[str, Any]]:
    """Say on standard error which of these versions, and of the live ones of these pipelines, readers should leave.

    Returns the same as plain values.
    """
    from workbench.catalog.endings import deprecated_live, deprecation_said
    from workbench.render.endings import deprecation_json
    from workbench.store import Store, endings

    now = dt.datetime.now(dt.UTC)
    with Store.open(workspace, read_only=True) as store:
        known = endings.deprecations(store)
        found = [*deprecated_live(workspace, store, pipelines).values(), *(known[each] for each in versions if each in known)]
    unique = {(each.pipeline, each.version): each for each in found}
    for _, each in sorted(unique.items()):
        click.echo(f"warning: {deprecation_said(each, now)}", err=True)
    return [deprecation_json(each, now) for _, each in sorted(unique.items())]
