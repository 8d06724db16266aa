"""Who holds a lock on a file, as far as the kernel tells (Linux): a process that is stopped holds it until it goes on."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator
from pathlib import Path

from workbench.errors import FileLocked

AGAIN = "type the same command again"


def lock_held(what: str, file: Path, again: str = "type the same command again") -> FileLocked:
    """The error that another process holds a lock on ``file``: by its number where it is known, and how to make it go on.

    ``what`` says what it does, ``again`` how to try again.

    >>> error = lock_held("another process writes", Path("/nowhere"))
    >>> error.message, error.hint
    ('another process writes', 'wait for it to end, then type the same command again')
    """
    pids = writers(file)
    stopped = [pid for pid in pids if is_stopped(pid)]
    if stopped:
        pid = stopped[0]
        return FileLocked(
            f"{what}: process {pid}, which is stopped", hint=f"kill -CONT {pid}, or kill -KILL {pid}; then {again}"
        )
    named = f": process {pids[0]}" if pids else ""
    return FileLocked(f"{what}{named}", hint=f"wait for it to end, then {again}")


@contextlib.contextmanager
def in_turn(file: Path, what: str, seconds: float) -> Iterator[None]:
    """Hold the turn of this thread among those of this process that want the lock on a file, for which see ``lock_held``.

    Whoever waits for the file itself looks again after a pause; whoever waits for a turn goes on as soon as it is given back.
    Raises ``FileLocked`` when that takes longer than ``seconds``.
    """
    turn = _turns.setdefault(os.fspath(file), threading.Lock())
    if not turn.acquire(timeout=seconds):
        raise lock_held(what, file)
    try:
        yield
    finally:
        turn.release()


_turns: dict[str, threading.Lock] = {}
os.register_at_fork(after_in_child=_turns.clear)  # whoever held one is not in the child


def writers(file: Path) -> tuple[int, ...]:
    """The processes, but this one, that hold a lock on a file against all others; none where the system does not tell."""
    try:
        there = file.stat()
        lines = Path("/proc/locks").read_text(encoding="ascii").splitlines()
    except OSError:
        return ()
    found = []
    for line in lines:
        # 1: POSIX  ADVISORY  WRITE 4711 fe:00:1234 1073741824 1073741825; whoever waits has an arrow after the number.
        fields = line.split()
        if len(fields) < 6 or fields[1] == "->" or fields[3] != "WRITE" or not fields[4].isdecimal():
            continue
        pid, inode = int(fields[4]), fields[5].rpartition(":")[2]
        if inode == str(there.st_ino) and pid != os.getpid() and _opened(pid, there):
            found.append(pid)
    return tuple(dict.fromkeys(found))


def is_stopped(pid: int) -> bool:
    """Whether a process is stopped, by SIGSTOP, Ctrl-Z or a debugger.

    >>> is_stopped(os.getpid())
    False
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] in ("T", "t")


def _opened(pid: int, file: os.stat_result) -> bool:
    """Whether a process has a file open; inodes have the same number on several file systems."""
    try:
        descriptors = list(Path(f"/proc/{pid}/fd").iterdir())
    except OSError:
        return True  # another user's: the number has to do
    for each in descriptors:
        try:
            found = each.stat()
        except OSError:
            continue
        if (found.st_dev, found.st_ino) == (file.st_dev, file.st_ino):
            return True
    return False
