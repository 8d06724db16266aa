"""``workbench deprecate``."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import click

from workbench.cli.common import emit_json, json_option, reason
from workbench.cli.identity import identity
from workbench.config import find_workspace
from workbench.errors import UsageError
from workbench.model import VersionId

if TYPE_CHECKING:
    from workbench.store.records import DeprecationRecord


@click.command()
@click.argument("version", metavar="PIPELINE@N")
@click.option("--until", metavar="DATE", default=None, help="The last day on which it may be read, as 2026-12-31, in UTC.")
@click.option("--use", metavar="PIPELINE@N", default="", help="What to read instead.")
@click.option("--why", required=True, help="The reason, for the ledger and for the readers.")
@click.option("--undo", is_flag=True, help="Take it back.")
@json_option
def deprecate(version: str, until: str | None, use: str, why: str, undo: bool, as_json: bool) -> int:
    """Tell readers of PIPELINE@N to leave it: until when, and what to read instead.

    They are warned wherever they meet it: in status, show, catalog, lineage, impact, run, check, promote, on the site, and by
    tools that show comments of views. Nothing is moved. When the day is over the warnings are louder, and with
    overdue_inputs = "refuse" the gate impact refuses what still reads it. Said twice, the last word counts.

    \b
    Examples:
      workbench deprecate late_departures@2 --until 2026-12-31 --use late_departures@3 --why "counts cancelled flights"
      workbench deprecate late_departures@2 --undo --why "two teams need more time"
    """
    from workbench.catalog.deprecate import deprecate as carry_out
    from workbench.catalog.deprecate import plan_deprecation
    from workbench.catalog.deprecate import undo as take_back
    from workbench.catalog.endings import deprecation_said
    from workbench.operate.demote import consumers
    from workbench.render.endings import deprecation_json
    from workbench.runtime.warehouse import Warehouse
    from workbench.store import Store

    if undo and (until is not None or use):
        raise UsageError("--undo stands alone, with --why", hint=f"workbench deprecate {version} --undo --why …")
    if not undo and until is None:
        raise UsageError(
            "--until is missing: until when may it be read?", hint=f"workbench deprecate {version} --until DATE --why …"
        )
    workspace, target, said, now = find_workspace(), VersionId.parse(version), reason(why), dt.datetime.now(dt.UTC)
    warehouse = Warehouse.open(workspace)
    with Store.open(workspace) as store:
        if undo:
            record = take_back(workspace, store, warehouse, target, who=identity(), why=said, now=now)
            before: DeprecationRecord | None = record
        else:
            day = _day(until or "")
            record, before = plan_deprecation(workspace, store, target, until=day, use=use, why=said, who=identity(), now=now)
            carry_out(store, warehouse, record)
        live = warehouse.current().views.get(target.pipeline)
        seen = live is not None and live.version == target.number
        reading = consumers(workspace, store, warehouse, target.pipeline) if seen else ()
    if as_json:
        emit_json(
            {
                "deprecated": None if undo else deprecation_json(record, now),
                "before": None if before is None else deprecation_json(before, now),
                "live": seen,
                "readers": [{"pipeline": each.pipeline, "version": each.version, "owner": each.owner} for each in reading],
            }
        )
        return 0
    click.echo(f"{target} is not deprecated any more" if undo else deprecation_said(record, now))
    if before is not None and not undo:
        click.echo(f"before: until {before.until}{f', use {before.instead}' if before.instead else ''}")
    for each in reading:
        click.echo(f"read by {each.pipeline}@{each.version}, owner: {each.owner}")
    if not seen:
        click.echo(f"readers of {target.pipeline} see {f'v{live.version}' if live else 'nothing'} now")
    return 0


def _day(text: str) -> dt.date:
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise UsageError(f"--until {text!r} is no day", hint="write it as YEAR-MONTH-DAY, for example 2026-12-31") from None
