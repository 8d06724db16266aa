"""``workbench run`` and ``workbench runs``."""

from __future__ import annotations

import contextlib
import datetime as dt
import sys
from collections.abc import Callable, Iterator

import click

from workbench.cli.common import console, emit_json, json_option
from workbench.cli.identity import identity
from workbench.config import find_workspace
from workbench.errors import UnknownName, UsageError
from workbench.model import Interval


@click.command()
@click.argument("pipeline")
@click.option("--interval", metavar="START..END", default=None, help="Compute this span only, its end not included, in UTC.")
@click.option("-p", "--parameter", "parameters", metavar="NAME=VALUE", multiple=True, help="Set a parameter of the pipeline.")
@click.option(
    "--engine",
    type=click.Choice(["workbench", "workbench-kernel"]),
    default="workbench",
    show_default=True,
    help="Run cells in a forked child, or in a Jupyter kernel of their own.",
)
@json_option
def run(pipeline: str, interval: str | None, parameters: tuple[str, ...], engine: str, as_json: bool) -> int:
    """Run the live version of PIPELINE, for all data or one interval, and let readers see the result.

    The result is written where no reader looks and checked there; only then do readers see it. Whatever fails before leaves
    them what they had. Running twice on the same data changes nothing.

    Exits 1 when the run failed, or when there was nothing to compute (degraded: readers keep what they have).

    \b
    Examples:
      workbench run late_departures
      workbench run late_departures --interval 2013-07-01..2013-07-08
      workbench run late_departures -p min_delay=30 --json
    """
    from workbench.operate.run import run_pipeline
    from workbench.render.run import run_json, run_view

    workspace = find_workspace()
    span = None if interval is None else Interval.parse(interval)
    given = _pairs(parameters)
    with _progress() as on_cell:
        record = run_pipeline(
            workspace,
            pipeline,
            interval=span,
            parameters=given,
            who=identity(),
            now=dt.datetime.now(dt.UTC),
            engine=engine,
            on_cell=on_cell,
        )
    if as_json:
        emit_json(run_json(record))
    else:
        console().print(run_view(record))
    return 0 if record.status == "succeeded" else 1


@click.group()
def runs() -> None:
    """List and show runs.

    \b
    Examples:
      workbench runs ls
      workbench runs show R-3
    """


@runs.command()
@click.argument("pipeline", required=False)
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1), help="How many, the newest first.")
@json_option
def ls(pipeline: str | None, limit: int, as_json: bool) -> None:
    """List runs, the newest first; of PIPELINE or of all.

    \b
    Examples:
      workbench runs ls
      workbench runs ls late_departures --limit 5 --json
    """
    from workbench.catalog.version import pipelines
    from workbench.render.run import run_json, runs_view
    from workbench.store import Store

    workspace = find_workspace()
    with Store.open(workspace, read_only=True) as store:
        found = store.runs(pipeline, limit=limit)
    if pipeline is not None and not found and pipeline not in pipelines(workspace):
        raise UnknownName.of("pipeline", pipeline, pipelines(workspace), hint="workbench runs ls")
    if as_json:
        emit_json({"runs": [run_json(each) for each in found]})
    elif found:
        console().print(runs_view(found))
    else:
        click.echo(f"no runs yet; next: workbench run {pipeline or 'PIPELINE'}")


@runs.command()
@click.argument("run_id", metavar="RUN")
@json_option
def show(run_id: str, as_json: bool) -> None:
    """Show RUN (R-3): how it ended, what it read and wrote, and where its executed notebook is.

    \b
    Examples:
      workbench runs show R-3
      workbench runs show R-3 --json
    """
    from workbench.render.run import run_json, run_view
    from workbench.store import Store

    with Store.open(find_workspace(), read_only=True) as store:
        record = store.run(run_id.upper())
        known = [] if record is not None else [each.id for each in store.runs(limit=50)]
    if record is None:
        raise UnknownName.of("run", run_id, known, hint="workbench runs ls")
    if as_json:
        emit_json(run_json(record))
    else:
        console().print(run_view(record, whole=True))


def _pairs(given: tuple[str, ...]) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for text in given:
        name, separator, value = text.partition("=")
        if not separator:
            raise UsageError(f"-p {text!r} sets nothing", hint="write it as -p NAME=VALUE, for example -p min_delay=30")
        if name in pairs:
            raise UsageError(f"parameter {name} is set twice", hint=f"give -p {name}=… once")
        pairs[name] = value
    return pairs


@contextlib.contextmanager
def _progress() -> Iterator[Callable[[str, int, int], None] | None]:
    """Which cell is running, on a terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    from workbench.cli.progress import steps

    with steps() as say:
        say("starting")
        yield lambda cell, index, count: say(f"cell {index + 1} of {count}: {cell}")
