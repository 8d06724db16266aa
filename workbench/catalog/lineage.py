"""Column lineage of an Ibis expression, by role, read from the expression itself.

Text of SQL would lose what filters and joins rest on; the expression has it all. Rows and columns are kept apart: what decides
which rows there are (filters, join keys, grouping, ordering) is said once for the table, under the column ``*``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import ibis.expr.operations as ops
import ibis.expr.types as ir

from workbench.model import Edge, LineageRole, column_path

Source = tuple[LineageRole, str, str]  # role, input, column of the input
ROWS = "*"


def column_lineage(expr: ir.Table, inputs: Mapping[str, str], behind: Behind | None = None) -> tuple[Edge, ...]:
    """Every edge of an expression over tables that are named as ``inputs`` says: table name to input, sorted.

    ``behind`` gives the tables that a table in memory was computed from; its columns rest on all of theirs.

    >>> import ibis
    >>> t = ibis.table({"day": "date", "delay": "float64", "cancelled": "boolean"}, name="t")
    >>> late = t.filter(~t.cancelled).group_by("day").agg(mean=t.delay.mean())
    >>> for edge in column_lineage(late, {"t": "flights"}):
    ...     print(edge.column, edge.role, edge.input_column)
    * filter cancelled
    * group day
    day value day
    mean value delay
    """
    found = _Walk(inputs, behind or (lambda _: ())).relation(expr.op())
    edges = {Edge(ROWS, *source) for source in found.rows}
    edges |= {Edge(name, *source) for name, sources in found.columns.items() for source in sources}
    return tuple(sorted(edges))


Behind = Callable[[ops.Relation], Iterable[ops.Relation]]
_NOTHING: frozenset[Source] = frozenset()


@dataclass(frozen=True, slots=True)
class _Table:
    """What each column of a relation rests on, and what its rows rest on."""

    columns: Mapping[str, frozenset[Source]]
    rows: frozenset[Source] = _NOTHING

    @property
    def all(self) -> frozenset[Source]:
        return frozenset().union(*self.columns.values())


@dataclass(frozen=True)
class _Walk:
    inputs: Mapping[str, str]
    behind: Behind
    tables: dict[ops.Node, _Table] = field(default_factory=dict)
    values: dict[ops.Node, frozenset[Source]] = field(default_factory=dict)

    def relation(self, node: ops.Relation) -> _Table:
        if node not in self.tables:
            self.tables[node] = self._relation(node)
        return self.tables[node]

    def value(self, node: Any) -> frozenset[Source]:
        if node not in self.values:
            self.values[node] = self._value(node)
        return self.values[node]

    def together(self, nodes: Iterable[Any]) -> frozenset[Source]:
        return frozenset().union(*map(self.value, nodes))

    def _relation(self, node: ops.Relation) -> _Table:
        match node:
            case ops.Project():
                values = {name: self.value(value) for name, value in node.values.items()}
                return _Table(values, self.relation(node.parent).rows | self._unnested(node.values.values()))
            case ops.Filter():
                return self._with_rows(node.parent, _as("filter", self.together(node.predicates)))
            case ops.Sort():
                return self._with_rows(node.parent, _as("order", self.together(node.keys)))
            case ops.Limit():
                limits = (each for each in (node.n, node.offset) if isinstance(each, ops.Value))
                return self._with_rows(node.parent, _as("filter", self.together(limits)))
            case ops.DropNull():
                parent = self.relation(node.parent)
                subset = self.together(node.subset) if node.subset is not None else parent.all
                return _Table(parent.columns, parent.rows | _as("filter", subset))
            case ops.FillNull():
                return self._filled(node)
            case ops.DropColumns():
                parent = self.relation(node.parent)
                return _Table({name: parent.columns[name] for name in node.schema}, parent.rows)
            case ops.Distinct():
                parent = self.relation(node.parent)
                return _Table(parent.columns, parent.rows | _as("group", parent.all))
            case ops.Aggregate() | ops.WindowAggregate():
                return self._aggregate(node)
            case ops.JoinChain():
                return self._join(node)
            case ops.Set():
                return self._set(node)
            case ops.TableUnnest():
                return self._unnest(node)
            case ops.SQLStringView() | ops.SQLQueryResult():
                return self._sql(node)
            case ops.DummyTable():
                return _Table({name: self.value(value) for name, value in node.values.items()})
            case ops.AliasedRelation():
                return self.relation(cast(Any, node).parent)
            case ops.PhysicalTable():
                return self._table(node)
            case _:  # references, samples and whatever else has a parent and its columns
                return self.relation(cast(Any, node).parent)

    def _with_rows(self, parent: ops.Relation, rows: frozenset[Source]) -> _Table:
        found = self.relation(parent)
        return _Table(found.columns, found.rows | rows)

    def _table(self, node: ops.PhysicalTable) -> _Table:
        if node.name in self.inputs:
            name = self.inputs[node.name]
            return _Table({column: frozenset([("value", name, column_path(column))]) for column in node.schema})
        behind = [self.relation(each) for each in self.behind(node)]
        sources = frozenset().union(*(each.all for each in behind))
        return _Table(dict.fromkeys(node.schema, sources), frozenset().union(*(each.rows for each in behind)))

    def _aggregate(self, node: Any) -> _Table:
        parent = self.relation(node.parent)
        values = {name: self.value(value) for name, value in (*node.groups.items(), *node.metrics.items())}
        for name in node.schema:  # the bounds of a time window
            values.setdefault(name, self.value(node.time_col) if isinstance(node, ops.WindowAggregate) else _NOTHING)
        groups = _as("group", self.together(node.groups.values()))
        return _Table(values, parent.rows | groups | self._unnested(node.groups.values()))

    def _join(self, node: ops.JoinChain) -> _Table:
        tables = [node.first, *(link.table for link in node.rest)]
        on = self.together(predicate for link in node.rest for predicate in link.predicates)
        rows = frozenset().union(*(self.relation(table).rows for table in tables))
        return _Table({name: self.value(value) for name, value in node.values.items()}, rows | _as("join", on))

    def _set(self, node: Any) -> _Table:
        left, right = self.relation(node.left), self.relation(node.right)
        rows = left.rows | right.rows
        if isinstance(node, ops.Union):
            columns = {name: left.columns[name] | right.columns[name] for name in node.schema}
            distinct = frozenset().union(*columns.values()) if node.distinct else _NOTHING
            return _Table(columns, rows | _as("group", distinct))
        return _Table(left.columns, rows | _as("filter", left.all | right.all))

    def _filled(self, node: ops.FillNull) -> _Table:
        parent = self.relation(node.parent)
        by_name = node.replacements if isinstance(node.replacements, Mapping) else None
        columns = {}
        for name, sources in parent.columns.items():
            by = by_name.get(name) if by_name is not None else node.replacements
            columns[name] = sources | (self.value(by) if isinstance(by, ops.Value) else _NOTHING)
        return _Table(columns, parent.rows)

    def _unnest(self, node: ops.TableUnnest) -> _Table:
        parent, unnested = self.relation(node.parent), self.value(node.column)
        columns = {name: parent.columns.get(name, unnested) for name in node.schema}
        columns[node.column_name] = unnested
        return _Table(columns, parent.rows | _as("filter", unnested))

    def _unnested(self, values: Iterable[Any]) -> frozenset[Source]:
        """What decides how many rows become of one, where arrays are unnested; those that are written out have one length."""
        found = _NOTHING
        for value in values:
            if isinstance(value, ops.Unnest) and not isinstance(value.arg, ops.Array):
                found |= _as("filter", self.value(value.arg))
            if not isinstance(value, (ops.Field, ops.Subquery)):
                found |= self._unnested(each for child in value.__args__ for each in _values(child))
        return found

    def _sql(self, node: Any) -> _Table:
        """A query given as text: each column may rest on every column that the text names, and on all where it says ``*``."""
        import sqlglot
        from sqlglot import expressions as exp

        query = sqlglot.parse_one(node.query, dialect="duckdb")
        if isinstance(node, ops.SQLStringView):
            parents = [self.relation(node.parent)]
        else:
            names = sorted({table.name for table in query.find_all(exp.Table)} & {*self.inputs})
            parents = [self.relation(node.source.table(name).op()) for name in names]
        named = {column.name.casefold() for column in query.find_all(exp.Column)}
        every = any(_means_all(star) for star in query.find_all(exp.Star))
        sources = frozenset().union(
            *(found for each in parents for name, found in each.columns.items() if every or name.casefold() in named)
        )
        return _Table(dict.fromkeys(node.schema, sources), frozenset().union(*(each.rows for each in parents)))

    def _value(self, node: Any) -> frozenset[Source]:
        match node:
            case ops.Field():
                return self.relation(node.rel).columns[node.name]
            case ops.StructField():
                return self._nested(node, ())
            case ops.Subquery():
                table = self.relation(node.rel)
                needle = self.value(node.needle) if isinstance(node, ops.InSubquery) else _NOTHING
                values = _NOTHING if isinstance(node, ops.ExistsSubquery) else table.all
                return needle | values | table.rows
            case ops.WindowFunction():
                ordered = _as("order", self.together(node.order_by))
                return self.value(node.func) | _as("group", self.together(node.group_by)) | ordered
            case ops.Value():
                found = _NOTHING
                for name, child in zip(node.__argnames__, node.__args__, strict=True):
                    role = _ARGUMENTS.get(name, "value") if isinstance(node, ops.Reduction) else "value"
                    found |= _as(role, self.together(_values(child)))
                return found
            case _:
                return _NOTHING

    def _nested(self, value: Any, path: tuple[str, ...]) -> frozenset[Source]:
        """A field of a struct: of a struct that the expression builds, the value in it; else a path into the input's column.

        >>> import ibis
        >>> t = ibis.table({"x": "int64", "s": "struct<a: int64>"}, name="t")
        >>> built = t.mutate(p=ibis.struct({"k": t.x, "l": t.s})).order_by("p")
        >>> [edge.input_column for edge in column_lineage(built.select(a=built.p.l.a), {"t": "t"}) if edge.column == "a"]
        ['s.a']
        """
        match value:
            case ops.StructField():
                return self._nested(value.arg, (value.field, *path))
            case ops.StructColumn() if path:
                inner = dict(zip(value.names, value.values, strict=True))
                return self._nested(inner[path[0]], path[1:])
            case ops.Array():
                return frozenset().union(*(self._nested(each, path) for each in value.exprs))
            case ops.Unnest():
                return self._nested(value.arg, path)
            case ops.Field() if path:
                return self._nested_column(value.rel, value.name, path)
            case _:
                return self.value(value)

    def _nested_column(self, table: Any, name: str, path: tuple[str, ...]) -> frozenset[Source]:
        """A field within a column of a table, followed to where the column was made."""
        match table:
            case ops.Project() | ops.JoinChain():
                return self._nested(table.values[name], path)
            case ops.Aggregate():
                return self._nested({**table.groups, **table.metrics}[name], path)
            case ops.Union():
                return self._nested_column(table.left, name, path) | self._nested_column(table.right, name, path)
            case ops.TableUnnest() if name == table.column_name:
                return self._nested(table.column, path)
            case ops.PhysicalTable() if table.name in self.inputs and not isinstance(table, ops.AliasedRelation):
                return frozenset([("value", self.inputs[table.name], column_path(name, *path))])
            case (
                ops.FillNull() | ops.Set() | ops.PhysicalTable() | ops.SQLStringView() | ops.SQLQueryResult() | ops.DummyTable()
            ):
                return self.relation(table).columns[name]
            case _:  # filters, orders and whatever else has the columns of its parent
                return self._nested_column(table.parent, name, path)


# What an argument of an aggregate decides, other than the value itself.
_ARGUMENTS: dict[str, LineageRole] = {"where": "filter", "order_by": "order", "key": "order"}


def _as(role: LineageRole, sources: frozenset[Source]) -> frozenset[Source]:
    """Values in another role; what is in one already keeps it."""
    return frozenset((role if own == "value" else own, table, column) for own, table, column in sources)


def _values(child: Any) -> Iterator[Any]:
    if isinstance(child, ops.Value):
        yield child
    elif isinstance(child, (tuple, list)):
        for each in child:
            yield from _values(each)
    elif isinstance(child, Mapping):
        yield from _values(tuple(child.values()))


def _means_all(star: Any) -> bool:
    """Whether a ``*`` stands for columns of the result: that of ``count(*)`` does not, and one of an inner query passes on
    what the outer one names.
    """
    from sqlglot import expressions as exp

    select = star.find_ancestor(exp.Select)
    if select is None or isinstance(star.parent, exp.Count):
        return False
    inner = isinstance(select.parent, (exp.CTE, exp.Subquery)) and not select.args.get("distinct")
    return not inner
