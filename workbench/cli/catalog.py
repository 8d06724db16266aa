"""``workbench catalog``."""

from __future__ import annotations

import datetime as dt

import click

from workbench.cli.common import console, emit_json, json_option
from workbench.config import find_workspace
from workbench.model import counted


@click.command()
@click.argument("words", nargs=-1)
@click.option("--limit", type=click.IntRange(min=1), default=50, show_default=True, help="Show at most so many tables.")
@json_option
def catalog(words: tuple[str, ...], limit: int, as_json: bool) -> None:
    """Look up tables and columns, sources and pipelines alike: what they mean, whose they are, how fresh, who reads them.

    Without WORDS all tables are listed. Tables are found that have every word, in their name, a column's name, or in what is
    said about either; names come first. A table that is named in full is shown with all that is known of it.

    \b
    Examples:
      workbench catalog
      workbench catalog delay minutes
      workbench catalog late_departures
      workbench catalog late_departures.rate --json
    """
    from workbench.catalog.dictionary import dictionary
    from workbench.catalog.search import nearest, search, words_of
    from workbench.render.catalog import entry_view, hit_json, list_view
    from workbench.sandbox.columns import source_columns

    workspace, now, wanted = find_workspace(), dt.datetime.now(dt.UTC), words_of(words)
    types = source_columns(workspace)
    hits = search(dictionary(workspace, types, wanted), wanted)
    entries = () if hits else dictionary(workspace, types)
    near = nearest(entries, wanted)
    if as_json:
        shown = [hit_json(hit, now) for hit in hits[:limit]]
        emit_json({"words": list(wanted), "found": len(hits), "tables": shown, "near": list(near)})
        return
    screen = console()
    if not hits and not entries:
        click.echo("nothing to look up yet; next: workbench sources discover --write")
    elif not hits:
        likely = f"; the nearest names are {', '.join(near)}" if near else ""
        click.echo(f"nothing found{likely}; next: workbench catalog")
    elif len(wanted) == 1 and hits[0].entry.name == wanted[0]:
        screen.print(entry_view(hits[0].entry, now))
        if hits[1:]:
            screen.print(
                f"\nalso found in {counted(len(hits) - 1, 'other table')}: workbench catalog {wanted[0]} --json", markup=False
            )
    else:
        screen.print(list_view(hits[:limit], now, columns=bool(wanted)))
        if len(hits) > limit:
            screen.print(f"and {len(hits) - limit} more; next: --limit {len(hits)}, or more words", markup=False)
