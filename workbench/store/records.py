"""Frozen records of the store. All moments are aware and in UTC."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from workbench.model import DataFile, GateResult, Interval

PromotionStatus = Literal["waiting", "approved", "rejected", "refused", "published", "superseded"]
RunStatus = Literal["running", "succeeded", "failed", "degraded", "killed"]
OperationKind = Literal["publish", "rollback", "run", "release", "demote", "restore", "canary", "follow", "withdraw"]
QuarantineState = Literal["held", "releasing", "released", "discarded"]
BackfillState = Literal["running", "paused", "done", "cancelled"]
WindowState = Literal["pending", "running", "succeeded", "degraded", "failed"]
OperationState = Literal["begun", "done", "aborted"]
IntervalState = Literal["running", "retry", "failed", "degraded", "done", "skipped"]


@dataclass(frozen=True, slots=True)
class CandidateRecord:
    """One pipeline of a promotion. ``new`` is False for unchanged code that is recomputed because its input changes."""

    pipeline: str
    version: int
    snapshot: str
    base_version: int | None
    new: bool
    module_sha256: str
    contract_sha256: str
    evidence_sha256: str
    gates: tuple[GateResult, ...] = ()
    summary: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PromotionRecord:
    """What somebody asked to become production. ``digest`` is what an approval is bound to: see ``promotion_digest``."""

    id: str
    notebook: str
    notebook_sha256: str
    why: str
    who: str
    at: dt.datetime
    status: PromotionStatus
    digest: str
    candidates: tuple[CandidateRecord, ...]


@dataclass(frozen=True, slots=True)
class VersionRecord:
    """A version directory as it was written. ``manifest_sha256`` binds all its files, whose hashes the manifest holds."""

    pipeline: str
    number: int
    promotion: str
    at: dt.datetime
    manifest_sha256: str
    module_sha256: str
    contract_sha256: str
    notebook_sha256: str


@dataclass(frozen=True, slots=True)
class ApprovalRecord:
    """What a person decided about a promotion with that digest."""

    promotion: str
    who: str
    at: dt.datetime
    digest: str
    decision: Literal["approve", "reject"]
    why: str = ""


@dataclass(frozen=True, slots=True)
class RunRecord:
    """One execution of one version. ``notebook`` is the executed notebook's path relative to the workspace.

    ``facts`` holds plain JSON values: the process that runs it, inputs, rows in, partitions, seconds of each step, and so on.
    """

    id: str
    pipeline: str
    version: int
    interval: Interval | None
    parameters: dict[str, Any]
    status: RunStatus
    started: dt.datetime
    finished: dt.datetime | None = None
    snapshot: str | None = None
    rows: int | None = None
    code_sha256: str = ""
    checks: tuple[dict[str, Any], ...] = ()
    notebook: str = ""
    error: str = ""
    who: str = ""
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class IntervalRecord:
    """How far the scheduler is with one interval of one pipeline.

    ``attempt`` counts from 1; with state "retry" the next attempt begins at ``not_before`` at the earliest. ``run`` is the last
    attempt's. "skipped" is what catching up leaves out.
    """

    pipeline: str
    interval: Interval
    state: IntervalState
    attempt: int = 0
    not_before: dt.datetime | None = None
    run: str | None = None
    error: str = ""


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to run a pipeline, until ``expires``; ``token`` grows with every holder, and only the highest counts."""

    name: str
    holder: str
    token: int
    expires: dt.datetime


@dataclass(frozen=True, slots=True)
class QuarantineRecord:
    """Rows that broke a check of the contract and were held back; ``file`` is in the warehouse, ``checks`` say which."""

    id: str
    pipeline: str
    version: int
    run: str
    interval: Interval | None
    file: DataFile
    checks: tuple[str, ...]
    state: QuarantineState
    at: dt.datetime
    who: str = ""
    why: str = ""
    decided: dt.datetime | None = None
    operation: str | None = None


@dataclass(frozen=True, slots=True)
class DeprecationRecord:
    """A version that readers should have left when the day ``until`` is over; ``instead`` is what to read, "" for nothing."""

    pipeline: str
    version: int
    until: dt.date
    instead: str
    why: str
    who: str
    at: dt.datetime


@dataclass(frozen=True, slots=True)
class DemotionRecord:
    """A pipeline that was taken out of production: what was live then, and whether readers still see it."""

    pipeline: str
    version: int
    snapshot: str
    readers: Literal["kept", "withdrawn"]
    operation: str
    why: str
    who: str
    at: dt.datetime


@dataclass(frozen=True, slots=True)
class Window:
    """One interval of a backfill and how it stands."""

    interval: Interval
    state: WindowState
    run: str | None = None
    error: str = ""


@dataclass(frozen=True, slots=True)
class BackfillRecord:
    """A plan that is carried out. ``process`` tells who does: host, pid and when it began; the windows are in order."""

    id: str
    pipeline: str
    version: int
    digest: str
    plan: dict[str, Any]
    state: BackfillState
    at: dt.datetime
    who: str
    process: dict[str, Any]
    windows: tuple[Window, ...]
    finished: dt.datetime | None = None


@dataclass(frozen=True, slots=True)
class Pointer:
    """Data that readers can be shown: a version and one of its snapshots."""

    version: int
    snapshot: str


@dataclass(frozen=True, slots=True)
class Target:
    """One pipeline that an operation moves; None stands for no view."""

    pipeline: str
    old: Pointer | None
    new: Pointer | None


@dataclass(frozen=True, slots=True)
class OperationRecord:
    """One atomic change of what readers see. The warehouse carries its id, and so tells after a crash whether it happened."""

    id: str
    kind: OperationKind
    state: OperationState
    targets: tuple[Target, ...]
    who: str
    at: dt.datetime
    why: str = ""
    promotion: str | None = None
    run: str | None = None

    def target(self, pipeline: str) -> Target | None:
        """What this operation does to a pipeline, if anything."""
        return next((target for target in self.targets if target.pipeline == pipeline), None)


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """One line of the ledger; ``hash`` is an HMAC over all other fields, ``previous`` that of the entry before."""

    seq: int
    at: dt.datetime
    kind: str
    payload: dict[str, Any]
    previous: str
    hash: str


@dataclass(frozen=True, slots=True)
class LedgerProblem:
    """What is wrong with the ledger, and at which entry."""

    seq: int
    message: str


def promotion_digest(notebook_sha256: str, candidates: Sequence[CandidateRecord]) -> str:
    """SHA-256 over the notebook, and each candidate's module, contract, evidence, data and place in production.

    >>> one = CandidateRecord("daily", 1, "daily-v1-ab", None, True, "aa", "bb", "cc")
    >>> promotion_digest("dd", [one]) == promotion_digest("ee", [one])
    False
    """
    bound = [
        [
            each.pipeline,
            each.version,
            each.snapshot,
            each.base_version,
            each.new,
            each.module_sha256,
            each.contract_sha256,
            each.evidence_sha256,
        ]
        for each in sorted(candidates, key=lambda each: each.pipeline)
    ]
    return hashlib.sha256(json.dumps([notebook_sha256, bound]).encode()).hexdigest()
