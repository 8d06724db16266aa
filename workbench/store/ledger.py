"""The ledger's chain: each entry carries an HMAC over itself and the entry before it.

A plain hash chain can be edited and hashed anew by anyone; this one needs the key. No chain notices that its end was cut
off, so the newest hash is also kept in ``promoted/LEDGER_HEAD``, which is committed.
"""

from __future__ import annotations

import contextlib
import hmac
import json
import os
import secrets
from collections.abc import Iterable, Mapping, Sequence
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.errors import GuardRefused
from workbench.store.records import LedgerProblem
from workbench.store.rows import text

if TYPE_CHECKING:
    from workbench.store.database import Store

KEY_VARIABLE = "WORKBENCH_LEDGER_KEY"
HEAD = "LEDGER_HEAD"
SANDBOX = "sandbox"  # the kind of entries that are not about production
FOLLOWS = "follows"  # in a payload: the end of the chain that LEDGER_HEAD told of in a fresh clone
Row = Mapping[str, Any]  # seq, at, kind, payload, previous, hash
COLUMNS = ("seq", "at", "kind", "payload", "previous", "hash")
_fields = itemgetter(*COLUMNS)


def read_key(state: Path) -> bytes | None:
    """The workspace's key: ``WORKBENCH_LEDGER_KEY``, else ``.workbench/ledger.key``; None where there is neither yet."""
    given = os.environ.get(KEY_VARIABLE)
    if given:
        return given.encode()
    try:
        return (state / "ledger.key").read_bytes().strip() or None
    except FileNotFoundError:
        return None


def make_key(state: Path) -> bytes:
    """A new random key, readable by its owner alone. Called under the store's write lock."""
    key = secrets.token_hex(32).encode()
    temporary = state / f".tmp-ledger.key-{secrets.token_hex(4)}"
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(descriptor, "wb") as stream:
            stream.write(key + b"\n")
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(temporary, state / "ledger.key")
        _sync_names(state)
    finally:
        temporary.unlink(missing_ok=True)
    return key


def seal(key: bytes, seq: int, at: str, kind: str, payload: str, previous: str) -> str:
    """The hash of an entry.

    >>> seal(b"key", 1, "2026-01-01", "publish", "{}", "") == seal(b"other", 1, "2026-01-01", "publish", "{}", "")
    False
    """
    return hmac.digest(key, f"{seq}\0{at}\0{kind}\0{previous}\0{payload}".encode(), "sha256").hex()


def said(store: Store, kind: str, payload: Mapping[str, Any], last: Row | None) -> tuple[str, tuple[int, str] | None]:
    """The text of a payload, and the anchor at this moment; ``last`` is the entry before it.

    Where a chain was begun with sandboxes alone, its first entry of production names the anchor: see ``begun_after``.
    """
    from workbench.store.tables import ledger

    anchor = read_anchor(store.workspace.promoted)
    sandboxed = last is not None and last["kind"] == SANDBOX and kind != SANDBOX
    if sandboxed and anchor is not None and not store.select(ledger, of_production(), limit=1):
        payload = {**payload, FOLLOWS: anchor[1]}
    return text(dict(payload)), anchor


def entry(
    state: Path, last: Row | None, kind: str, payload: str, at: str, anchor: tuple[int, str] | None = None
) -> dict[str, Any]:
    """The row that continues a chain after ``last``, sealed; the first one makes the key.

    In a fresh clone the first one follows ``anchor``, the end of the chain that ``LEDGER_HEAD`` came from, and seals it.
    """
    key = read_key(state)
    if key is None:
        if last is not None:
            raise GuardRefused("the ledger's key is gone, so nothing can be recorded", hint="restore .workbench/ledger.key")
        key = make_key(state)
    if last is not None and not hmac.compare_digest(seal(key, *(last[name] for name in COLUMNS[:-1])), last["hash"]):
        raise GuardRefused(
            "the ledger was changed, or sealed with another key, so nothing can be recorded",
            hint=f"set {KEY_VARIABLE} as it was, or unset it; then: workbench doctor",
        )
    if last is None:
        seq, previous = 1, "" if anchor is None else anchor[1]
    else:
        seq, previous = int(last["seq"]) + 1, str(last["hash"])
    digest = seal(key, seq, at, kind, payload, previous)
    return {"seq": seq, "at": at, "kind": kind, "payload": payload, "previous": previous, "hash": digest}


