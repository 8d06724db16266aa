"""``workbench export``: files for other schedulers."""

from __future__ import annotations

import datetime as dt
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from workbench.cli.common import emit_json, json_option
from workbench.config import find_workspace
from workbench.errors import UsageError
from workbench.model import counted


@click.group()
def export() -> None:
    """Write what runs the pipelines with another scheduler: Airflow, cron, GitHub Actions or Kubernetes.

    \b
    Examples:
      workbench export airflow --output dags/workbench.py
      workbench export cron --output workbench.cron
    """


def _options(function: Callable[..., Any]) -> Callable[..., Any]:
    for option in (
        json_option,
        click.option("--command", default="workbench", show_default=True, help="The command there."),
        click.option("--workspace", "folder", default=None, help="The folder of the workspace there; here when left out."),
        click.option("--output", type=click.Path(path_type=Path, dir_okay=False), default=None, help="Write to this file."),
    ):
        function = option(function)
    return function


@export.command()
@click.option(
    "--operator",
    type=click.Choice(["command", "papermill"]),
    default="command",
    show_default=True,
    help="Run pipelines by our command, or notebooks by Airflow's PapermillOperator.",
)
@_options
def airflow(operator: str, output: Path | None, folder: str | None, command: str, as_json: bool) -> None:
    """DAGs for Airflow 3, one for each schedule: a task for each pipeline, with the production graph's edges.

    With --operator papermill, Airflow's own operator executes the run notebook and a second task publishes what it has staged.
    That operator has no time limit of its own, no memory limit and no working folder, and its record says completed of cells
    that never ran when the kernel was killed.

    \b
    Examples:
      workbench export airflow
      workbench export airflow --operator papermill
      workbench export airflow --output dags/workbench.py --workspace /srv/shop
    """
    from workbench.operate.export.airflow import dags, spelled

    def refused(cron: str) -> str:
        return "" if spelled(cron) else f"Airflow does not know the schedule {cron!r}"

    _export("airflow", dags, output, folder, as_json, refused, command=command, operator=operator)


@export.command()
@_options
def cron(output: Path | None, folder: str | None, command: str, as_json: bool) -> None:
    """Lines for cron that wake the scheduler whenever something may be due.

    For the workspace here they name the command by its path, since cron knows few folders. Variables that sources need have to
    stand above them.

    \b
    Examples:
      workbench export cron
      workbench export cron --output workbench.cron
      workbench export cron --workspace /srv/shop --command /srv/shop/.venv/bin/workbench
    """
    from workbench.operate.export.crontab import lines

    here = Path(sys.executable).with_name("workbench")
    if folder is None and command == "workbench" and here.is_file():
        command = shlex.quote(str(here))
    _export("cron", lines, output, folder, as_json, command=command)


@export.command()
@_options
def github(output: Path | None, folder: str | None, command: str, as_json: bool) -> None:
    """A workflow for GitHub Actions on a runner of your own that wakes the scheduler whenever something may be due.

    \b
    Examples:
      workbench export github --output .github/workflows/workbench.yml
    """
    from workbench.operate.export.github import workflow

    _export("github", workflow, output, folder, as_json, command=command)


@export.command()
@click.option("--image", default="registry.example.org/workbench:latest", show_default=True, help="The image with workbench.")
@click.option("--claim", default="workbench", show_default=True, help="The claim of the volume with the workspace.")
@_options
def kubernetes(image: str, claim: str, output: Path | None, folder: str | None, command: str, as_json: bool) -> None:
    """CronJobs for Kubernetes that wake the scheduler whenever something may be due.

    \b
    Examples:
      workbench export kubernetes --image registry.example.org/shop:1 | kubectl apply -f -
    """
    from workbench.operate.export.kubernetes import manifests

    _export("kubernetes", manifests, output, folder, as_json, command=command, image=image, claim=claim)


def _export(
    form: str,
    make: Callable[..., str],
    output: Path | None,
    folder: str | None,
    as_json: bool,
    refused: Callable[[str], str] = lambda _: "",
    **place: Any,
) -> None:
    from workbench.operate.agenda import agenda
    from workbench.operate.export import Place, clocks
    from workbench.runtime.files import make_folder, write_atomic
    from workbench.runtime.warehouse import Warehouse

    workspace = find_workspace()
    found = agenda(workspace, dt.datetime.now(dt.UTC)).definitions
    versions = {name: view.version for name, view in Warehouse.open(workspace).current().views.items()}
    every = clocks(found, versions)
    made = [clock for clock in every if not refused(clock.cron)]
    unknown = {job.name: refused(clock.cron) for clock in every for job in clock.jobs if clock not in made}
    left_out = {name: unknown.get(name) or mine.problem or "it has no schedule" for name, mine in found.items()}
    for clock in made:
        for job in clock.jobs:
            del left_out[job.name]
    if not made:
        said = "; ".join(f"{name}: {why}" for name, why in left_out.items()) or "nothing is published"
        raise UsageError(f"there is nothing to export: {said}", hint="workbench schedule ls")
    text = make(made, Place(folder or str(workspace.root), **place))
    if output is not None:
        make_folder(output.resolve().parent)
        write_atomic(output, text)
    exported = [job.name for clock in made for job in clock.jobs]
    if as_json:
        shown = None if output is None else str(output)
        emit_json({"format": form, "file": shown, "text": text, "pipelines": exported, "left_out": left_out})
        return
    if output is None:
        click.echo(text, nl=False)
    else:
        click.echo(f"{output}: {counted(len(exported), 'pipeline')} on {counted(len(made), 'schedule')}")
    for name, why in left_out.items():
        click.echo(f"{name} is left out: {why}", err=True)
