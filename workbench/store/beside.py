"""Promotions whose candidates run beside production: to chosen readers (a canary) or to nobody (a shadow), and their trials.

What an operation is to make of a row is written down with its intent, and becomes true when the operation is done.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

from workbench.errors import GuardRefused
from workbench.model import GateResult, Verdict
from workbench.store import rows, tables
from workbench.store.database import Store
from workbench.store.engine import next_number
from workbench.store.records import Pointer, RunRecord

Kind = Literal["canary", "shadow"]
# "beginning" until the operation that shows it to readers is done
State = Literal["beginning", "running", "ended"]
# "promoted": all readers see it; "breach": a gate or a failure ended it; "withdrawn": a person did; "overtaken": production
# moved on; "replaced": another canary took its place; "done": a shadow has had its runs
Outcome = Literal["", "promoted", "breach", "withdrawn", "overtaken", "replaced", "done"]
TrialState = Literal["running", "again", "judged", "failed", "other inputs"]
_rows = tables.beside
_trials = tables.trials


@dataclass(frozen=True, slots=True)
class BesideRecord:
    """One promotion beside production.

    ``data`` is what its candidates have computed last, by pipeline. Of a canary, ``readers`` are named and ``share`` of 10,000
    others are chosen; a shadow ends after ``runs``. ``seconds`` limits each trial; None leaves it to the run that it follows.
    Runs with a number above ``since`` are followed.
    """

    number: int
    kind: Kind
    promotion: str
    state: State
    data: dict[str, Pointer]
    since: int
    who: str
    at: dt.datetime
    why: str = ""
    share: int = 0
    readers: tuple[str, ...] = ()
    runs: int = 0
    seconds: int | None = None
    ended: dt.datetime | None = None
    outcome: Outcome = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class TrialRecord:
    """One run of a candidate beside run ``run`` of the live version.

    ``state`` is "again" when it may be tried once more, "other inputs" when its sources had changed since the run. ``facts``
    are plain values: seconds and rows of both sides, the snapshot of the live one, what differs.
    """

    id: str
    beside: int
    pipeline: str
    version: int
    run: str
    state: TrialState
    started: dt.datetime
    attempt: int = 1
    process: dict[str, Any] = field(default_factory=dict)
    finished: dt.datetime | None = None
    snapshot: str | None = None
    rows: int | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    gates: tuple[GateResult, ...] = ()
    error: str = ""

    @property
    def breach(self) -> str:
        """Why it may not go on, in words; "" when nothing speaks against it."""
        if self.state == "failed":
            return self.error
        failed = next((gate for gate in self.gates if gate.verdict is Verdict.FAIL), None)
        return "" if failed is None else f"gate {failed.gate}: {failed.summary}"

    @property
    def counts(self) -> bool:
        """Whether it tells something of the candidate."""
        return self.state in ("judged", "failed")


@dataclass(frozen=True, slots=True)
class Intent:
    """What an operation makes of a row; of a new one when ``record`` has number 0. ``said`` goes to the ledger."""

    record: BesideRecord
    values: Mapping[str, Any]
    said: Mapping[str, Any]


def running(store: Store, *, promotion: str | None = None) -> tuple[BesideRecord, ...]:
    """What runs beside production now, the oldest first; of all promotions or one."""
    condition = _rows.c.state == "running"
    if promotion is not None:
        condition &= _rows.c.promotion == promotion
    return tuple(_record(row) for row in store.select(_rows, condition))


def find(store: Store, *, kind: Kind | None = None, promotion: str | None = None) -> tuple[BesideRecord, ...]:
    """All that ran or runs beside production, the oldest first."""
    from sqlalchemy import and_

    wanted = {_rows.c.kind: kind, _rows.c.promotion: promotion}
    condition = and_(_rows.c.state != "beginning", *(column == value for column, value in wanted.items() if value is not None))
    return tuple(_record(row) for row in store.select(_rows, condition))


def add(store: Store, record: BesideRecord, said: Mapping[str, Any]) -> BesideRecord:
    """Keep a shadow that begins, on the ledger."""
    with store.transaction() as connection:
        if running(store, promotion=record.promotion):
            raise GuardRefused(f"{record.promotion} runs beside production already", hint=f"workbench show {record.promotion}")
        record = replace(record, number=next_number(connection, _rows))
        connection.execute(_rows.insert().values(_values(record)))
        store.append_ledger("shadow", said, at=record.at)
    store.write_head()
    return record


def update(store: Store, record: BesideRecord) -> None:
    """Replace what is known of a row that runs."""
    with store.transaction() as connection:
        connection.execute(_rows.update().where(_rows.c.number == record.number).values(_values(record)))


def intend(store: Store, intents: Sequence[Intent], operation: str) -> None:
    """Write down, with the intent of an operation, what it is to make of rows. ``GuardRefused`` for one that has ended."""
    with store.transaction() as connection:
        for each in intents:
            pending = {"operation": operation, "pending": rows.text({"values": each.values, "said": each.said})}
            if each.record.number == 0:
                record = replace(each.record, number=next_number(connection, _rows))
                connection.execute(_rows.insert().values(_values(record) | pending))
                continue
            mine = (_rows.c.number == each.record.number) & (_rows.c.state == "running") & (_rows.c.operation.is_(None))
            if connection.execute(_rows.update().where(mine).values(pending)).rowcount != 1:
                raise GuardRefused(
                    f"{each.record.promotion} no longer runs beside production", hint=f"workbench show {each.record.promotion}"
                )


def settle(store: Store, operation: str, *, done: bool) -> list[dict[str, Any]]:
    """Make true, or forget, what an operation was to make of rows; what the ledger is to say of it."""
    said = []
    with store.transaction() as connection:
        for row in store.select(_rows, operation=operation):
            pending = json.loads(row["pending"])
            mine = _rows.c.number == row["number"]
            if not done and row["state"] == "beginning":
                connection.execute(_rows.delete().where(mine))
                continue
            values = pending["values"] if done else {}
            connection.execute(_rows.update().where(mine).values({**values, "operation": None, "pending": None}))
            said.append({"promotion": row["promotion"], **pending["said"]})
    return said if done else []


def changed(record: BesideRecord) -> dict[str, Any]:
    """The columns of a row, as ``Intent`` wants them."""
    return {name: value for name, value in _values(record).items() if name != "number"}


def add_trial(store: Store, record: TrialRecord) -> TrialRecord:
    """Record a trial that begins, or that is begun once more; its id is given here."""
    with store.transaction() as connection:
        if record.id:
            connection.execute(_trials.update().where(_trials.c.number == _number(record)).values(_trial_values(record)))
            return record
        record = replace(record, id=f"T-{next_number(connection, _trials)}")
        connection.execute(_trials.insert().values(_trial_values(record)))
    return record


def end_trial(store: Store, record: TrialRecord) -> None:
    """Replace what is known of a trial."""
    with store.transaction() as connection:
        connection.execute(_trials.update().where(_trials.c.number == _number(record)).values(_trial_values(record)))


def trials(store: Store, beside: int) -> tuple[TrialRecord, ...]:
    """The trials of a row, the oldest first."""
    return tuple(_trial(row) for row in store.select(_trials, _trials.c.beside == beside))


def followed(store: Store, promotion: str) -> set[str]:
    """What runs showed readers beside which a promotion's candidates ran, or run: the ids of those snapshots."""
    found = (each for record in find(store, kind="canary", promotion=promotion) for each in trials(store, record.number))
    return {str(each.facts["live"]["snapshot"]) for each in found if each.snapshot is not None}


