"""``workbench scan``: personal values that stand in clear, and rows that few others are like."""

from __future__ import annotations

import click

from workbench.cli.common import console, emit_json, json_option
from workbench.cli.progress import steps
from workbench.config import find_workspace


@click.command()
@click.argument("target", required=False)
@click.option("--pii", is_flag=True, help="Look for personal values; that is what it does without options, too.")
@click.option("--quasi", default="", metavar="COLUMNS", help="Count rows alike in these columns, as zip,born.")
@click.option("--k", type=click.IntRange(min=2), default=5, show_default=True, help="Rows that should be alike at least.")
@json_option
def scan(target: str | None, pii: bool, quasi: str, k: int, as_json: bool) -> int:
    """Look for personal values by their patterns, column by column.

    TARGET is a sandbox by its id, a declared source, a file or folder, or a PostgreSQL; without one, the sandbox that notebooks
    read. Columns of text are searched for e-mail addresses, phone, card, bank and social security numbers. Exits 1 when there
    are any that nobody decided to keep.

    With --quasi, or quasi_identifiers in the settings of a source, it says how many rows share their values in these columns
    with fewer than --k others: who knows these values may recognise the row.

    \b
    Examples:
      workbench scan --pii
      workbench scan --pii customers --json
      workbench scan exports/ --quasi zip,birth_year --k 10
    """
    from workbench.render.scan import scan_json, scan_view
    from workbench.sandbox.scan import scan as look

    workspace = find_workspace()
    columns = tuple(name.strip() for name in quasi.split(",") if name.strip())
    with steps() as tell:
        found = look(workspace, target, columns, k, tell)
    if as_json:
        emit_json(scan_json(found))
    else:
        console().print(scan_view(found), soft_wrap=True)
        if not found.clean:
            click.echo("next: give these columns a rule in mask of their source, then: workbench sandbox create", err=True)
    return 0 if found.clean else 1
