"""``workbench audit``: the ledger."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from workbench.cli.common import console, emit_json, json_option
from workbench.config import find_workspace
from workbench.errors import UnknownName
from workbench.model import counted


@click.group()
def audit() -> None:
    """Show, verify and export the ledger: every promotion, decision, waiver, publication, rollback and run.

    Each entry is sealed with the workspace's key and names the entry before it.

    \b
    Examples:
      workbench audit log
      workbench audit verify
      workbench audit export ledger.zip
    """


@audit.command()
@click.option("--kind", help="Only entries of this kind, such as publish.")
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True, help="The newest ones, at most so many.")
@json_option
def log(kind: str | None, limit: int, as_json: bool) -> None:
    """Print the newest entries, the newest first.

    \b
    Examples:
      workbench audit log
      workbench audit log --kind waive --json
    """
    from workbench.render.audit import entries_view, entry_json
    from workbench.store import Store

    with Store.open(find_workspace(), read_only=True) as store:
        entries = store.ledger()
    kinds = {each.kind for each in entries}
    if kind is not None and kind not in kinds:
        raise UnknownName.of("kind of entry", kind, kinds, hint="workbench audit log")
    found = [each for each in reversed(entries) if kind in (None, each.kind)][:limit]
    if as_json:
        emit_json({"entries": [entry_json(each) for each in found]})
    elif found:
        console().print(entries_view(found))
    else:
        click.echo("the ledger is empty: nothing was promoted yet")


@audit.command()
@json_option
def verify(as_json: bool) -> int:
    """Check every seal, the order, and that the end is the one that promoted/LEDGER_HEAD knows.

    Exits 4 when anything is wrong; nothing is published until it is mended.

    \b
    Examples:
      workbench audit verify
      workbench audit verify --json
    """
    from workbench.store import Store, ledger, tables

    workspace = find_workspace()
    with Store.open(workspace, read_only=True) as store:
        entries = store.select(tables.ledger)
    count = len(entries)
    problems = ledger.verify(ledger.read_key(workspace.state), entries, ledger.read_anchor(workspace.promoted))
    if as_json:
        emit_json({"entries": count, "problems": [asdict(each) for each in problems]})
    else:
        for each in problems:
            click.echo(each.message)
        click.echo(f"{count:,} entries, {counted(len(problems), 'problem')}")
        if problems:
            click.echo("next: restore .workbench/ from a backup; git log promoted/LEDGER_HEAD shows when it was written")
    return 4 if problems else 0


@audit.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@json_option
def export(file: Path, as_json: bool) -> None:
    """Write the ledger and all versions to a zip FILE that Python alone can check; the key is not in it.

    \b
    Examples:
      workbench audit export ledger.zip
    """
    from workbench.catalog.audit import export as write

    count = write(find_workspace(), file)
    if as_json:
        emit_json({"file": str(file), "entries": count})
    else:
        click.echo(f"{file}: {count:,} entries; README.txt in it says how to check them")
