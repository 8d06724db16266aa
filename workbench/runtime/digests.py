"""SHA-256 of production's files, computed once for each state of a file, as git keeps the hashes of a working tree."""

from __future__ import annotations

import contextlib
import json
import time
from dataclasses import dataclass, field
from pathlib import Path

from workbench.runtime import files

NAME = "digests.json"
# A file that changed this recently, in seconds, may change again within the same tick of its clock: it is read again next time.
SETTLED = 2.0


@dataclass(slots=True)
class Digests:
    """What is known of files, by path: size, times of change, inode, and the digest that these stand for."""

    place: Path
    known: dict[str, list[int | str]] = field(default_factory=dict)
    changed: bool = False

    @classmethod
    def read(cls, folder: Path) -> Digests:
        """What was kept in a folder; nothing where that is missing or damaged."""
        place = folder / NAME
        try:
            known = json.loads(place.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            known = {}
        return cls(place, known if isinstance(known, dict) else {})

    def sha256(self, path: Path) -> str:
        """The digest of a file's bytes as they are now."""
        now = time.time()
        found = path.stat()
        state: list[int | str] = [found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino]
        match self.known.get(str(path)):
            case [*before, str(digest)] if before == state:
                return digest
        digest = files.sha256(path)
        if max(found.st_mtime, found.st_ctime) < now - SETTLED:
            self.known[str(path)] = [*state, digest]
            self.changed = True
        return digest

    def keep(self) -> None:
        """Write down what was computed, if the folder is there and may be written to; forget files that are gone."""
        if self.changed and self.place.parent.is_dir():
            there = {path: entry for path, entry in self.known.items() if Path(path).exists()}
            with contextlib.suppress(OSError):
                files.write_atomic(self.place, json.dumps(there))
