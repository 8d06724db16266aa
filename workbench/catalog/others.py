"""Tables that a check refers to, found by name: sources as they are now, pipelines as their readers see them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from workbench.catalog.contract import Contract
from workbench.errors import UnknownName
from workbench.model import Edge, Snapshot, column_path, top_column
from workbench.runtime.checks import Others
from workbench.runtime.warehouse import Warehouse

if TYPE_CHECKING:
    import ibis.expr.types as ir
    from ibis.backends.duckdb import Backend


NOTHING: Mapping[str, Snapshot] = {}


def reached(named: Iterable[str], edges: Iterable[tuple[str, str]], table: str) -> dict[str, tuple[str, ...]]:
    """The columns of a table that code names or that lineage reaches, each with the paths into it; sorted.

    ``edges`` are pairs of a table and a path. A column that is reached as a whole, or only named, has itself as its one path.

    >>> reached(["day"], [("orders", "place.city"), ("orders", "amount"), ("customers", "name")], "orders")
    {'amount': ('amount',), 'day': ('day',), 'place': ('place.city',)}
    """
    found: dict[str, set[str]] = {}
    for other, path in edges:
        if other == table:
            found.setdefault(top_column(path), set()).add(path)
    for name in named:
        found.setdefault(name, {column_path(name)})
    return {
        name: (whole,) if (whole := column_path(name)) in found[name] else tuple(sorted(found[name])) for name in sorted(found)
    }


def referred(contract: Contract) -> tuple[Edge, ...]:
    """What the checks of a contract look for in other tables, as lineage has it.

    >>> from workbench.runtime.checks import references
    >>> contract = Contract("late", 1, columns=(), checks=(references("origin", "airports", "faa"),))
    >>> referred(contract)
    (Edge(column='origin', role='rule', input='airports', input_column='faa'),)
    """
    found = (each for each in contract.checks if each.rule == "references")
    return tuple(Edge(each.columns[0], "rule", each.args["table"], column_path(each.args["key"])) for each in found)


def only_referred(contract: Contract) -> dict[str, tuple[str, ...]]:
    """The other tables that checks look into and that are no inputs, with the columns they look for; sorted."""
    found: dict[str, set[str]] = {}
    for edge in referred(contract):
        if edge.input not in {contract.pipeline, *(each.name for each in contract.inputs)}:
            found.setdefault(edge.input, set()).add(top_column(edge.input_column))
    return {name: tuple(sorted(found[name])) for name in sorted(found)}


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
