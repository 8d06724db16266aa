"""``workbench run`` and ``workbench runs``."""

from __future__ import annotations

import contextlib
import datetime as dt
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import click

from workbench.cli.common import console, emit_json, json_option
from workbench.cli.identity import identity
from workbench.config import find_workspace
from workbench.errors import UnknownName, UsageError
from workbench.model import Interval, VersionId

if TYPE_CHECKING:
    from workbench.store.records import RunRecord


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
@click.option("--staged", metavar="NAME", default="", help="Publish what another scheduler's papermill has staged so.")
@json_option
def run(pipeline: str, interval: str | None, parameters: tuple[str, ...], engine: str, staged: str, as_json: bool) -> int:
    """Run the live version of PIPELINE, for all data or one interval, and let readers see the result.

    The result is written where no reader looks and checked there; only then do readers see it. Whatever fails before leaves
    them what they had. Running twice on the same data changes nothing.

    Exits 1 when the run failed, or when there was nothing to compute (degraded: readers keep what they have), and 5 when it
    failed of something that may pass, such as a lost connection, or the process that computed was killed.

    \b
    Examples:
      workbench run late_departures
      workbench run late_departures --interval 2013-07-01..2013-07-08
      workbench run late_departures -p min_delay=30 --json
    """
    span = None if interval is None else Interval.parse(interval)
    return _run(pipeline, span, pairs(parameters), engine, staged, as_json=as_json)


@click.group()
def runs() -> None:
    """List and show runs, open their executed notebooks, run them again.

    \b
    Examples:
      workbench runs ls
      workbench runs show R-3
      workbench runs open R-3
      workbench runs retry R-3
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
    from workbench.store import Store, beats

    workspace = find_workspace()
    with Store.open(workspace, read_only=True) as store:
        found = store.runs(pipeline, limit=limit)
        alive = {each.id: beats.last(store, each.id) for each in found if each.status == "running"}
    signs = {name: beat for name, beat in alive.items() if beat is not None}
    if pipeline is not None and not found and pipeline not in pipelines(workspace):
        raise UnknownName.of("pipeline", pipeline, pipelines(workspace), hint="workbench runs ls")
    if as_json:
        emit_json({"runs": [run_json(each, signs.get(each.id)) for each in found]})
    elif found:
        console().print(runs_view(found, signs, dt.datetime.now(dt.UTC)))
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
    from workbench.store import Store, beats

    record = find_run(run_id)
    with Store.open(find_workspace(), read_only=True) as store:
        beat = beats.last(store, record.id) if record.status == "running" else None
    if as_json:
        emit_json(run_json(record, beat))
    else:
        console().print(run_view(record, whole=True, beat=beat))


@runs.command()
@click.argument("run_id", metavar="RUN")
@json_option
def retry(run_id: str, as_json: bool) -> int:
    """Run again what RUN ran: its pipeline's live version, for the same interval and with the same parameters.

    \b
    Examples:
      workbench runs retry R-3
      workbench runs retry R-3 --json
    """
    earlier = find_run(run_id)
    return _run(
        earlier.pipeline, earlier.interval, earlier.parameters, earlier.facts.get("engine", "workbench"), as_json=as_json
    )


@runs.command("open")
@click.argument("run_id", metavar="RUN")
@click.option("--no-browser", is_flag=True, help="Only write the page and say where it is.")
@json_option
def open_(run_id: str, no_browser: bool, as_json: bool) -> None:
    """Show the executed notebook of RUN in a browser, at the cell that failed.

    The page is written beside the record. It runs no script and loads nothing.

    \b
    Examples:
      workbench runs open R-3
      workbench runs open R-3 --no-browser --json
    """
    from workbench.render.record import page
    from workbench.runtime.files import write_atomic

    workspace = find_workspace()
    found = find_run(run_id)
    record = workspace.root / found.notebook
    if not found.notebook or not record.is_file():
        raise UsageError(f"{found.id} has no executed notebook: it ended before", hint=f"workbench runs show {found.id}")
    place = record.with_suffix(".html")
    write_atomic(place, page(record.read_text(encoding="utf-8"), title=f"{found.id} {found.pipeline}@{found.version}"))
    anchor = "#failed" if found.facts.get("cell") else ""
    if not no_browser:
        import webbrowser

        webbrowser.open(place.as_uri() + anchor)
    shown = place.relative_to(workspace.root).as_posix()
    if as_json:
        emit_json({"run": found.id, "page": shown, "failed_cell": found.facts.get("cell") or None})
    else:
        click.echo(shown)


def find_run(run_id: str) -> RunRecord:
    from workbench.store import Store

    with Store.open(find_workspace(), read_only=True) as store:
        record = store.run(run_id.upper())
        known = [] if record is not None else [each.id for each in store.runs(limit=50)]
    if record is None:
        raise UnknownName.of("run", run_id, known, hint="workbench runs ls")
    return record


def _run(
    pipeline: str, interval: Interval | None, parameters: Mapping[str, Any], engine: str, staged: str = "", *, as_json: bool
) -> int:
    from workbench.catalog.contract import read_contract
    from workbench.catalog.version import version_dir
    from workbench.cli.endings import warn
    from workbench.cli.following import quietly
    from workbench.operate.fresh import stale_sources
    from workbench.operate.run import run_pipeline
    from workbench.render.fresh import stale_json, stale_view
    from workbench.render.run import run_json, run_view

    workspace, now = find_workspace(), dt.datetime.now(dt.UTC)
    with progress() as on_cell:
        record = run_pipeline(
            workspace,
            pipeline,
            interval=interval,
            parameters=parameters,
            who=identity(),
            now=now,
            engine=engine,
            staged=staged,
            on_cell=on_cell,
        )
    contract = read_contract(version_dir(workspace, VersionId(record.pipeline, record.version)))
    reads = [each.name for each in contract.inputs if each.kind == "pipeline"]
    leaving = warn(workspace, [record.pipeline, *reads])
    stale = stale_sources(workspace, now, [each.name for each in contract.inputs if each.kind == "source"])
    if as_json:
        emit_json(run_json(record) | {"deprecated": leaving, "stale_sources": [stale_json(each) for each in stale]})
    else:
        console().print(run_view(record))
        for each in stale:
            console().print(stale_view(each, now))
    sys.stdout.flush()
    quietly(workspace, identity(), pipelines=[pipeline])
    return 0 if record.status == "succeeded" else 5 if record.facts.get("passing") else 1


def pairs(given: tuple[str, ...]) -> dict[str, str]:
    """What ``-p NAME=VALUE`` options say, by name."""
    found: dict[str, str] = {}
    for text in given:
        name, separator, value = text.partition("=")
        if not separator:
            raise UsageError(f"-p {text!r} sets nothing", hint="write it as -p NAME=VALUE, for example -p min_delay=30")
        if name in found:
            raise UsageError(f"parameter {name} is set twice", hint=f"give -p {name}=… once")
        found[name] = value
    return found


@contextlib.contextmanager
def progress() -> Iterator[Callable[[str, int, int], None] | None]:
    """Which cell is running, on a terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    from workbench.cli.progress import steps

    with steps() as say:
        say("starting")
        yield lambda cell, index, count: say(f"cell {index + 1} of {count}: {cell}")
