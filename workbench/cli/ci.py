"""``workbench ci``."""

from __future__ import annotations

from pathlib import Path

import click

from workbench.cli.common import console, emit_json, json_option
from workbench.cli.options import rows_option
from workbench.cli.output import check_folder, write_file
from workbench.config import find_workspace, parse_share


@click.command()
@click.option("--base", default="origin/main", show_default=True, metavar="REF", help="Branch, tag or commit to compare with.")
@click.option(
    "--comment", type=click.Path(path_type=Path, dir_okay=False), help="Write a comment for the pull request to FILE."
)
@click.option("--junit", "xml", type=click.Path(path_type=Path, dir_okay=False), help="Write JUnit XML to FILE.")
@rows_option(0, "Example rows of production in the comment.", most=100)
@click.option("--no-data", is_flag=True, help="Ask only what needs no data; leave proof, trial and gates to whoever promotes.")
@click.option("--allow-change", metavar="SHARE", help="Declare how large a share of rows is meant to change, e.g. 90%.")
@click.option("--allow-breaking", is_flag=True, help="Declare that readers may lose columns.")
@json_option
def ci(
    base: str,
    comment: Path | None,
    xml: Path | None,
    rows: int,
    no_data: bool,
    allow_change: str | None,
    allow_breaking: bool,
    as_json: bool,
) -> int:
    """Review what this branch changed since it left BASE: all that needs no person.

    Changed notebooks are checked and cut; with a sandbox and production data here, modules are proved equal to their notebooks,
    tried, compared with what readers see, and judged by the gates, as `workbench promote --dry-run` does. Promoted versions are
    verified: nobody edited them by hand. Nothing is written but FILEs.

    Exits 1 when something fails, and when something had to be skipped: what was not looked at is not right.

    \b
    Examples:
      workbench ci
      workbench ci --base origin/main --comment comment.md --junit workbench.xml
      workbench ci --no-data --json
    """
    from workbench.cli.progress import steps
    from workbench.promote.changes import changes
    from workbench.promote.review import Wanted, review
    from workbench.render.review import headline, junit, review_comment, review_json, review_view

    check_folder(comment)
    check_folder(xml)
    workspace = find_workspace()
    wanted = Wanted(not no_data, None if allow_change is None else parse_share(allow_change), allow_breaking)
    with steps() as progress:
        found = review(workspace, changes(workspace.root, base), wanted, progress)
    if comment is not None:
        write_file(comment, review_comment(found, rows=rows))
    if xml is not None:
        write_file(xml, junit(found))
    if as_json:
        emit_json(review_json(found))
        click.echo(headline(found), err=True)
    else:
        console().print(review_view(found))
    return int(found.answer in ("fail", "skipped"))
