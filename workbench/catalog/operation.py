"""Operations: the one way in which readers are moved, and how a crash in the middle of one is mended.

Two stores, one effect: the intent is written to the store, one atomic swap in the warehouse carries the operation's id, then
the store says done and the ledger gets its entry. After a crash the warehouse tells whether the swap happened.

Fail-points: after_intent, before_swap, after_write_new, after_swap, before_done, after_done, after_ledger_head.
"""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.catalog.canary import Change, ended_by
from workbench.catalog.endings import comments, demotion_said
from workbench.catalog.version import read_lineage, version_dir
from workbench.errors import GuardRefused, InfrastructureError, LeaseLost, UsageError
from workbench.model import VersionId
from workbench.runtime.failpoint import reached
from workbench.runtime.views import Current
from workbench.runtime.warehouse import Live, Warehouse
from workbench.store import Store, beside, endings, leases, lineage, quarantine
from workbench.store.records import Lease, OperationKind, OperationRecord, Pointer, QuarantineRecord, Target


@dataclass(frozen=True, slots=True)
class Recovered:
    """An interrupted operation and what became of it: "finished" when readers had been moved, else "undone"."""

    operation: OperationRecord
    outcome: str


def pointer(live: Live | None) -> Pointer | None:
    """What readers see of a pipeline, as the store writes it down."""
    return None if live is None else Pointer(live.version, live.snapshot.id)


def move_readers(
    store: Store,
    warehouse: Warehouse,
    kind: OperationKind,
    targets: Sequence[Target],
    *,
    who: str,
    at: dt.datetime,
    why: str = "",
    promotion: str | None = None,
    run: str | None = None,
    lease: Lease | None = None,
    release: QuarantineRecord | None = None,
    change: Change | None = None,
    ending: Callable[[], object] | None = None,
) -> OperationRecord:
    """Show readers of several pipelines other data, all in one atomic step, on the record.

    With ``lease``, only while nobody has taken it over: it is held against the store in the transaction that writes down the
    intent, and again before the swap, since a process may be stopped in between. ``release`` are the rows that were held back
    and that the targets now show. ``change`` is what chosen readers see from then on; a canary that all readers overtake ends.
    ``ending`` writes down what else is true once readers were moved, in the transaction that says so.

    Raises ``LeaseLost`` when it was taken over, ``InfrastructureError`` when readers are no longer where ``targets`` say,
    ``GuardRefused`` when the ledger does not verify, ``LockHeld`` when another process publishes.
    """
    with warehouse.lock(), _in_the_middle(store) as in_the_middle:
        recover(store, warehouse, at=at)
        refuse_broken_ledger(store)
        if lease is not None:
            leases.require(store, lease)
        current = warehouse.current()
        views = current.views
        for target in targets:
            view = views.get(target.pipeline)
            if (None if view is None else Pointer(view.version, view.snapshot)) != target.old:
                raise InfrastructureError(
                    f"readers of {target.pipeline} were moved meanwhile", hint="type the same command again"
                )
        changes = {
            each.pipeline: None if each.new is None else warehouse.snapshot(each.new.snapshot, each.pipeline)
            for each in targets
        }
        with store.transaction():
            _refuse_undecided(store, kind, promotion)
            _refuse_demoted(store, kind, targets)
            if lease is not None:
                leases.require(store, lease)
            operation = store.begin_operation(kind, targets, who=who, at=at, why=why, promotion=promotion, run=run)
            in_the_middle(operation)
            if release is not None:
                quarantine.begin_release(store, release, operation.id, who=who, why=why, at=at)
            change = (change or Change()).and_also(ended_by(store, current, kind, targets, promotion, at))
            beside.intend(store, change.intents, operation.id)
        reached("after_intent")
        if lease is not None:
            _still_held(store, lease, operation)
        warehouse.swap(operation.id, changes, _comments(store, operation), change.applied(current))
        _finish(store, operation, at, ending)
    return operation


def interrupted(store: Store) -> bool:
    """Whether an operation was begun and has not ended, but for those that threads of this process are in the middle of."""
    begun = store.operations(state="begun")
    return any((store.workspace.root, each.id) not in _here for each in begun)


@contextlib.contextmanager
def _in_the_middle(store: Store) -> Iterator[Callable[[OperationRecord], None]]:
    """Give a function that says which operation this thread is in the middle of, while it lasts."""
    mine: list[tuple[Path, str]] = []

    def note(operation: OperationRecord) -> None:
        mine.append((store.workspace.root, operation.id))
        _here.update(mine)

    try:
        yield note
    finally:
        _here.difference_update(mine)


_here: set[tuple[Path, str]] = set()  # by workspace


