"""``workbench schedule``: what is due when."""

from __future__ import annotations

import datetime as dt

import click

from workbench.cli.common import console, emit_json, json_option
from workbench.config import find_workspace


@click.group()
def schedule() -> None:
    """Say what the scheduler has done, what it would do now, and what comes next.

    \b
    Examples:
      workbench schedule ls
      workbench schedule next --count 20
    """


@schedule.command()
@json_option
def ls(as_json: bool) -> None:
    """One line a published pipeline: its schedule, its last interval and its next, and what it waits for.

    \b
    Examples:
      workbench schedule ls
      workbench schedule ls --json
    """
    from workbench.operate.agenda import agenda, entries
    from workbench.operate.heartbeat import schedulers
    from workbench.render.schedule import agenda_view, entry_json

    workspace, now = find_workspace(), dt.datetime.now(dt.UTC)
    found = entries(agenda(workspace, now))
    alive = [each for each in schedulers(workspace) if each["alive"]]
    if as_json:
        services = [{name: each[name] for name in ("host", "pid", "at")} for each in alive]
        emit_json({"pipelines": [entry_json(each) for each in found], "schedulers": services})
    elif found:
        console().print(agenda_view(found, now))
        said = ", ".join(f"{each['host']} (process {each['pid']})" for each in alive)
        click.echo(f"schedulers: {said}" if said else "no scheduler is running; next: workbench scheduler run")
    else:
        click.echo("nothing is published yet; next: workbench status")


@schedule.command("next")
@click.argument("pipeline", required=False)
@click.option("--count", default=10, show_default=True, type=click.IntRange(1, 10_000), help="How many moments.")
@json_option
def next_(pipeline: str | None, count: int, as_json: bool) -> None:
    """The next moments at which PIPELINE, or anything, is due, and the interval that each computes.

    \b
    Examples:
      workbench schedule next
      workbench schedule next late_departures --count 3 --json
    """
    from workbench.operate.agenda import agenda, firings
    from workbench.render.schedule import firing_json, firings_view

    now = dt.datetime.now(dt.UTC)
    found = firings(agenda(find_workspace(), now), count, now, pipeline)
    if as_json:
        emit_json({"firings": [firing_json(each) for each in found]})
    elif found:
        console().print(firings_view(found))
    else:
        click.echo("nothing is scheduled; next: write a schedule in promoted/PIPELINE/pipeline.toml")
