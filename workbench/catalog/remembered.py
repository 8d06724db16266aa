"""What was read out of files, kept beside the workspace's state, so that nothing unchanged is parsed again."""

from __future__ import annotations

import contextlib
import json
import os
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from workbench.runtime import files

FORMAT = 2


@dataclass(slots=True)
class Remembered:
    """Plain values by the path of the file that they were read from, each with that file's time and size.

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
        sign = [found.st_mtime_ns, found.st_size, *also]
        entry = self.known.get(path)
        if entry is None or entry[0] != sign:
            self.stale = True
            entry = [sign, read(path)]
        self.used[path] = entry
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
    body = json.dumps({"format": FORMAT, "files": kept.used}, ensure_ascii=False, separators=(",", ":"))
    # It only saves time: where it can't be written, the answer is the same.
    with contextlib.suppress(OSError, UnicodeEncodeError):
        files.make_folder(file.parent)
        files.write_atomic(file, f"{_sum(body)}\n{body}")


def _load(file: Path) -> dict[str, list[Any]]:
    try:
        seal, _, body = file.read_text(encoding="utf-8").partition("\n")
        if seal != _sum(body):
            return {}
        document = json.loads(body)
    except (OSError, ValueError):
        return {}
    found: dict[str, list[Any]] = document["files"] if document["format"] == FORMAT else {}
    return found


def _sum(body: str) -> str:
    return f"{zlib.crc32(body.encode('utf-8', 'surrogatepass')):08x}"
