"""``workbench explain``."""

from __future__ import annotations

import datetime as dt

import click

from workbench.cli.common import console, emit_json, json_option
from workbench.config import Workspace, find_workspace
from workbench.errors import UsageError


@click.command()
@click.argument("pipeline")
@click.option(
    "--key", "keys", metavar="COLUMN=VALUE,…", multiple=True, help="Which row; as a JSON object it may hold NULL and commas."
)
@click.option("--column", "columns", metavar="COLUMN", multiple=True, help="Only this column counts; may be given again.")
@click.option("--as-of", metavar="MOMENT", default=None, help="What readers saw then; without a time zone it is UTC.")
@click.option("--for", "day", metavar="DATE", default=None, help="The rows of that day as they are now, and every restatement.")
@json_option
def explain(
    pipeline: str, keys: tuple[str, ...], columns: tuple[str, ...], as_of: str | None, day: str | None, as_json: bool
) -> None:
    """Say where the values of a row of PIPELINE came from.

    That is: what readers saw at a moment (now, without --as-of), the version that gave it, the run or trial that computed it,
    its code, parameters and inputs, who promoted and approved it and why, and what the row became later. With --for it is about
    the rows of a day, and all that was ever said about them.

    Exits 1 when there was no such row, when nothing was live then, or when the data was removed since.

    \b
    Examples:
      workbench explain late_departures --key day=2013-06-03,origin=JFK --column rate
      workbench explain late_departures --key day=2013-06-03,origin=JFK --as-of 2026-06-03T09:00Z
      workbench explain late_departures --for 2013-06-03 --json
    """
    from workbench.catalog.explain import explain as found_in
    from workbench.catalog.selection import parse_key
    from workbench.render.explain import explanation_json, explanation_view

    if not keys and day is None:
        raise _unasked(find_workspace(), pipeline)
    if as_of is not None and day is not None:
        raise UsageError("--as-of and --for exclude each other", hint="use --key to name the row, and --as-of for the moment")
    found = found_in(
        find_workspace(),
        pipeline,
        parse_key(keys),
        columns=columns,
        as_of=None if as_of is None else _moment(as_of),
        day=None if day is None else _day(day),
    )
    if as_json:
        emit_json(explanation_json(found))
    else:
        console().print(explanation_view(found))


def _unasked(workspace: Workspace, pipeline: str) -> UsageError:
    """What to answer who names no row: the columns that tell rows apart, or that there is no such pipeline."""
    from workbench.catalog.origin import contract_of
    from workbench.catalog.version import latest_version, pipelines
    from workbench.errors import UnknownName

    known = pipelines(workspace)
    if pipeline not in known:
        return UnknownName.of("pipeline", pipeline, known, hint="workbench status")
    contract = contract_of(workspace, pipeline, latest_version(workspace, pipeline))
    key = () if contract is None else contract.key
    asked = ",".join(f"{column}=…" for column in key) or "COLUMN=VALUE"
    return UsageError("which row?", hint=f"workbench explain {pipeline} --key {asked}, or --for DATE")


def _moment(text: str) -> dt.datetime:
    try:
        found = dt.datetime.fromisoformat(text.removesuffix(" UTC"))
        return found.replace(tzinfo=dt.UTC) if found.tzinfo is None else found.astimezone(dt.UTC)
    except (ValueError, OverflowError):
        raise UsageError(f"--as-of {text[:60]!r} is no moment", hint="write it as 2026-06-03T09:00Z") from None


def _day(text: str) -> dt.date:
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise UsageError(f"--for {text[:60]!r} is no day", hint="write it as 2013-06-03") from None