def trial_of(store: Store, pipeline: str, at: Pointer) -> TrialRecord | None:
    """The newest trial beside production that computed this data, or None."""
    mine = (_trials.c.pipeline == pipeline) & (_trials.c.version == at.version) & (_trials.c.snapshot == at.snapshot)
    found = store.select(_trials, mine, newest_first=True, limit=1)
    return _trial(found[0]) if found else None


def promotion_of(store: Store, trial: TrialRecord) -> str:
    """The promotion whose candidate a trial ran."""
    (row,) = store.select(_rows, _rows.c.number == trial.beside)
    return str(row["promotion"])


def counted(store: Store, record: BesideRecord, pipelines: Sequence[str]) -> int:
    """How many runs that began after the record tell something of each of these candidates."""
    before = last_run(store, record.at)
    told = [each for each in trials(store, record.number) if each.counts and (rows.number("R", each.run) or 0) > before]
    return min((len({each.run for each in told if each.pipeline == name}) for name in pipelines), default=0)


def end(store: Store, record: BesideRecord, said: Mapping[str, Any]) -> None:
    """Keep how a shadow ended, on the ledger."""
    assert record.ended is not None
    with store.transaction():
        update(store, record)
        store.append_ledger("shadow", said, at=record.ended)
    store.write_head()


