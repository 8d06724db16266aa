"""Rows that broke a check and were held back: kept by a run, and released or discarded by a person.

Releasing shows them to readers in the same atomic step as a run's result. Rows that were released are let through from then
on, so that a later run of their interval does not take them away again.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.catalog.contract import Contract, read_contract
from workbench.catalog.job import RELEASED
from workbench.catalog.operation import move_readers, pointer, recover
from workbench.catalog.others import other_tables
from workbench.catalog.showing import broken_by
from workbench.catalog.version import version_dir
from workbench.catalog.writing import is_hard
from workbench.config import Workspace
from workbench.errors import GuardRefused, InfrastructureError, UnknownName
from workbench.model import Check, DataFile, Snapshot, VersionId
from workbench.runtime import checks
from workbench.runtime.files import make_folder, write_atomic
from workbench.runtime.warehouse import Live, Warehouse
from workbench.store import Store, quarantine
from workbench.store.records import Pointer, QuarantineRecord, RunRecord, Target

if TYPE_CHECKING:
    import ibis.expr.types as ir


def give_released(store: Store, version: VersionId, folder: Path) -> None:
    """Tell the run in ``folder`` which rows to let through, though they break a check."""
    released = [
        each.file.path for each in quarantine.find(store, version.pipeline, state="released") if each.version == version.number
    ]
    if released:
        write_atomic(make_folder(folder) / RELEASED, json.dumps(released))


def hold_back(store: Store, run: RunRecord, result: Mapping[str, Any], wanted: Sequence[Check]) -> str | None:
    """Keep the rows that a run held back, and say under which id; None when there are none."""
    if not result.get("quarantine"):
        return None
    record = quarantine.hold(
        store,
        pipeline=run.pipeline,
        version=run.version,
        run=run.id,
        interval=run.interval,
        file=DataFile(**result["quarantine"]),
        checks=tuple(str(check) for check in wanted),
        at=run.started,
    )
    return record.id


def find(store: Store, identity: str) -> QuarantineRecord:
    """What was held back under that id; ``UnknownName`` when there is no such."""
    found = quarantine.get(store, identity.upper())
    if found is None:
        known = [each.id for each in quarantine.find(store)]
        raise UnknownName.of("quarantine", identity, known, hint="workbench quarantine ls")
    return found


def rows_of(workspace: Workspace, record: QuarantineRecord, limit: int) -> tuple[list[str], list[tuple[Any, ...]]]:
    """The columns of what was held back, and its first rows."""
    warehouse = Warehouse.open(workspace)
    contract = read_contract(version_dir(workspace, VersionId(record.pipeline, record.version)))
    con = warehouse.connect()
    try:
        found = warehouse.read(con, _as_snapshot(warehouse, record, contract)).limit(limit).to_pyarrow()
        return list(found.column_names), [tuple(row.values()) for row in found.to_pylist()]
    finally:
        con.disconnect()


def release(workspace: Workspace, identity: str, *, who: str, why: str, now: dt.datetime) -> QuarantineRecord:
    """Show readers rows that were held back, beside those that they see, in one atomic step.

    Raises ``GuardRefused`` when another version is live, when readers see a row with the same key already, or when the result
    would break a check that holds nothing back.
    """
    warehouse = Warehouse.open(workspace)
    with Store.open(workspace) as store:
        if store.operations(state="begun"):
            with warehouse.lock():
                recover(store, warehouse, at=now)
        record = find(store, identity)
        if record.state == "released":
            return record  # the step before this one was killed, or somebody else was quicker
        if record.state != "held":
            raise GuardRefused(f"{record.id} is {record.state} already", hint=f"workbench quarantine show {record.id}")
        live = warehouse.live([record.pipeline]).get(record.pipeline)
        if live is None or live.version != record.version:
            seen = "nothing" if live is None else f"@{live.version}"
            raise GuardRefused(
                f"{record.id} was computed by {record.pipeline}@{record.version}, and readers see {seen}",
                hint=f"workbench quarantine discard {record.id} --why …, or workbench run {record.pipeline}",
            )
        contract = read_contract(version_dir(workspace, VersionId(record.pipeline, record.version)))
        staged = _stage(warehouse, record, live, contract)
        target = Target(record.pipeline, pointer(live), Pointer(record.version, staged.id))
        move_readers(store, warehouse, "release", [target], who=who, at=now, why=why, release=record)
        return find(store, record.id)


def discard(workspace: Workspace, identity: str, *, who: str, why: str, now: dt.datetime) -> QuarantineRecord:
    """Decide that rows that were held back are never shown; they stay where they are, and on the record."""
    with Store.open(workspace) as store:
        record = find(store, identity)
        return record if record.state == "discarded" else quarantine.discard(store, record, who=who, why=why, at=now)


def _stage(warehouse: Warehouse, record: QuarantineRecord, live: Live, contract: Contract) -> Snapshot:
    from workbench.runtime.merge import Rules

    con = warehouse.connect()
    try:
        held = warehouse.read(con, _as_snapshot(warehouse, record, contract))
        if contract.key:
            _refuse_known_keys(record, contract, held, warehouse.read(con, live.snapshot))
        staged = warehouse.stage(
            held,
            pipeline=record.pipeline,
            version=record.version,
            key=contract.key,
            partition_by=contract.partition_by,
            base=live.snapshot,
            rules=Rules(strategy="append"),
        ).snapshot
        keyed = (checks.not_null(*contract.key), checks.unique(*contract.key)) if contract.key else ()
        wanted = [*keyed, *(check for check in contract.checks if is_hard(check))]
        results = checks.evaluate(warehouse.read(con, staged), wanted, others=other_tables(warehouse, con))
        broken = [each for each in results if not each.ok]
    finally:
        con.disconnect()
    if broken:
        raise GuardRefused(
            f"with {record.id}, readers would see what breaks {broken[0].check}: {broken_by(broken[0].violations)}",
            hint=f"workbench quarantine discard {record.id} --why …",
        )
    return staged


def _refuse_known_keys(record: QuarantineRecord, contract: Contract, held: ir.Table, seen: ir.Table) -> None:
    known = int(held.semi_join(seen, list(contract.key)).count().to_pyarrow().as_py())
    if known:
        raise GuardRefused(
            f"readers see rows with the same {', '.join(contract.key)} as {known:,} rows of {record.id}",
            hint=f"workbench quarantine discard {record.id} --why …",
        )


def _as_snapshot(warehouse: Warehouse, record: QuarantineRecord, contract: Contract) -> Snapshot:
    if not (warehouse.folder / record.file.path).is_file():
        raise InfrastructureError(f"the rows of {record.id} are gone: {record.file.path}", hint="workbench doctor")
    live = warehouse.live([record.pipeline]).get(record.pipeline)
    columns = live.snapshot.columns if live is not None and live.version == record.version else _types(warehouse, record)
    return Snapshot(f"quarantine-{record.id}", record.pipeline, record.version, columns, (record.file,))


def _types(warehouse: Warehouse, record: QuarantineRecord) -> dict[str, str]:
    """The columns of the file itself, for rows of a version that is no longer live."""
    from workbench.runtime.duck import file_list, rows

    con = warehouse.connect()
    try:
        described = rows(con.con, f"DESCRIBE FROM read_parquet({file_list([warehouse.folder / record.file.path])})")
        return {name: kind for name, kind, *_ in described}
    finally:
        con.disconnect()
