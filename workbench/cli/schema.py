"""``workbench schema``: what a version means to those who read another one."""

from __future__ import annotations

import click

from workbench.cli.common import console, emit_json, json_option
from workbench.config import find_workspace


@click.group()
def schema() -> None:
    """Compare what versions promise.

    \b
    Examples:
      workbench schema compat late_departures@1 late_departures@2
    """


@schema.command()
@click.argument("base")
@click.argument("candidate")
@click.option("--exit-code", is_flag=True, help="Exit with 1 when readers of BASE lose anything.")
@json_option
def compat(base: str, candidate: str, exit_code: bool, as_json: bool) -> int:
    """Say whether CANDIDATE is breaking, additive or behaviour-only to those who read BASE, and what differs.

    Only contracts are compared; `workbench diff` compares the data.

    \b
    Examples:
      workbench schema compat late_departures@1 late_departures@2
      workbench schema compat sales@2 sales@3 --exit-code --json
    """
    from workbench.catalog.compatibility import Change, compatibility
    from workbench.catalog.contract import read_contract
    from workbench.catalog.version import version_dir
    from workbench.model import VersionId

    workspace = find_workspace()
    versions = [VersionId.parse(text) for text in (base, candidate)]
    one, two = (read_contract(version_dir(workspace, version)) for version in versions)
    found = compatibility(one, two)
    if as_json:
        emit_json({"base": base, "candidate": candidate, "class": found.change, "lost": found.lost, "changes": found.changes})
    else:
        screen = console()
        screen.print(f"{candidate} is {found.change.value} to readers of {base}", style="bold", markup=False)
        for title, parts in (("lost", found.lost), ("differs", found.changes)):
            for part, how in parts.items():
                screen.print(f"  {title}  {part}: {how}", markup=False)
    return 1 if exit_code and found.change is Change.BREAKING else 0
