"""``workbench quarantine``: rows that broke a check and were held back."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import click

from workbench.cli.common import console, emit_json, json_option, reason
from workbench.cli.identity import identity
from workbench.config import find_workspace
from workbench.errors import UnknownName
from workbench.model import counted

if TYPE_CHECKING:
    from workbench.store.records import QuarantineRecord


@click.group()
def quarantine() -> None:
    """List and show rows that were held back; release or discard them.

    A check with on_failure="quarantine" holds back the rows that break it; the others are published.

    \b
    Examples:
      workbench quarantine ls
      workbench quarantine show Q-1
      workbench quarantine release Q-1 --why "refunds are negative"
      workbench quarantine discard Q-1 --why "a typo upstream"
    """


@quarantine.command()
@click.argument("pipeline", required=False)
@click.option("--all", "every", is_flag=True, help="Also what was released or discarded.")
@json_option
def ls(pipeline: str | None, every: bool, as_json: bool) -> None:
    """List what is held back, the oldest first; of PIPELINE or of all.

    \b
    Examples:
      workbench quarantine ls
      workbench quarantine ls late_departures --all --json
    """
    from workbench.catalog.version import pipelines
    from workbench.render.quarantine import held_json, held_view
    from workbench.store import Store
    from workbench.store import quarantine as stored

    workspace = find_workspace()
    if pipeline is not None and pipeline not in pipelines(workspace):
        raise UnknownName.of("pipeline", pipeline, pipelines(workspace), hint="workbench quarantine ls")
    with Store.open(workspace, read_only=True) as store:
        found = [each for each in stored.find(store, pipeline) if every or each.state in ("held", "releasing")]
    if as_json:
        emit_json({"quarantine": [held_json(each) for each in found]})
    elif found:
        console().print(held_view(found))
    else:
        click.echo("nothing is held back" + ("" if every else "; what was decided: workbench quarantine ls --all"))


@quarantine.command()
@click.argument("held", metavar="ID")
@click.option("--rows", default=20, show_default=True, type=click.IntRange(0), help="How many of its rows.")
@json_option
def show(held: str, rows: int, as_json: bool) -> None:
    """Show what is held back under ID (Q-1): which check, which run, and its rows.

    \b
    Examples:
      workbench quarantine show Q-1
      workbench quarantine show Q-1 --rows 5 --json
    """
    from workbench.operate.quarantine import find, rows_of
    from workbench.render.quarantine import held_json, one_view
    from workbench.store import Store

    workspace = find_workspace()
    with Store.open(workspace, read_only=True) as store:
        record = find(store, held)
    columns, found = rows_of(workspace, record, rows)
    if as_json:
        emit_json({**held_json(record), "columns": columns, "first_rows": [list(row) for row in found]})
    else:
        console().print(one_view(record, columns, found))


@quarantine.command()
@click.argument("held", metavar="ID")
@click.option("--why", required=True, help="The reason, for the ledger.")
@json_option
def release(held: str, why: str, as_json: bool) -> None:
    """Show readers the rows of ID beside those that they see, in one step; later runs let them through.

    Refused (exit 4) when another version is live, or when readers see rows with the same key by now.

    \b
    Examples:
      workbench quarantine release Q-1 --why "refunds are negative"
    """
    from workbench.operate.quarantine import release as carry_out

    record = carry_out(find_workspace(), held, who=identity(), why=reason(why), now=dt.datetime.now(dt.UTC))
    _say(record, f"readers of {record.pipeline} see {counted(record.file.rows, 'more row')}", as_json=as_json)


@quarantine.command()
@click.argument("held", metavar="ID")
@click.option("--why", required=True, help="The reason, for the ledger.")
@json_option
def discard(held: str, why: str, as_json: bool) -> None:
    """Decide that the rows of ID are never shown. They stay on disk and on the record.

    \b
    Examples:
      workbench quarantine discard Q-1 --why "a typo upstream"
    """
    from workbench.operate.quarantine import discard as carry_out

    record = carry_out(find_workspace(), held, who=identity(), why=reason(why), now=dt.datetime.now(dt.UTC))
    _say(
        record,
        f"{counted(record.file.rows, 'row')} of {record.pipeline} stay{'s' if record.file.rows == 1 else ''} away",
        as_json=as_json,
    )


def _say(record: QuarantineRecord, what: str, *, as_json: bool) -> None:
    from workbench.render.quarantine import held_json

    if as_json:
        emit_json(held_json(record))
    else:
        click.echo(f"{record.id} is {record.state}: {what}")
