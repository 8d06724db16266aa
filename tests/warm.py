"""Python processes that are forked from a warm one, for tests that are not about how a process starts.

What tests start imports ibis, duckdb and marimo first, a second or two of processor time each. With the fixture ``warm``,
``subprocess`` asks a process that has imported them already for a fork: a real process, a child of this one, with its own
folder, variables, streams and end, whose exit this process waits for as ever. Only the start is saved. What asks for anything
that a fork can't give (another hash seed, other flags of Python, a function before the start) is started from nothing.
"""

from __future__ import annotations

import contextlib
import ctypes
import inspect
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from workbench.runtime.environment import SINGLE_THREADED
from workbench.runtime.forked import cool_down

PACKET = 1 << 18
ROOT = str(Path(__file__).resolve().parents[1])
SERVER = "tests.forks"
_SUBREAPER = 36  # of prctl
_HANDED = ("PYTHONDONTWRITEBYTECODE", "PYTHONPATH")
_LEFT_COLD = ("preexec_fn", "startupinfo", "shell", "executable", "gids")  # of Popen's arguments
_cold = subprocess.Popen._execute_child


class Server:
    """A warm process, from the side of the one that starts others through it."""

    def __init__(self, control: socket.socket | None = None) -> None:
        self.variables = _pythons(os.environ)
        self._one = threading.Lock()
        self._control = control
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, request: Mapping[str, Any], descriptors: Sequence[int]) -> int:
        """The process id of a new child of this process."""
        prctl = ctypes.CDLL(None).prctl
        with self._one:
            control = self._control = self._control or self._warm_up()
            prctl(_SUBREAPER, 1, 0, 0, 0)  # its parent ends at once, and then it is ours
            try:
                socket.send_fds(control, [json.dumps(request).encode()], descriptors)
                return int(control.recv(16))
            finally:
                prctl(_SUBREAPER, 0, 0, 0, 0)

    def _warm_up(self) -> socket.socket:
        control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        environment = os.environ | SINGLE_THREADED  # what has threads can't be forked soundly
        self._process = subprocess.Popen(
            [sys.executable, "-m", SERVER, str(theirs.fileno())],
            pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL, env=environment, cwd=ROOT,
        )  # fmt: skip
        theirs.close()
        assert control.recv(16) == b"ready"
        return control

    def close(self) -> None:
        if self._process is not None and self._control is not None:
            self._control.close()
            self._process.wait(timeout=10)


def _pythons(environment: Mapping[str, str]) -> dict[str, str]:
    """The variables that Python reads when it starts, but for those that a fork can still take up."""
    return {name: value for name, value in environment.items() if name.startswith("PYTHON") and name not in _HANDED}


def _program(arguments: Sequence[str]) -> list[str] | None:
    """``-m MODULE …`` or ``-c CODE …`` of a command that starts this Python so, and nothing else."""
    command = [os.fspath(each) for each in arguments]
    rest = command[2:] if command[1:2] == ["-P"] else command[1:]
    possible = command[:1] == [sys.executable] and rest[:1] in (["-m"], ["-c"]) and rest[1:2] not in ([], [SERVER])
    return rest if possible else None


def starting(server: Server) -> Callable[..., None]:
    """What ``Popen`` is to start processes with."""
    signature = inspect.signature(_cold)

    def execute(self: Any, *positional: Any) -> None:
        given = signature.bind(self, *positional).arguments
        environment = dict(os.environ if given["env"] is None else given["env"])
        folder = os.fspath(given["cwd"] or os.getcwd())
        program = None if isinstance(given["args"], str) else _program(given["args"])
        unlike = any(given[name] for name in _LEFT_COLD) or {given["gid"], given["uid"]} != {None}
        unlike = unlike or given["process_group"] >= 0 or given["umask"] >= 0 or not Path(folder).is_dir()
        elsewhere = {*environment.get("PYTHONPATH", "").split(os.pathsep)} - {"", *sys.path, ROOT}
        if program is None or unlike or elsewhere or _pythons(environment) != server.variables:
            return _cold(self, *positional)
        request = {
            "program": program,
            "safe": "-P" in given["args"][1:2],
            "folder": folder,
            "environment": environment,
            "session": bool(given["start_new_session"]),
            "places": list(given["pass_fds"]),
        }
        streams = [given[name] if given[name] >= 0 else place for place, name in enumerate(("p2cread", "c2pwrite", "errwrite"))]
        sys.audit("subprocess.Popen", given["args"][0], given["args"], folder, environment)
        self.pid = server.start(request, [*streams, *given["pass_fds"]])
        self._child_created = True
        self._close_pipe_fds(*(given[name] for name in "p2cread p2cwrite c2pread c2pwrite errread errwrite".split()))

    return execute


@contextlib.contextmanager
def forked(server: Server) -> Iterator[None]:
    """Let processes that run this Python be forked from a warm one, where there is what that takes (Linux)."""
    if sys.platform != "linux":
        yield
        return
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(subprocess.Popen, "_execute_child", starting(server))
        yield


@pytest.fixture(scope="session")
def warm_server() -> Iterator[Server]:
    server = Server()
    yield server
    server.close()


@pytest.fixture
def warm(request: pytest.FixtureRequest, warm_server: Server) -> Iterator[None]:
    """Python processes that this test starts are forked from a warm one, unless it asks for ``cold``."""
    with contextlib.nullcontext() if "cold" in request.fixturenames else forked(warm_server):
        yield


@pytest.fixture
def cold() -> Iterator[None]:
    """Every process that this test starts begins with nothing, as at a user's; also the one that runs are forked from."""
    cool_down()
    yield
    cool_down()
