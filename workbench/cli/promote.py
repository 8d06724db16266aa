"""``workbench promote``."""

from __future__ import annotations

import datetime as dt
import shlex
from pathlib import Path

import click

from workbench.cli.common import console, emit_json, json_option, words
from workbench.cli.identity import identity
from workbench.cli.options import rows_option
from workbench.config import find_workspace, parse_share
from workbench.errors import UsageError


@click.command()
@click.argument("notebook", type=click.Path(path_type=Path))
@click.argument("outputs", nargs=-1)
@click.option("--why", default="", help="What this change is for; kept in the changelog and the ledger.")
@click.option("--dry-run", is_flag=True, help="Do everything but write: no version, no data, no record.")
@click.option(
    "--allow-change", metavar="SHARE", default=None, help="Declare how large a share of rows is meant to change, e.g. 90%."
)
@click.option("--allow-breaking", is_flag=True, help="Declare that readers may lose columns.")
@rows_option(3)
@json_option
def promote(
    notebook: Path,
    outputs: tuple[str, ...],
    why: str,
    dry_run: bool,
    allow_change: str | None,
    allow_breaking: bool,
    rows: int,
    as_json: bool,
) -> int:
    """Cut the marked cells of NOTEBOOK into versions, prove them, diff them against production, judge them.

    Without OUTPUTS every marked output is promoted. What passes the gates waits for approval (exit code 3).

    \b
    Examples:
      workbench promote notebooks/orders.py --why "first version"
      workbench promote notebooks/orders.py orders_daily --why "returns count as negative"
      workbench promote notebooks/orders.py --dry-run --json
    """
    from workbench.cli.following import withdraw_closed
    from workbench.cli.progress import steps
    from workbench.operate.schedule import default_pipeline_toml
    from workbench.promote.flow import promote as run_promotion
    from workbench.promote.outcome import Request
    from workbench.render.diff_page import html_report
    from workbench.render.promotion import outcome_json, outcome_view
    from workbench.render.slicing import outputs_json

    workspace = find_workspace()
    why, quoted = words(why), shlex.quote(str(notebook))
    if not why and not dry_run:
        raise UsageError("--why is missing: say what the change is for", hint=f'workbench promote {quoted} --why "…"')
    who = identity()
    request = Request(
        notebook=notebook,
        outputs=outputs,
        why=why,
        who=who,
        at=dt.datetime.now(dt.UTC),
        dry_run=dry_run,
        allow_change=None if allow_change is None else _share(allow_change),
        allow_breaking=allow_breaking,
    )
    with steps() as progress:
        outcome = run_promotion(
            workspace,
            request,
            report=lambda title, sections: html_report(sections, title=title),
            pipeline_toml=default_pipeline_toml(who),
            progress=progress,
        )
    if not dry_run:
        withdraw_closed(workspace, who)  # of what it supersedes
    if as_json:
        emit_json(outcome_json(outcome, outputs_json(outcome.slicing), dry_run=dry_run))
    else:
        console().print(outcome_view(outcome, dry_run=dry_run, rows=rows))
    if outcome.status == "unchanged":
        following = _next_of([(each.pipeline, each.version) for each in outcome.unchanged])
        click.echo(f"nothing to promote: every output is unchanged; next: {following}", err=as_json)
        return 0
    return _end(outcome.status, outcome.promotion, quoted, dry_run=dry_run, as_json=as_json)


def _next_of(versions: list[tuple[str, int]]) -> str:
    """The command that takes unchanged versions further: an open promotion of theirs wants a decision, or to be published."""
    from workbench.store import Store

    with Store.open(find_workspace(), read_only=True) as store:
        for promotion in reversed(store.promotions()):
            if any((each.pipeline, each.version) in versions for each in promotion.candidates if each.new):
                verbs = {"waiting": "approve", "approved": "publish"}
                if promotion.status in verbs:
                    return f"workbench {verbs[promotion.status]} {promotion.id}"
    return "workbench status"


def _share(text: str) -> float:
    try:
        return parse_share(text)
    except UsageError as error:
        raise UsageError(error.message, hint="for example --allow-change 90%") from None


def _end(status: str, promotion: str, notebook: str, *, dry_run: bool, as_json: bool) -> int:
    """The last line, with the next command, and the exit code."""
    match status:
        case "not cut":
            code, said = 1, f"nothing was promoted; next: correct what is refused, then: workbench check {notebook}"
        case "refused" if dry_run:
            code, said = 1, f"a gate would refuse this; next: correct the notebook, then: workbench check {notebook}"
        case "refused":
            code, said = 1, f"{promotion} is refused by a gate; next: workbench gates {promotion}"
        case _ if dry_run:
            code, said = 0, f'the gates would let this pass; next: workbench promote {notebook} --why "…"'
        case _:
            code, said = 3, f"{promotion} waits for approval; next: workbench approve {promotion}"
    click.echo(said, err=as_json)
    return code
