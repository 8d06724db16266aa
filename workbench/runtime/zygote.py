"""The warm process: imports once what runs need, then forks a child for each run (Linux).

Started as ``python -P -m workbench.runtime.zygote FD MODULE...`` with a socket of packets. A packet asks for a run and brings
the child's ends of its channels; the status channel first says ``pid N``, at last ``exit STATUS``. When the other end of the
socket closes, whoever asked is gone: every child's process group is killed and the zygote ends.

It has one thread and no connection to any file or server before a fork; both are needed for a child to be sound. The one
session that it holds for the next child is in memory and has no thread.

While nobody asks for anything it rehearses: modules that have a function ``rehearse`` do once what runs will do, so that what
libraries look up and compile the first time is there before a fork.
"""

from __future__ import annotations

import contextlib
import faulthandler
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
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn

from workbench.runtime.pages import collapse

PACKET = 1 << 18
IDLE_SECONDS = 0.5
# A child makes many objects in little time and ends: its collector need not look that often.
COLLECT_EVERY = (20_000, 20, 20)


def serve(control: socket.socket, rehearsals: Sequence[Callable[[], None]] = ()) -> NoReturn:
    """Fork a child for each packet and report how it ended, until the socket closes; when idle for the first time, rehearse."""
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    os.set_blocking(woken, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    children: dict[int, int] = {}
    while True:
        ready, _, _ = select.select([control.fileno(), woken], [], [], IDLE_SECONDS if rehearsals and not children else None)
        if not ready:
            _rehearse(rehearsals)
            rehearsals = ()
        if woken in ready:
            with contextlib.suppress(BlockingIOError):
                os.read(woken, 4096)
            _reap(children)
        if control.fileno() in ready:
            packet, channels, _, _ = socket.recv_fds(control, PACKET, 8)
            if not packet:
                for pid in children:
                    _kill(pid)
                deadline = time.monotonic() + 2
                while children and time.monotonic() < deadline:
                    _reap(children)
                    time.sleep(0.005)
                os._exit(0)
            _fork(json.loads(packet), channels, children, (control.fileno(), woken, wake))
            _reap(children)


def _rehearse(rehearsals: Sequence[Callable[[], None]]) -> None:
    for rehearse in rehearsals:
        with contextlib.suppress(Exception):  # what fails here fails in a run, where it is told
            rehearse()
    _close_default_connection()
    gc.unfreeze()
    gc.collect()
    gc.freeze()
    collapse()


def _fork(request: dict[str, Any], channels: Sequence[int], children: dict[int, int], own: Sequence[int]) -> None:
    events, out, err, status, *log = channels
    threads = len(os.listdir("/proc/self/task"))
    if threads != 1:
        os.write(status, f"error {threads} threads\n".encode())
        for channel in channels:
            os.close(channel)
        return
    pid = os.fork()
    if pid == 0:
        try:
            os.setpgid(0, 0)
            signal.set_wakeup_fd(-1)
            for channel in (*own, *children.values(), status):
                os.close(channel)
            _become_child(request, events, out, err, log[0] if log else err)
        except BaseException:
            traceback.print_exc(file=sys.__stderr__)
        finally:
            os._exit(70)
    with contextlib.suppress(OSError):  # the child may have been quicker
        os.setpgid(pid, pid)
    children[pid] = status
    os.write(status, f"pid {pid}\n".encode())
    for channel in (events, out, err, *log):
        os.close(channel)


def _become_child(request: dict[str, Any], events: int, out: int, err: int, log: int) -> NoReturn:
    from workbench.runtime.cells import run_cells
    from workbench.runtime.kernel import adopt_orphans, bound_memory, die_with_parent

    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    die_with_parent()
    adopt_orphans()  # until it ends; then they are the zygote's
    null = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((null, 0), (out, 1), (err, 2)):
        os.dup2(source, target)
    for channel in (null, out, err):
        os.close(channel)
    faulthandler.enable(file=log)
    os.chdir(request["folder"])
    _change_environment(request["environment"])
    if "numpy" in sys.modules:  # every child would draw the same numbers
        sys.modules["numpy"].random.seed()
    refused = bound_memory(request["memory_limit"])
    run_cells(socket.socket(fileno=events), refused)
    os._exit(0)


def _change_environment(wanted: Mapping[str, str]) -> None:
    """Let these be all variables of this process; what is right already stays, since each page that is written to is copied."""
    for name in os.environ.keys() - wanted.keys():
        del os.environ[name]
    for name, value in wanted.items():
        if os.environ.get(name) != value:
            os.environ[name] = value


def _reap(children: dict[int, int]) -> None:
    while children:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        channel = children.pop(pid, None)
        if channel is not None:
            _kill(pid)  # what it started and left behind
            _sweep(children)
            with contextlib.suppress(OSError):
                os.write(channel, f"exit {os.waitstatus_to_exitcode(status)}\n".encode())
            os.close(channel)


def _sweep(known: Mapping[int, int]) -> None:
    """Kill what ended children left behind in sessions of their own: it is this process' by now."""
    me = os.getpid()
    for _ in range(200):  # what is killed leaves its own children, which then are ours
        try:
            with open(f"/proc/{me}/task/{me}/children", encoding="ascii") as stream:
                left = {int(pid) for pid in stream.read().split()} - known.keys()
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
    serve(control, [sys.modules[name].rehearse for name in sys.argv[2:] if hasattr(sys.modules[name], "rehearse")])


if __name__ == "__main__":
    main()
