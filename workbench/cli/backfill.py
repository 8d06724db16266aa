"""``workbench backfill``: plan, carry out, pause, resume and cancel."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from workbench.cli.common import console, emit_json, json_option
from workbench.cli.identity import identity
from workbench.cli.run import pairs
from workbench.config import Workspace, find_workspace
from workbench.errors import UsageError
from workbench.model import Interval, counted
from workbench.settings import parse_duration

if TYPE_CHECKING:
    from workbench.operate.backfill_hours import Hours
    from workbench.operate.backfill_plan import BackfillPlan
    from workbench.store.records import BackfillRecord


@click.command()
@click.argument("pipeline", required=False)
@click.option("--from", "start", metavar="MOMENT", default=None, help="Where the range begins, in UTC.")
@click.option("--to", "end", metavar="MOMENT", default=None, help="Where it ends, not included.")
@click.option("--step", default="1d", show_default=True, help="How long each interval is.")
@click.option("-p", "--parameter", "parameters", metavar="NAME=VALUE", multiple=True, help="Set a parameter of the pipeline.")
@click.option("--plan", "plan_file", type=click.Path(path_type=Path), help="Save the plan to this file.")
@click.option("--apply", "apply_file", type=click.Path(path_type=Path), help="Carry out this plan, from where it is.")
@click.option("--max-parallel", default=None, type=click.IntRange(1, 32), help="Intervals at one time; one when left out.")
@click.option("--window", "hours", metavar="HH:MM-HH:MM", default=None, help="Begin intervals only in these hours.")
@click.option("--timezone", default="UTC", show_default=True, help="The clock of --window.")
@click.option("--list", "listing", is_flag=True, help="List backfills; of PIPELINE or of all.")
@click.option("--pause", metavar="ID", default=None, help="Begin no more intervals of a backfill (B-1).")
@click.option("--resume", metavar="ID", default=None, help="Go on with a backfill, in its hours; here, when nobody is at it.")
@click.option("--cancel", metavar="ID", default=None, help="End a backfill where it is.")
@json_option
def backfill(
    pipeline: str | None,
    start: str | None,
    end: str | None,
    step: str,
    parameters: tuple[str, ...],
    plan_file: Path | None,
    apply_file: Path | None,
    max_parallel: int | None,
    hours: str | None,
    timezone: str,
    listing: bool,
    pause: str | None,
    resume: str | None,
    cancel: str | None,
    as_json: bool,
) -> int:
    """Compute a range of PIPELINE again, interval by interval, by a plan that is made first.

    --plan saves the exact intervals and what they are expected to take; --apply runs exactly that, and goes on where it was
    when it is typed again. Each interval is published once. What is scheduled goes first, and nobody is alerted about the
    range meanwhile.

    Exits 1 when an interval did not succeed, 4 when another version is live than was planned for, 5 when another backfill
    holds part of the range.

    \b
    Examples:
      workbench backfill late_departures --from 2013-01-01 --to 2013-02-01 --plan plan.json
      workbench backfill --apply plan.json --max-parallel 2 --window 02:00-05:00 --timezone Europe/Berlin
      workbench backfill --list
      workbench backfill --pause B-1
      workbench backfill --resume B-1
      workbench backfill --cancel B-1
    """
    asked = {"--apply": apply_file, "--list": listing or None, "--pause": pause, "--resume": resume, "--cancel": cancel}
    given = [name for name, value in asked.items() if value is not None]
    if len(given) > 1 or (given and (plan_file or start or end or parameters or (pipeline and not listing))):
        raise UsageError(f"{given[0]} stands alone, without a range and the other verbs", hint="workbench backfill --help")
    if (hours or max_parallel) and apply_file is None and resume is None:
        raise UsageError("--window and --max-parallel go with --apply or --resume", hint="workbench backfill --help")
    workspace = find_workspace()
    if apply_file is not None or resume is not None:
        from workbench.operate.backfill_hours import Hours

        within = None if hours is None else Hours.parse(hours, timezone)
        return _carry_out(workspace, apply_file, resume, max_parallel, within, as_json=as_json)
    if pause is not None or cancel is not None:
        return _change(workspace, str(pause or cancel), "cancel" if pause is None else "pause", as_json=as_json)
    if listing:
        return _list(workspace, pipeline, as_json=as_json)
    if pipeline is None or start is None or end is None:
        raise UsageError(
            "a backfill needs a pipeline, --from and --to",
            hint="workbench backfill PIPELINE --from 2013-01-01 --to 2013-02-01 --plan plan.json",
        )
    return _plan(workspace, pipeline, Interval.parse(f"{start}..{end}"), step, parameters, plan_file, as_json=as_json)


def _plan(
    workspace: Workspace,
    pipeline: str,
    span: Interval,
    step: str,
    parameters: tuple[str, ...],
    file: Path | None,
    *,
    as_json: bool,
) -> int:
    from workbench.operate.backfill_plan import plan_backfill
    from workbench.render.backfill import plan_view
    from workbench.runtime.files import write_atomic

    seconds = parse_duration(step)
    if seconds <= 0:
        raise UsageError("--step is no time at all", hint="for example --step 1d")
    plan = plan_backfill(workspace, pipeline, span, dt.timedelta(seconds=seconds), pairs(parameters))
    if file is not None:
        if not file.parent.is_dir():
            raise UsageError(f"there is no folder {file.parent}", hint="give --plan a file in a folder that is there")
        write_atomic(file, json.dumps(plan.to_json(), indent=2, ensure_ascii=False) + "\n")
    ahead = sum(each.end > dt.datetime.now(dt.UTC) for each in plan.intervals)
    if ahead:
        click.echo(f"not ended yet: {counted(ahead, 'interval')}, of which only what is there by then is published", err=True)
    if as_json:
        emit_json({"plan": plan.to_json()})
    else:
        console().print(plan_view(plan))
        click.echo("next: " + (f"workbench backfill --apply {file}" if file else "the same with --plan plan.json, to keep it"))
    return 0


def _carry_out(
    workspace: Workspace, file: Path | None, resume: str | None, most: int | None, hours: Hours | None, *, as_json: bool
) -> int:
    from workbench.cli.following import quietly
    from workbench.operate.backfill import Worker, change
    from workbench.operate.backfill_hours import Hours
    from workbench.operate.backfill_plan import from_json, read_plan

    plan: BackfillPlan
    if file is not None:
        plan = read_plan(file)
    else:
        record = change(workspace, str(resume), "resume", who=identity(), now=dt.datetime.now(dt.UTC))
        if _carried_out(workspace, [record]):
            _print(workspace, record, as_json=as_json)
            return 0
        plan = from_json(record.plan, where=record.id)
        most = most or record.process.get("max_parallel")
        if hours is None and "window" in record.process:
            hours = Hours.parse(record.process["window"], record.process["timezone"])
    worker = Worker(workspace, identity(), max_parallel=most or 1, hours=hours, say=lambda text: click.echo(text, err=True))
    ended = worker.apply(plan)
    _print(workspace, ended, as_json=as_json)
    quietly(workspace, identity(), pipelines=[ended.pipeline])
    return 0 if ended.state == "done" and all(each.state == "succeeded" for each in ended.windows) else 1


def _change(workspace: Workspace, identity_: str, verb: str, *, as_json: bool) -> int:
    from workbench.operate.backfill import change

    changed = change(workspace, identity_, verb, who=identity(), now=dt.datetime.now(dt.UTC))
    _print(workspace, changed, as_json=as_json)
    return 0


def _list(workspace: Workspace, pipeline: str | None, *, as_json: bool) -> int:
    from workbench.render.backfill import backfill_json, backfills_view
    from workbench.store import Store, backfills

    with Store.open(workspace, read_only=True) as store:
        found = backfills.find(store, pipeline)
    alive = _carried_out(workspace, found)
    if as_json:
        emit_json({"backfills": [backfill_json(each, carried_out=each.id in alive) for each in found]})
    elif found:
        console().print(backfills_view(found, alive))
    else:
        click.echo("no backfills yet; next: workbench backfill PIPELINE --from … --to … --plan plan.json")
    return 0


def _print(workspace: Workspace, record: BackfillRecord, *, as_json: bool) -> None:
    from workbench.render.backfill import backfill_json, backfill_view

    carried_out = bool(_carried_out(workspace, [record]))
    if as_json:
        emit_json({"backfill": backfill_json(record, carried_out=carried_out)})
    else:
        console().print(backfill_view(record, carried_out=carried_out))


def _carried_out(workspace: Workspace, found: Sequence[BackfillRecord]) -> set[str]:
    """The ids of those that a process carries out now, also of one that was cancelled and lets its last intervals end."""
    from workbench.operate.backfill_lease import is_carried_out
    from workbench.store import Store, backfills

    open_ = [
        each for each in found if each.state in backfills.ACTIVE or any(window.state == "running" for window in each.windows)
    ]
    with Store.open(workspace, read_only=True) as store:
        return {each.id for each in open_ if is_carried_out(store, each.id)}
