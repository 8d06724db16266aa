"""The next ``current.duckdb`` in the making: a copy in memory that stays open from one publication to the next.

To open a database takes DuckDB longer the more views it has, and so does closing it; whoever publishes again and again does
neither. A copy is used again only while the system tells of the published file what it told when both were equal.
"""

from __future__ import annotations

import atexit
import contextlib
import fcntl
import os
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.runtime.duck import literal

MEMORY = "/dev/shm"  # noqa: S108  # folders of our own are made in it
PREFIX = "workbench-views-"

Stamp = tuple[int, ...]
Define = Callable[[Any, bool], None]  # given a session, and whether the file that it writes was opened just now


def stamp(found: os.stat_result) -> Stamp:
    """What the system tells of a file, which neither another one nor another state of it has."""
    return found.st_dev, found.st_ino, found.st_mtime_ns, found.st_ctime_ns, found.st_size


@dataclass(slots=True)
class Draft:
    """A copy of ``file``, attached to the session of this process; ``equals`` is the stamp of ``file`` while they are equal.

    ``folder`` is in memory, and its own: ``lock`` tells others that whoever made it still lives.
    """

    file: Path
    folder: Path
    lock: int
    process: int
    equals: Stamp | None = None

    def remove(self) -> None:
        """Leave nothing in memory; what another process made, from which this one was forked, is left alone."""
        if self.process == os.getpid():
            shutil.rmtree(self.folder, ignore_errors=True)
            os.close(self.lock)


def write(file: Path, new: Path, define: Define) -> Draft | None:
    """Write to ``new`` what ``file`` has, as ``define`` changes it; the draft, where there is memory for one.

    DuckDB makes each of its own steps durable, which only the last one need be; so it works in memory where it can.
    """
    import duckdb

    with _one_at_a_time:
        if os.access(MEMORY, os.W_OK):
            with contextlib.suppress(OSError, duckdb.Error), _forgotten_when_it_fails():
                draft, opened = _draft(file)
                draft.equals = None
                define(_session(), opened)
                shutil.copyfile(draft.folder / file.name, new)
                return draft
        new.unlink(missing_ok=True)
        if file.exists():
            shutil.copyfile(file, new)
        with _forgotten_when_it_fails():
            _attach(new)
            define(_session(), True)
            _detach()
    return None


_one_at_a_time = threading.Lock()
_drafts: list[Draft] = []


def _draft(file: Path) -> tuple[Draft, bool]:
    """The draft of the last publication where it is still equal to ``file``, else a new one; and whether it is new."""
    found = stamp(file.stat()) if file.exists() else None
    if _drafts and (_drafts[0].process, _drafts[0].file, _drafts[0].equals) == (os.getpid(), file, found or ()):
        return _drafts[0], False
    if _drafts:
        _detach()
        _forget()
    _sweep()
    folder = Path(tempfile.mkdtemp(dir=MEMORY, prefix=PREFIX))
    _drafts.append(Draft(file, folder, _locked(folder), os.getpid()))
    if found is not None:
        shutil.copyfile(file, folder / file.name)
    _attach(folder / file.name)
    return _drafts[0], True


def _attach(file: Path) -> None:
    con = _session()
    con.execute(f"ATTACH {literal(str(file))} AS written")
    con.execute("USE written")


def _detach() -> None:
    con = _session()
    con.execute("USE memory")
    con.execute("DETACH DATABASE IF EXISTS written")


@contextlib.contextmanager
def _forgotten_when_it_fails() -> Iterator[None]:
    """Nothing is used again after a failure: neither the session nor its draft."""
    try:
        yield
    except BaseException:
        with contextlib.suppress(Exception):
            _sessions.pop(os.getpid()).close()
        _forget()
        raise


def _session() -> Any:
    """The session in which this process defines views: to open one takes longer than they do."""
    import duckdb

    if os.getpid() not in _sessions:
        con = duckdb.connect(":memory:", config={"threads": 1, "autoinstall_known_extensions": False})
        con.execute("SET TimeZone = 'UTC'")
        _sessions[os.getpid()] = con
    return _sessions[os.getpid()]


_sessions: dict[int, Any] = {}  # by process: what one was forked from keeps its own


@atexit.register
def _forget() -> None:
    while _drafts:
        _drafts.pop().remove()


def _locked(folder: Path) -> int:
    lock = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(lock)
        raise
    return lock


def _sweep() -> None:
    """Remove the drafts of processes that were killed."""
    for folder in Path(MEMORY).glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError):
            lock = _locked(folder)
            shutil.rmtree(folder, ignore_errors=True)
            os.close(lock)
