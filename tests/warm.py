"""Python processes that are forked from a warm one, for tests that are not about how a process starts.

What tests start imports ibis, duckdb and marimo first, a second or two of processor time each. With the fixture ``warm``,
``subprocess`` asks a process that has imported them already for a fork: a real process, a child of this one, with its own
folder, variables, streams and end, whose exit this process waits for as ever. Only the start is saved. What asks for anything
that a fork can't give (another hash seed, other flags of Python, a function before the start) is started from nothing.
"""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import fcntl
import gc
import importlib
import inspect
import json
import os
import pkgutil
import runpy
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from workbench.runtime.environment import SINGLE_THREADED
from workbench.runtime.forked import cool_down

PACKET = 1 << 18
ROOT = str(Path(__file__).resolve().parents[1])
_SUBREAPER = 36  # of prctl
_HANDED = ("PYTHONDONTWRITEBYTECODE", "PYTHONPATH")
_LEFT_COLD = ("preexec_fn", "startupinfo", "shell", "executable", "gids")  # of Popen's arguments
NOTEBOOK = """
import marimo

app = marimo.App()


@app.cell
def _():
    import marimo as mo
    mo.md(f"{mo.ui.slider(0, 9)}")
    return
"""
_cold = subprocess.Popen._execute_child  # type: ignore[attr-defined]


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
            [sys.executable, "-P", __file__, str(theirs.fileno())],
            pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL, env=environment, cwd="/",
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
    return rest if command[:1] == [sys.executable] and rest[:1] in (["-m"], ["-c"]) and rest[1:] else None


def _starting(server: Server) -> Callable[..., None]:
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
    """Let processes that run this Python be forked from a warm one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(subprocess.Popen, "_execute_child", _starting(server))
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


# What follows runs in the warm process and in what is forked from it.


def main() -> None:
    """Import what programs need, serve, and in a forked process be the program."""
    control = socket.socket(fileno=int(sys.argv[1]))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the forked ones
    _import()
    control.send(b"ready")
    request, descriptors = _forked_from(control)
    _become(request, descriptors)
    code: int = 0
    try:
        _run(*request["program"])
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
        if code == 1 and end.code != 1:
            print(end.code, file=sys.stderr)
    except BaseException as error:
        traceback.print_exc()
        code = -signal.SIGINT if isinstance(error, KeyboardInterrupt) else 1
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    if request["program"][0] == "-c":
        sys.modules["__main__"].__dict__.clear()  # files that were left open are written
    gc.collect()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    if code == -signal.SIGINT:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
    os._exit(code & 0xFF)  # taking all that was imported apart again would copy every page of it


def _import() -> None:
    """What programs import, and what they do once: compile a query, run a notebook."""
    workbench = importlib.import_module("workbench")
    importlib.import_module("papermill")  # it loads our engines, so it goes before them
    for found in pkgutil.walk_packages(workbench.__path__, "workbench."):
        if not found.name.endswith(("_run", "__main__", "zygote", ".env")) and ".migrations." not in found.name:
            importlib.import_module(found.name)
    for name in "alembic.command duckdb.func marimo._runtime.app.script_runner pyarrow.dataset".split():
        importlib.import_module(name)
    ibis = importlib.import_module("ibis")
    _ = ibis.duckdb  # finds the backend among all that are installed
    table = ibis.table({"a": "int64"}, name="t")
    ibis.to_sql(table.group_by("a").agg(n=ibis._.count()), dialect="duckdb")
    for name in ("importlib._bootstrap", "importlib._bootstrap_external", "runpy"):
        inspect.modulesbyfile[f"<frozen {name}>"] = name  # type: ignore[attr-defined]  # marimo asks for these at every start
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "rehearsed.py")
        file.write_text(NOTEBOOK)
        runpy.run_path(str(file))["app"].run()
    sys.modules["duckdb"].default_connection().close()  # it has a thread
    gc.collect()
    gc.freeze()


def _forked_from(control: socket.socket) -> tuple[dict[str, Any], list[int]]:
    """Serve; returns in the forked process. What that starts is forked, too, from a process as warm and as new as it is now."""
    while True:
        request, descriptors = _serve(control)
        mine, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        if os.fork():
            theirs.close()
            subprocess.Popen._execute_child = _starting(Server(mine))  # type: ignore[attr-defined]
            return request, descriptors
        null = os.open(os.devnull, os.O_RDWR)
        for place in (0, 1, 2):
            os.dup2(null, place)
        for each in (*descriptors, mine.detach(), null):
            os.close(each)
        control = theirs


def _serve(control: socket.socket) -> tuple[dict[str, Any], list[int]]:
    """Fork for every packet; returns in the forked process, with what it was asked for."""
    while True:
        packet, descriptors, _, _ = socket.recv_fds(control, PACKET, 16)
        if not packet:
            sys.exit()
        threads = len(os.listdir("/proc/self/task"))
        assert threads == 1, f"the warm process has {threads} threads"
        read, write = os.pipe()
        between = os.fork()
        if between == 0:
            before = os.getpid()
            if os.fork() == 0:
                request = json.loads(packet)
                if request["session"]:
                    os.setsid()
                os.write(write, str(os.getpid()).encode())
                for each in (control.detach(), read, write):
                    os.close(each)
                while os.getppid() == before:
                    time.sleep(0.0005)  # until it is a child of the one that asked
                return request, descriptors
            os._exit(0)
        os.waitpid(between, 0)  # now the one that asked is the parent
        control.send(os.read(read, 16))
        for each in (*descriptors, read, write):
            os.close(each)


def _become(request: Mapping[str, Any], descriptors: Sequence[int]) -> None:
    """Take up the streams, the folder and the variables of what was asked for."""
    places = [0, 1, 2, *request["places"]]
    above = max(places) + 1
    moved = [fcntl.fcntl(each, fcntl.F_DUPFD, above) for each in descriptors]
    for each in descriptors:
        os.close(each)
    for each, place in zip(moved, places, strict=True):
        os.dup2(each, place)
        os.close(each)
    for place, (name, mode) in enumerate({"stdin": "r", "stdout": "w", "stderr": "w"}.items()):
        was = getattr(sys, name)
        lines = 1 if place == 2 or os.isatty(place) else -1
        stream = open(place, mode, lines, encoding=was.encoding, errors=was.errors, closefd=False)  # noqa: SIM115
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["environment"])
    if not {"LC_ALL", "LC_CTYPE", "LANG"} & os.environ.keys():
        os.environ["LC_CTYPE"] = "C.UTF-8"  # as Python does
    time.tzset()
    tempfile.tempdir = None  # it is looked for anew, where the variables say
    sys.dont_write_bytecode = bool(os.environ.get("PYTHONDONTWRITEBYTECODE"))
    for entry in reversed(os.environ.get("PYTHONPATH", "").split(os.pathsep)):
        if entry and entry not in sys.path:
            sys.path.insert(0, entry)
    if not request["safe"]:
        sys.path.insert(0, request["folder"] if request["program"][0] == "-m" else "")
    sys.modules["numpy"].random.seed()  # every fork would draw the same numbers


def _run(how: str, what: str, *arguments: str) -> None:
    """What ``python -m MODULE …`` and ``python -c CODE …`` do."""
    sys.argv = [how, *arguments]
    if how == "-m":
        sys.modules.pop(what, None)
        runpy.run_module(what, run_name="__main__", alter_sys=True)
    else:
        sys.modules["__main__"] = module = types.ModuleType("__main__")
        exec(compile(what, "<string>", "exec"), module.__dict__)


if __name__ == "__main__":
    main()
