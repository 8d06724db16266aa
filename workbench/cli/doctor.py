"""``workbench doctor``: is the workspace sound, and what was interrupted."""

from __future__ import annotations

import click

from workbench.cli.common import console, emit_json, json_option
from workbench.config import find_workspace


@click.command()
@click.option("--deep", is_flag=True, help="Read every published file again, not only its size.")
@json_option
def doctor(deep: bool, as_json: bool) -> int:
    """Check the workspace, and finish or undo what a killed process had begun. Exits 1 when something needs a person.

    \b
    Examples:
      workbench doctor
      workbench doctor --deep --json
    """
    from workbench.cli.diagnosis import diagnose
    from workbench.cli.identity import identity

    findings = diagnose(find_workspace(), who=identity(), deep=deep)
    if as_json:
        emit_json(
            {
                "findings": [
                    {"subject": each.subject, "state": each.state, "message": each.message, "hint": each.hint}
                    for each in findings
                ]
            }
        )
    else:
        from rich.table import Table
        from rich.text import Text

        styles = {"ok": "green", "mended": "cyan", "warning": "yellow", "problem": "bold red"}
        table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
        for each in findings:
            text = Text(each.message)
            if each.hint:
                text.append(f"\nnext: {each.hint}", style="dim")
            table.add_row(Text(each.state, style=styles[each.state]), each.subject, text)
        console().print(table)
    return 1 if any(each.state == "problem" for each in findings) else 0
