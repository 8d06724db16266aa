"""Looking ahead: what readers would lose, known from types alone, before anything is proved or computed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from workbench.catalog.compatibility import lost_columns
from workbench.catalog.contract import Contract, complete, read_contract
from workbench.catalog.trace import live_graph
from workbench.catalog.version import version_dir
from workbench.config import Workspace
from workbench.errors import WorkbenchError
from workbench.model import VersionId
from workbench.promote.trial import Work, unbound_table
from workbench.runtime.warehouse import Warehouse


@dataclass(frozen=True, slots=True)
class Lost:
    """The columns that a candidate no longer has, each with how; and the live pipelines that read them, each with which."""

    how: Mapping[str, str]
    readers: Mapping[str, tuple[str, ...]]


class Foreseen(Exception):
    """Readers would lose what they read, so that nothing need be computed."""


def look_ahead(workspace: Workspace, warehouse: Warehouse, work: Sequence[Work]) -> dict[str, Lost]:
    """By pipeline, what live readers that are not promoted along would lose; ``work`` has inputs before what reads them.

    Only columns and types of inputs are looked at. What can't be told from them, the trial finds out.
    """
    views, names = warehouse.current().views, {each.pipeline for each in work}
    graph = live_graph(workspace)
    read = {name for name in names & views.keys() if not names.issuperset(graph.readers(name, graph.columns(name)))}
    if not read:
        return {}
    live = {name: read_contract(version_dir(workspace, VersionId(name, view.version))) for name, view in views.items()}
    found: dict[str, Lost] = {}
    promised: dict[str, Contract] = {}
    try:
        for each in work:
            promised[each.pipeline] = _promise(warehouse, each, live | promised)
    except WorkbenchError:
        return {}
    for name in sorted(read):
        how = lost_columns(live[name], promised[name])
        readers = {reader: columns for reader, columns in graph.readers(name, how).items() if reader not in names}
        if readers:
            found[name] = Lost(how, readers)
    return found


def _promise(warehouse: Warehouse, work: Work, contracts: Mapping[str, Contract]) -> Contract:
    """The contract of a version with its columns, computed on tables without rows."""
    import ibis

    con = warehouse.connect()
    try:
        tables = {}
        for each in work.contract.inputs:
            if each.kind == "source":
                tables[each.argument] = warehouse.source(con, each.name, rows=False)
            elif each.name in contracts:
                tables[each.argument] = ibis.table(contracts[each.name].schema, name=each.argument)
            else:
                raise WorkbenchError(f"nothing is known of {each.name}", hint="workbench status")
        schema = unbound_table(work.function, tables, work.contract).schema()
    finally:
        con.disconnect()
    return complete(work.contract, {name: str(kind) for name, kind in schema.items()}, work.docs, work.units)
