"""Entries of the ledger for the terminal and as plain values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from workbench.catalog.aside import beside_said
from workbench.model import counted
from workbench.moments import happened, iso
from workbench.render.gc import size
from workbench.render.listing import Listing
from workbench.store.records import LedgerEntry

if TYPE_CHECKING:
    from rich.console import RenderableType


def entries_view(entries: Sequence[LedgerEntry]) -> RenderableType:
    """One line an entry."""
    titles = ("entry", "when (UTC)", "kind", "who", "what")
    table = Listing(titles, words=frozenset({"what"}), cut=frozenset({"who"}))
    for each in entries:
        who = str(each.payload.get("who", ""))
        table.add(str(each.seq), happened(each.at, zone=False), each.kind, who, said(each))
    return table


def said(entry: LedgerEntry) -> str:
    """What an entry tells, in a few words."""
    facts = entry.payload
    moves = ", ".join(
        f"{name}: {_version(move.get('from'))} -> {_version(move.get('to'))}" for name, move in facts.get("moves", {}).items()
    )
    subject = [str(facts[name]) for name in ("promotion", "run", "gate", "backfill", "pipeline", "sandbox") if facts.get(name)]
    subject += [_ended(entry)] if entry.kind in ("deprecate", "undeprecate", "backfill", "sandbox", "gc") else []
    aside = beside_said(facts) if facts.get("beside") or entry.kind == "shadow" else ""
    reason = [f'"{facts["why"]}"'] if facts.get("why") else []
    return "  ".join([*subject, *(part for part in (moves, aside) if part), *reason])


def _ended(entry: LedgerEntry) -> str:
    """What became of a version, a backfill, a sandbox, or of data that nobody needed."""
    facts = entry.payload
    match entry.kind:
        case "deprecate":
            return f"v{facts['version']} until {facts['until']}{', use ' if facts['use'] else ''}{facts['use']}"
        case "undeprecate":
            return f"v{facts['version']}"
        case "gc":
            snapshots = sum(map(len, facts["snapshots"].values()))
            return (
                f"{counted(snapshots, 'snapshot')}, {counted(len(facts['runs']), 'run record')}, {size(facts['bytes'])} removed"
            )
        case "backfill":
            return f"{facts['did']}, {facts['span']}"
    return str(facts["did"])


def entry_json(entry: LedgerEntry) -> dict[str, Any]:
    """One entry as plain values."""
    return {
        "seq": entry.seq,
        "at": iso(entry.at),
        "kind": entry.kind,
        "payload": entry.payload,
        "hash": entry.hash,
    }


def _version(at: dict[str, Any] | None) -> str:
    return "none" if at is None else f"v{at['version']}"
