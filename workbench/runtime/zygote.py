"""The warm process: imports once what runs need, then forks a child for each run (Linux).

Started as ``python -P -m workbench.runtime.zygote FD MODULE...`` with a socket of packets. A packet asks for a run and brings
the child's ends of its channels; the status channel first says ``pid N``, at last ``exit STATUS``. When the other end of the
socket closes, whoever asked is gone: every child's process group is killed and the zygote ends.

It has one thread and no connection to any file or server before a fork; both are needed for a child to be sound. The one
session that it holds for the next child is in memory and has no thread.

While nobody asks for anything it rehearses: modules that have a function ``rehearse`` do once what runs will do, so that what
libraries look up and compile the first time is there before a fork. A child, the scout, rehearses again and tells which pages
of memory runs write to. From then on, or from the second run on, one child is there ahead: the spare, which does what can be
done without knowing the run, waits for one, and serves it alone.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import select
import signal
import socket
import sys
import time
import traceback
from array import array
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import NoReturn

from workbench.runtime.child import PACKET, Order, run, scout, settle, wait
from workbench.runtime.pages import collapse

IDLE_SECONDS = 0.5
CALM_SECONDS = 1.0
# A child makes many objects in little time and ends: its collector need not look that often.
COLLECT_EVERY = (20_000, 20, 20)
# Whoever asks for one run alone, as a command does, has no use for a child that waits for the next one.
RUNS_BEFORE_SPARE = 2
MOST_LOST = 3  # spares that end by themselves: then a child is forked when it is asked for


@dataclass(slots=True)
class Warm:
    """The warm process: its children by number, with their status channels; the spare and the scout, and what it told."""

    control: socket.socket
    rehearsals: Sequence[Callable[[], None]] = ()
    children: dict[int, int] = field(default_factory=dict)
    spare: tuple[int, socket.socket] | None = None
    scout: tuple[int, int] | None = None
    said: bytearray = field(default_factory=bytearray)
    known: array[int] = field(default_factory=lambda: array("Q"))
    asked: int = 0
    rehearsed: bool = False
    lost: int = 0
    busy: float = float("-inf")  # when every processor last had a run
    processors: int = field(default_factory=lambda: len(os.sched_getaffinity(0)))
    signals: tuple[int, int] = (-1, -1)

    def serve(self) -> NoReturn:
        """Give a child to each packet and tell how it ended, until the socket closes; rehearse when idle for the first time."""
        woken, wake = self.signals = os.pipe()
        os.set_blocking(wake, False)
        os.set_blocking(woken, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        while True:
            if self._wants_spare():
                self._keep_spare()
            idle = bool(self.rehearsals) and not (self.rehearsed or self.children)
            watched = [self.control.fileno(), woken, *([self.scout[1]] if self.scout else [])]
            ready = _readable(watched, IDLE_SECONDS if idle else None)
            if not ready:
                self._rehearse()
            if woken in ready:
                with contextlib.suppress(BlockingIOError):
                    os.read(woken, 4096)
                self._reap()
            if self.scout is not None and self.scout[1] in ready:
                self._listen(self.scout[1])
            if self.control.fileno() in ready:
                try:
                    packet, channels, _, _ = socket.recv_fds(self.control, PACKET, 8)
                except ConnectionResetError:  # whoever asked was killed and had not read all
                    packet, channels = b"", []
                if not packet:
                    self._end()
                self._give(packet, channels)
                self._reap()

    def _give(self, packet: bytes, channels: Sequence[int]) -> None:
        """Let a child take the run: the spare, where one is there, else a new one."""
        events, out, err, status, *log = channels
        theirs = (events, out, err, *log)
        self.asked += 1
        try:
            pid = self._send(packet, theirs) or self._fork(lambda: (json.loads(packet), theirs), status)
            self.children[pid] = status
            os.write(status, f"pid {pid}\n".encode())
            if len(self.children) >= self.processors:
                self.busy = time.monotonic()
        except RuntimeError as error:
            os.write(status, f"error {error}\n".encode())
            os.close(status)
        finally:
            for channel in theirs:
                os.close(channel)

    def _send(self, packet: bytes, channels: Sequence[int]) -> int:
        """The process that waited for a run and has got this one; 0 when there is none."""
        if self.spare is None:
            return 0
        (pid, orders), self.spare = self.spare, None
        with orders:
            try:
                socket.send_fds(orders, [packet], channels)
            except OSError:  # it has ended, whyever
                self.lost += 1
                return 0
        return pid

    def _fork(self, order: Callable[[], Order], *foreign: int) -> int:
        """A child that does what it is told by ``order``; ``foreign`` are descriptors that it must not have."""
        threads = len(os.listdir("/proc/self/task"))
        if threads != 1:
            raise RuntimeError(f"{threads} threads")
        pid = os.fork()
        if pid == 0:
            try:
                ahead = [self.spare[1].detach()] if self.spare else []
                told = [self.scout[1]] if self.scout else []
                settle((self.control.fileno(), *self.signals, *self.children.values(), *ahead, *told, *foreign))
                run(*order())
            except BaseException:
                traceback.print_exc(file=sys.__stderr__)
            finally:
                os._exit(70)
        with contextlib.suppress(OSError):  # the child may have been quicker
            os.setpgid(pid, pid)
        return pid

    def _wants_spare(self) -> bool:
        useful = self.rehearsed or self.asked >= RUNS_BEFORE_SPARE
        return useful and self.spare is None and self.scout is None and self.lost < MOST_LOST

    def _keep_spare(self) -> None:
        """Have a child that waits for the next run."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        # To copy pages ahead takes a little more of a processor than to copy them when they are written to.
        known = self.known if time.monotonic() - self.busy > CALM_SECONDS else array("Q")
        with theirs:
            try:
                self.spare = (self._fork(lambda: wait(theirs, known), ours.fileno()), ours)
            except RuntimeError:  # whoever asks for a run is told
                ours.close()
                self.lost = MOST_LOST

    def _rehearse(self) -> None:
        """Rehearse here, so that what is found once is there before a fork, then in a scout."""
        self.rehearsed = True
        if self.spare is not None:
            self.spare[1].close()  # it ends, and the next one knows more
            self.spare = None
        rehearse(self.rehearsals)
        told, tell = os.pipe()
        try:
            self.scout = (self._fork(lambda: scout(self.rehearsals, tell), told), told)
        except RuntimeError:
            os.close(told)
        finally:
            os.close(tell)

    def _listen(self, told: int) -> None:
        """Take what the scout says; once that is all, a spare can be made."""
        data = os.read(told, 1 << 20)
        self.said += data
        if not data:
            if len(self.said) % (3 * self.known.itemsize) == 0:
                self.known.frombytes(self.said)
            os.close(told)
            self.scout, self.said = None, bytearray()

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if self.spare is not None and pid == self.spare[0]:
                self.spare[1].close()
                self.spare, self.lost = None, self.lost + 1
            channel = self.children.pop(pid, None)
            if channel is not None:
                _kill(pid)  # what it started and left behind
                _sweep({*self.children, *self._others()})
                with contextlib.suppress(OSError):
                    os.write(channel, f"exit {os.waitstatus_to_exitcode(status)}\n".encode())
                os.close(channel)

    def _others(self) -> list[int]:
        return [each[0] for each in (self.spare, self.scout) if each is not None]

    def _end(self) -> NoReturn:
        for pid in (*self.children, *([self.spare[0]] if self.spare else [])):
            _kill(pid)
        deadline = time.monotonic() + 2
        while (self.children or self.scout or self.spare) and time.monotonic() < deadline:
            self._reap()
            if self.scout and _readable([self.scout[1]], 0):
                self._listen(self.scout[1])  # it removes its folder before it ends
            time.sleep(0.005)
        os._exit(0)


