"""Where the rows and columns of an Ibis expression come from: sources of one sandbox, and the references between them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import ibis.expr.operations as ops

from workbench.config import find_workspace
from workbench.errors import WorkbenchError
from workbench.sandbox import registry
from workbench.sandbox.graph import Link, links
from workbench.sandbox.registry import TableInfo
from workbench.sandbox.session import WORKSPACE, Session

Place = tuple[str, str]  # source and column


@dataclass(frozen=True)
class Origins:
    """What a session knows of its sources."""

    session: Session

    @cached_property
    def tables(self) -> dict[str, TableInfo]:
        """What is known of each table, by source; empty for a file that ``sandbox create`` did not make."""
        info = registry.read(self.session.path.parent)
        return {} if info is None else info.tables

    @cached_property
    def support(self) -> dict[str, int]:
        """Rows that are there only so that joins keep matching, for each source that has any and lacks others."""
        counted = {name: self.session.support_rows(name) for name in self.session.sources if not self.complete(name)}
        return {name: count for name, count in counted.items() if count}

    def complete(self, source: str) -> bool:
        """Whether the sandbox has every row of a source."""
        table = self.tables.get(source)
        return table is not None and table.rows >= table.production

    @cached_property
    def links(self) -> tuple[Link, ...]:
        """The declared references between sources of the sandbox; none where no workspace is around."""
        given = os.environ.get(WORKSPACE)
        try:
            sources = find_workspace(Path(given) if given else None).settings.sources
            return tuple(each for each in links(sources) if {each.child, each.parent} <= {*self.session.sources})
        except (WorkbenchError, KeyError, OSError):
            return ()

    def followed(self, link: Link) -> bool:
        """Whether the sample took the rows of a child by this reference, all that belong to a chosen row."""
        table = self.tables.get(link.child)
        return table is not None and table.via == str(link)

    def source(self, relation: ops.Relation) -> str | None:
        """The source that a table of the database is; None for any other relation."""
        if type(relation) is ops.DatabaseTable and relation.name in self.session.sources:
            return str(relation.name)
        return None

    def column(self, value: ops.Value) -> Place | None:
        """The column of a source that a value is, unchanged; None when it is computed."""
        while isinstance(value, ops.Field):
            source = self.source(value.rel)
            if source is not None:
                return source, str(value.name)
            value = _under(value)
        return None

    def masked(self, value: ops.Node) -> Iterator[tuple[Place, str]]:
        """The masked columns that a value is computed from, with their rules; asking whether they are NULL does not count."""
        if isinstance(value, (ops.IsNull, ops.NotNull)):
            return
        if isinstance(value, ops.Field):
            source = self.source(value.rel)
            rule = "" if source is None or source not in self.tables else self.tables[source].masked.get(value.name, "")
            if source is not None and rule not in ("", "keep"):
                yield (source, str(value.name)), rule
            under = _under(value)
            if under is not None:
                yield from self.masked(under)
            return
        for child in value.__children__:
            if isinstance(child, ops.Value):
                yield from self.masked(child)

    def equated(self, predicates: Iterable[ops.Value]) -> set[frozenset[Place]]:
        """The pairs of source columns that conditions hold equal."""
        found = set()
        for each in predicates:
            if isinstance(each, ops.Equals):
                places = self.column(each.left), self.column(each.right)
                if places[0] is not None and places[1] is not None:
                    found.add(frozenset([places[0], places[1]]))
        return found

    def along(self, pairs: set[frozenset[Place]]) -> tuple[Link, ...]:
        """The references whose columns are all held equal to what they refer to."""
        return tuple(
            link
            for link in self.links
            if all(
                frozenset([(link.child, own), (link.parent, other)]) in pairs
                for own, other in zip(link.columns, link.to, strict=True)
            )
        )


def _under(field: ops.Field) -> Any:
    """What a column is in terms of the relation below it; None for a column of a table."""
    if isinstance(field.rel, ops.Reference):
        return ops.Field(field.rel.parent, field.name)
    return field.rel.values.get(field.name)


def children(relation: ops.Relation) -> Sequence[ops.Relation]:
    """The relations that a relation is made of; none for a table."""
    found: list[Any] = []
    if isinstance(relation, ops.JoinChain):
        found = [relation.first, *(link.table for link in relation.rest)]
    elif isinstance(relation, ops.Set):
        found = [relation.left, relation.right]
    elif isinstance(getattr(relation, "parent", None), ops.Relation):
        found = [relation.parent]
    return found
