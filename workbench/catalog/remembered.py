"""What was read out of files, kept beside the workspace's state, so that nothing unchanged is parsed again."""

from __future__ import annotations

import contextlib
import json
import os
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from workbench.runtime import files

FORMAT = 3


@dataclass(slots=True)
class Remembered:
    """Plain values by the path of the file that they were read from, or a name for several, each with their times and sizes.

    ``known`` is what was remembered, ``used`` what was asked for since: it alone is kept.
    """

    known: dict[str, list[Any]]
    used: dict[str, list[Any]] = field(default_factory=dict)
    stale: bool = False

    def of(self, path: str, read: Callable[[str], Any], *also: Any) -> Any:
        """What ``read`` gives for a file, or gave when the file was as it is; None where there is no file.

        ``also`` are plain values that have to be the same too.
        """
        try:
            found = os.stat(path)
        except (FileNotFoundError, NotADirectoryError):
            return None
        return self._of(path, [found.st_mtime_ns, found.st_size, *also], lambda: read(path))

    def of_all(self, name: str, paths: Sequence[str], read: Callable[[], Any]) -> Any:
        """What ``read`` gives for several files, or gave when each of them was as it is, or as missing."""
        sign: list[int] = []
        for path in paths:
            try:
                found = os.stat(path)
                sign += (found.st_mtime_ns, found.st_size)
            except (FileNotFoundError, NotADirectoryError):
                sign += (0, -1)
        return self._of(name, sign, read)

    def _of(self, name: str, sign: list[Any], read: Callable[[], Any]) -> Any:
        entry = self.known.get(name)
        if entry is None or entry[0] != sign:
            self.stale = True
            entry = [sign, read()]
        self.used[name] = entry
        return entry[1]


@contextlib.contextmanager
def remembered(file: Path) -> Iterator[Remembered]:
    """What a file remembers, written back at the end when it changed. A file that is missing, cut off or changed is made anew.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     (place := Path(folder, "a.txt")).write_text("1") and None
    ...     for _ in range(2):
    ...         with remembered(Path(folder, "kept.json")) as kept:
    ...             kept.of(str(place), lambda path: print("read") or Path(path).read_text())
    read
    '1'
    '1'
    """
    kept = Remembered(_load(file))
    yield kept
    if not kept.stale and kept.used.keys() == kept.known.keys():
        return
    text = json.dumps({"format": FORMAT, "files": kept.used}, ensure_ascii=False, separators=(",", ":"))
    # It only saves time: where it can't be written, the answer is the same.
    with contextlib.suppress(OSError, UnicodeEncodeError):
        body = text.encode()
        files.make_folder(file.parent)
        files.write_atomic(file, _sum(body) + b"\n" + body)


def _load(file: Path) -> dict[str, list[Any]]:
    from pydantic_core import from_json  # it is there for the settings, and takes two thirds of the time

    try:
        seal, _, body = file.read_bytes().partition(b"\n")
        if seal != _sum(body):
            return {}
        document = from_json(body)
    except (OSError, ValueError):
        return {}
    found: dict[str, list[Any]] = document["files"] if document["format"] == FORMAT else {}
    return found


def _sum(body: bytes) -> bytes:
    return b"%08x" % zlib.crc32(body)
