"""``workbench shadow``: candidates that run beside production, seen by nobody."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING

import click

from workbench.cli.common import console, emit_json, json_option, words
from workbench.cli.identity import identity
from workbench.cli.options import page_option, rows_option
from workbench.cli.output import check_folder, write_file
from workbench.config import Workspace, find_workspace
from workbench.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from workbench.store import Store
    from workbench.store.beside import BesideRecord, TrialRecord


@click.group()
def shadow() -> None:
    """Run a promotion's candidates beside production for some runs, seen by nobody, and compare.

    After each run of the live version the candidate runs for the same interval on the same inputs, at lower priority and for a
    limited time. How the run ended is not touched by that.

    \b
    Examples:
      workbench shadow start P-7 --runs 5
      workbench shadow status P-7 --html shadow.html
      workbench shadow stop P-7 --why "superseded by another idea"
    """


@shadow.command()
@click.argument("promotion")
@click.option("--runs", default=5, show_default=True, type=click.IntRange(1, 1000), help="Beside how many runs.")
@click.option(
    "--time-limit", default=None, metavar="DURATION", help="For each of them, such as 10m; without it by the run's own."
)
@click.option("--why", default="", help="A remark for the ledger.")
@json_option
def start(promotion: str, runs: int, time_limit: str | None, why: str, as_json: bool) -> None:
    """Let PROMOTION (P-7), which waits for approval or has it, run beside the next runs, scheduled ones and others.

    Without --time-limit the candidate may take as long as slowdown_tolerance allows beside the run, at least a minute.

    \b
    Examples:
      workbench shadow start P-7 --runs 5
      workbench shadow start P-7 --runs 3 --time-limit 10m
    """
    from workbench.cli.following import quietly
    from workbench.promote.shadow import start_shadow
    from workbench.runtime.warehouse import Warehouse
    from workbench.settings import parse_duration
    from workbench.store import Store

    seconds = None if time_limit is None else parse_duration(time_limit)
    if seconds == 0:
        raise UsageError("in no time nothing is computed", hint="for example --time-limit 10m")
    workspace, now = find_workspace(), dt.datetime.now(dt.UTC)
    with Store.open(workspace) as store:
        record = start_shadow(
            workspace,
            store,
            Warehouse.open(workspace),
            promotion,
            runs=runs,
            seconds=seconds,
            who=identity(),
            at=now,
            why=words(why),
        )
    quietly(workspace, identity(), promotion=record.promotion)  # the runs since its trial
    if as_json:
        with Store.open(workspace, read_only=True) as store:
            _emit(store, record)
        return
    for name, at in sorted(record.data.items()):
        click.echo(
            f"{name}@{at.version} runs beside the next {'run' if runs == 1 else f'{runs} runs'}; nobody sees what it computes"
        )
    click.echo(f"next: workbench run {min(record.data)}, or the scheduler; then: workbench shadow status {record.promotion}")


@shadow.command()
@click.argument("target", metavar="[PROMOTION]", required=False)
@rows_option(0, "Example rows of what differs.", most=100)
@page_option("Write all comparisons as a page to FILE.")
@json_option
def status(target: str | None, rows: int, page: Path | None, as_json: bool) -> int:
    """Compare the candidates of PROMOTION (P-7, or a pipeline) with the runs beside which they ran: rows, seconds, checks.

    Without PROMOTION, the shadows that run. Exits 1 when PROMOTION's has ended and not all held, 3 while runs are to come.

    \b
    Examples:
      workbench shadow status
      workbench shadow status P-7 --rows 5 --html shadow.html
      workbench shadow status P-7 --json
    """
    from workbench.promote.shadow import shadow_of
    from workbench.render.beside import shadows_view
    from workbench.store import Store, beside

    check_folder(page)
    workspace = find_workspace()
    with Store.open(workspace, read_only=True) as store:
        if target is None:
            found = [each for each in beside.running(store) if each.kind == "shadow"]
        else:
            found = [shadow_of(store, target)]
        told = [(each, beside.trials(store, each.number)) for each in found]
        if page is not None:
            _write_page(workspace, page, told)
        if as_json:
            emit_json({"shadows": [_json(store, each) for each in found]})
        elif told:
            counts = {each.number: _counted(store, each) for each in found}
            console().print(shadows_view(workspace, told, counts, rows))
        else:
            click.echo("no shadow runs; next: workbench shadow start PROMOTION --runs 5")
    if target is None:
        return 0
    record, trials = told[0]
    if record.state == "running":
        return 3
    return int(record.outcome != "done" or any(each.breach for each in trials))


@shadow.command()
@click.argument("target", metavar="PROMOTION")
@click.option("--why", required=True, help="The reason, for the ledger.")
@json_option
def stop(target: str, why: str, as_json: bool) -> None:
    """End the shadow of PROMOTION (P-7, or a pipeline) before it has had its runs; what it compared is kept.

    \b
    Examples:
      workbench shadow stop P-7 --why "another idea"
    """
    from workbench.promote.shadow import end_shadow, shadow_of
    from workbench.store import Store

    reason = words(why)
    if not reason:
        raise UsageError("--why is empty", hint='say why, for example --why "another idea"')
    with Store.open(find_workspace()) as store:
        record = shadow_of(store, target, running=True)
        promotion = store.promotion(record.promotion)
        assert promotion is not None
        last = end_shadow(store, record, promotion, "withdrawn", reason, who=identity(), at=dt.datetime.now(dt.UTC))
        if as_json:
            _emit(store, last)
    if not as_json:
        click.echo(f"the shadow of {last.promotion} was stopped; what it compared: workbench shadow status {last.promotion}")


def _emit(store: Store, record: BesideRecord) -> None:
    from workbench.store import beside

    emit_json(_json(store, next(each for each in beside.find(store) if each.number == record.number)))


def _json(store: Store, record: BesideRecord) -> dict[str, object]:
    from workbench.render.beside import beside_json
    from workbench.store import beside

    return beside_json(record, beside.trials(store, record.number), counted=_counted(store, record))


def _counted(store: Store, record: BesideRecord) -> int:
    from workbench.promote.shadow import counted

    return counted(store, record)


def _write_page(workspace: Workspace, page: Path, told: Sequence[tuple[BesideRecord, Sequence[TrialRecord]]]) -> None:
    from workbench.promote.beside import stored_diff
    from workbench.render.beside import section
    from workbench.render.diff_page import html_report

    sections = []
    for _, trials in told:
        for each in trials:
            found = stored_diff(workspace, each)
            if found is not None:
                sections.append((*section(each), found))
    if not sections:
        raise UsageError("nothing was compared yet, so there is no page to write", hint="workbench shadow status")
    write_file(page, html_report(sections, title="beside production"))
