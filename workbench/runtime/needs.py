"""Which columns of which tables an expression reads, told from the expression alone.

A column that is only handed on, by name, to where nobody asks for it is not read. Everything else counts as read: whatever a
column is computed from though nobody asks for that, and all columns below an operation that is not listed here.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import ibis.expr.operations as ops


# Of a query in SQL: the tables that it was given, each with the columns that it can read.
_given: weakref.WeakKeyDictionary[ops.Node, dict[ops.Node, frozenset[str]]] = weakref.WeakKeyDictionary()


def note_query(node: ops.Node, table: ops.Node, columns: Iterable[str]) -> None:
    """Say of a query in SQL that it was given a table, and which of its columns it can read."""
    known = _given.setdefault(node, {})
    known[table] = known.get(table, frozenset()).union(columns)


def columns_read(node: ops.Node) -> dict[ops.Relation, frozenset[str]]:
    """The columns that are read of each table of a database below a node, which is itself asked for whole.

    Queries in SQL of which nothing was noted are among the tables.

    >>> import ibis
    >>> t = ibis.duckdb.connect().create_table("t", schema={"a": "int64", "b": "int64", "c": "int64"})
    >>> by_a = t.mutate(d=t.b + 1).filter(t.a > 0).group_by("a").agg(n=ibis._.count())
    >>> [(table.name, sorted(names)) for table, names in columns_read(by_a.op()).items()]
    [('t', ['a', 'b'])]
    """
    import ibis.expr.operations as ops

    wanted: dict[Any, frozenset[str]] = {}
    again: list[Any] = []

    def ask(relation: Any, names: Iterable[str]) -> None:
        before = wanted.get(relation)
        after = (before or frozenset()).union(names)
        if before is None or after != before:
            wanted[relation] = after
            again.append(relation)

    def ask_for(values: Iterable[Any]) -> None:
        """Everything that values are computed from."""
        left = list(values)
        while left:
            match left.pop():
                case ops.Field() as field:
                    ask(field.rel, (field.name,))
                case ops.CountStar() as count:
                    ask(count.arg, ())
                    left += [] if count.where is None else [count.where]
                case ops.ExistsSubquery(rel=relation):
                    ask(relation, ())
                case ops.Relation() as relation:
                    ask(relation, relation.schema)
                case other:
                    left += other.__children__

    if isinstance(node, ops.Relation):
        ask(node, node.schema)
    else:
        ask_for([node])
    while again:
        relation = again.pop()
        names = wanted[relation]
        match relation:
            case ops.Project(values=values) | ops.JoinChain(values=values):
                ask_for(value for name, value in values.items() if name in names or not isinstance(value, ops.Field))
                for each in relation.__children__:
                    if isinstance(each, ops.JoinLink):
                        ask(each.table, ())
                        ask_for(each.predicates)
                    elif isinstance(each, ops.Relation):
                        ask(each, ())
            case ops.Filter(parent=parent, predicates=values) | ops.Sort(parent=parent, keys=values):
                ask(parent, names)
                ask_for(values)
            case ops.Aggregate(parent=parent):
                ask(parent, ())
                ask_for([*relation.groups.values(), *relation.metrics.values()])
            case ops.Limit(parent=parent):
                ask(parent, names)
                ask_for(each for each in (relation.n, relation.offset) if isinstance(each, ops.Node))
            case ops.Reference(parent=parent) | ops.DropColumns(parent=parent):
                ask(parent, names)
            case ops.Union(distinct=False):
                ask(relation.left, names)
                ask(relation.right, names)
            case ops.PhysicalTable() if not relation.__children__:
                pass
            case _ if relation in _given:
                for table, readable in _given[relation].items():
                    ask(table, readable)
            case _:
                ask_for(relation.__children__)
    leaves = (ops.DatabaseTable, ops.SQLQueryResult)
    return {each: names for each, names in wanted.items() if isinstance(each, leaves) and each not in _given}