def rehearse(rehearsals: Sequence[Callable[[], None]]) -> None:
    """Do once what runs do, and put what stays of it where forks are cheap."""
    for each in rehearsals:
        with contextlib.suppress(Exception):  # what fails here fails in a run, where it is told
            each()
    _close_default_connection()
    gc.unfreeze()
    gc.collect()
    gc.freeze()
    collapse()


def _readable(descriptors: Sequence[int], seconds: float | None) -> list[int]:
    """Those of these descriptors that have something to read, or whose other end has closed; numbers of any size."""
    poll = select.poll()
    for each in descriptors:
        poll.register(each, select.POLLIN)
    return [number for number, _ in poll.poll(None if seconds is None else 1000 * seconds)]


def _sweep(known: Collection[int]) -> None:
    """Kill what ended children left behind in sessions of their own: it is this process' by now."""
    me = os.getpid()
    for _ in range(200):  # what is killed leaves its own children, which then are ours
        try:
            with open(f"/proc/{me}/task/{me}/children", encoding="ascii") as stream:
                left = {int(pid) for pid in stream.read().split()}.difference(known)
        except OSError:
            return
        if not left:
            return
        for pid in left:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        for pid in left:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)
        time.sleep(0.002)


def _kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def warm(modules: Sequence[str]) -> None:
    """Import what runs need and compile one expression, so that the first run need not."""
    for name in modules:
        importlib.import_module(name)
    if "ibis" in sys.modules:
        ibis = sys.modules["ibis"]
        _ = ibis.duckdb  # finds the backend among all that are installed
        table = ibis.table({"a": "int64", "b": "string"}, name="t")
        ibis.to_sql(table.filter(table.a > 1).group_by("b").agg(n=ibis._.count()).order_by("b"), dialect="duckdb")
    _close_default_connection()
    if "workbench.runtime.duck" in sys.modules:
        sys.modules["workbench.runtime.duck"].make_ready()


def _close_default_connection() -> None:
    # Importing duckdb opens its default connection, with a thread of its own; a child opens it again when it needs it.
    if "duckdb" in sys.modules:
        sys.modules["duckdb"].default_connection().close()


def main() -> NoReturn:
    """Warm up, say that it is done, serve."""
    control = socket.socket(fileno=int(sys.argv[1]))
    sys.dont_write_bytecode = True
    from workbench.runtime import cells
    from workbench.runtime.kernel import adopt_orphans

    adopt_orphans()
    warm(sys.argv[2:])
    cells.prepare()
    gc.collect()
    gc.freeze()  # so that a child's collector does not copy every page
    gc.set_threshold(*COLLECT_EVERY)
    try:
        control.send(b"ready")
    except BrokenPipeError:
        sys.exit()  # whoever started this has ended meanwhile
    Warm(control, [sys.modules[name].rehearse for name in sys.argv[2:] if hasattr(sys.modules[name], "rehearse")]).serve()


if __name__ == "__main__":
    main()
