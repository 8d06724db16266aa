"""Publishing and rolling back: plans that only read, and one function that moves readers."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from workbench.catalog import announce
from workbench.catalog.endings import demotion_said, deprecation_said
from workbench.catalog.operation import move_readers, pointer
from workbench.catalog.shown import last_shown
from workbench.catalog.version import changed_files, version_dir
from workbench.config import Workspace
from workbench.errors import GuardRefused, InfrastructureError, UnknownName, UsageError, WorkbenchError, quoted
from workbench.model import VersionId
from workbench.promote.decided import promotion_named, refuse_overtaken, refuse_undecided
from workbench.runtime.warehouse import Live, Warehouse
from workbench.store import Store, beside, endings
from workbench.store.records import LedgerEntry, OperationKind, OperationRecord, Pointer, PromotionRecord, Target


@dataclass(frozen=True, slots=True)
class PublishPlan:
    """Where readers of which pipelines go. Without targets there is nothing to do, and ``notes`` say why."""

    kind: OperationKind
    targets: tuple[Target, ...]
    promotion: str | None = None
    notes: tuple[str, ...] = ()


def plan_publish(workspace: Workspace, store: Store, warehouse: Warehouse, target: str) -> PublishPlan:
    """What publishing a promotion (``P-2``) or a version (``late_departures@2``) would do; changes nothing.

    Raises ``Waiting`` for what nobody approved, ``GuardRefused`` for what a gate refused or what was changed since, and
    ``WorkbenchError`` for what was rejected or overtaken.
    """
    live = warehouse.live()
    if "@" in target:
        version = VersionId.parse(target)
        known = last_shown(store, version.pipeline)
        if version.number in known:
            _refuse_changed_version(workspace, store, version)
            move = _move(store, warehouse, live, version.pipeline, known[version.number])
            return _plan(store, "publish", [move], None, _companions(store, version))
        promotion = _promotion_of(store, version)
    else:
        promotion = promotion_named(store, target)
    refuse_undecided(workspace, store, promotion)
    notes, targets, last = [], [], _last_data(store, promotion)
    for candidate in promotion.candidates:
        at, to = live.get(candidate.pipeline), last[candidate.pipeline]
        targets.append(_move(store, warehouse, live, candidate.pipeline, to))
        base = candidate.summary.get("base_snapshot")
        same_version = at is not None and at.version == candidate.base_version
        seen = {base, to.snapshot, *beside.followed(store, promotion.id)}
        if at is not None and same_version and base and at.snapshot.id not in seen:
            notes.append(
                f"{candidate.pipeline} got newer data since {promotion.id} was tried; next: workbench run {candidate.pipeline}"
            )
    refuse_overtaken(live, promotion)
    return _plan(store, "publish", targets, promotion.id, notes)


def plan_rollback(
    workspace: Workspace, store: Store, warehouse: Warehouse, pipeline: str, to: int | None = None
) -> PublishPlan:
    """What rolling a pipeline back would do; changes nothing.

    Without ``to``, the operation that brought the live version is undone as a whole: pipelines that became visible together
    go back together. With ``to``, this pipeline alone goes to that version's last data.
    """
    live = warehouse.live()
    if pipeline not in live:
        raise UnknownName.of("published pipeline", pipeline, live, hint="workbench status")
    if to is not None:
        known = last_shown(store, pipeline)
        if to not in known:
            published = ", ".join(f"v{number}" for number in sorted(known)) or "none"
            raise UsageError(f"{pipeline}@{to} was never published; published were: {published}", hint="workbench show")
        _refuse_changed_version(workspace, store, VersionId(pipeline, to))
        return _plan(store, "rollback", [_move(store, warehouse, live, pipeline, known[to])], None, [])
    operation = _brought(store, pipeline, live[pipeline].version)
    before = None if operation is None else operation.target(pipeline)
    if operation is None or before is None or before.old is None:
        raise WorkbenchError(
            f"{pipeline}@{live[pipeline].version} is the first version that was published; there is nothing before it",
            hint=f"workbench show {pipeline}@{live[pipeline].version}",
        )
    targets, notes = [], []
    for each in operation.targets:
        at = pointer(live.get(each.pipeline))
        if each.old is None:
            notes.append(f"{each.pipeline} stays: it was published for the first time together with {pipeline}")
        elif at is not None and each.new is not None and at.version == each.new.version:
            _refuse_changed_version(workspace, store, VersionId(each.pipeline, each.old.version))
            targets.append(_move(store, warehouse, live, each.pipeline, each.old))
            if at != each.new:
                notes.append(f"{each.pipeline} got newer data since, which goes too; next: workbench run {each.pipeline}")
        else:
            notes.append(f"{each.pipeline} stays: it was moved again since")
    return _plan(store, "rollback", targets, operation.promotion, notes)


def apply(
    store: Store, warehouse: Warehouse, plan: PublishPlan, *, who: str, at: dt.datetime, why: str = ""
) -> OperationRecord | None:
    """Carry out a plan; None when it has nothing to do."""
    if not plan.targets:
        if plan.kind == "publish" and plan.promotion is not None:
            if beside.running(store, promotion=plan.promotion):  # its readers see nothing else than all others
                return move_readers(store, warehouse, "publish", (), who=who, at=at, why=why, promotion=plan.promotion)
            _settle(store, plan.promotion, who=who, at=at)
        return None
    with announce.move_told(store.workspace, plan.targets, at):
        return move_readers(store, warehouse, plan.kind, plan.targets, who=who, at=at, why=why, promotion=plan.promotion)


def _settle(store: Store, promotion: str, *, who: str, at: dt.datetime) -> None:
    """An approved promotion whose data readers see already is published, though nothing moves."""
    with store.transaction():
        found = store.promotion(promotion)
        if found is None or found.status != "approved":
            return
        store.set_promotion_status(promotion, "published")
        store.append_ledger("publish", {"promotion": promotion, "who": who, "moves": {}}, at=at)
    store.write_head()


def _plan(
    store: Store, kind: OperationKind, targets: Sequence[Target], promotion: str | None, notes: Sequence[str]
) -> PublishPlan:
    # Publishing also brings back what was demoted and whose data readers kept.
    gone = endings.demotions(store) if kind == "publish" else {}
    moving = tuple(each for each in targets if each.old != each.new or each.pipeline in gone)
    said = [
        *notes,
        *(
            f"{each.pipeline} was {demotion_said(gone[each.pipeline])}; now it is back"
            for each in moving
            if each.pipeline in gone
        ),
    ]
    now, deprecated = dt.datetime.now(dt.UTC), endings.deprecations(store)
    shown = (VersionId(each.pipeline, each.new.version) for each in moving if each.new is not None)
    said += [deprecation_said(deprecated[version], now) for version in shown if version in deprecated]
    if not moving:
        said += [f"readers of {each.pipeline} see v{each.new.version} already" for each in targets if each.new]
    return PublishPlan(kind, moving, promotion, tuple(said))


def _move(store: Store, warehouse: Warehouse, live: Mapping[str, Live], pipeline: str, to: Pointer) -> Target:
    """The move of one pipeline, when the data that it goes to is whole. What retention let go can't be had by trying again."""
    try:
        damaged = warehouse.damaged(warehouse.snapshot(to.snapshot, pipeline))
    except InfrastructureError:
        left = next((each.at for each in store.ledger() if to.snapshot in _let_go(each, pipeline)), None)
        if left is None:
            raise
        version, known = VersionId(pipeline, to.version), store.version(VersionId(pipeline, to.version))
        made = None if known is None else store.promotion(known.promotion)
        notebook = "NOTEBOOK" if made is None else made.notebook
        raise WorkbenchError(
            f"the data of {version} was removed on {left:%Y-%m-%d}: its retention was over, and workbench gc ran",
            hint="promote it again from the notebook of then: "
            f'workbench promote {quoted(notebook)} {pipeline} --why "as {version}"',
        ) from None
    if damaged:
        raise InfrastructureError(
            f"data of {pipeline}@{to.version} is damaged or missing: {damaged[0]}", hint=f"workbench run {pipeline}"
        )
    return Target(pipeline, pointer(live.get(pipeline)), to)


