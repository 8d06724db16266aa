"""Who aggregates over support rows is told: they are in a sandbox only so that joins keep matching."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import ibis.expr.operations as ops
import ibis.expr.types as ir

from workbench.sandbox.graph import Role
from workbench.sandbox.origins import Origins, children
from workbench.sandbox.session import Session

_LEFT = ("left", "semi", "anti", "asof", "any_left")  # joins whose rows are those of the left side


@dataclass(frozen=True, slots=True)
class Unreliable:
    """Figures that mean little on a sandbox: which, and why."""

    figures: tuple[str, ...]
    why: str


def unreliable(table: ir.Table, session: Session) -> tuple[Unreliable, ...]:
    """The aggregates within a table that count support rows, or rows for each row of which only some are there.

    Joining a row that is there for that purpose is what support rows are for, and is not told.
    """
    origins = Origins(session)
    if not origins.support:
        return ()
    found = []
    for node in table.op().find(ops.Aggregate):
        why = _counted(node, origins) or _split(node, origins)
        if why:
            found.append(Unreliable(tuple(node.metrics), why))
    for node in table.op().find(ops.Project):
        over = tuple(name for name, value in node.values.items() if value.find(ops.WindowFunction))
        names = _thin(node.parent, origins) if over else frozenset()
        if names:
            found.append(Unreliable(over, _rows(names, origins)))
    return tuple(dict.fromkeys(found))


def _counted(node: ops.Aggregate, origins: Origins) -> str:
    names = _thin(node.parent, origins)
    return _rows(names, origins) if names else ""


def _rows(names: Iterable[str], origins: Origins) -> str:
    each = " and ".join(f"{origins.support[name]:,} rows of {name}" for name in sorted(names))
    return f"computed over {each} that are in the sandbox only because chosen rows refer to them"


def _thin(relation: ops.Relation, origins: Origins) -> frozenset[str]:
    """The sources with support rows that alone decide which rows a relation has; none where chosen rows decide."""
    return _kind(relation, origins) or frozenset()


def _kind(relation: ops.Relation, origins: Origins) -> frozenset[str] | None:
    """Sources whose support rows make up a relation; None for a relation of chosen rows, and empty for whole tables."""
    source = origins.source(relation)
    if source is not None:
        if source in origins.support:
            return frozenset([source])
        table = origins.tables.get(source)
        return None if table is not None and table.role in (Role.ANCHOR, Role.FOLLOW) else frozenset()
    if isinstance(relation, ops.Aggregate):
        return frozenset()  # told where it is computed
    if isinstance(relation, ops.JoinChain):
        kind = _kind(relation.first, origins)
        for link in relation.rest:
            kind = _joined(kind, link.how, _kind(link.table, origins))
        return kind
    kinds = [_kind(each, origins) for each in children(relation)]
    return _either(kinds) if len(kinds) != 1 else kinds[0]


def _joined(left: frozenset[str] | None, how: str, right: frozenset[str] | None) -> frozenset[str] | None:
    if how in _LEFT:
        return left
    if how == "right":
        return right
    if how == "outer":
        return _either([left, right])
    return None if left is None or right is None else left | right


def _either(kinds: Sequence[frozenset[str] | None]) -> frozenset[str] | None:
    known = [kind for kind in kinds if kind]
    return frozenset().union(*known) if known else None if None in kinds else frozenset()


def _split(node: ops.Aggregate, origins: Origins) -> str:
    """Chosen rows counted for each row that they refer to, when only some of those that refer to it were chosen."""
    keys = {place for value in node.groups.values() if (place := origins.column(value)) is not None}
    for link in origins.links:
        table = origins.tables.get(link.parent)
        if table is None or table.role != Role.PARENT or origins.followed(link) or origins.complete(link.child):
            continue
        if {(link.child, column) for column in link.columns} <= keys and _kind(node.parent, origins) is None:
            return f"for each {', '.join(link.columns)} only some rows of {link.child} are in the sandbox"
    return ""
