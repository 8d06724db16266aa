"""Runs the cells of one notebook in a forked child, with ipykernel's own shell and no kernel around it.

In comes ``{"code"}``; out go Jupyter messages as the shell makes them (streams, displays, results, errors), then
``{"reply"}`` once the cell is done.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import io
import os
import re
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

from jupyter_client.session import Session

from workbench.runtime.secret import redacted
from workbench.runtime.wire import frames, send

_FLUSH_BYTES = 1 << 16
_FLUSH_SECONDS = 0.05


class _Channel(Session):
    """A Jupyter session whose messages become frames on a channel, for the process that ``connect`` was called in."""

    def __init__(self) -> None:
        super().__init__()
        self.lock = threading.RLock()
        self.owner = 0
        self.streams: list[OutStream] = []

    def connect(self, channel: socket.socket) -> None:
        self.channel = channel
        self.owner = os.getpid()

    def msg(
        self, msg_type: str, content: Any = None, parent: Any = None, header: Any = None, metadata: Any = None
    ) -> dict[str, Any]:
        return {"header": {"msg_type": msg_type}, "msg_type": msg_type, "content": content or {}, "metadata": metadata or {}}

    def send(self, stream: Any, msg_or_type: Any, content: Any = None, *_: Any, **__: Any) -> dict[str, Any]:
        message = self.msg(msg_or_type, content) if isinstance(msg_or_type, str) else msg_or_type
        if os.getpid() == self.owner:
            with self.lock:
                if message["msg_type"] != "stream":
                    self.flush()
                send(self.channel, redacted(message))
        return dict(message)

    def flush(self) -> None:
        for stream in self.streams:
            stream.flush()


def search_less(manager: Any) -> None:
    """Let IPython's input transformer not look at each token of a cell, three times over, where its own syntax can't be.

    A cell that adds a transformation has it applied.
    """
    usual, transform = _steps(manager), manager.transform_cell

    def transform_cell(cell: str) -> str:
        if _SYNTAX.search(cell) or _steps(manager) != usual:
            return str(transform(cell))
        return cell if cell.endswith("\n") else cell + "\n"

    manager.transform_cell = transform_cell


def _steps(manager: Any) -> list[Any]:
    return [*manager.cleanup_transforms, *manager.line_transforms, *manager.token_transformers]


# What it may change or warn of: magics and help, line ends that Python has not, prompts, a beginning with white space, and a
# line that begins with , ; or / and so calls.
_SYNTAX = re.compile(r"[%!?\x1c-\x1e\x85\u2028\u2029]|>>>|\.\.\.:|In \[|\A\s|\A\Z|(?:\A|[\n\r\f\v])\s*[,;/]")


class OutStream(io.TextIOBase):
    """``sys.stdout`` or ``sys.stderr`` of the cells: sent soon, in order with displays. Errors tell its name: a kernel's."""

    encoding = "UTF-8"
    errors = None

    def __init__(self, channel: _Channel, name: str, descriptor: int) -> None:
        self.channel, self.name, self.descriptor = channel, name, descriptor
        self._parts: list[str] = []
        self._size = 0
        self._flushed = 0.0
        channel.streams.append(self)

    def writable(self) -> bool:
        return True

    def isatty(self) -> bool:
        return False

    def fileno(self) -> int:
        return self.descriptor

    def write(self, text: str) -> int:
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text)}")
        if os.getpid() != self.channel.owner:  # a process that a cell forked
            os.write(self.descriptor, text.encode("utf-8", "replace"))
            return len(text)
        with self.channel.lock:
            for other in self.channel.streams:
                if other is not self:
                    other.flush()
            self._parts.append(text)
            self._size += len(text)
            if self._size > _FLUSH_BYTES or time.monotonic() - self._flushed > _FLUSH_SECONDS:
                self.flush()
        return len(text)

    def flush(self) -> None:
        with self.channel.lock:
            text = "".join(self._parts)
            self._parts, self._size = [], 0
            self._flushed = time.monotonic()
            if text and os.getpid() == self.channel.owner:
                self.channel.send(None, "stream", {"name": self.name, "text": text})


