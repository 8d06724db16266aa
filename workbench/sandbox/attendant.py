"""What an editor needs done from outside: ``python -m workbench.sandbox.attendant FOLDER CURRENT URL PORT``.

Opens the browser when the editor answers, keeps a copy of what readers of production see (versions, no data) where the editor
may read it, and removes the editor's temporary folder when the editor ends: then the pipe at its standard input closes.
"""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import socket
import sys
import webbrowser
from pathlib import Path

PAUSE = 1.0


def main(folder: Path, current: Path, url: str, port: int) -> None:
    """Look once a second until standard input ends."""
    seen = 0
    while True:
        seen = mirror(current, folder / "live", seen)
        if url and _answers(port):
            with contextlib.suppress(webbrowser.Error):
                webbrowser.open(url)
            url = ""
        if select.select([sys.stdin], [], [], PAUSE if not url else 0.1)[0]:
            break
    shutil.rmtree(folder, ignore_errors=True)


def mirror(current: Path, folder: Path, seen: int) -> int:
    """Copy a file that is only ever replaced as a whole, if it changed; the time of change of the copy that is there."""
    try:
        changed = current.stat().st_mtime_ns
        if changed != seen:
            part = folder / f".{current.name}"
            shutil.copyfile(current, part)
            os.replace(part, folder / current.name)
    except OSError:  # nothing is published yet, or it is being replaced
        return seen
    return changed


def _answers(port: int) -> bool:
    with socket.socket() as tried:
        tried.settimeout(0.2)
        return tried.connect_ex(("127.0.0.1", port)) == 0


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], int(sys.argv[4]))
