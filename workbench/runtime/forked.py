"""The papermill engine ``workbench``: cells run in a child forked from a warm process.

A run costs milliseconds instead of the seconds that starting a kernel and importing ibis and duckdb take. Where there is no
fork (not Linux) or the warm process is not sound, the kernel engine runs the notebook instead.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import selectors
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from workbench.runtime.attempt import kill_group
from workbench.runtime.wire import frames, send

START_SECONDS = 60
LOST = "the warm process that it was forked from has ended"
QUIET_SECONDS = 0.5


class NoZygote(Exception):
    """The warm process could not be started, ended, or can't fork."""


class Child:
    """One forked child and its channels. ``lost`` says why it ended with the process that it was forked from, if it did."""

    def __init__(
        self, pid: int, events: socket.socket, out: int, err: int, status: int, why_lost: Callable[[], str] = str
    ) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self.lost = ""
        self._why_lost = why_lost
        self.events = events
        self._status = status
        self._buffer = bytearray()
        self._said = bytearray()
        self._selector = selectors.DefaultSelector()
        events.setblocking(False)
        for place, what in ((out, "stdout"), (err, "stderr"), (status, "status")):
            os.set_blocking(place, False)
            self._selector.register(place, selectors.EVENT_READ, what)
        self._selector.register(events, selectors.EVENT_READ, "events")

    def run(self, code: str, quiet: Callable[[], None]) -> Iterator[dict[str, Any]]:
        """The messages of one cell, the last one with its ``reply``; ends without one when the child ended.

        ``quiet`` is called while the cell says nothing.
        """
        self.events.setblocking(True)
        with contextlib.suppress(OSError):  # it may have ended; how, the status channel says
            send(self.events, {"code": code})
        self.events.setblocking(False)
        while self.returncode is None:
            ready = self._selector.select(QUIET_SECONDS)
            if not ready:
                quiet()
            found = [message for key, _ in ready for message in self._read(key.fd, key.data)]
            reply = next((message for message in found if "reply" in message), None)
            if reply is None:
                yield from found
                continue
            found.remove(reply)
            for key in list(self._selector.get_map().values()):
                if key.data in ("stdout", "stderr"):  # written before the reply, below Python
                    found.extend(self._read(key.fd, key.data))
            yield from found
            yield reply
            return

    def _read(self, descriptor: int, what: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        if descriptor not in self._selector.get_map():
            return found  # its end was read together with that of the child
        for _ in range(64):  # then let the other channels have their turn
            try:
                data = self.events.recv(1 << 20) if what == "events" else os.read(descriptor, 1 << 16)
            except (BlockingIOError, InterruptedError):
                return found
            except ConnectionResetError:
                data = b""
            if not data:
                self._selector.unregister(self.events if what == "events" else descriptor)
                if what != "events":
                    os.close(descriptor)
                if what == "status" and self.returncode is None:
                    self.returncode, self.lost = -9, self._why_lost() or LOST  # the zygote is gone, and its children with it
                return found
            if what == "events":
                self._buffer += data
                found.extend(frames(self._buffer))
            elif what == "status":
                self._said += data
                line, separator, _ = self._said.partition(b"\n")
                if separator and line.startswith(b"exit "):
                    self.returncode = int(line[5:])
                    self.lost = self._why_lost() if self.returncode == -9 else ""
                    found.extend(self._rest())
            else:
                content = {"name": what, "text": data.decode("utf-8", "replace")}
                found.append({"header": {"msg_type": "stream"}, "msg_type": "stream", "content": content})
        return found

    def _rest(self) -> list[dict[str, Any]]:
        """What the child had sent before it ended."""
        waiting = [key for key in self._selector.get_map().values() if key.data != "status"]
        return [message for key in waiting for message in self._read(key.fd, key.data)]

    def close(self) -> None:
        """Close every channel."""
        for key in list(self._selector.get_map().values()):
            if key.data != "events":
                os.close(key.fd)
        self._selector.close()
        self.events.close()


class Zygote:
    """The warm process, from the side of whoever asks it for children. Safe to use from several threads."""

    def __init__(self, modules: Sequence[str], environment: Mapping[str, str]) -> None:
        self.modules = tuple(modules)
        self._lock = threading.Lock()
        self._ready = False
        self._why = ""
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        command = [sys.executable, "-P", "-m", "workbench.runtime.zygote", str(theirs.fileno()), *modules]
        self._process = subprocess.Popen(  # a session of its own: Ctrl-C is for us to pass on
            command, env=dict(environment), pass_fds=[theirs.fileno()], start_new_session=True, stdin=subprocess.DEVNULL
        )
        theirs.close()

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    @property
    def pid(self) -> int:
        return self._process.pid

    def wait_until_warm(self) -> None:
        """Return when children can be forked."""
        if self._ready:
            return
        self._control.settimeout(START_SECONDS)
        try:
            said = self._control.recv(64)
        except OSError as error:
            raise NoZygote(str(error)) from error
        if said != b"ready":
            raise NoZygote("the warm process ended while it started")
        self._ready = True

    def fork(self, folder: Path, environment: Mapping[str, str], memory_limit: int | None, log: Path | None) -> Child:
        """A new child, ready for cells."""
        mine, events = socket.socketpair()
        pipes = [os.pipe() for _ in range(3)]
        theirs = [events.fileno(), *(write for _, write in pipes)]
        request = {"folder": str(folder), "environment": dict(environment), "memory_limit": memory_limit}
        with contextlib.ExitStack() as stack:
            if log is not None:
                theirs.append(stack.enter_context(log.open("ab")).fileno())
            try:
                with self._lock:
                    self.wait_until_warm()
                    socket.send_fds(self._control, [json.dumps(request).encode()], theirs)
            except (OSError, NoZygote) as error:
                mine.close()
                for read, _ in pipes:
                    os.close(read)
                raise NoZygote(str(error)) from error
            finally:
                events.close()
                for _, write in pipes:
                    os.close(write)
        out, err, status = (read for read, _ in pipes)
        said = _line(status)
        if not said.startswith("pid "):
            for descriptor in (out, err, status):
                os.close(descriptor)
            mine.close()
            raise NoZygote(said or "the warm process ended")
        return Child(int(said[4:]), mine, out, err, status, lambda: self._why)

    def close(self, why: str = "") -> None:
        """End the warm process and whatever it started, whose runs then say why."""
        self._why = why or self._why
        self._control.close()
        try:
            self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            kill_group(self._process.pid)
            self._process.wait()


_warm: Zygote | None = None
_warm_lock = threading.Lock()


def warm_up(modules: Sequence[str], environment: Mapping[str, str] | Callable[[], Mapping[str, str]]) -> Zygote:
    """This process' zygote with these modules, started if need be; it warms up while the caller goes on."""
    global _warm
    if sys.platform != "linux":
        raise NoZygote("children are forked on Linux only")
    with _warm_lock:
        if _warm is None or not _warm.alive or _warm.modules != tuple(modules):
            if _warm is not None:
                _warm.close()
            _warm = Zygote(modules, environment() if callable(environment) else environment)
        return _warm


@atexit.register
def cool_down(why: str = "") -> None:
    """End this process' zygote; ``why`` is what runs under way will have ended for."""
    global _warm
    with _warm_lock:
        if _warm is not None:
            _warm.close(why)
            _warm = None


def _line(descriptor: int) -> str:
    line = bytearray()
    while not line.endswith(b"\n"):
        data = os.read(descriptor, 1)
        if not data:
            break
        line += data
    return line.decode().strip()
