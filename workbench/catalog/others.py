"""Tables that a check refers to, found by name: sources as they are now, pipelines as their readers see them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from workbench.catalog.contract import Contract
from workbench.errors import UnknownName
from workbench.model import Edge, Snapshot, column_path
from workbench.runtime.checks import Others
from workbench.runtime.warehouse import Warehouse

if TYPE_CHECKING:
    import ibis.expr.types as ir
    from ibis.backends.duckdb import Backend


NOTHING: Mapping[str, Snapshot] = {}


def referred(contract: Contract) -> tuple[Edge, ...]:
    """What the checks of a contract look for in other tables, as lineage has it.

    >>> from workbench.runtime.checks import references
    >>> contract = Contract("late", 1, columns=(), checks=(references("origin", "airports", "faa"),))
    >>> referred(contract)
    (Edge(column='origin', role='rule', input='airports', input_column='faa'),)
    """
    found = (each for each in contract.checks if each.rule == "references")
    return tuple(Edge(each.columns[0], "rule", each.args["table"], column_path(each.args["key"])) for each in found)


def other_tables(warehouse: Warehouse, con: Backend, computed: Mapping[str, Snapshot] = NOTHING) -> Others:
    """Finds tables of production for ``checks.evaluate``, in the session ``con``; what was just ``computed`` comes first."""

    def find(name: str) -> ir.Table:
        if name in computed:
            return warehouse.read(con, computed[name])
        sources = warehouse.workspace.settings.sources
        if name in sources:
            return warehouse.source(con, name)
        live = warehouse.live([name])
        if name in live:
            return warehouse.read(con, live[name].snapshot)
        known = {*sources, *warehouse.current().views}
        raise UnknownName.of("source or live pipeline", name, known, hint="correct the check, then: workbench check")

    return find
