"""What was proved of production, kept for as long as its rows are the same: keys that are unique, references that are whole."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from workbench.runtime import files
from workbench.sandbox.graph import Link

NAME = "proved.json"
MOST = 1000  # proofs that are kept, the latest used


@dataclass(slots=True)
class Proofs:
    """How many rows each proof was about, by what was proved of which state of which sources.

    ``states`` tell what each source holds now, so that other rows have no proofs. Only what holds is kept.
    """

    place: Path = Path()
    states: Mapping[str, str] = field(default_factory=dict)
    known: dict[str, int] = field(default_factory=dict)
    used: dict[str, int] = field(default_factory=dict)

    @classmethod
    def read(cls, folder: Path, states: Mapping[str, str]) -> Proofs:
        """What was kept in a folder; nothing where that is missing or damaged."""
        place = folder / NAME
        try:
            found = json.loads(place.read_text(encoding="utf-8"))
            known = {str(name): int(rows) for name, rows in found.items()}
        except (OSError, ValueError, AttributeError, TypeError):
            known = {}
        return cls(place, states, known)

    def unique(self, source: str, columns: Sequence[str], prove: Callable[[], bool]) -> bool:
        """Whether no two rows have the same key; ``prove`` is asked where that is not known."""
        return self._once(["unique", *columns], [source], lambda: 1 if prove() else None) is not None

    def complete(self, link: Link, prove: Callable[[], int | None]) -> int | None:
        """How many references are not NULL, when each finds its row; ``prove`` is asked where that is not known."""
        return self._once(["complete", *link.columns, *link.to], [link.child, link.parent], prove)

    def _once(self, what: Sequence[str], about: Sequence[str], prove: Callable[[], int | None]) -> int | None:
        states = [self.states.get(source) for source in about]
        if None in states:
            return prove()
        name = hashlib.sha256(json.dumps([*what, *states]).encode()).hexdigest()
        rows = self.known.get(name)
        if rows is None:
            rows = prove()
        if rows is not None:
            self.used[name] = rows
        return rows

    def keep(self) -> None:
        """Write down what is proved now, if the folder is there and may be written to."""
        if self.used.keys() <= self.known.keys() or not self.place.parent.is_dir():
            return
        kept = dict(list({**self.used, **self.known}.items())[:MOST])
        with contextlib.suppress(OSError):
            files.write_atomic(self.place, json.dumps(kept))