def _let_go(entry: LedgerEntry, pipeline: str) -> Sequence[str]:
    """The snapshots of a pipeline that an entry of the ledger says were removed."""
    found: Sequence[str] = entry.payload["snapshots"].get(pipeline, ()) if entry.kind == "gc" else ()
    return found


def _last_data(store: Store, promotion: PromotionRecord) -> dict[str, Pointer]:
    """What readers of each pipeline saw last while this promotion was live; before that, what its canary or its trial did.

    Runs refresh what is live: showing the trial's data again would take their days away.
    """
    last = {each.pipeline: Pointer(each.version, each.snapshot) for each in promotion.candidates}
    for running in beside.running(store, promotion=promotion.id):
        last |= running.data if running.kind == "canary" else {}
    shown: set[str] = set()
    for operation in store.operations(state="done"):
        for each in operation.targets:
            known = last.get(each.pipeline)
            if known is None or each.new is None:
                shown.discard(each.pipeline)
            elif operation.promotion == promotion.id and operation.kind == "publish":
                shown.update(last)
                last[each.pipeline] = each.new
            elif operation.kind in ("run", "release") and each.pipeline in shown and each.new.version == known.version:
                last[each.pipeline] = each.new
            elif each.new == known:
                shown.add(each.pipeline)
            else:
                shown.discard(each.pipeline)
    return last


def _brought(store: Store, pipeline: str, version: int) -> OperationRecord | None:
    """The newest publication that moved readers of a pipeline to this version from another one.

    Rollbacks don't count: rolling back twice goes two versions back, and never forward again.
    """
    for operation in reversed(store.operations(state="done")):
        target = operation.target(pipeline)
        if operation.kind != "publish" or target is None or target.new is None or target.new.version != version:
            continue
        if target.old is None or target.old.version != version:
            return operation
    return None


def _companions(store: Store, version: VersionId) -> list[str]:
    """What else was published together with a version, and stays where it is when the version alone is published again."""
    record = store.version(version)
    promotion = None if record is None else store.promotion(record.promotion)
    others = [] if promotion is None else [each.pipeline for each in promotion.candidates if each.pipeline != version.pipeline]
    if promotion is None or not others:
        return []
    return [f"{', '.join(others)} stays; next, to move all of {promotion.id} together: workbench publish {promotion.id}"]


def _promotion_of(store: Store, version: VersionId) -> PromotionRecord:
    """The newest promotion of a version: a rejected one may have been followed by another, a refused one was if any was not."""
    found = [
        promotion
        for promotion in reversed(store.promotions())
        if version in {VersionId(each.pipeline, each.version) for each in promotion.candidates if each.new}
    ]
    if found:
        return next((promotion for promotion in found if promotion.status != "refused"), found[0])
    raise UsageError(
        f"nobody promoted {version} here", hint='workbench show lists all promotions; workbench promote NOTEBOOK --why "…"'
    )


def _refuse_changed_version(workspace: Workspace, store: Store, version: VersionId) -> None:
    record = store.version(version)
    wrong = changed_files(workspace, version, expected_manifest=record.manifest_sha256 if record else None)
    if wrong:
        folder = version_dir(workspace, version).relative_to(workspace.root)
        raise GuardRefused(f"{folder / wrong[0]} is not what was approved", hint=f"git checkout {folder}")
