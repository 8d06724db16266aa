"""``workbench publish`` and ``workbench rollback``."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import click

from workbench.cli.common import emit_json, json_option, words
from workbench.cli.identity import identity
from workbench.config import Workspace, find_workspace
from workbench.model import counted

if TYPE_CHECKING:
    from workbench.promote.publish import PublishPlan
    from workbench.runtime.warehouse import Warehouse
    from workbench.store import Store
    from workbench.store.records import Pointer


@click.command()
@click.argument("target")
@click.option(
    "--canary", "share", metavar="SHARE", help="Show it to this share of readers, such as 5%; others keep what they see."
)
@click.option("--to", "readers", multiple=True, metavar="READER", help="Show it to this reader; others keep what they see.")
@click.option("--dry-run", is_flag=True, help="Print the plan; move nobody.")
@json_option
def publish(target: str, share: str | None, readers: tuple[str, ...], dry_run: bool, as_json: bool) -> int:
    """Move readers to TARGET: an approved promotion (P-2), or a version that was published before (orders_daily@2).

    All outputs of a promotion become visible in one step. With --canary or --to only chosen readers see it, in schema canary:
    see workbench canary.

    \b
    Examples:
      workbench publish P-2
      workbench publish P-2 --canary 5% --to ada@example.org
      workbench publish orders_daily@2 --dry-run
    """
    if share is not None or readers:
        from workbench.cli.canary import begin

        return begin(target, share, readers, dry_run=dry_run, as_json=as_json)
    return publish_promotion(target, dry_run=dry_run, as_json=as_json)


def publish_promotion(target: str, *, dry_run: bool = False, as_json: bool) -> int:
    """Move all readers to a promotion or an earlier version."""
    from workbench.promote.publish import plan_publish

    return _carry_out(
        lambda workspace, store, warehouse: plan_publish(workspace, store, warehouse, target), dry_run=dry_run, as_json=as_json
    )


@click.command()
@click.argument("pipeline")
@click.option("--to", type=int, default=None, metavar="VERSION", help="Go to this version; without it, to the one before.")
@click.option("--why", default="", help="A remark for the ledger.")
@click.option("--dry-run", is_flag=True, help="Print the plan; move nobody.")
@json_option
def rollback(pipeline: str, to: int | None, why: str, dry_run: bool, as_json: bool) -> int:
    """Move readers of PIPELINE back to the version before, with all that was published together with it.

    \b
    Examples:
      workbench rollback orders_daily
      workbench rollback orders_daily --to 2 --why "returns are counted twice"
    """
    from workbench.promote.publish import plan_rollback

    return _carry_out(
        lambda workspace, store, warehouse: plan_rollback(workspace, store, warehouse, pipeline, to),
        why=why,
        dry_run=dry_run,
        as_json=as_json,
    )


def _carry_out(plan: Any, *, why: str = "", dry_run: bool, as_json: bool) -> int:
    from workbench.promote.publish import apply
    from workbench.runtime.warehouse import Warehouse
    from workbench.store import Store

    workspace = find_workspace()
    warehouse = Warehouse.open(workspace)
    with Store.open(workspace, read_only=dry_run) as store:
        now = dt.datetime.now(dt.UTC)
        if not dry_run:
            recover_first(store, warehouse, now)
        planned: PublishPlan = plan(workspace, store, warehouse)
        operation = None if dry_run else apply(store, warehouse, planned, who=identity(), at=now, why=words(why))
    if as_json:
        emit_json(
            {
                "operation": operation.id if operation else None,
                "kind": planned.kind,
                "promotion": planned.promotion,
                "dry_run": dry_run,
                "moves": [
                    {"pipeline": each.pipeline, "from": plain(each.old), "to": plain(each.new)} for each in planned.targets
                ],
                "notes": list(planned.notes),
            }
        )
        return 0
    _say(workspace, warehouse, planned, dry_run=dry_run)
    return 0


def recover_first(store: Store, warehouse: Warehouse, now: dt.datetime) -> None:
    """Finish or undo what a killed process had begun, before anything is planned on top of it."""
    from workbench.catalog.operation import recover

    if store.operations(state="begun"):
        with warehouse.lock():
            for each in recover(store, warehouse, at=now):
                click.echo(f"{each.operation.id}, interrupted before, was {each.outcome}", err=True)


def _say(workspace: Workspace, warehouse: Warehouse, plan: PublishPlan, *, dry_run: bool) -> None:
    for each in plan.targets:
        assert each.new is not None
        snapshot = warehouse.snapshot(each.new.snapshot, each.pipeline)
        old = "nothing" if each.old is None else f"v{each.old.version}"
        verb = "would see" if dry_run else "see"
        what = f"{counted(snapshot.rows, 'row')} in {counted(len(snapshot.files), 'file')}"
        click.echo(f"{each.pipeline}: {old} -> v{each.new.version}; readers {verb} {what}")
    for note in plan.notes:
        click.echo(note)
    if plan.targets and not dry_run:
        place = (warehouse.folder / "current.duckdb").relative_to(workspace.root)
        click.echo(f"next: duckdb -readonly {place}, or workbench status")


def plain(at: Pointer | None) -> dict[str, Any] | None:
    """What readers of a pipeline see, as plain values."""
    return None if at is None else {"version": at.version, "snapshot": at.snapshot}
