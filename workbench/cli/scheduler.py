"""``workbench scheduler``: the service that keeps pipelines fresh."""

from __future__ import annotations

import contextlib
import datetime as dt
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import click

from workbench.cli.common import emit_json, json_option
from workbench.config import find_workspace
from workbench.errors import WorkbenchError
from workbench.model import counted
from workbench.moments import iso, iso_or_none, planned

if TYPE_CHECKING:
    from workbench.operate.scheduler import Scheduler

GRACE_SECONDS = 20.0
POLL_SECONDS = 0.5
STOPPED = 130  # the exit code of a pass that was stopped


@click.group()
def scheduler() -> None:
    """Run pipelines when they are due.

    \b
    Examples:
      workbench scheduler run
      workbench scheduler run --once
    """


@scheduler.command()
@click.option("--once", is_flag=True, help="Run what is due now, and end; for cron.")
@click.option("--jobs", type=click.IntRange(1, 64), default=None, help="How many runs at once; pyproject.toml says, else 2.")
@click.option("--grace", default=GRACE_SECONDS, show_default=True, type=click.FloatRange(0), help="Seconds for runs to end.")
@json_option
def run(once: bool, jobs: int | None, grace: float, as_json: bool) -> int:
    """Run every pipeline that is due, until stopped; log lines go to stderr.

    SIGTERM or Ctrl-C: nothing more is begun, runs under way may end within --grace, then they are stopped and are due again.
    A second one stops them at once. SIGHUP reads all settings again. Any number of schedulers may work on one workspace.

    With --once, exits 1 when a run failed or had nothing to compute, or a pipeline can't be scheduled, and 130 when stopped.

    \b
    Examples:
      workbench scheduler run --jobs 2
      workbench scheduler run --once --json
    """
    from workbench.operate.idle import nothing_before

    workspace = find_workspace()
    if once:
        idle, wake = nothing_before(workspace, dt.datetime.now(dt.UTC))
        if idle:
            return _told([], 0, [], wake, {}, as_json=as_json)
    from workbench.cli.following import quietly
    from workbench.cli.identity import identity
    from workbench.operate.scheduler import Scheduler

    who = f"scheduler of {identity()}"

    def aside(stopping: Callable[[], bool]) -> None:
        quietly(workspace, who, say=_say, stopping=stopping)

    service = Scheduler(workspace, who, _say, jobs or workspace.settings.scheduler.jobs, aside=aside)
    stopped = _once(service, grace) if once else _serve(service, grace)
    last = service.last
    code = _told(service.ended, service.refused, list(last.held), last.wake, service.problems, as_json=as_json, once=once)
    return STOPPED if stopped and once else code


def _serve(service: Scheduler, grace: float) -> bool:
    from workbench.operate.heartbeat import Heartbeat

    stop, asked = threading.Event(), [0]

    def end(*_: Any) -> None:
        asked[0] += 1
        stop.set()

    def reload(*_: Any) -> None:
        try:
            service.reload(find_workspace(service.workspace.root))
        except WorkbenchError as error:  # a slip of the pen must not end what runs
            _say(f"settings stay as they were: {error.message}")
        else:
            _say("settings read again")

    handlers = {signal.SIGTERM: end, signal.SIGINT: end}
    if hasattr(signal, "SIGHUP"):
        handlers[signal.SIGHUP] = reload
    with _handled(handlers):
        _say(f"scheduler of {service.workspace.root.name} started, {counted(service.jobs, 'run')} at once")
        with Heartbeat(service.workspace) as heart:
            service.serve(stop, lambda: grace if asked[0] < 2 else 0.0, lambda: heart.beat(service.last.wake))
    _say("scheduler stopped")
    return True


def _once(service: Scheduler, grace: float) -> bool:
    """One pass; whether it was stopped. Its runs then have ``grace`` seconds, or until it is stopped again."""
    from workbench.runtime.forked import cool_down

    done, asked = threading.Event(), [0]

    def wind_down() -> None:
        started = time.monotonic()
        while not done.wait(0.1):
            if asked[0] > 1 or time.monotonic() - started >= grace:
                cool_down("the scheduler was stopped")  # processes that run cells end with the one they were forked from
                return

    def end(*_: Any) -> None:
        asked[0] += 1
        if asked[0] == 1:
            service.stopping = True
            threading.Thread(target=wind_down, name="workbench-stop", daemon=True).start()

    with _handled({signal.SIGTERM: end, signal.SIGINT: end}):
        try:
            service.once()
            _wait_for_backfills(service)
        finally:
            done.set()
    return asked[0] > 0


def _wait_for_backfills(service: Scheduler) -> None:
    """Run, too, what is due and a backfill kept from running: it lets a scheduler that lives go first after each interval."""
    from workbench.operate.backfill_first import kept_waiting

    waiting = kept_waiting(service.workspace)
    if not waiting:
        return
    from workbench.operate.heartbeat import Heartbeat

    _say(f"waiting until a backfill lets {', '.join(waiting)} go first")
    with Heartbeat(service.workspace) as heart:
        while not service.stopping and kept_waiting(service.workspace):
            heart.beat(None)
            time.sleep(POLL_SECONDS)
            service.once()


@contextlib.contextmanager
def _handled(handlers: Mapping[signal.Signals, Callable[..., None]]) -> Iterator[None]:
    """Signals go to these while it lasts; where another thread than the main one asks, they stay as they are."""
    main = threading.current_thread() is threading.main_thread()
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()} if main else {}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _say(line: str) -> None:
    print(f"{iso(dt.datetime.now(dt.UTC).replace(microsecond=0))} {' '.join(line.split())}", file=sys.stderr, flush=True)


def _told(
    ended: list[Any],
    refused: int,
    held: list[Any],
    wake: dt.datetime | None,
    problems: dict[str, str],
    *,
    as_json: bool,
    once: bool = True,
) -> int:
    bad = refused + sum(each.status != "succeeded" for each in ended)
    if as_json:
        from workbench.render.schedule import held_json

        runs = [{"run": each.id, "pipeline": each.pipeline, "status": each.status, "error": each.error} for each in ended]
        document = {"runs": runs, "refused": refused, "held": [held_json(each) for each in held]}
        found = [{"pipeline": name, "problem": problem} for name, problem in problems.items()]
        emit_json({**document, "problems": found, "look_again": iso_or_none(wake)})
    elif once and not ended and not refused and not held:
        again = "" if wake is None else f"; next at {planned(wake)}"
        click.echo(f"nothing is due{again}")
    elif once:
        for each in held:
            click.echo(f"{each.pipeline} {each.interval} waits for {each.cause}{': ' * bool(each.error)}{each.error}")
        ahead = "; next: workbench schedule ls" if bad or held else ""
        click.echo(f"{counted(len(ended) + refused, 'run')}, {bad} without success, {len(held)} held{ahead}")
    if once and problems and not as_json:
        click.echo(f"{counted(len(problems), 'pipeline')} can't be scheduled; next: workbench schedule ls")
    return 1 if (bad or problems) and once else 0
