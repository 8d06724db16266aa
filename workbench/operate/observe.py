"""What to say of each pipeline: what readers see, whether it is good, and what comes next."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from workbench.catalog.aside import Aside, asides
from workbench.catalog.endings import demotion_said, deprecation_said
from workbench.catalog.version import pipelines, read_manifest, version_dir
from workbench.config import Workspace
from workbench.errors import ConfigError, InfrastructureError
from workbench.model import VersionId, counted
from workbench.moments import age
from workbench.operate.agenda import agenda
from workbench.operate.backfill_lease import is_carried_out
from workbench.operate.schedule import PipelineConfig, next_due, read_config
from workbench.operate.settle import is_lost
from workbench.runtime.views import View
from workbench.runtime.warehouse import Warehouse
from workbench.store import Store, backfills, endings, intervals, quarantine
from workbench.store.records import DemotionRecord, DeprecationRecord, OperationRecord, RunRecord


class Readers(StrEnum):
    """What readers of a pipeline see now."""

    GOOD = "good"
    STALE = "stale"
    KEPT = "old data kept"
    DAMAGED = "damaged"
    NOT_PUBLISHED = "not published"


@dataclass(frozen=True, slots=True)
class PipelineStatus:
    """One pipeline at one moment. All moments are in UTC.

    ``published`` is when readers were last moved, ``confirmed`` when their data was last brought up to date or found to be so,
    ``through`` the latest partition in time. ``lost`` says that the process of the last run is gone though it never ended.
    ``beside`` is its canary or shadow.
    ``demoted`` says that the pipeline was taken out of production, ``deprecated`` that readers should leave the live version.
    ``held_by`` is the pipeline whose failure keeps the scheduler from running this one, ``held_back`` counts the rows in
    quarantine that nobody has decided on.
    """

    pipeline: str
    readers: Readers
    reason: str
    version: int | None = None
    published: dt.datetime | None = None
    confirmed: dt.datetime | None = None
    through: str | None = None
    rows: int | None = None
    last_run: RunRecord | None = None
    lost: bool = False
    due: dt.datetime | None = None
    held_by: str | None = None
    held_back: int = 0
    demoted: DemotionRecord | None = None
    deprecated: DeprecationRecord | None = None
    beside: Aside | None = None


def status(workspace: Workspace, now: dt.datetime) -> tuple[PipelineStatus, ...]:
    """Every pipeline that is known of: promoted, recorded or published. By name."""
    warehouse = Warehouse.open(workspace)
    shown = warehouse.current().views
    with Store.open(workspace, read_only=True) as store:
        recorded = {each.pipeline for each in store.versions()}
        operations = {each.id: each for each in store.operations()}
        failed = any(each.state == "failed" for each in intervals.unsettled(store))
        found = [
            _status(workspace, warehouse, store, name, shown.get(name), operations, now)
            for name in sorted({*pipelines(workspace), *shown, *recorded})
        ]
        gone, leaving = endings.demotions(store), endings.deprecations(store)
        aside = asides(store)
    held = {each.pipeline: each.cause for each in agenda(workspace, now).plan.held if each.error} if failed else {}
    known = (replace(each, held_by=held.get(each.pipeline), beside=aside.get(each.pipeline)) for each in found)
    return tuple(_ended(each, gone.get(each.pipeline), leaving, now) for each in known)


def _ended(
    found: PipelineStatus, gone: DemotionRecord | None, leaving: Mapping[VersionId, DeprecationRecord], now: dt.datetime
) -> PipelineStatus:
    """What is to be said of a pipeline that was demoted, or whose readers should leave what they see."""
    old = None if found.version is None else leaving.get(VersionId(found.pipeline, found.version))
    said = [deprecation_said(old, now)] if old is not None else []
    if gone is None:
        return replace(found, reason="; ".join([*said, *filter(None, [found.reason])]), deprecated=old)
    # Nobody promises that it is fresh, and nothing is due.
    readers = Readers.GOOD if found.readers in (Readers.STALE, Readers.KEPT) else found.readers
    damaged = [found.reason] if readers is Readers.DAMAGED else []
    reason = "; ".join([demotion_said(gone), *said, *damaged])
    return replace(found, readers=readers, reason=reason, due=None, held_by=None, demoted=gone, deprecated=old)


def _status(
    workspace: Workspace,
    warehouse: Warehouse,
    store: Store,
    name: str,
    view: View | None,
    operations: Mapping[str, OperationRecord],
    now: dt.datetime,
) -> PipelineStatus:
    try:
        config, problem = read_config(workspace, name), ""
    except ConfigError as error:
        config, problem = PipelineConfig(schedule=None), error.message.splitlines()[0]
    runs = store.runs(name, limit=20)
    last = runs[0] if runs else None
    lost = last is not None and is_lost(last)
    if view is None:
        reason = problem or "no version is published"
        return PipelineStatus(name, Readers.NOT_PUBLISHED, reason, last_run=last, lost=lost)
    operation = operations.get(view.operation)
    published = None if operation is None else operation.at
    good = next((run.finished for run in runs if run.status == "succeeded" and run.version == view.version), None)
    confirmed = max((moment for moment in (published, good) if moment is not None), default=None)
    due = next_due(config, now)
    try:
        snapshot = warehouse.snapshot(view.snapshot, name)
    except InfrastructureError as error:
        return PipelineStatus(
            name, Readers.DAMAGED, error.message, view.version, published, confirmed, last_run=last, lost=lost, due=due
        )
    damaged = warehouse.damaged(snapshot)
    if damaged:
        more = f" and {len(damaged) - 1} more" if len(damaged) > 1 else ""
        readers, reason = Readers.DAMAGED, f"{damaged[0]}{more} is missing or has another size"
    else:
        judged = next((run for run in runs if not _silent(store, run)), None)
        readers, reason = _judge(config, judged, lost and judged is last, confirmed, now)
        if readers is Readers.GOOD:
            reason = _behind(workspace, VersionId(name, view.version), confirmed, operations.values())
    waiting = quarantine.find(store, name, state="held")
    held_back = sum(each.file.rows for each in waiting)
    aside = f"{counted(held_back, 'row')} held back: {', '.join(each.id for each in waiting)}" if waiting else ""
    return PipelineStatus(
        name,
        readers,
        "; ".join(text for text in (reason, aside, problem) if text),
        view.version,
        published,
        confirmed,
        _through(snapshot.columns.get(snapshot.partition_by or "", ""), [file.partition for file in snapshot.files]),
        snapshot.rows,
        last,
        lost,
        due,
        held_back=held_back,
    )


def _silent(store: Store, run: RunRecord) -> bool:
    """Whether a run belongs to a backfill that somebody carries out now, which says itself how it goes."""
    if not str(run.facts.get("trigger", "")).startswith("backfill "):
        return False
    found = backfills.silenced(store, run.pipeline, run.interval)
    return found is not None and is_carried_out(store, found)


def _judge(
    config: PipelineConfig, last: RunRecord | None, lost: bool, confirmed: dt.datetime | None, now: dt.datetime
) -> tuple[Readers, str]:
    """Whether whole data is also the data that readers should see."""
    if last is not None and (confirmed is None or (last.finished or last.started) > confirmed):
        if lost:
            return Readers.KEPT, f"{last.id} was killed"
        if last.status in ("failed", "killed", "degraded"):
            return (
                Readers.KEPT,
                f"{last.id} {last.status}: {last.error.splitlines()[0] if last.error else 'no reason is known'}",
            )
    if config.fresh_for is not None and confirmed is not None and now - confirmed > config.fresh_for:
        return Readers.STALE, f"last brought up to date {age(now - confirmed)} ago, promised every {config.freshness}"
    return Readers.GOOD, ""


def _behind(
    workspace: Workspace, version: VersionId, confirmed: dt.datetime | None, operations: Iterable[OperationRecord]
) -> str:
    """Which pipelines that a version reads got other data since it was computed; "" when none did."""
    try:
        inputs = read_manifest(version_dir(workspace, version))["lineage"]["inputs"]
    except (ConfigError, KeyError):
        return ""
    read = {each["name"] for each in inputs if each["kind"] == "pipeline"}
    moved = {
        target.pipeline
        for operation in operations
        if operation.state == "done" and (confirmed is None or operation.at > confirmed)
        for target in operation.targets
    }
    older = sorted(read & moved)
    return f"older than {', '.join(older)}, which it reads" if older else ""


def _through(kind: str, partitions: list[str | None]) -> str | None:
    """The latest partition, where partitions are moments."""
    if not kind.startswith(("DATE", "TIMESTAMP")):
        return None
    return max((text for text in partitions if text is not None), default=None)
