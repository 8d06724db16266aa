"""The answer to one question of a review."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Answer = Literal["pass", "warn", "fail", "skipped"]


@dataclass(frozen=True, slots=True)
class Step:
    """One question about one file or version, and its answer; ``lines`` are the particulars, ``hint`` the next command."""

    subject: str
    name: str
    answer: Answer
    summary: str
    lines: tuple[str, ...] = ()
    hint: str = ""
