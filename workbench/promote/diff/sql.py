"""Pieces of SQL text: quoted names, hashes, lists."""

from __future__ import annotations

from collections.abc import Iterable

from workbench.runtime.duck import identifier as ident
from workbench.runtime.duck import literal

__all__ = ["all_true", "any_true", "hash_of", "ident", "listing", "literal"]


def listing(parts: Iterable[str], *, lead: bool = False) -> str:
    """Parts joined by commas; with ``lead`` a comma goes before each, so that an empty list leaves nothing.

    >>> listing(["a", "b"], lead=True)
    ', a, b'
    """
    return "".join(f", {part}" for part in parts) if lead else ", ".join(parts)


def hash_of(parts: Iterable[str]) -> str:
    """One 64-bit hash of all parts in order; a constant when there are none."""
    inner = listing(parts)
    return f"hash({inner})" if inner else "0::UBIGINT"


def all_true(parts: Iterable[str]) -> str:
    """All conditions hold; true when there are none."""
    return " AND ".join(f"({part})" for part in parts) or "TRUE"


def any_true(parts: Iterable[str]) -> str:
    """At least one condition holds; false when there are none."""
    return " OR ".join(f"({part})" for part in parts) or "FALSE"
