"""Deprecated versions and demoted pipelines in words, wherever somebody meets them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping

from workbench.config import Workspace
from workbench.model import VersionId, counted
from workbench.runtime.warehouse import Warehouse
from workbench.store import Store, endings
from workbench.store.records import DemotionRecord, DeprecationRecord, Target


def overdue(record: DeprecationRecord, now: dt.datetime) -> bool:
    """Whether the last day on which a version was to be read is over, in UTC."""
    return now.astimezone(dt.UTC).date() > record.until


def deprecation_said(record: DeprecationRecord, now: dt.datetime) -> str:
    """What to tell a reader of a deprecated version; louder when its day is over.

    >>> at = dt.datetime(2026, 1, 2, tzinfo=dt.UTC)
    >>> record = DeprecationRecord("daily", 2, dt.date(2026, 3, 31), "daily@3", "counts returns twice", "ann", at)
    >>> deprecation_said(record, at)
    'daily@2 is deprecated until 2026-03-31; use daily@3: counts returns twice'
    >>> deprecation_said(record, dt.datetime(2026, 4, 2, tzinfo=dt.UTC))
    'OVERDUE: daily@2 should not be read since 2026-03-31, 2 days ago; use daily@3: counts returns twice'
    """
    version, use = (
        VersionId(record.pipeline, record.version),
        f"use {record.instead}" if record.instead else "nothing replaces it",
    )
    if not overdue(record, now):
        return f"{version} is deprecated until {record.until}; {use}: {record.why}"
    days = (now.astimezone(dt.UTC).date() - record.until).days
    return f"OVERDUE: {version} should not be read since {record.until}, {counted(days, 'day')} ago; {use}: {record.why}"


def demotion_said(record: DemotionRecord) -> str:
    """What to tell whoever meets a demoted pipeline."""
    seen = f"readers keep the data of v{record.version}" if record.readers == "kept" else "readers see nothing"
    return f"demoted on {record.at:%Y-%m-%d} by {record.who}, {seen}: {record.why}"


def deprecated_live(workspace: Workspace, store: Store, pipelines: Iterable[str] | None = None) -> dict[str, DeprecationRecord]:
    """What readers of pipelines, or of all, should leave: those whose live version is deprecated, by name."""
    found = endings.deprecations(store)
    if not found:
        return {}
    live = Warehouse.open(workspace).current().views
    wanted = live.keys() if pipelines is None else live.keys() & set(pipelines)
    return {name: found[at] for name in sorted(wanted) if (at := VersionId(name, live[name].version)) in found}


def comments(
    store: Store, seen: Mapping[str, int], leaving: Iterable[Target] = (), why: str = "", *, back: bool = False
) -> dict[str, str]:
    """What other tools show beside the views of pipelines (to the version that they show).

    ``leaving`` are those that an operation is about to demote, for a reason; others may be demoted already, unless they are
    on their way ``back``.
    """
    deprecated, demoted = endings.deprecations(store), {} if back else endings.demotions(store)
    frozen = {name: record.why for name, record in demoted.items()} | {each.pipeline: why for each in leaving}
    found = {}
    for name, version in seen.items():
        said = [f"no longer refreshed: {frozen[name]}"] if name in frozen else []
        record = deprecated.get(VersionId(name, version))
        if record is not None:
            use = f", use {record.instead}" if record.instead else ""
            said.append(f"version {version} is deprecated until {record.until}{use}: {record.why}")
        found[name] = "; ".join(said)
    return found


def annotate(store: Store, warehouse: Warehouse) -> bool:
    """Let the comments of all views say what is so, and whether any had to be changed. Hold the warehouse's lock around it."""
    current = warehouse.current()
    wanted = comments(store, {name: view.version for name, view in current.views.items()})
    changed = {name: text for name, text in wanted.items() if text != current.views[name].comment}
    if changed and current.operation is not None:
        warehouse.swap(current.operation, {}, changed)
    return bool(changed)
