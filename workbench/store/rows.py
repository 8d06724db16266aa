"""Records to rows of the tables and back."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any

from workbench.model import GateResult, Interval, Verdict, VersionId
from workbench.store.records import (
    ApprovalRecord,
    CandidateRecord,
    LedgerEntry,
    OperationRecord,
    Pointer,
    PromotionRecord,
    RunRecord,
    Target,
    VersionRecord,
)

Row = Mapping[str, Any]


def moment(at: dt.datetime) -> str:
    """A moment as text in UTC that sorts as the moments do.

    >>> moment(dt.datetime(2026, 1, 2, tzinfo=dt.timezone(dt.timedelta(hours=1))))
    '2026-01-01T23:00:00.000000Z'
    """
    if at.tzinfo is None:
        raise ValueError(f"{at} has no time zone")
    return at.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def text(value: Any) -> str:
    """A nested value as JSON; equal values give equal text."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), default=_plain)


def number(prefix: str, identity: str) -> int | None:
    """The number in an id such as ``P-12``; None when it is no such id.

    >>> number("P", "P-12"), number("P", "R-12")
    (12, None)
    """
    head, _, tail = identity.partition("-")
    return int(tail) if head == prefix and tail.isdecimal() and len(tail) < 10 else None


def from_promotion(record: PromotionRecord) -> dict[str, Any]:
    return {
        "number": number("P", record.id),
        "notebook": record.notebook,
        "notebook_sha256": record.notebook_sha256,
        "why": record.why,
        "who": record.who,
        "at": moment(record.at),
        "status": record.status,
        "digest": record.digest,
        "candidates": text([asdict(candidate) for candidate in record.candidates]),
    }


def to_promotion(row: Row) -> PromotionRecord:
    return PromotionRecord(
        id=f"P-{row['number']}",
        notebook=row["notebook"],
        notebook_sha256=row["notebook_sha256"],
        why=row["why"],
        who=row["who"],
        at=_when(row["at"]),
        status=row["status"],
        digest=row["digest"],
        candidates=tuple(_candidate(each) for each in json.loads(row["candidates"])),
    )


def from_version(record: VersionRecord) -> dict[str, Any]:
    return asdict(record) | {"at": moment(record.at)}


def versions_of(promotion: PromotionRecord, manifests: Mapping[VersionId, str]) -> list[VersionRecord]:
    """The versions that a promotion made; ``manifests`` has the hash of each one's manifest."""
    made = {VersionId(each.pipeline, each.version): each for each in promotion.candidates if each.new}
    return [
        VersionRecord(
            pipeline=version.pipeline,
            number=version.number,
            promotion=promotion.id,
            at=promotion.at,
            manifest_sha256=manifest,
            module_sha256=made[version].module_sha256,
            contract_sha256=made[version].contract_sha256,
            notebook_sha256=promotion.notebook_sha256,
        )
        for version, manifest in manifests.items()
    ]


def said_of(promotion: PromotionRecord) -> dict[str, Any]:
    """What the ledger says of a promotion."""
    gates = {
        str(VersionId(each.pipeline, each.version)): {gate.gate: gate.verdict.value for gate in each.gates}
        for each in promotion.candidates
    }
    return {
        "promotion": promotion.id,
        "status": promotion.status,
        "who": promotion.who,
        "why": promotion.why,
        "notebook": promotion.notebook,
        "digest": promotion.digest,
        "gates": gates,
    }


def to_version(row: Row) -> VersionRecord:
    return VersionRecord(**{**row, "at": _when(row["at"])})


def from_approval(record: ApprovalRecord, serial: int) -> dict[str, Any]:
    return asdict(record) | {"number": serial, "at": moment(record.at)}


def to_approval(row: Row) -> ApprovalRecord:
    return ApprovalRecord(row["promotion"], row["who"], _when(row["at"]), row["digest"], row["decision"], row["why"])


def from_run(record: RunRecord) -> dict[str, Any]:
    row = {each.name: getattr(record, each.name) for each in fields(record) if each.name not in ("id", "interval")}
    return row | {
        "number": number("R", record.id),
        "interval_start": None if record.interval is None else moment(record.interval.start),
        "interval_end": None if record.interval is None else moment(record.interval.end),
        "parameters": text(record.parameters),
        "started": moment(record.started),
        "finished": None if record.finished is None else moment(record.finished),
        "checks": text(record.checks),
        "facts": text(record.facts),
    }


def to_run(row: Row) -> RunRecord:
    found = dict(row)
    identity = f"R-{found.pop('number')}"
    start, end = found.pop("interval_start"), found.pop("interval_end")
    return RunRecord(
        **{
            **found,
            "id": identity,
            "interval": None if start is None else Interval(_when(start), _when(end)),
            "parameters": json.loads(row["parameters"]),
            "started": _when(row["started"]),
            "finished": None if row["finished"] is None else _when(row["finished"]),
            "checks": tuple(json.loads(row["checks"])),
            "facts": json.loads(row["facts"]),
        }
    )


def from_operation(record: OperationRecord) -> dict[str, Any]:
    return {
        "number": number("O", record.id),
        "kind": record.kind,
        "state": record.state,
        "targets": text([asdict(target) for target in record.targets]),
        "who": record.who,
        "at": moment(record.at),
        "why": record.why,
        "promotion": record.promotion,
        "run": record.run,
    }


def to_operation(row: Row) -> OperationRecord:
    targets = tuple(
        Target(each["pipeline"], each["old"] and Pointer(**each["old"]), each["new"] and Pointer(**each["new"]))
        for each in json.loads(row["targets"])
    )
    found = {name: row[name] for name in ("kind", "state", "who", "why", "promotion", "run")}
    return OperationRecord(id=f"O-{row['number']}", targets=targets, at=_when(row["at"]), **found)


def to_entry(row: Row) -> LedgerEntry:
    return LedgerEntry(row["seq"], _when(row["at"]), row["kind"], json.loads(row["payload"]), row["previous"], row["hash"])


def _candidate(found: dict[str, Any]) -> CandidateRecord:
    gates = tuple(
        GateResult(gate["gate"], Verdict(gate["verdict"]), gate["summary"], gate["evidence"]) for gate in found["gates"]
    )
    return CandidateRecord(**{**found, "gates": gates})


def _when(stored: str) -> dt.datetime:
    return dt.datetime.fromisoformat(stored)


def _plain(value: Any) -> str:
    if isinstance(value, dt.datetime) and value.tzinfo is not None:
        return moment(value)
    if isinstance(value, (dt.date, dt.datetime)):
        return value.isoformat()
    raise TypeError(f"{value!r} is not a JSON value")
