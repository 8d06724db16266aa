"""marimo in a confined process: ``python -m workbench.sandbox.editor``, in place of ``python -m marimo``.

A kernel and its server talk over a TCP connection to a port that the system chooses. A confined process connects to none, so
that they talk over a Unix socket in the process's own temporary folder instead.
"""

from __future__ import annotations

import logging
import multiprocessing.connection as connection
import os
import runpy
import secrets
import socket
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from workbench.errors import InfrastructureError, quoted

HOST = "127.0.0.1"
FIRST_PORT = 2718
# marimo sets ports aside for language servers when it starts, by listening on them for a moment, used or not.
SET_ASIDE = range(FIRST_PORT + 400, FIRST_PORT + 420)
# A folder with a copy of what readers of production see: which version of which pipeline, none of their data.
LIVE = "WORKBENCH_LIVE"


class LocalListener(connection.Listener):
    """Listens on a Unix socket where no address is asked for."""

    def __init__(self, address: Any = None, family: str | None = None, *more: Any, **options: Any) -> None:
        super().__init__(address, "AF_UNIX" if address is None else family, *more, **options)


@dataclass(frozen=True, slots=True)
class Place:
    """What one editor has for itself: a temporary folder, a port to listen on, and the token that its page asks for."""

    folder: Path
    port: int
    token: str = ""

    @classmethod
    def make(cls, port: int | None, *, token: bool) -> Place:
        """A new folder; without ``port`` the first free one from 2718 on."""
        place = cls(Path(mkdtemp(prefix="workbench-edit-")), port or _free_port(), secrets.token_urlsafe(16) if token else "")
        (place.folder / "live").mkdir()
        if token:
            file = os.open(place.token_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with open(file, "w", encoding="ascii") as stream:
                stream.write(place.token)
        return place

    @property
    def token_file(self) -> Path:
        return self.folder / "token"

    @property
    def ports(self) -> tuple[int, ...]:
        """Where the editor may listen."""
        return (self.port, *SET_ASIDE)

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}" + (f"?access_token={self.token}" if self.token else "")

    @property
    def variables(self) -> dict[str, str]:
        """What the editor's process has to know."""
        caches = {"MPLCONFIGDIR": str(self.folder / "matplotlib"), "NUMBA_CACHE_DIR": str(self.folder / "numba")}
        return caches | {"TMPDIR": str(self.folder), LIVE: str(self.folder / "live")}

    def command(self, notebook: Path) -> list[str]:
        """How the editor is started. The browser is not its business: it could not start one from where it is."""
        command = [sys.executable, "-m", "workbench.sandbox.editor", "edit", str(notebook), "--host", HOST]
        # --watch: what another editor or workbench check --fix writes is seen, not overwritten by the next save.
        command += ["--port", str(self.port), "--headless", "--skip-update-check", "--no-sandbox", "--watch"]
        return [*command, "--token-password-file", str(self.token_file)] if self.token else [*command, "--no-token"]

    def attend(self, current: Path, *, browser: bool) -> None:
        """Start the process that does from outside what the editor can't; it ends with this process, whatever that becomes."""
        end, kept = os.pipe()
        os.set_inheritable(kept, True)
        words = [str(self.folder), str(current), self.url if browser else "", str(self.port)]
        subprocess.Popen(
            [sys.executable, "-m", "workbench.sandbox.attendant", *words],
            stdin=end, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, close_fds=True, start_new_session=True,
        )  # fmt: skip
        os.close(end)


def marimo_folders(given: Mapping[str, str]) -> list[Path]:
    """Where marimo keeps its settings, its state and its cache; made where missing, so that it can write there."""
    home = Path.home()
    defaults = {"XDG_CONFIG_HOME": ".config", "XDG_STATE_HOME": ".local/state", "XDG_CACHE_HOME": ".cache"}
    folders = [Path(given.get(name, "").strip() or home / place, "marimo") for name, place in defaults.items()]
    for folder in folders:
        folder.mkdir(parents=True, exist_ok=True)
    return folders


def refuse_taken(port: int, notebook: Path) -> None:
    """Raise when something listens on a port already."""
    if not _is_free(port):
        raise InfrastructureError(
            f"port {port} is taken, perhaps by an editor that is still open",
            hint=f"workbench edit {quoted(notebook)} --port {_free_port()}",
        )


def _is_free(port: int) -> bool:
    with socket.socket() as tried:
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as marimo's server does
        try:
            tried.bind((HOST, port))
        except OSError:
            return False
    return True


def _free_port() -> int:
    for port in range(FIRST_PORT, FIRST_PORT + 200):
        if _is_free(port):
            return port
    raise InfrastructureError(
        f"no port from {FIRST_PORT} to {FIRST_PORT + 199} is free", hint="workbench edit NOTEBOOK --port 3000"
    )


def _concerns_users(record: logging.LogRecord) -> bool:
    """Whether to show a line of marimo's log: its warning of ``--watch`` is about what nobody who types ``edit`` chose."""
    return "watch mode may interfere" not in str(record.msg)


if __name__ == "__main__":
    logging.getLogger("marimo").addFilter(_concerns_users)
    connection.Listener = LocalListener  # type: ignore[misc]  # the one place where marimo asks for a TCP port
    sys.argv[0] = "marimo"
    runpy.run_module("marimo", run_name="__main__", alter_sys=True)
