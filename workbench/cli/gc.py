"""``workbench gc``."""

from __future__ import annotations

import datetime as dt

import click

from workbench.cli.common import console, emit_json, json_option
from workbench.cli.identity import identity
from workbench.config import find_workspace, parse_duration


@click.command()
@click.option("--dry-run", is_flag=True, help="Say what would go and what stays; remove nothing.")
@click.option(
    "--grace",
    metavar="DURATION",
    default="1d",
    show_default=True,
    help="What was written or seen less long ago stays: somebody may still read it.",
)
@json_option
def gc(dry_run: bool, grace: str, as_json: bool) -> int:
    """Remove data of production that nobody needs: what failed or refused work left, and the past beyond its retention.

    retention in a pipeline.toml says how long data that readers no longer see is kept, and the records of runs; without it,
    for ever. What readers see, what a rollback would go to, what waits for a decision, what is beside production and what
    something under way may read always stays, and so does what a run read or wrote, for as long as its record is kept.

    What goes is on the ledger. Sandboxes have a gc of their own: workbench sandbox gc.

    \b
    Examples:
      workbench gc --dry-run
      workbench gc --dry-run --json
      workbench gc --grace 7d
    """
    from workbench.operate.gc import collect, plan_gc
    from workbench.render.gc import gc_json, gc_view
    from workbench.runtime.warehouse import Warehouse
    from workbench.store import Store

    workspace, now = find_workspace(), dt.datetime.now(dt.UTC)
    span = dt.timedelta(seconds=parse_duration(grace))
    warehouse = Warehouse.open(workspace)
    with Store.open(workspace, read_only=dry_run) as store:
        if dry_run:
            plan = plan_gc(workspace, store, warehouse, now=now, grace=span)
        else:
            plan = collect(workspace, store, warehouse, who=identity(), now=now, grace=span)
    if as_json:
        emit_json(gc_json(plan, now, dry_run=dry_run))
    else:
        console().print(gc_view(plan, dry_run=dry_run), soft_wrap=True)
    return 0
