"""``workbench canary``: candidates that chosen readers see beside what is live; and ``publish --canary``."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from workbench.cli.common import console, emit_json, json_option, words
from workbench.cli.identity import identity
from workbench.config import Workspace, find_workspace
from workbench.errors import UsageError

if TYPE_CHECKING:
    from workbench.promote.canary import CanaryPlan
    from workbench.store.beside import BesideRecord, TrialRecord
    from workbench.store.records import OperationRecord


@click.group()
def canary() -> None:
    """Show, judge, promote or withdraw candidates that chosen readers see beside what is live.

    A canary begins with workbench publish P-7 --canary 5%. After each run of the live version the candidate runs beside it, on
    the same inputs, and is judged by the gates; a breach takes it away from its readers.

    \b
    Examples:
      workbench publish P-7 --canary 5% --to reports/weekly
      workbench canary status
      workbench canary reader reports/weekly
      workbench canary check P-7
      workbench canary promote P-7
      workbench canary abort P-7 --why "totals look wrong"
    """


@canary.command()
@click.argument("target", metavar="[PROMOTION]", required=False)
@json_option
def status(target: str | None, as_json: bool) -> None:
    """Show the canaries that run, or all there were of PROMOTION (P-7, or a pipeline): readers, data, runs, how it ended.

    \b
    Examples:
      workbench canary status
      workbench canary status P-7 --json
    """
    from workbench.store import Store, beside

    with Store.open(find_workspace(), read_only=True) as store:
        found = beside.find(store, kind="canary")
        if target is not None:
            known = [each for each in found if each.promotion == target.upper() or target in each.data]
            if not known:
                from workbench.errors import UnknownName

                names = {name for each in found for name in (each.promotion, *each.data)}
                raise UnknownName.of("canary", target, names, hint="workbench canary status")
            found = tuple(known)
        else:
            found = tuple(each for each in found if each.state == "running")
        told = [(each, beside.trials(store, each.number)) for each in found]
    _say_canaries(told, as_json=as_json)


@canary.command()
@click.argument("name", metavar="NAME")
@click.option("--pipeline", default=None, help="Only this pipeline.")
@json_option
def reader(name: str, pipeline: str | None, as_json: bool) -> None:
    """Say which version of each pipeline the reader NAME is meant to read: that of a canary, or the live one.

    NAME is what the reader calls itself: a person, a report, a service. The answer goes by the hash of the name, so it stays
    the same, also when the share grows; in SQL it is FROM workbench.reads('NAME').

    \b
    Examples:
      workbench canary reader ada@example.org
      workbench canary reader reports/weekly --pipeline orders_daily --json
    """
    from workbench.errors import UnknownName
    from workbench.runtime.canary import reader_name
    from workbench.runtime.warehouse import Warehouse

    name = reader_name(name)
    workspace = find_workspace()
    warehouse = Warehouse.open(workspace)
    current = warehouse.current()
    reads = {each: ("main", view.version, "") for each, view in current.views.items()}
    for found in current.canaries.values():
        if found.chooses(name):
            reads |= {each: ("canary", version, found.promotion) for each, (version, _) in found.data.items()}
    if pipeline is not None:
        if pipeline not in reads:
            raise UnknownName.of("published pipeline", pipeline, reads, hint="workbench status")
        reads = {pipeline: reads[pipeline]}
    path = "canary,main" if any(schema == "canary" for schema, _, _ in reads.values()) else "main"
    if as_json:
        told = [
            {"pipeline": each, "schema": schema, "version": version, "promotion": promotion or None}
            for each, (schema, version, promotion) in sorted(reads.items())
        ]
        emit_json({"reader": name, "search_path": path, "reads": told})
        return
    for each, (schema, version, promotion) in sorted(reads.items()):
        click.echo(f"{schema}.{each}: v{version}{f', the canary of {promotion}' if promotion else ''}")
    if not reads:
        click.echo("nothing is published")
    else:
        click.echo(f"next: duckdb -readonly {warehouse.folder.name}/current.duckdb -cmd \"SET search_path = '{path}'\"")


@canary.command()
@click.argument("target", metavar="[PROMOTION]", required=False)
@json_option
def check(target: str | None, as_json: bool) -> int:
    """Let all canaries, or that of PROMOTION (P-7, or a pipeline), follow the runs that they missed, and judge them.

    The same happens by itself after each run. It is needed when a process was killed, or production moved on meanwhile.
    Exits 1 when a canary was withdrawn.

    \b
    Examples:
      workbench canary check
      workbench canary check P-7 --json
    """
    from workbench.cli.following import catch_up
    from workbench.promote.canary import running_canary
    from workbench.store import Store, beside

    workspace = find_workspace()
    with Store.open(workspace, read_only=True) as store:
        wanted = None if target is None else running_canary(store, target).promotion
        running = [each for each in beside.running(store, promotion=wanted) if each.kind == "canary"]
    for each in running:
        catch_up(workspace, identity(), promotion=each.promotion, say=lambda line: click.echo(line, err=True))
    numbers = {each.number for each in running}
    with Store.open(workspace, read_only=True) as store:
        told = [(each, beside.trials(store, each.number)) for each in beside.find(store) if each.number in numbers]
    _say_canaries(told, as_json=as_json)
    return int(any(each.outcome in ("breach", "overtaken") for each, _ in told))


@canary.command()
@click.argument("target", metavar="PROMOTION")
@json_option
def promote(target: str, as_json: bool) -> int:
    """Let all readers see what the canary of PROMOTION (P-7, or a pipeline) shows: workbench publish, with all that it asks.

    Everybody moves, and the canary ends, in one step; workbench rollback undoes it.

    \b
    Examples:
      workbench canary promote P-7
    """
    from workbench.cli.publish import publish_promotion
    from workbench.promote.canary import running_canary
    from workbench.store import Store

    workspace = find_workspace()
    with Store.open(workspace, read_only=True) as store:
        record = running_canary(store, target)
    return publish_promotion(record.promotion, as_json=as_json)


@canary.command()
@click.argument("target", metavar="PROMOTION")
@click.option("--why", required=True, help="The reason, for the ledger.")
@json_option
def abort(target: str, why: str, as_json: bool) -> None:
    """Take the candidates of PROMOTION (P-7, or a pipeline) away from chosen readers: they see what all others see.

    The promotion stays approved: it may be published, shown to a canary again, or rejected.

    \b
    Examples:
      workbench canary abort P-7 --why "totals look wrong"
    """
    from workbench.cli.publish import recover_first
    from workbench.promote.canary import running_canary, withdraw
    from workbench.render.beside import beside_json
    from workbench.runtime.warehouse import Warehouse
    from workbench.store import Store, beside

    reason = words(why)
    if not reason:
        raise UsageError("--why is empty", hint='say why, for example --why "totals look wrong"')
    workspace, now = find_workspace(), dt.datetime.now(dt.UTC)
    warehouse = Warehouse.open(workspace)
    with Store.open(workspace) as store:
        recover_first(store, warehouse, now)
        record = running_canary(store, target)
        withdraw(store, warehouse, record, "withdrawn", reason, who=identity(), at=now)
        last = next(each for each in beside.find(store) if each.number == record.number)
        trials = beside.trials(store, record.number)
    if as_json:
        emit_json(beside_json(last, trials))
    else:
        click.echo(f"the canary of {record.promotion} was withdrawn; all readers see what is live")


def begin(target: str, share: str | None, readers: tuple[str, ...], *, dry_run: bool, as_json: bool) -> int:
    """``workbench publish TARGET --canary SHARE --to NAME``."""
    from workbench.cli.following import quietly
    from workbench.cli.publish import recover_first
    from workbench.promote.canary import apply_canary, plan_canary, share_of
    from workbench.runtime.warehouse import Warehouse
    from workbench.store import Store

    if "@" in target:
        raise UsageError("a canary shows a promotion", hint="for example workbench publish P-7 --canary 5%")
    chosen = 0 if share is None else share_of(share)
    workspace, now = find_workspace(), dt.datetime.now(dt.UTC)
    warehouse = Warehouse.open(workspace)
    with Store.open(workspace, read_only=dry_run) as store:
        if not dry_run:
            recover_first(store, warehouse, now)
        plan = plan_canary(workspace, store, warehouse, target, share=chosen, readers=readers, who=identity(), at=now)
        operation = None if dry_run else apply_canary(store, warehouse, plan, who=identity(), at=now)
    if operation is not None:
        quietly(workspace, identity(), promotion=plan.record.promotion)  # the runs since its trial
    if as_json:
        emit_json(_plan_json(plan, operation, dry_run=dry_run))
    else:
        _say(workspace, plan, dry_run=dry_run)
    return 0


def _plan_json(plan: CanaryPlan, operation: OperationRecord | None, *, dry_run: bool) -> dict[str, Any]:
    from workbench.cli.publish import plain

    return {
        "operation": operation.id if operation else None,
        "kind": "canary",
        "promotion": plan.record.promotion,
        "dry_run": dry_run,
        "moves": [{"pipeline": each.pipeline, "from": plain(each.old), "to": plain(each.new)} for each in plan.moves],
        "notes": list(plan.notes),
        "share": plan.record.share / 10_000,
        "readers": list(plan.record.readers),
    }


def _say(workspace: Workspace, plan: CanaryPlan, *, dry_run: bool) -> None:
    from workbench.render.beside import readers_said

    record = plan.record
    if plan.same:
        click.echo(f"{readers_said(record)} see {record.promotion} already")
        return
    verb = "would see" if dry_run else "see"
    for name, at in sorted(record.data.items()):
        click.echo(f"canary.{name}: {readers_said(record)} {verb} v{at.version}; all others see what is live")
    for note in plan.notes:
        click.echo(note)
    if not dry_run:
        click.echo(f"next: workbench canary reader NAME, workbench canary status {record.promotion}")


def _say_canaries(told: Sequence[tuple[BesideRecord, Sequence[TrialRecord]]], *, as_json: bool) -> None:
    from workbench.render.beside import beside_json, canaries_view

    if as_json:
        emit_json({"canaries": [beside_json(each, trials) for each, trials in told]})
    elif told:
        console().print(canaries_view(told))
    else:
        click.echo("no canary runs; next: workbench publish PROMOTION --canary 5%")
