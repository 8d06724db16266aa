"""A table of a sandbox with the weight and the cluster of each of its rows, where those still say what production has.

Rows were chosen by anchor, with all that follows it: a relation keeps its weights as long as each of its rows comes from one
chosen anchor, and production has no row more of it for that anchor. Whatever breaks that is a ``NotEstimable``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

import ibis
import ibis.expr.operations as ops

from workbench.sandbox.graph import Role
from workbench.sandbox.origins import Origins, Place

CLUSTER, WEIGHT = "workbench_cluster", "workbench_weight"
_FROM_LEFT = ("inner", "left", "semi", "anti", "any_inner", "any_left", "cross")
_INNER = ("inner", "any_inner")


class NotEstimable(Exception):
    """Why a sample can't tell a figure, and what can be asked instead."""

    def __init__(self, why: str, way_out: str) -> None:
        super().__init__(why)
        self.way_out = way_out


class Kind(Enum):
    """What a relation's rows are: all that production has, chosen ones, or some that others refer to."""

    WHOLE = "whole"
    CHOSEN = "chosen"
    SUPPORT = "support"


@dataclass(frozen=True, slots=True)
class Scaled:
    """A relation; where it is ``CHOSEN`` it has the columns ``CLUSTER`` and ``WEIGHT``, those of the rows of ``driver``.

    ``sources`` are those that it reads.
    """

    relation: ops.Relation
    kind: Kind
    sources: frozenset[str] = field(default_factory=frozenset)
    driver: str = ""


def scale(relation: ops.Relation, origins: Origins) -> Scaled:
    """The relation with weights and clusters; ``NotEstimable`` where they can't be had."""
    match relation:
        case ops.JoinChain():
            return _join(relation, origins)
        case ops.InMemoryTable() | ops.DummyTable():
            return Scaled(relation, Kind.WHOLE)
        case ops.PhysicalTable():
            return _table(relation, origins)
        case ops.Sort():
            return scale(relation.parent, origins)
        case ops.Filter() | ops.Project() | ops.DropColumns() | ops.Reference() | ops.FillNull() | ops.DropNull():
            return _over(relation, origins)
    under = [scale(each, origins) for each in relation.__children__ if isinstance(each, ops.Relation)]
    if under and all(each.kind is Kind.WHOLE for each in under):
        return Scaled(relation, Kind.WHOLE, frozenset().union(*(each.sources for each in under)))
    what = {
        "Aggregate": "it aggregates an aggregate",
        "Limit": "it takes the first rows only (limit, head)",
        "Distinct": "it counts distinct rows",
        "Sample": "it samples the sample",
    }.get(type(relation).__name__, f"it uses {type(relation).__name__.lower()}, whose rows are not chosen one anchor at a time")
    raise NotEstimable(what, "aggregate the rows of a source, filtered and joined, once")


def rewritten(value: ops.Value, old: ops.Relation, new: ops.Relation) -> Any:
    """A value over one relation as a value over another one that has the same columns."""
    return value if old is new else value.replace({old: new})


def _table(table: ops.PhysicalTable, origins: Origins) -> Scaled:
    source = origins.source(table)
    known = origins.tables.get(source or "")
    if source is None or known is None:
        raise NotEstimable(
            f"nothing is known of the rows of {getattr(table, 'name', 'a table')}", "start from wb.source, without .cache()"
        )
    if known.role == Role.WHOLE or origins.complete(source):
        return Scaled(table, Kind.WHOLE, frozenset([source]))
    if known.role == Role.PARENT:
        return Scaled(table, Kind.SUPPORT, frozenset([source]))
    rows = origins.session.con.table(source, database="workbench_rows")
    # Under names of their own: a source may well have a column called weight.
    flags = {"workbench_number": rows.row, CLUSTER: rows.cluster, WEIGHT: rows.weight}
    chosen_rows = rows.filter(rows.core).select(**flags)
    numbered = table.to_expr().mutate(workbench_row=table.to_expr().rowid())
    chosen = numbered.inner_join(chosen_rows, numbered.workbench_row == chosen_rows.workbench_number)
    columns = {name: chosen[name] for name in table.schema.names}
    # A row of no anchor stands for itself: clusters are numbered from 1.
    cluster = ibis.coalesce(chosen[CLUSTER], -1 - chosen.workbench_row)
    flagged = chosen.select(**columns, **{CLUSTER: cluster, WEIGHT: chosen[WEIGHT]})
    return Scaled(flagged.op(), Kind.CHOSEN, frozenset([source]), source)


