"""The warm process that :mod:`tests.warm` asks for forks, and what runs in them. Started as ``python -m tests.forks FD``."""

from __future__ import annotations

import atexit
import contextlib
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
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO, cast

from tests.warm import PACKET, Server, starting

NOTEBOOK = """
import marimo

app = marimo.App()


@app.cell
def _():
    import marimo as mo
    mo.md(f"{mo.ui.slider(0, 9)}")
    return
"""


def main() -> None:
    """Import what programs need, serve, and in a forked process be the program."""
    control = socket.socket(fileno=int(sys.argv[1]))
    del sys.path[0]  # the folder that this was found in
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
    threading._shutdown()
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
        inspect.modulesbyfile[f"<frozen {name}>"] = name  # marimo asks for these at every start
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
            subprocess.Popen._execute_child = starting(Server(mine))
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


def _stream(place: int, mode: str, was: TextIO) -> TextIO:
    """A standard stream as a new process has it, open until that ends."""
    lines = 1 if place == 2 or os.isatty(place) else -1
    return cast("TextIO", open(place, mode, lines, encoding=was.encoding, errors=was.errors, closefd=False))


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
        stream = _stream(place, mode, getattr(sys, name))
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
