"""Runs one of our commands so that a blow falls at any one of its writes, whichever process and library makes it.

The kernel stops every call that changes a file below a folder: of the command, of the warm process that it starts, and of the
child that runs cells; by Python, SQLite or DuckDB. Before or after the call of a given number a process is killed,
or this call and all later ones of its kind fail as they do on a disk that is full or read-only. Linux on x86_64: a seccomp
filter picks the calls and ptrace tells of them. ``Server`` keeps one process with everything imported, which forks for each.
An album has what the folder held before each call of one run: what would be left if all its processes were killed there.
"""

from __future__ import annotations

import contextlib
import ctypes
import datetime as dt
import errno
import json
import os
import shutil
import signal
import struct
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

CALLS = {
    1: "write", 18: "write", 20: "write", 296: "write", 326: "write", 40: "write", 285: "write",
    76: "truncate", 77: "truncate", 74: "fsync", 75: "fsync", 82: "rename", 264: "rename", 316: "rename",
    83: "mkdir", 258: "mkdir", 84: "remove", 87: "remove", 263: "remove", 86: "link", 265: "link", 88: "link", 266: "link",
    2: "open", 257: "open", 85: "open",
}  # fmt: skip
WRITABLE = 0x1 | 0x2 | 0x40 | 0x200  # O_WRONLY, O_RDWR, O_CREAT, O_TRUNC
FAILING = {
    "full": (errno.ENOSPC, {"write", "mkdir", "open"}),
    "read-only": (errno.EROFS, {"open", "mkdir", "rename", "remove", "truncate", "link"}),
    "broken": (errno.EIO, {"write", "fsync"}),
}
_AT = {257: 0, 264: 0, 316: 0, 258: 0, 263: 0, 265: 0, 266: 1}  # where the folder's descriptor is; the path follows it
_SEIZE, _GETREGS, _SETREGS, _CONT, _SYSCALL, _EVENTMSG, _LISTEN = 0x4206, 12, 13, 7, 24, 0x4201, 0x4208
_OPTIONS = 0x1 | 0x2 | 0x4 | 0x8 | 0x10 | 0x80 | 0x100000  # good system calls, fork, vfork, clone, exec, seccomp, exit together
_REGISTERS = "r15 r14 r13 r12 rbp rbx r11 r10 r9 r8 rax rcx rdx rsi rdi orig_rax".split()
_ARGUMENTS = ("rdi", "rsi", "rdx", "r10")
_WORDS = 27
PRELOADED = (
    "papermill.execute",
    "sqlalchemy.dialects.sqlite",
    "workbench.cli.main",
    "workbench.operate.backfill",
    "workbench.operate.scheduler",
    "workbench.promote.publish",
    "workbench.runtime.engines",
)
_libc = ctypes.CDLL(None, use_errno=True)
_libc.ptrace.argtypes = [ctypes.c_ulong, ctypes.c_ulong, ctypes.c_void_p, ctypes.c_void_p]
_libc.ptrace.restype = ctypes.c_long


@dataclass(frozen=True, slots=True)
class Call:
    """One call that changes a file: by which process, what it does, and to which path below the folder."""

    role: str
    what: str
    path: str
    to: str = ""


@dataclass(frozen=True, slots=True)
class Blow:
    """What happens at call number ``at``, counted from 1.

    ``how``: "before" and "after" it, ``whom`` is killed: "it", who makes the call; "command", the first process; "warm", the
    one that those which run cells are forked from. "full", "read-only", "broken": calls fail from it on.
    """

    at: int
    how: str
    whom: str = "it"


@dataclass(frozen=True, slots=True)
class Struck:
    """What a command did until it ended: its calls, how it ended (negative: by that signal), and whether the blow fell."""

    calls: tuple[Call, ...]
    code: int
    fell: bool
    out: str
    err: str


@dataclass(frozen=True, slots=True)
class Launched:
    """A command that runs beside, as ``subprocess.Popen`` tells of one."""

    server: Server
    pid: int

    def poll(self) -> int | None:
        code: int | None = self.server.ask({"poll": self.pid})["code"]
        return code

    def wait(self, timeout: float = 200) -> int:
        deadline = time.monotonic() + timeout
        while (code := self.poll()) is None:
            assert time.monotonic() < deadline, "it did not end"
            time.sleep(0.01)
        return code

    def send_signal(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, number)


