"""``workbench lineage`` and ``workbench impact``."""

from __future__ import annotations

from dataclasses import asdict

import click

from workbench.cli.common import console, emit_json, json_option
from workbench.config import find_workspace
from workbench.errors import UsageError


@click.command()
@click.argument("what", metavar="PIPELINE[@N][.COLUMN]")
@json_option
def lineage(what: str, as_json: bool) -> None:
    """Show what a column of a pipeline rests on, by role and down to the sources; without a column, one line for each.

    It is read from the expression that was promoted: what the value is computed from, and which columns filter, join, group and
    order the rows.

    \b
    Examples:
      workbench lineage late_departures
      workbench lineage late_departures.rate
      workbench lineage late_departures@1.rate --json
    """
    from workbench.catalog.trace import live_graph, resolve
    from workbench.model import VersionId
    from workbench.render.lineage import table_view, tree_json, tree_view

    name, _, column = what.partition(".")
    version = VersionId.parse(name) if "@" in name else None
    graph = live_graph(find_workspace(), version)
    table, _ = resolve(graph, version.pipeline if version else name)
    if table not in graph.edges:
        raise UsageError(f"{table} is a source: nothing of ours computes it", hint=f"workbench impact {what}")
    if column:
        resolve(graph, f"{table}.{column}")
        tree = graph.upstream(table, column)
        if as_json:
            emit_json({"pipeline": table, "column": column, "tree": tree_json(tree)})
        else:
            console().print(tree_view(tree))
    elif as_json:
        emit_json({"pipeline": table, "edges": [asdict(edge) for edge in graph.edges[table]]})
    else:
        console().print(table_view(table, graph.edges[table]))


@click.command()
@click.argument("what", metavar="SOURCE|PIPELINE[.COLUMN]")
@json_option
def impact(what: str, as_json: bool) -> None:
    """Show which live pipelines, and which of their columns, rest on a source, a pipeline, or one column of it.

    \b
    Examples:
      workbench impact flights.dep_delay
      workbench impact late_departures --json
    """
    from workbench.catalog.trace import ROWS, live_graph, resolve
    from workbench.render.lineage import readers_json, tree_json, tree_view

    graph = live_graph(find_workspace())
    table, column = resolve(graph, what)
    tree = graph.downstream(table, column or ROWS)
    if as_json:
        emit_json({"table": table, "column": column, "reached": readers_json(tree), "tree": tree_json(tree)})
    elif not tree.beyond:
        console().print(f"nothing live rests on {what}", markup=False)
    else:
        console().print(tree_view(tree))
