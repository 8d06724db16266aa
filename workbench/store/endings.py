"""Deprecated versions and demoted pipelines, as they stand now; the ledger holds how they came to that."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping
from dataclasses import asdict
from typing import Any

from workbench.model import VersionId
from workbench.store import rows, tables
from workbench.store.database import Store
from workbench.store.records import DemotionRecord, DeprecationRecord, OperationRecord

_versions = tables.deprecations
_pipelines = tables.demotions


def deprecations(store: Store) -> dict[VersionId, DeprecationRecord]:
    """Every version that readers should leave."""
    return {VersionId(row["pipeline"], row["version"]): _deprecation(row) for row in store.select(_versions)}


def deprecate(store: Store, record: DeprecationRecord) -> DeprecationRecord | None:
    """Keep, on the ledger, that readers should leave a version; returns what was said of it before, if anything."""
    with store.transaction() as connection:
        known = deprecations(store).get(VersionId(record.pipeline, record.version))
        if known is not None:
            connection.execute(_versions.delete().where(_one(record.pipeline, record.version)))
        connection.execute(
            _versions.insert().values({**asdict(record), "until": record.until.isoformat(), "at": rows.moment(record.at)})
        )
        before = {} if known is None else {"before": {"until": known.until.isoformat(), "use": known.instead}}
        said = {"until": record.until.isoformat(), "use": record.instead, **before}
        store.append_ledger("deprecate", _said(record.pipeline, record.version, record.who, record.why) | said, at=record.at)
    store.write_head()
    return known


def undo_deprecation(store: Store, version: VersionId, *, who: str, why: str, at: dt.datetime) -> DeprecationRecord | None:
    """Take back, on the ledger, that readers should leave a version; returns what was said of it, if anything."""
    with store.transaction() as connection:
        known = deprecations(store).get(version)
        if known is not None:
            connection.execute(_versions.delete().where(_one(version.pipeline, version.number)))
            store.append_ledger("undeprecate", _said(version.pipeline, version.number, who, why), at=at)
    if known is not None:
        store.write_head()
    return known


def demotions(store: Store) -> dict[str, DemotionRecord]:
    """Every pipeline that is out of production, by name."""
    return {row["pipeline"]: _demotion(row) for row in store.select(_pipelines)}


def follow(store: Store, operation: OperationRecord) -> None:
    """Keep what an operation that is done means for its pipelines: in the transaction that says so.

    A demotion takes them out of production; a publication or a restoration brings them back.
    """
    with store.transaction() as connection:
        names = [each.pipeline for each in operation.targets]
        if operation.kind in ("publish", "restore", "demote"):
            connection.execute(_pipelines.delete().where(_pipelines.c.pipeline.in_(names)))
        if operation.kind != "demote":
            return
        for each in operation.targets:
            assert each.old is not None
            record = DemotionRecord(
                each.pipeline,
                each.old.version,
                each.old.snapshot,
                "withdrawn" if each.new is None else "kept",
                operation.id,
                operation.why,
                operation.who,
                operation.at,
            )
            connection.execute(_pipelines.insert().values({**asdict(record), "at": rows.moment(record.at)}))


def demoted(store: Store, pipelines: Collection[str]) -> DemotionRecord | None:
    """The first of these pipelines that is out of production, or None."""
    found = demotions(store)
    return next((found[name] for name in pipelines if name in found), None)


def _one(pipeline: str, version: int) -> Any:
    return (_versions.c.pipeline == pipeline) & (_versions.c.version == version)


def _said(pipeline: str, version: int, who: str, why: str) -> dict[str, Any]:
    return {"pipeline": pipeline, "version": version, "who": who, "why": why}


def _deprecation(row: Mapping[str, Any]) -> DeprecationRecord:
    when = {"until": dt.date.fromisoformat(row["until"]), "at": dt.datetime.fromisoformat(row["at"])}
    return DeprecationRecord(**{**row, **when})


def _demotion(row: Mapping[str, Any]) -> DemotionRecord:
    return DemotionRecord(**{**row, "at": dt.datetime.fromisoformat(row["at"])})