def _over(relation: Any, origins: Origins) -> Scaled:
    """One relation over one other."""
    under = scale(relation.parent, origins)
    new = under.relation
    if under.kind is not Kind.CHOSEN:
        # Conditions and columns of its own change neither what a whole table is nor what a support table is.
        return Scaled(relation, under.kind, under.sources)
    kept = {name: ops.Field(new, name) for name in (CLUSTER, WEIGHT)}
    match relation:
        case ops.Filter():
            for predicate in relation.predicates:
                _plain(predicate, origins, condition=True)
            built: Any = ops.Filter(new, [rewritten(each, relation.parent, new) for each in relation.predicates])
        case ops.Project():
            for value in relation.values.values():
                _plain(value, origins)
            values = {name: rewritten(value, relation.parent, new) for name, value in relation.values.items()}
            built = ops.Project(new, values | kept)
        case ops.DropColumns():
            built = ops.Project(new, {name: ops.Field(new, name) for name in relation.schema.names} | kept)
        case ops.Reference():
            built = type(relation)(new, identifier=relation.identifier)
        case _:
            raise NotEstimable("it fills or drops NULLs of whole rows", "name the columns: .filter(…notnull()) or .mutate(…)")
    return Scaled(built, Kind.CHOSEN, under.sources, under.driver)


def _plain(value: ops.Value, origins: Origins, *, condition: bool = False) -> None:
    """Refuse what a row can't know of itself: windows, other tables, and conditions on what a mask has changed."""
    if value.find((ops.WindowFunction, ops.Analytic)):
        raise NotEstimable("it uses a window over rows", "aggregate once, without rank, lag or sums over windows")
    if value.find((ops.ScalarSubquery, ops.InSubquery, ops.ExistsSubquery)):
        raise NotEstimable("it reads another table inside an expression", "join the table instead")
    if condition:
        for (source, column), rule in origins.masked(value):
            raise NotEstimable(
                f"it asks for values of {source}.{column}, which is masked ({rule.partition(':')[0]})", "ask another column"
            )


def _join(chain: ops.JoinChain, origins: Origins) -> Scaled:
    first = scale(chain.first, origins)
    moved: dict[Any, Any] = {chain.first: first.relation}
    state, lead = first, chain.first
    pairs: set[frozenset[Place]] = set()
    rest = []
    for link in chain.rest:
        right = scale(link.table, origins)
        moved[link.table] = right.relation
        pairs |= origins.equated(link.predicates)
        _no_windows(link.predicates, origins)
        kind, from_right = _joined(state, link.how, right, pairs, origins)
        lead = link.table if from_right else lead
        driver = right.driver if from_right else state.driver
        state = Scaled(right.relation, kind, state.sources | right.sources, driver)
        rest.append(link)
    if state.kind is not Kind.CHOSEN:
        return Scaled(chain, state.kind, state.sources)
    built = [ops.JoinLink(link.how, moved[link.table], [each.replace(moved) for each in link.predicates]) for link in rest]
    values: Mapping[str, Any] = {name: value.replace(moved) for name, value in chain.values.items()}
    kept = {name: ops.Field(moved[lead], name) for name in (CLUSTER, WEIGHT)}
    whole = ops.JoinChain(moved[chain.first], built, {**values, **kept})
    return Scaled(whole, Kind.CHOSEN, state.sources, state.driver)


def _no_windows(predicates: Any, origins: Origins) -> None:
    for predicate in predicates:
        _plain(predicate, origins)


def _joined(left: Scaled, how: str, right: Scaled, pairs: set[frozenset[Place]], origins: Origins) -> tuple[Kind, bool]:
    """What a join's rows are, and whether their cluster is the right side's."""
    along = origins.along(pairs)
    down = any(link.child in left.sources and link.parent in right.sources for link in along)
    up = any(link.child in right.sources and link.parent in left.sources for link in along)
    match left.kind, right.kind:
        case _, Kind.WHOLE if how in _FROM_LEFT:
            return left.kind, False
        case ((Kind.CHOSEN | Kind.SUPPORT), Kind.SUPPORT) if how in _FROM_LEFT and down:
            return left.kind, False
        case Kind.WHOLE, Kind.CHOSEN if how in (*_INNER, "right", "cross"):
            return Kind.CHOSEN, True
        case Kind.SUPPORT, Kind.CHOSEN if how in (*_INNER, "right") and up:
            return Kind.CHOSEN, True
        case Kind.CHOSEN, Kind.CHOSEN if how in _FROM_LEFT and _one_cluster(left, right, along, pairs, origins):
            return Kind.CHOSEN, False
    names = " and ".join(sorted(left.sources | right.sources))
    raise NotEstimable(
        f"it joins {names} in a way that has other rows in production ({how} join)",
        "join along a declared reference, from the table that refers",
    )


def _one_cluster(left: Scaled, right: Scaled, along: Any, pairs: set[frozenset[Place]], origins: Origins) -> bool:
    """Whether two chosen tables are joined so that both rows of a pair belong to one anchor."""
    both = {(a, b) for a in left.sources for b in right.sources}
    if any(origins.followed(link) and {(link.child, link.parent), (link.parent, link.child)} & both for link in along):
        return True
    followed = [link for link in origins.links if origins.followed(link)]
    return any(
        (one.child, other.child) in both
        and (one.parent, one.to) == (other.parent, other.to)
        and all(frozenset([(one.child, a), (other.child, b)]) in pairs for a, b in zip(one.columns, other.columns, strict=True))
        for one in followed
        for other in followed
    )