class Server:
    """Starts commands from a process that has imported all they need, also under the eyes of a tracer. A context manager."""

    def __enter__(self) -> Server:
        from workbench.runtime.environment import kernel_environment

        home = str(Path(__file__).resolve().parents[2])
        environment = {**os.environ, **kernel_environment(), "PYTHONPATH": home}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.drills.strokes"],
            cwd=home, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate(timeout=60)

    def strike(
        self, below: Path, body: str, *arguments: str, blow: Blow | None = None, album: Path | None = None, **environment: str
    ) -> Struck:
        """Run a command in a folder, with a blow or to its end; returns when all its processes are gone.

        In ``album`` is put what the folder holds before each call and at the end, as folders that are named by the call's
        number; none where a call changed nothing.
        """
        request = {"below": str(below), "body": body, "arguments": arguments, "environment": environment}
        request["blow"] = None if blow is None else asdict(blow)
        request["album"] = None if album is None else str(album)
        told = self.ask(request)
        calls = tuple(Call(*each) for each in told["calls"])
        return Struck(calls, told["code"], told["fell"], told["out"], told["err"])

    def launch(self, below: Path, body: str, *arguments: str, mutant: str = "", **environment: str) -> Launched:
        """Start a command in a folder, unwatched; ``mutant`` is code that breaks it first."""
        request = {"launch": body, "below": str(below), "arguments": arguments, "environment": environment, "mutant": mutant}
        return Launched(self, self.ask(request)["pid"])

    def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        """One question to the process that starts others, and its answer."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, "the tracer ended"
        told: dict[str, Any] = json.loads(line)
        return told


def supported() -> bool:
    """Whether this machine lets a process be watched so."""
    return sys.platform == "linux" and os.uname().machine == "x86_64"


# What runs in the process that is struck.


def _command(*arguments: str) -> int:
    from workbench.cli.main import main

    return main(list(arguments))


def _scheduler(moment: str) -> int:
    from workbench.config import find_workspace
    from workbench.errors import InfrastructureError
    from workbench.operate.clock import Clock
    from workbench.operate.scheduler import Scheduler

    at = dt.datetime.fromisoformat(moment)
    service = Scheduler(find_workspace(), "scheduler", print, 2, Clock(wall=lambda: at, ticks=lambda: 0.0))
    try:
        service.once()
    except InfrastructureError as error:
        print(error.message, file=sys.stderr)
        return error.exit_code
    return int(service.refused > 0 or any(run.status != "succeeded" for run in service.ended))  # as the command says


class _Forked:
    """Stands for ``subprocess.Popen`` where the warm process is started: forked from here, where all is imported already."""

    def __init__(self, command: list[str], *, env: dict[str, str], pass_fds: list[int], **_: Any) -> None:
        self.returncode: int | None = None
        self.pid = os.fork()
        if self.pid == 0:
            os.setsid()
            os.closerange(3, pass_fds[0])
            os.closerange(pass_fds[0] + 1, 4096)
            os.environ.clear()
            os.environ.update(env)
            sys.argv = ["zygote", str(pass_fds[0])]
            try:
                from workbench.runtime import zygote

                zygote.main()
            finally:
                os._exit(71)

    def poll(self) -> int | None:
        if self.returncode is None:
            with contextlib.suppress(ChildProcessError):
                pid, status = os.waitpid(self.pid, os.WNOHANG)
                self.returncode = os.waitstatus_to_exitcode(status) if pid else None
        return self.returncode

    def wait(self, timeout: float = 60) -> None:
        deadline = time.monotonic() + timeout
        while self.poll() is None:
            if time.monotonic() > deadline:
                raise subprocess.TimeoutExpired("zygote", timeout)
            time.sleep(0.002)


class _Quick:
    """Stands for the module ``subprocess`` where the warm process is started."""

    Popen = _Forked


BODIES = {"command": _command, "scheduler": _scheduler}


def _become(request: dict[str, Any], go: int, said: tuple[int, int]) -> None:
    """The process that is struck: waits until it is watched, then runs the body."""
    os.read(go, 1)
    os.setpgid(0, 0)
    _filter()
    _run(request, request["body"], said)


def _run(request: dict[str, Any], body: str, said: tuple[int, int]) -> None:
    """Run a body as a process of its own would, and end."""
    os.chdir(request["below"])
    os.environ.update(request["environment"])
    from workbench.runtime import forked

    for name in ("DEVNULL", "TimeoutExpired"):
        setattr(_Quick, name, getattr(subprocess, name))
    forked.subprocess = _Quick
    for source, descriptor in zip(said, (1, 2), strict=True):
        os.dup2(source, descriptor)
    for source in set(said):
        os.close(source)
    sys.stdout, sys.stderr = open(1, "w", closefd=False), open(2, "w", closefd=False)  # noqa: SIM115  # as a new process has
    try:
        exec(request.get("mutant", ""))
        code = BODIES[body](*request["arguments"])
    except BaseException:
        import traceback

        traceback.print_exc()
        code = 70
    import atexit
    import threading

    sys.stdout.flush()
    sys.stderr.flush()
    threading._shutdown()  # as the interpreter does when it ends
    atexit._run_exitfuncs()
    os._exit(code)


def _filter() -> None:
    """Have the kernel tell of the calls that may change a file, from now on and in every process that is started."""
    plain = [number for number, what in CALLS.items() if what != "open"] + [85]
    code = [(0x20, 0, 0, 4), (0x15, 0, 255, 0xC000003E), (0x20, 0, 0, 0)]  # the architecture, then the call's number
    code += [(0x15, 254, 0, number) for number in plain]
    code += [(0x15, 0, 2, 257), (0x20, 0, 0, 32), (0x45, 254, 255, WRITABLE)]  # openat, by its flags
    code += [(0x15, 0, 255, 2), (0x20, 0, 0, 24), (0x45, 254, 255, WRITABLE)]  # open, by its flags
    code += [(0x06, 0, 0, 0x7FF00000), (0x06, 0, 0, 0x7FFF0000)]  # tell; let it be
    ends = {254: len(code) - 2, 255: len(code) - 1}
    packed = b"".join(
        struct.pack("HBBI", kind, *(ends[jump] - index - 1 if jump in ends else jump for jump in (yes, no)), value)
        for index, (kind, yes, no, value) in enumerate(code)
    )
    program = ctypes.create_string_buffer(packed)
    described = struct.pack("HxxxxxxP", len(code), ctypes.addressof(program))
    _libc.prctl(38, 1, 0, 0, 0)  # no new privileges
    if _libc.prctl(22, 2, ctypes.c_char_p(described), 0, 0):
        raise OSError(ctypes.get_errno(), "seccomp")


# The tracer.


class _Album:
    """What a folder held at one moment after another. Files that stay as they were are links to those of the last time."""

    def __init__(self, below: str, to: str) -> None:
        self.below, self.to = Path(below), Path(to)
        self.last: dict[str, bytes | None] | None = None
        self.place = self.to

    def keep(self, number: int) -> None:
        seen: dict[str, bytes | None] = {}
        for folder, folders, files in os.walk(self.below):
            at = Path(folder)
            seen.update({str((at / name).relative_to(self.below)): None for name in folders})
            seen.update({str((at / name).relative_to(self.below)): (at / name).read_bytes() for name in files})
        if seen == self.last:
            return
        last, before, self.place = self.last or {}, self.place, self.to / f"{number:05}"
        self.place.mkdir(parents=True)
        for name, content in seen.items():  # a folder comes before what is in it
            if content is None:
                (self.place / name).mkdir()
            elif last.get(name) == content:
                os.link(before / name, self.place / name)
            else:
                shutil.copy2(self.below / name, self.place / name)
        self.last = seen


def _ptrace(request: int, pid: int, address: int = 0, data: Any = 0) -> bool:
    """False when the process is gone meanwhile."""
    pointer = ctypes.cast(data, ctypes.c_void_p) if isinstance(data, ctypes.Array) else data
    if _libc.ptrace(request, pid, address, pointer) == -1:
        error = ctypes.get_errno()
        if error != errno.ESRCH:
            raise OSError(error, f"ptrace {request:#x}")
        return False
    return True


class _Tracer:
    """Watches one command from its start to the end of all its processes."""

    def __init__(self, below: str, blow: Blow | None, root: int, album: _Album | None = None) -> None:
        self.below, self.blow, self.root, self.album = below.rstrip("/") + "/", blow, root, album
        self.calls: list[Call] = []
        self.roles: dict[int, str] = {}
        self.members: dict[int, int] = {}  # of threads, their processes
        self.fell, self.code = False, 0
        self.after: set[int] = set()  # threads whose call is let through, and after which the blow falls
        self.writing: set[int] = set()  # for an album one call is made at a time: the thread that makes it,
        self.waiting: list[int] = []  # and those that are held meanwhile

    def watch(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        signal.signal(signal.SIGALRM, lambda *_: self.kill("all"))
        signal.setitimer(signal.ITIMER_REAL, seconds, 1)
        while True:
            try:
                pid, status = os.waitpid(-1, 0x40000000)
            except ChildProcessError:
                break
            if os.WIFSTOPPED(status):
                self.stopped(pid, status)
            else:
                self.writing.discard(pid)
                if pid == self.root:
                    self.code = os.waitstatus_to_exitcode(status)
            while self.waiting and not self.writing:
                self.called(self.waiting.pop(0))
        if self.album is not None:
            self.album.keep(len(self.calls) + 1)
        signal.setitimer(signal.ITIMER_REAL, 0)
        if time.monotonic() > deadline:
            self.code = 1000

    def stopped(self, pid: int, status: int) -> None:
        number, event = os.WSTOPSIG(status), status >> 16
        if event == 7:  # a call that counts
            self.waiting.append(pid)
        elif event == 128:
            _ptrace(_LISTEN if number in (signal.SIGSTOP, signal.SIGTSTP) else _CONT, pid)
        elif number == signal.SIGTRAP | 0x80:
            if pid in self.after:
                self.after.discard(pid)
                self.fall(pid)
            self.writing.discard(pid)
            _ptrace(_CONT, pid)
        else:
            _ptrace(_CONT, pid, 0, 0 if event or number == signal.SIGTRAP else number)

    def called(self, pid: int) -> None:
        words = (ctypes.c_ulong * _WORDS)()
        if not _ptrace(_GETREGS, pid, 0, words):
            return
        registers = dict(zip(_REGISTERS, words, strict=False))
        call = self.described(pid, registers["orig_rax"], [registers[name] for name in _ARGUMENTS])
        if call is None:
            _ptrace(_CONT, pid)
            return
        self.calls.append(call)
        count, blow = len(self.calls), self.blow
        if blow is not None and blow.how in FAILING and count >= blow.at and call.what in FAILING[blow.how][1]:
            self.fell = True
            words[_REGISTERS.index("orig_rax")] = ctypes.c_ulong(-1).value
            words[_REGISTERS.index("rax")] = ctypes.c_ulong(-FAILING[blow.how][0]).value
            _ptrace(_SETREGS, pid, 0, words)
        elif blow is not None and count == blow.at and blow.how == "before":
            self.fall(pid)
        elif blow is not None and count == blow.at and blow.how == "after":
            self.after.add(pid)
            _ptrace(_SYSCALL, pid)
            return
        elif self.album is not None:
            self.album.keep(count)
            if _ptrace(_SYSCALL, pid):
                self.writing.add(pid)
            return
        _ptrace(_CONT, pid)

    def fall(self, pid: int) -> None:
        assert self.blow is not None
        self.fell = True
        self.kill(self.blow.whom, self.members.get(pid, pid))

    def kill(self, whom: str, it: int = 0) -> None:
        struck = {"it": [it], "command": [self.root], "all": [*set(self.members.values()), self.root], "warm": []}[whom]
        if whom == "warm":
            for file in Path(f"/proc/{self.root}/task").glob("*/children"):
                with contextlib.suppress(OSError):
                    struck += map(int, file.read_text().split())
        for each in struck:
            with contextlib.suppress(ProcessLookupError):
                os.kill(each, signal.SIGKILL)

    def described(self, pid: int, number: int, arguments: list[int]) -> Call | None:
        what = CALLS.get(number)
        if what is None:
            return None
        try:
            if what in ("write", "fsync") or number == 77:
                found = [os.readlink(f"/proc/{pid}/fd/{arguments[2 if number == 326 else 0]}")]
            elif number in _AT:
                at = _AT[number]
                found = [self.path(pid, arguments[at], arguments[at + 1])]
                if what in ("rename", "link") and number != 266:
                    found.append(self.path(pid, arguments[2], arguments[3]))
            else:
                found = [self.path(pid, -100, arguments[0])]
                if what in ("rename", "link"):
                    found.append(self.path(pid, -100, arguments[1]))
            if not any(each.startswith(self.below) or each + "/" == self.below for each in found):
                return None
            role = self.role(pid)
        except OSError:
            return None
        return Call(role, what, *(os.path.relpath(each, self.below) for each in found))

    def path(self, pid: int, folder: int, address: int) -> str:
        with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
            text = b""
            while b"\0" not in text:
                page = 4096 - (address + len(text)) % 4096  # the next page need not be there
                memory.seek(address + len(text))
                more = memory.read(min(page, 512))
                if not more:
                    raise ProcessLookupError(f"{pid} has been killed meanwhile")
                text += more
        name = os.fsdecode(text.partition(b"\0")[0])
        folder = ctypes.c_int(folder & 0xFFFFFFFF).value
        base = os.readlink(f"/proc/{pid}/cwd" if folder == -100 else f"/proc/{pid}/fd/{folder}")
        return os.path.normpath(os.path.join(base, name))

    def role(self, pid: int) -> str:
        known = self.roles.get(pid)
        if known is None:
            with open(f"/proc/{pid}/status", encoding="utf-8") as stream:
                said = dict(line.split(":\t", 1) for line in stream.read().splitlines() if ":\t" in line)
            process, parent = int(said["Tgid"]), int(said["PPid"])
            known = "command" if process == self.root else "warm process" if parent == self.root else "cells"
            self.roles[pid], self.members[pid] = known, process
        return known


def serve() -> None:
    """Import what commands need, then fork for each request of standard input."""
    import importlib

    from workbench.operate.under_way import WARM
    from workbench.runtime.zygote import warm

    for name in (*PRELOADED, *WARM):
        importlib.import_module(name)
    warm(())
    ended: dict[int, int] = {}  # codes of those that were launched, which may be asked for again
    for line in sys.stdin:
        request = json.loads(line)
        assert len(os.listdir("/proc/self/task")) == 1
        if "poll" in request:
            if request["poll"] not in ended:
                pid, status = os.waitpid(request["poll"], os.WNOHANG)
                ended.update({pid: os.waitstatus_to_exitcode(status)} if pid else {})
            print(json.dumps({"code": ended.get(request["poll"])}), flush=True)
            continue
        if "launch" in request:
            pid = os.fork()
            if pid == 0:
                null = os.open(os.devnull, os.O_WRONLY)
                _run(request, request["launch"], (null, null))
            ended.pop(pid, None)  # numbers are given out again
            print(json.dumps({"pid": pid}), flush=True)
            continue
        said = os.memfd_create("out"), os.memfd_create("err")
        ready, go = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(go)
            _become(request, ready, said)
        _ptrace(_SEIZE, pid, 0, _OPTIONS)
        album = None if request["album"] is None else _Album(request["below"], request["album"])
        tracer = _Tracer(request["below"], None if request["blow"] is None else Blow(**request["blow"]), pid, album)
        os.write(go, b"g")
        tracer.watch(120)
        out, err = (os.pread(each, 1 << 20, 0).decode("utf-8", "replace") for each in said)
        for descriptor in (*said, ready, go):
            os.close(descriptor)
        calls = [[each.role, each.what, each.path, each.to] for each in tracer.calls]
        print(json.dumps({"calls": calls, "code": tracer.code, "fell": tracer.fell, "out": out, "err": err}), flush=True)


if __name__ == "__main__":
    serve()