def recover(store: Store, warehouse: Warehouse, *, at: dt.datetime) -> tuple[Recovered, ...]:
    """Finish or undo what a killed process had begun. Hold the warehouse's lock around it."""
    found = []
    for operation in store.operations(state="begun"):
        if _moved(warehouse.current(), operation):
            _finish(store, operation, at)
            found.append(Recovered(operation, "finished"))
        else:
            _undo(store, operation)
            found.append(Recovered(operation, "undone"))
    return tuple(found)


def _moved(current: Current, operation: OperationRecord) -> bool:
    """Whether readers see what an operation wanted; its id alone may be that of an operation of a store that was lost."""
    seen = {name: Pointer(view.version, view.snapshot) for name, view in current.views.items()}
    return current.operation == operation.id and all(seen.get(each.pipeline) == each.new for each in operation.targets)


def _still_held(store: Store, lease: Lease, operation: OperationRecord) -> None:
    """Undo the intent of whoever lost the lease since it was written down."""
    try:
        leases.require(store, lease)
    except LeaseLost:
        _undo(store, operation)
        raise


def _undo(store: Store, operation: OperationRecord) -> None:
    with store.transaction():
        store.end_operation(operation.id, "aborted")
        quarantine.settle(store, operation.id, "held")
        beside.settle(store, operation.id, done=False)


def _refuse_undecided(store: Store, kind: OperationKind, promotion: str | None) -> None:
    """A promotion may have been rejected or superseded since its publication was planned."""
    found = store.promotion(promotion) if kind in ("publish", "canary") and promotion is not None else None
    if found is not None and found.status not in ("approved", "published"):
        raise GuardRefused(f"{found.id} is {found.status} meanwhile", hint=f"workbench show {found.id}")


def _refuse_demoted(store: Store, kind: OperationKind, targets: Sequence[Target]) -> None:
    """A pipeline may have been taken out of production since its run began: only a person brings it back."""
    found = endings.demoted(store, [each.pipeline for each in targets]) if kind in ("run", "release") else None
    if found is not None:
        raise GuardRefused(
            f"{found.pipeline} was {demotion_said(found)}", hint=f"workbench demote {found.pipeline} --undo --why …"
        )


def _comments(store: Store, operation: OperationRecord) -> dict[str, str]:
    """What other tools show beside the views that an operation brings."""
    leaving = operation.targets if operation.kind == "demote" else ()
    seen = {each.pipeline: each.new.version for each in operation.targets if each.new is not None}
    return comments(store, seen, leaving, operation.why, back=operation.kind in ("publish", "restore"))


def _finish(store: Store, operation: OperationRecord, at: dt.datetime, ending: Callable[[], object] | None = None) -> None:
    reached("before_done")
    with store.transaction():
        store.end_operation(operation.id, "done")
        if operation.kind == "publish" and operation.promotion is not None:
            store.set_promotion_status(operation.promotion, "published")
        endings.follow(store, operation)
        _keep_lineage(store, operation)
        said = _payload(operation)
        if operation.kind == "release":
            quarantine.settle(store, operation.id, "released")
            said["quarantine"] = [each.id for each in quarantine.find(store) if each.operation == operation.id]
        if settled := beside.settle(store, operation.id, done=True):
            said["beside"] = settled
        store.append_ledger(operation.kind, said, at=at)
        if ending is not None:
            ending()
    reached("after_done")
    store.write_head()
    reached("after_ledger_head")


def _keep_lineage(store: Store, operation: OperationRecord) -> None:
    """What readers see from now on rests on these columns; a version's lineage never changes."""
    for target in operation.targets:
        version = None if target.new is None else VersionId(target.pipeline, target.new.version)
        if version is None or lineage.known(store, version):
            continue
        # Readers have been moved: what only explains their data must not keep that from being written down.
        with contextlib.suppress(UsageError, TypeError):
            lineage.keep(store, version, read_lineage(version_dir(store.workspace, version)))


def _payload(operation: OperationRecord) -> dict[str, Any]:
    def said(at: Pointer | None) -> dict[str, Any] | None:
        return None if at is None else {"version": at.version, "snapshot": at.snapshot}

    moves = {each.pipeline: {"from": said(each.old), "to": said(each.new)} for each in operation.targets}
    facts = {"operation": operation.id, "who": operation.who, "why": operation.why, "moves": moves}
    return facts | {name: value for name, value in (("promotion", operation.promotion), ("run", operation.run)) if value}


def refuse_broken_ledger(store: Store) -> None:
    """Nothing of production changes while its record can't be trusted."""
    problems = store.verify_ledger()
    if problems:
        raise GuardRefused(
            f"the ledger does not verify: {problems[0].message}; nothing is published until it does", hint="workbench doctor"
        )