def runs_after(store: Store, pipelines: Sequence[str], number: int) -> tuple[RunRecord, ...]:
    """The runs of pipelines with a higher number, the oldest first."""
    table = tables.runs
    found = store.select(table, (table.c.number > number) & table.c.pipeline.in_(list(pipelines)))
    return tuple(rows.to_run(row) for row in found)


def last_run(store: Store, before: dt.datetime) -> int:
    """The number of the last run that had begun at a moment; 0 when there was none."""
    table = tables.runs
    found = store.select(table, table.c.started <= rows.moment(before), newest_first=True, limit=1)
    return int(found[0]["number"]) if found else 0


def kept(store: Store) -> dict[str, set[str]]:
    """The snapshots that something beside production still needs, by pipeline: they are no garbage."""
    found: dict[str, set[str]] = {}
    for row in store.select(_rows, _rows.c.state != "ended"):
        record = _record(row)
        for name, at in record.data.items():
            found.setdefault(name, set()).add(at.snapshot)
        for each in trials(store, record.number):
            if each.snapshot is not None:
                found.setdefault(each.pipeline, set()).add(each.snapshot)
    return found


def _number(record: TrialRecord) -> int | None:
    return rows.number("T", record.id)


def _values(record: BesideRecord) -> dict[str, Any]:
    return {
        **{name: getattr(record, name) for name in _PLAIN},
        "readers": rows.text(list(record.readers)),
        "data": rows.text({name: asdict(at) for name, at in record.data.items()}),
        "at": rows.moment(record.at),
        "ended": None if record.ended is None else rows.moment(record.ended),
    }


def _record(row: Mapping[str, Any]) -> BesideRecord:
    return BesideRecord(
        **{name: row[name] for name in _PLAIN},
        readers=tuple(json.loads(row["readers"])),
        data={name: Pointer(**at) for name, at in json.loads(row["data"]).items()},
        at=dt.datetime.fromisoformat(row["at"]),
        ended=None if row["ended"] is None else dt.datetime.fromisoformat(row["ended"]),
    )


_PLAIN = (*("number", "kind", "promotion", "state", "since", "who", "why", "share", "runs", "seconds", "outcome", "reason"),)


def _trial_values(record: TrialRecord) -> dict[str, Any]:
    found = {name: value for name, value in asdict(record).items() if name != "id"}
    return found | {
        "number": _number(record),
        "process": rows.text(record.process),
        "started": rows.moment(record.started),
        "finished": None if record.finished is None else rows.moment(record.finished),
        "facts": rows.text(record.facts),
        "gates": rows.text([asdict(gate) for gate in record.gates]),
    }


def _trial(row: Mapping[str, Any]) -> TrialRecord:
    gates = (
        GateResult(gate["gate"], Verdict(gate["verdict"]), gate["summary"], gate["evidence"])
        for gate in json.loads(row["gates"])
    )
    plain = {
        name: row[name] for name in ("beside", "pipeline", "version", "run", "state", "attempt", "snapshot", "rows", "error")
    }
    return TrialRecord(
        **plain,
        id=f"T-{row['number']}",
        process=json.loads(row["process"]),
        started=dt.datetime.fromisoformat(row["started"]),
        finished=None if row["finished"] is None else dt.datetime.fromisoformat(row["finished"]),
        facts=json.loads(row["facts"]),
        gates=tuple(gates),
    )
