"""``workbench lineage`` and ``workbench impact``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from workbench.cli.common import console, emit_json, json_option
from workbench.cli.options import page_option
from workbench.cli.output import check_folder, write_file
from workbench.config import find_workspace
from workbench.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from workbench.catalog.links import Part
    from workbench.catalog.trace import Graph

_html = page_option("Draw it as one self-contained page, to FILE.")


@click.command()
@click.argument("what", metavar="PIPELINE[@N][.COLUMN]")
@_html
@json_option
def lineage(what: str, page: Path | None, as_json: bool) -> None:
    """Show what a column of a pipeline rests on, by role and down to the sources; without a column, one line for each.

    It is read from the expression that was promoted: what the value is computed from, and which columns filter, join, group and
    order the rows.

    \b
    Examples:
      workbench lineage late_departures
      workbench lineage late_departures.rate
      workbench lineage late_departures@1.rate --json
      workbench lineage late_departures --html lineage.html
    """
    from workbench.catalog.links import Walks
    from workbench.catalog.trace import ROWS, live_graph, promised_columns, resolve
    from workbench.cli.endings import warn
    from workbench.model import VersionId
    from workbench.render.lineage import table_view, tree_json, tree_view

    check_folder(page)
    name, _, column = what.partition(".")
    version = VersionId.parse(name) if "@" in name else None
    workspace = find_workspace()
    graph = live_graph(workspace, version)
    table, _ = resolve(graph, version.pipeline if version else name)
    if table not in graph.edges:
        raise UsageError(f"{table} is a source: nothing of ours computes it", hint=f"workbench impact {what}")
    columns = promised_columns(workspace, table, version.number if version else None)
    if column:
        resolve(graph, f"{table}.{column}", lambda _: columns)
    _draw(
        page,
        graph,
        lambda: Walks.of(graph).upstream(table, column or None),
        f"What {what} rests on",
        f"{what} rests on nothing",
    )
    tree = graph.upstream(table, column or ROWS)
    met = {place.table for place in tree.places()} - ({table} if version else set())
    more: dict[str, Any] = {"deprecated": warn(workspace, met, [version] if version else [])}
    more |= {} if page is None else {"html": str(page)}
    if as_json and column:
        emit_json({"pipeline": table, "column": column, "tree": tree_json(tree), **more})
    elif as_json:
        emit_json({"pipeline": table, "edges": [asdict(edge) for edge in graph.edges[table]], **more})
    elif page is not None:
        click.echo(f"the lineage of {what} is drawn in {page}")
    elif column and not tree.beyond:
        console().print(f"{what} rests on no column: it is a constant, or counts rows", markup=False)
    elif column:
        console().print(tree_view(tree))
    else:
        console().print(table_view(table, graph.edges[table], columns))


@click.command()
@click.argument("what", metavar="SOURCE|PIPELINE[.COLUMN]")
@_html
@json_option
def impact(what: str, page: Path | None, as_json: bool) -> None:
    """Show which live pipelines, and which of their columns, rest on a source, a pipeline, or one column of it.

    \b
    Examples:
      workbench impact flights.dep_delay
      workbench impact late_departures --json
      workbench impact flights --html impact.html
    """
    from workbench.catalog.links import Walks
    from workbench.catalog.trace import ROWS, columns_there, live_graph, resolve
    from workbench.cli.endings import warn
    from workbench.render.lineage import readers_json, tree_json, tree_view

    check_folder(page)
    workspace = find_workspace()
    graph = live_graph(workspace)
    table, column = resolve(graph, what, lambda table: columns_there(workspace, graph, table))
    _draw(
        page, graph, lambda: Walks.of(graph).downstream(table, column), f"What rests on {what}", f"nothing live rests on {what}"
    )
    tree = graph.downstream(table, column or ROWS)
    leaving = warn(workspace, {place.table for place in tree.places()})
    if as_json:
        found = {"table": table, "column": column, "reached": readers_json(tree), "tree": tree_json(tree)}
        found |= {"deprecated": leaving}
        emit_json(found if page is None else {**found, "html": str(page)})
    elif page is not None:
        click.echo(f"what rests on {what} is drawn in {page}")
    elif not tree.beyond:
        console().print(f"nothing live rests on {what}", markup=False)
    else:
        console().print(tree_view(tree))


def _draw(page: Path | None, graph: Graph, part: Callable[[], Part], title: str, nothing: str) -> None:
    if page is not None:
        from workbench.render.lineage_page import html

        write_file(page, html(graph, part(), title, nothing))
