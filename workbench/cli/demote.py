"""``workbench demote``."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import click

from workbench.cli.common import emit_json, json_option, reason
from workbench.cli.identity import identity
from workbench.cli.publish import recover_first
from workbench.config import find_workspace
from workbench.errors import UsageError

if TYPE_CHECKING:
    from workbench.operate.demote import DemotePlan


@click.command()
@click.argument("pipeline")
@click.option("--why", required=True, help="The reason, for the ledger and for whoever meets the pipeline.")
@click.option("--withdraw", is_flag=True, help="Take the readers' view away; without it they keep the data of now.")
@click.option("--allow-readers", is_flag=True, help="Also when live pipelines read it; they are listed.")
@click.option("--undo", is_flag=True, help="Bring it back: readers see what they saw last, and the schedule goes on.")
@click.option("--dry-run", is_flag=True, help="Print the plan; change nothing.")
@json_option
def demote(pipeline: str, why: str, withdraw: bool, allow_readers: bool, undo: bool, dry_run: bool, as_json: bool) -> int:
    """Take PIPELINE out of production: nothing runs it any more. Its versions, data and history stay.

    Readers keep what they see, no longer refreshed, or with --withdraw see nothing. Undone by --undo, or by publishing any of
    its versions. Exits 4 while live pipelines read it, and names them with their owners; --allow-readers says that they know.

    \b
    Examples:
      workbench demote late_departures --why "the airport publishes it itself" --dry-run
      workbench demote late_departures --withdraw --why "counts cancelled flights"
      workbench demote late_departures --undo --why "two teams still need it"
    """
    from workbench.operate.demote import apply, plan_demote, plan_restore
    from workbench.runtime.warehouse import Warehouse
    from workbench.store import Store

    if undo and (withdraw or allow_readers):
        raise UsageError("--undo stands alone, with --why", hint=f"workbench demote {pipeline} --undo --why …")
    workspace, said = find_workspace(), reason(why)
    warehouse = Warehouse.open(workspace)
    with Store.open(workspace, read_only=dry_run) as store:
        now = dt.datetime.now(dt.UTC)
        if not dry_run:
            recover_first(store, warehouse, now)
        if undo:
            plan = plan_restore(workspace, store, warehouse, pipeline)
        else:
            plan = plan_demote(workspace, store, warehouse, pipeline, withdraw=withdraw, allow_readers=allow_readers)
        operation = None if dry_run else apply(store, warehouse, plan, who=identity(), why=said, at=now)
    if as_json:
        emit_json(_document(plan, None if operation is None else operation.id, said, dry_run=dry_run))
    else:
        _say(plan, dry_run=dry_run)
    return 0


def _document(plan: DemotePlan, operation: str | None, why: str, *, dry_run: bool) -> dict[str, Any]:
    old, new = plan.target.old, plan.target.new
    return {
        "operation": operation,
        "kind": plan.kind,
        "dry_run": dry_run,
        "pipeline": plan.target.pipeline,
        "why": why,
        "from": None if old is None else {"version": old.version, "snapshot": old.snapshot},
        "to": None if new is None else {"version": new.version, "snapshot": new.snapshot},
        "schedule": plan.schedule,
        "consumers": [{"pipeline": each.pipeline, "version": each.version, "owner": each.owner} for each in plan.consumers],
        "notes": list(plan.notes),
    }


def _say(plan: DemotePlan, *, dry_run: bool) -> None:
    name, old, new = plan.target.pipeline, plan.target.old, plan.target.new
    would, its = ("would be", "would be") if dry_run else ("is", "is")
    if plan.kind == "restore":
        assert new is not None
        click.echo(f"{name} {would} back: readers see v{new.version}, its schedule is {plan.schedule!r}")
    else:
        assert old is not None
        seen = f"readers keep the data of v{old.version}" if new is not None else "readers see nothing"
        click.echo(f"{name} {would} out of production: {seen}; its schedule ({plan.schedule!r}) {its} off")
    for each in plan.consumers:
        click.echo(f"read by {each.pipeline}@{each.version}, owner: {each.owner}")
    for note in plan.notes:
        click.echo(note)
    if plan.kind == "demote" and not dry_run:
        click.echo(
            f"next, to undo it: workbench demote {name} --undo --why …, or workbench publish {name}@{old and old.version}"
        )
