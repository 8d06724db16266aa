"""Whether a scheduler has anything to do at all, told without reading what it would plan from.

A plan depends on definitions, runs and the clock alone, so it stays the same until one of their files changes or its next
moment comes. This module is imported by a pass with nothing due, and so imports little.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import hashlib
import json
import os

from workbench.config import Workspace

FILE = "schedule.json"


def fingerprint(workspace: Workspace) -> str:
    """Changes with the store, with what readers see, and with the settings of the workspace and of every pipeline."""
    store = workspace.root / workspace.settings.store.removeprefix("sqlite:")
    digest = hashlib.blake2b(_counter(os.fspath(store)), digest_size=16)
    for path in (workspace.root / "pyproject.toml", workspace.warehouse / "current.duckdb"):
        digest.update(stamp(os.fspath(path)))
    promoted = os.fspath(workspace.promoted)
    with contextlib.suppress(FileNotFoundError), os.scandir(promoted) as found:
        for name in sorted(each.name for each in found):
            digest.update(name.encode() + stamp(f"{promoted}/{name}/pipeline.toml"))
    return digest.hexdigest()


def remember(workspace: Workspace, key: str, wake: dt.datetime | None) -> None:
    """Keep that nothing is due before a moment, as long as the fingerprint is the same.

    A disk that fails keeps nothing; then the next pass looks for itself.
    """
    from workbench.runtime.files import make_folder, write_atomic

    kept = json.dumps({"key": key, "wake": None if wake is None else wake.isoformat()})
    with contextlib.suppress(OSError):
        write_atomic(make_folder(workspace.state) / FILE, kept, durable=False)


def nothing_before(workspace: Workspace, now: dt.datetime) -> tuple[bool, dt.datetime | None]:
    """Whether it is known that nothing is due now, and when something is; without a moment, never by what is known."""
    try:
        kept = json.loads((workspace.state / FILE).read_text(encoding="utf-8"))
        wake = None if kept["wake"] is None else dt.datetime.fromisoformat(kept["wake"])
        same = kept["key"] == fingerprint(workspace)
    except (OSError, ValueError, TypeError, KeyError):
        return False, None
    return same and (wake is None or now < wake), wake


def stamp(path: str) -> bytes:
    """Changes when a file is replaced or written; the same for all that are not there."""
    try:
        found = os.stat(path)
    except OSError:
        return b"-"
    return f"{found.st_ino} {found.st_size} {found.st_mtime_ns}".encode()


def _counter(path: str) -> bytes:
    """The count of changes that SQLite keeps in the header of a database.

    The file stays open: to close it would take every lock away that this process has on it, also those of SQLite in threads
    that are in the middle of a transaction.
    """
    try:
        at = os.stat(path)
        if (at.st_dev, at.st_ino) not in _open:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            at = os.fstat(descriptor)
            _open.setdefault((at.st_dev, at.st_ino), descriptor)
        return os.pread(_open[at.st_dev, at.st_ino], 4, 24)
    except OSError:
        return b"-"


_open: dict[tuple[int, int], int] = {}
