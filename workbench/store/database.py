"""The store: one metadata database, every change of which is a transaction that takes the write lock first.

SQLite with ``journal_mode=DELETE`` and ``synchronous=EXTRA``, so that a commit survives a power cut. Writers begin with
``BEGIN IMMEDIATE``: with SQLite's default, two processes that read before they write lose updates.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, Engine, Table
from sqlalchemy.exc import DatabaseError

from workbench.config import Workspace
from workbench.errors import GuardRefused, InfrastructureError
from workbench.model import VersionId
from workbench.store import ledger, rows, tables
from workbench.store.engine import (
    add,
    asked,
    change,
    connect,
    explained,
    migrate,
    next_number,
    one_writer,
    place,
    reading,
    revision,
)
from workbench.store.records import (
    ApprovalRecord,
    CandidateRecord,
    LedgerEntry,
    LedgerProblem,
    OperationKind,
    OperationRecord,
    OperationState,
    PromotionRecord,
    PromotionStatus,
    RunRecord,
    RunStatus,
    Target,
    VersionRecord,
    promotion_digest,
)


class Store:
    """The metadata of a workspace. Use as a context manager; records are frozen, every method is a transaction or joins one."""

    def __init__(self, workspace: Workspace, engine: Engine | None, session: Connection | None = None) -> None:
        self.workspace = workspace
        self._engine = engine
        self._session = session  # the one connection, opened when it is first needed
        self._connection: Connection | None = None  # the same while a transaction is open

    @classmethod
    def open(cls, workspace: Workspace, *, read_only: bool = False) -> Store:
        """The store of a workspace, created or migrated when needed.

        Read-only opening changes no byte; a store that does not exist yet reads as empty.
        """
        file = place(workspace)
        if read_only:
            session = reading(file)
            return cls(workspace, None if session is None else session.engine, session)
        file.parent.mkdir(parents=True, exist_ok=True)
        store = cls(workspace, engine := connect(file, read_only=False))
        with contextlib.ExitStack() as unless_open:
            unless_open.callback(store.close)
            with store._explained(engine) as session:
                found = revision(session)
            if found != tables.REVISION:
                with store.transaction() as connection:
                    migrate(connection)
            unless_open.pop_all()
        return store

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the database."""
        session, self._session = self._session, None
        if session is not None:
            session.close()

    @contextlib.contextmanager
    def transaction(self) -> Iterator[Connection]:
        """All or nothing: what is called inside commits together; a transaction inside of one joins it."""
        if self._connection is not None:
            yield self._connection
            return
        if self._engine is None:
            raise InfrastructureError("there is no store yet", hint="workbench doctor")
        with one_writer(place(self.workspace)), self._explained(self._engine) as session, session.begin():
            self._connection = session
            try:
                yield session
            finally:
                self._connection = None

    @contextlib.contextmanager
    def _explained(self, engine: Engine) -> Iterator[Connection]:
        """The connection; it is not used again after the database complained."""
        try:
            if self._session is None:
                self._session = engine.connect()
            yield self._session
        except (DatabaseError, sqlite3.DatabaseError) as error:
            with contextlib.suppress(DatabaseError, sqlite3.DatabaseError):
                self.close()
            raise explained(error, place(self.workspace)) from error

    # Promotions

    def add_promotion(
        self,
        *,
        notebook: str,
        notebook_sha256: str,
        why: str,
        who: str,
        at: dt.datetime,
        status: PromotionStatus,
        candidates: Sequence[CandidateRecord],
        manifests: Mapping[VersionId, str],
    ) -> PromotionRecord:
        """Record a promotion, and the versions that it made, where they are not known yet, with their manifests' hashes.

        Earlier promotions of the same pipelines that still wait, or are approved and were not published, are superseded.
        """
        with self.transaction() as connection:
            record = PromotionRecord(
                id=f"P-{next_number(connection, tables.promotions)}",
                notebook=notebook,
                notebook_sha256=notebook_sha256,
                why=why,
                who=who,
                at=at,
                status=status,
                digest=promotion_digest(notebook_sha256, candidates),
                candidates=tuple(candidates),
            )
            if status == "waiting":
                self.supersede(record)
            connection.execute(tables.promotions.insert().values(rows.from_promotion(record)))
            unknown = {version: digest for version, digest in manifests.items() if self.version(version) is None}
            for version in rows.versions_of(record, unknown):
                connection.execute(tables.versions.insert().values(rows.from_version(version)))
            self.append_ledger("promotion", rows.said_of(record), at=at)
        self.write_head()
        return record

    def promotion(self, identity: str) -> PromotionRecord | None:
        """The promotion of that id, or None."""
        found = self._numbered(tables.promotions, "P", identity)
        return None if found is None else rows.to_promotion(found)

    def promotions(self) -> tuple[PromotionRecord, ...]:
        """All promotions, the oldest first."""
        return tuple(rows.to_promotion(row) for row in self.select(tables.promotions))

    def set_promotion_status(self, identity: str, status: PromotionStatus) -> None:
        """Move a promotion to another status."""
        with self.transaction() as connection:
            serial = rows.number("P", identity)
            connection.execute(tables.promotions.update().where(tables.promotions.c.number == serial).values(status=status))

    def supersede(self, record: PromotionRecord) -> None:
        """Earlier promotions of the same pipelines that still wait, or are approved and were not published, give way."""
        made = {each.pipeline for each in record.candidates if each.new}
        for earlier in self.promotions():
            overlaps = any(each.new and each.pipeline in made for each in earlier.candidates)
            if earlier.status in ("waiting", "approved") and overlaps:
                self.set_promotion_status(earlier.id, "superseded")

    # Versions

    def version(self, version: VersionId) -> VersionRecord | None:
        """What is known of a version, or None."""
        found = self.select(tables.versions, pipeline=version.pipeline, number=version.number)
        return rows.to_version(found[0]) if found else None

    def versions(self, pipeline: str | None = None) -> tuple[VersionRecord, ...]:
        """All versions, or those of one pipeline, by name and number."""
        return tuple(rows.to_version(row) for row in self.select(tables.versions, pipeline=pipeline))

    # Approvals

    def add_approval(
        self, promotion: str, *, who: str, at: dt.datetime, digest: str, decision: str, why: str = ""
    ) -> ApprovalRecord:
        """Record a decision, approve or reject, and move the promotion to its status.

        Raises ``GuardRefused`` when another decision came first.
        """
        with self.transaction() as connection:
            current = self.promotion(promotion)
            if current is None or current.status not in ("waiting", "approved") or current.digest != digest:
                state = "gone" if current is None else current.status
                raise GuardRefused(f"{promotion} was decided meanwhile: it is {state}", hint=f"workbench show {promotion}")
            if any(each.promotion == promotion for each in self.operations(state="begun")):
                raise GuardRefused(f"{promotion} is being published", hint="workbench doctor")
            record = ApprovalRecord(promotion, who, at, digest, "approve" if decision == "approve" else "reject", why)
            connection.execute(
                tables.approvals.insert().values(rows.from_approval(record, next_number(connection, tables.approvals)))
            )
            self.set_promotion_status(promotion, "approved" if decision == "approve" else "rejected")
            self.append_ledger(decision, {"promotion": promotion, "who": who, "why": why, "digest": digest}, at=at)
        self.write_head()
        return record

    def approvals(self, promotion: str) -> tuple[ApprovalRecord, ...]:
        """All decisions on a promotion, the oldest first."""
        return tuple(rows.to_approval(row) for row in self.select(tables.approvals, promotion=promotion))

    # Runs

    def add_run(self, record: RunRecord) -> RunRecord:
        """Record a run that begins; its id is given here."""
        with self.transaction() as connection:
            numbered = replace(record, id=f"R-{next_number(connection, tables.runs)}")
            add(connection, tables.runs, rows.from_run(numbered))
        return numbered

    def update_run(self, record: RunRecord) -> None:
        """Replace what is known of a run."""
        with self.transaction() as connection:
            change(connection, tables.runs, {"number": rows.number("R", record.id)}, rows.from_run(record))

    def run(self, identity: str) -> RunRecord | None:
        """The run of that id, or None."""
        found = self._numbered(tables.runs, "R", identity)
        return None if found is None else rows.to_run(found)

    def runs(
        self, pipeline: str | None = None, *, status: RunStatus | None = None, limit: int | None = None
    ) -> tuple[RunRecord, ...]:
        """The newest runs first, of all pipelines or one, in any status or one."""
        found = self.select(tables.runs, newest_first=True, limit=limit, pipeline=pipeline, status=status)
        return tuple(rows.to_run(row) for row in found)

    # Operations

    def begin_operation(
        self,
        kind: OperationKind,
        targets: Sequence[Target],
        *,
        who: str,
        at: dt.datetime,
        why: str = "",
        promotion: str | None = None,
        run: str | None = None,
    ) -> OperationRecord:
        """Write down the intent to move readers, before anything moves."""
        with self.transaction() as connection:
            identity = f"O-{next_number(connection, tables.operations)}"
            record = OperationRecord(identity, kind, "begun", tuple(targets), who, at, why, promotion, run)
            add(connection, tables.operations, rows.from_operation(record))
        return record

    def end_operation(self, identity: str, state: OperationState) -> None:
        """Mark an operation done or aborted."""
        with self.transaction() as connection:
            change(connection, tables.operations, {"number": rows.number("O", identity)}, {"state": state})

    def operations(self, *, state: OperationState | None = None) -> tuple[OperationRecord, ...]:
        """All operations, or those in one state, the oldest first."""
        return tuple(rows.to_operation(row) for row in self.select(tables.operations, state=state))

    # The ledger

    def append_ledger(self, kind: str, payload: Mapping[str, Any], *, at: dt.datetime) -> LedgerEntry:
        """Add one sealed entry, in the transaction of what it tells about."""
        with self.transaction() as connection:
            last = self.select(tables.ledger, newest_first=True, limit=1)
            said, anchor = ledger.said(self, kind, payload, last[0] if last else None)
            row = ledger.entry(self.workspace.state, last[0] if last else None, kind, said, rows.moment(at), anchor)
            add(connection, tables.ledger, row)
        return rows.to_entry(row)

    def ledger(self) -> tuple[LedgerEntry, ...]:
        """All entries, the oldest first."""
        return tuple(rows.to_entry(row) for row in self.select(tables.ledger))

    def verify_ledger(self) -> tuple[LedgerProblem, ...]:
        """What is wrong with the ledger; empty when it is whole and reaches what ``LEDGER_HEAD`` knows."""
        anchor = ledger.read_anchor(self.workspace.promoted)
        return ledger.verify(ledger.read_key(self.workspace.state), self.select(tables.ledger), anchor)

    def write_head(self) -> None:
        """Keep the newest entry's number and hash in ``promoted/LEDGER_HEAD``, unless a transaction is still open."""
        if self._connection is None:
            ledger.advance(self.workspace.promoted, ledger.ends(self))

    def _numbered(self, table: Table, prefix: str, identity: str) -> Mapping[str, Any] | None:
        serial = rows.number(prefix, identity)
        found = [] if serial is None else self.select(table, number=serial)
        return found[0] if found else None

    def select(
        self, table: Table, condition: Any = None, *, newest_first: bool = False, limit: int | None = None, **equal: Any
    ) -> Sequence[Mapping[str, Any]]:
        """The rows of a table by its key that meet a condition and have ``equal`` values: see ``asked``."""
        if self._engine is None:
            return []
        mine = self._connection  # what goes wrong in a transaction is explained where that ends
        with self._explained(self._engine) if mine is None else contextlib.nullcontext(mine) as session:
            return asked(session, table, condition, equal, newest_first, limit)
