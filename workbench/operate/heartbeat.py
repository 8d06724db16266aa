"""A scheduler's signs of life: a small file for people and monitors, and messages to systemd where it asked for them."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import os
import socket
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from workbench.config import Workspace
from workbench.moments import iso, iso_or_none
from workbench.operate import process

EVERY_SECONDS = 5.0


@dataclass(slots=True)
class Heartbeat:
    """The file of one scheduler, which is there while it lives."""

    workspace: Workspace
    _at: float = field(default=-EVERY_SECONDS)

    def __enter__(self) -> Heartbeat:
        self.place.parent.mkdir(parents=True, exist_ok=True)
        for other in schedulers(self.workspace):
            if not other["alive"]:
                Path(other["file"]).unlink(missing_ok=True)
        self.beat(None)
        _notify("READY=1")
        return self

    def __exit__(self, *_: object) -> None:
        _notify("STOPPING=1")
        self.place.unlink(missing_ok=True)

    @property
    def place(self) -> Path:
        return folder(self.workspace) / f"{process.host()}-{os.getpid()}.json"

    def beat(self, wake: dt.datetime | None) -> None:
        """Say that this scheduler lives and when something is due next; at most every few seconds."""
        if time.monotonic() - self._at < EVERY_SECONDS:
            return
        self._at = time.monotonic()
        said = {
            "host": process.host(),
            "pid": os.getpid(),
            "process": process.started(os.getpid()),
            "at": iso(dt.datetime.now(dt.UTC).replace(microsecond=0)),
            "look_again": iso_or_none(wake),
        }
        temporary = self.place.with_name(f".tmp-{self.place.name}")
        with contextlib.suppress(OSError):  # a full disk must not end the scheduler
            temporary.write_text(json.dumps(said), encoding="utf-8")
            os.replace(temporary, self.place)
        _notify("WATCHDOG=1")


def folder(workspace: Workspace) -> Path:
    """Where schedulers leave their signs of life."""
    return workspace.state / "schedulers"


def schedulers(workspace: Workspace) -> list[dict[str, Any]]:
    """The schedulers of a workspace that have not ended in order; ``alive`` is False for those whose process is gone."""
    found = []
    for file in sorted(folder(workspace).glob("[!.]*.json")):
        try:
            said: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
            gone = said["host"] == process.host() and not process.alive(int(said["pid"]), said["process"])
        except (OSError, ValueError, KeyError, TypeError):
            continue
        found.append({**said, "alive": not gone, "file": str(file)})
    return found


def _notify(message: str) -> None:
    """Tell systemd, when it started this process with ``Type=notify``."""
    place = os.environ.get("NOTIFY_SOCKET")
    if place:
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
            sock.sendto(message.encode(), "\0" + place[1:] if place.startswith("@") else place)