def verify(key: bytes | None, entries: Iterable[Row], anchor: tuple[int, str] | None) -> tuple[LedgerProblem, ...]:
    """What is wrong with a chain; ``anchor`` is what ``LEDGER_HEAD`` says. Empty when all is well."""
    problems: list[LedgerProblem] = []
    expected, before, anchored = 1, "", None
    entries = list(entries)
    if entries and entries[0]["seq"] == 1:
        before = entries[0]["previous"]
    if anchor is not None and begun_after(entries, anchor):
        anchor = None
    for row in entries:
        seq, at, kind, payload, previous, digest = _fields(row)
        if key is None:
            return (LedgerProblem(seq, "the ledger's key is gone, so that nothing can be verified"),)
        if seq != expected:
            lost = f"entry {expected} is" if seq == expected + 1 else f"entries {expected} to {seq - 1} are"
            problems.append(LedgerProblem(expected, f"{lost} missing"))
        elif previous != before:
            problems.append(LedgerProblem(seq, f"entry {seq} does not follow the entry before it"))
        if not hmac.compare_digest(seal(key, seq, at, kind, payload, previous), digest):
            problems.append(LedgerProblem(seq, f"entry {seq} was changed, or sealed with another key"))
        if anchor is not None and seq == anchor[0]:
            anchored = digest
        expected, before = seq + 1, digest
    if anchor is not None and anchored is None:
        problems.append(
            LedgerProblem(expected, f"the end is cut off: {HEAD} knows entry {anchor[0]}, the last one is {expected - 1}")
        )
    elif anchor is not None and anchored != anchor[1]:
        problems.append(LedgerProblem(anchor[0], f"entry {anchor[0]} is not the one that {HEAD} knows"))
    return tuple(problems)


def read_anchor(promoted: Path) -> tuple[int, str] | None:
    """What ``LEDGER_HEAD`` says: the newest entry's number and hash when it was written; None where there is none."""
    try:
        number, _, digest = (promoted / HEAD).read_text(encoding="utf-8").strip().partition(" ")
    except FileNotFoundError:
        return None
    return (int(number), digest) if number.isdecimal() else (0, digest)


def ends(store: Store) -> Sequence[Row]:
    """What ``advance`` asks for, in order: the anchor's entry and the newest; without it the first, also of production."""
    from workbench.store.tables import ledger

    anchor = read_anchor(store.workspace.promoted)
    newest = store.select(ledger, newest_first=True, limit=1)
    known = [] if anchor is None else store.select(ledger, seq=anchor[0])
    if anchor is not None and known and known[0]["hash"] == anchor[1]:
        return [*known, *newest]
    first = store.select(ledger, limit=1), store.select(ledger, of_production(), limit=1)
    found = {row["seq"]: row for row in (*first[0], *first[1], *known, *newest)}
    return [found[seq] for seq in sorted(found)]


def of_production() -> Any:
    """The condition that chooses what is not about sandboxes."""
    from workbench.store.tables import ledger

    return ledger.c.kind != SANDBOX


def advance(promoted: Path, entries: Sequence[Row]) -> None:
    """Let ``LEDGER_HEAD`` say the newest entry, unless it knows one that the ledger lacks: that must stay to be seen.

    Of all entries only those that ``ends`` chooses are needed, in their order.
    """
    anchor = read_anchor(promoted)
    known = [(int(row["seq"]), str(row["hash"])) for row in entries]
    if known and (anchor is None or anchor in known or begun_after(entries, anchor)) and anchor != known[-1]:
        write_anchor(promoted, *known[-1])


def begun_after(entries: Iterable[Row], anchor: tuple[int, str]) -> bool:
    """Whether a chain says that it was begun in a fresh clone, whose ``LEDGER_HEAD`` told of the end of another one.

    The first entry says so; where sandboxes were made in the clone before it had anything of production, the first other one.
    """
    for row in entries:
        if row["seq"] == 1 and row["previous"] == anchor[1]:
            return True
        if row["kind"] != SANDBOX:
            with contextlib.suppress(ValueError, AttributeError):  # somebody wrote into it
                return bool(json.loads(row["payload"]).get(FOLLOWS) == anchor[1])
            return False
    return False


def write_anchor(promoted: Path, seq: int, digest: str) -> None:
    """Replace ``LEDGER_HEAD`` as a whole."""
    promoted.mkdir(parents=True, exist_ok=True)
    temporary = promoted / f".tmp-{HEAD}-{secrets.token_hex(4)}"
    try:
        with temporary.open("w", encoding="utf-8") as stream:
            stream.write(f"{seq} {digest}\n")
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(promoted / HEAD)
        _sync_names(promoted)
    finally:
        temporary.unlink(missing_ok=True)


def _sync_names(folder: Path) -> None:
    """Make a rename in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