@functools.cache
def prepare() -> tuple[Any, _Channel]:
    """The shell that runs cells and its session; made before the fork, as they take longer than the fork itself."""
    from ipykernel.compiler import XCachingCompiler
    from ipykernel.zmqshell import ZMQInteractiveShell
    from traitlets.config import Config

    config = Config()
    config.HistoryManager.enabled = False  # it has a thread
    kernel = SimpleNamespace(eventloop=None)  # all that ``exit`` asks of it
    shell = ZMQInteractiveShell.instance(config=config, compiler_class=XCachingCompiler, kernel=kernel)
    search_less(shell.input_transformer_manager)
    _ = shell.logger  # made when it is first asked for, which every cell does
    return shell, _Channel()


@functools.cache
def begin() -> asyncio.AbstractEventLoop:
    """What can be done before anything of the run is known, in the process that is to run it; its loop."""
    # Not asyncio.run(), which keeps SIGINT for itself: an interrupt belongs to the cell.
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    return loop


async def serve(channel: socket.socket, refused: Exception | None = None) -> None:
    """Run cells as they arrive, until the other end closes; with ``refused`` each fails so at once."""
    shell, session = _shell(channel)
    buffer = bytearray()
    while True:
        data = channel.recv(1 << 16)
        if not data:
            return
        buffer += data
        for request in frames(buffer):
            reply = await _run(shell, request["code"], refused)
            with session.lock:
                session.flush()
                send(channel, {"reply": redacted(reply)})


def _shell(channel: socket.socket) -> tuple[Any, _Channel]:
    shell, session = prepare()
    session.connect(channel)
    sys.stdout = OutStream(session, "stdout", 1)
    sys.stderr = OutStream(session, "stderr", 2)
    for part in (shell.displayhook, shell.display_pub):
        part.session, part.pub_socket, part.topic = session, channel, b""
    _refuse_input()
    return shell, session


def _refuse_input() -> None:
    import builtins
    import getpass

    def refuse(*_: Any, **__: Any) -> str:
        from IPython.core.error import StdinNotImplementedError

        raise StdinNotImplementedError("raw_input was called, but this frontend does not support input requests.")

    builtins.input = refuse
    getpass.getpass = refuse
    sys.breakpointhook = lambda *_, **__: None  # a kernel's passes over them, too, while no debugger is there


async def _run(shell: Any, code: str, refused: Exception | None) -> dict[str, Any]:
    """Run one cell as ipykernel does: asynchronously where it awaits, else synchronously, within a running loop."""
    failed = None
    try:
        transformed = shell.transform_cell(code)
    except Exception:
        transformed, failed = code, sys.exc_info()
    shell._last_traceback, shell._last_traceback_during_displayhook = None, False
    if refused is not None:
        with _known(shell, transformed, refused):
            result = shell.run_cell(code, store_history=True)
    elif _may_await(transformed) and shell.should_run_async(code, transformed_cell=transformed, preprocessing_exc_tuple=failed):
        task = asyncio.ensure_future(
            shell.run_cell_async(code, store_history=True, transformed_cell=transformed, preprocessing_exc_tuple=failed)
        )
        result = None
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGINT, task.cancel)
        try:
            result = await task
        finally:
            loop.remove_signal_handler(signal.SIGINT)
            signal.signal(signal.SIGINT, signal.default_int_handler)
            shell.events.trigger("post_execute")
            shell.events.trigger("post_run_cell", result)
    else:
        with contextlib.nullcontext() if failed else _known(shell, transformed):
            result = shell.run_cell(code, store_history=True)
    error = result.error_before_exec or result.error_in_exec
    reply: dict[str, Any] = {"status": "ok", "execution_count": shell.execution_count - 1}
    if error is not None or shell._last_traceback_during_displayhook:  # what a cell shows may fail to show itself
        lines = shell._last_traceback or []
        reply |= {"status": "error", "ename": type(error).__name__, "evalue": str(error), "traceback": lines}
    return reply


def _may_await(code: str) -> bool:
    """Whether it is worth compiling a cell to find out."""
    return "await" in code or "async" in code


@contextlib.contextmanager
def _known(shell: Any, transformed: str, refused: Exception | None = None) -> Iterator[None]:
    """Let ``run_cell`` not transform and compile once more what awaits nothing, to find that out; fail with ``refused``."""
    known = {"transform_cell": transformed, "should_run_async": False}
    for name, found in known.items():

        def told(*_: Any, name: str = name, found: Any = found, **__: Any) -> Any:
            del shell.__dict__[name]  # what the cell itself asks for it is to find out
            if refused is not None and found is transformed:
                raise refused
            return found

        shell.__dict__[name] = told
    try:
        yield
    finally:
        for name in known:
            shell.__dict__.pop(name, None)
