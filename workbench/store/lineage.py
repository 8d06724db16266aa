"""What the columns of versions rest on, kept where it can be asked in both directions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sqlalchemy import delete

from workbench.model import Edge, VersionId
from workbench.store import tables
from workbench.store.database import Store

table = tables.lineage


def keep(store: Store, version: VersionId, edges: Iterable[Edge]) -> None:
    """Write down what a version rests on; once more changes nothing."""
    here = (table.c.pipeline == version.pipeline) & (table.c.version == version.number)
    found = [
        {"pipeline": version.pipeline, "version": version.number, "column": each.column, "role": each.role}
        | {"input": each.input, "input_column": each.input_column}
        for each in edges
    ]
    with store.transaction() as connection:
        if known(store, version):
            connection.execute(delete(table).where(here))
        if found:
            connection.execute(table.insert(), found)


def known(store: Store, version: VersionId) -> bool:
    """Whether anything was written down about a version."""
    return bool(store.select(table, limit=1, pipeline=version.pipeline, version=version.number))


def of(store: Store, live: Mapping[str, int]) -> tuple[tuple[str, Edge], ...]:
    """Every edge of the versions given (pipeline to number), each with its pipeline; sorted."""
    found = [
        (row["pipeline"], Edge(row["column"], row["role"], row["input"], row["input_column"]))
        for row in store.select(table)
        if live.get(row["pipeline"]) == row["version"]
    ]
    return tuple(sorted(found))
