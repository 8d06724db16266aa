"""What happened to a pipeline: its entries in the ledger and its runs, as one list."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from workbench.catalog.aside import beside_said
from workbench.catalog.version import pipelines
from workbench.config import Workspace
from workbench.errors import UnknownName
from workbench.model import counted
from workbench.store import Store
from workbench.store.records import LedgerEntry, PromotionRecord, RunRecord

# kind of a ledger's entry -> what happened
_HAPPENED = {
    "promotion": "promoted",
    "approve": "approved",
    "reject": "rejected",
    "waive": "waived",
    "publish": "published",
    "rollback": "rolled back",
    "release": "released",
    "discard": "discarded",
    "demote": "demoted",
    "restore": "restored",
    "deprecate": "deprecated",
    "undeprecate": "deprecation taken back",
    "canary": "canary",
    "follow": "canary refreshed",
    "withdraw": "canary withdrawn",
    "shadow": "shadow",
    "backfill": "backfill",
}


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened: when, what, by whom, to which promotion, run or quarantine, and why.

    ``version`` is the one that was promoted, run, or that readers see from then on; None where there is none.
    """

    at: dt.datetime
    happened: str
    who: str
    version: int | None
    subject: str
    what: str
    why: str


def history(workspace: Workspace, pipeline: str) -> tuple[Event, ...]:
    """What happened to a pipeline, the newest first. Raises ``UnknownName`` for one that nothing is known of."""
    with Store.open(workspace, read_only=True) as store:
        promotions = {each.id: each for each in store.promotions()}
        runs = store.runs(pipeline)
        events = list(_entries(store.ledger(), promotions, pipeline, {each.id for each in runs}))
        named = {candidate.pipeline for each in promotions.values() for candidate in each.candidates}
    known = {*pipelines(workspace), *named}
    if not events and not runs and pipeline not in known:
        raise UnknownName.of("pipeline", pipeline, known, hint="workbench status")
    # Sorting keeps the order of what happened at one moment: what was written down later comes first.
    newest = [*map(_run, runs), *reversed(events)]
    return tuple(sorted(newest, key=lambda event: event.at, reverse=True))


def _entries(
    ledger: tuple[LedgerEntry, ...], promotions: Mapping[str, PromotionRecord], pipeline: str, runs: set[str]
) -> Iterator[Event]:
    for entry in ledger:
        said = entry.payload
        promotion = promotions.get(said.get("promotion", ""))
        made = {} if promotion is None else {each.pipeline: each for each in promotion.candidates}
        move = said.get("moves", {}).get(pipeline)
        moved_others = bool(said.get("moves")) and move is None
        if said.get("run") in runs or moved_others or not (move or pipeline in made or said.get("pipeline") == pipeline):
            continue
        candidate = made.get(pipeline)
        version = candidate.version if candidate is not None else None
        what = ""
        if entry.kind == "promotion" and candidate is not None:
            what = ", ".join([said["status"], *(candidate.summary[n] for n in ("change", "semver") if n in candidate.summary)])
        elif move is not None:
            what = f"{_version(move['from'])} -> {_version(move['to'])}"
            version = None if move["to"] is None else int(move["to"]["version"])
            if entry.kind == "demote" and version is not None:
                what = f"readers keep v{version}"
        elif entry.kind == "backfill":
            version = int(said["version"])
            what = f"{said['did']}: {said['span']}, {counted(sum(said['intervals'].values()), 'interval')}"
        elif entry.kind in ("deprecate", "undeprecate"):
            version = int(said["version"])
            what = f"until {said['until']}{', use ' if said['use'] else ''}{said['use']}" if "until" in said else ""
        elif said.get("beside") or entry.kind == "shadow":
            what = beside_said(said)
        elif "gate" in said:
            what = f"gate {said['gate']}"
        subject = next((str(said[name]) for name in ("promotion", "quarantine", "backfill", "operation") if said.get(name)), "")
        happened = _HAPPENED.get(entry.kind, entry.kind)
        yield Event(entry.at, happened, str(said.get("who", "")), version, subject, what, str(said.get("why") or ""))


def _run(run: RunRecord) -> Event:
    span = "all data" if run.interval is None else str(run.interval)
    seen = "readers see it" if run.facts.get("changed") else "readers see what they saw"
    trigger = run.facts.get("trigger", "")
    started = f", by {trigger}" if trigger not in ("", "command") else ""
    what = f"{span}: {run.status}, {seen if run.status != 'running' else 'under way'}{started}"
    why = run.error.splitlines()[0] if run.error else ""
    return Event(run.finished or run.started, "run", run.who, run.version, run.id, what, why)


def _version(at: Mapping[str, Any] | None) -> str:
    return "none" if at is None else f"v{at['version']}"
