"""Sandboxes as JSON and for the terminal."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.model import counted, printable
from workbench.moments import age, iso, planned
from workbench.render.gc import size
from workbench.render.listing import Listing
from workbench.render.scan import anonymity_line
from workbench.sandbox.create import Estimate
from workbench.sandbox.registry import SandboxInfo

if TYPE_CHECKING:
    from rich.console import Group, RenderableType

    from workbench.sandbox.scan import Anonymity


def sandbox_json(info: SandboxInfo, now: dt.datetime, active: str | None = None) -> dict[str, Any]:
    return info.to_json() | {
        "created": iso(info.created),
        "expires": iso(info.expires),
        "path": str(info.path),
        "bytes": info.bytes,
        "age_seconds": int((now - info.created).total_seconds()),
        "seconds_left": int((info.expires - now).total_seconds()),
        "expired": info.expired(now),
        "active": info.id == active,
    }


def estimate_line(guess: Estimate) -> str:
    left = [f"{name}: {met:,} of {rows:,} rows meet --where" for name, (met, rows) in guess.left.items()]
    line = f"reads {guess.rows_read:,} rows ({size(guess.bytes_read)}) of production, keeps about {guess.total:,}"
    return f"{line} ({'; '.join(left)})" if left else line


def created_view(info: SandboxInfo, now: dt.datetime, alike: Sequence[Anonymity] = ()) -> Group:
    """What a creation made, and how many of its rows are alike in the declared columns."""
    from rich.console import Group
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading in ("source", "production", "core", "support", "chosen by", "masked"):
        table.add_column(heading, justify="right" if heading in ("production", "core", "support") else "left")
    for name, each in info.tables.items():
        masked = ", ".join(f"{printable(column)}: {rule}" for column, rule in each.masked.items())
        table.add_row(
            name, f"{each.production:,}", f"{each.core:,}", f"{each.support:,}", _chosen(each.role, each.via), escape(masked)
        )
    parts: list[RenderableType] = [f"sandbox [bold]{info.id}[/]  {escape(info.sample)}  seed {info.seed}", table]
    parts += [f"  {escape(line)}" for line in _orphans(info)]
    if info.copied:
        parts.append(f"  copied from the sandbox before: {escape(', '.join(info.copied))}")
    parts += [f"  {escape(note)}" for note in info.notes]
    parts += [f"  {escape(anonymity_line(each))}" for each in alike]
    parts.append(f"{size(info.bytes)}, until {planned(info.expires)} (in {age(info.expires - now)})")
    parts.append(escape(os.path.relpath(info.path) if info.path.is_relative_to(Path.cwd()) else str(info.path)))
    return Group(*parts)


def _chosen(role: str, via: str) -> str:
    words = {"anchor": "hash of its key", "parent": "what others refer to", "whole": "whole"}
    return words.get(role, f"following {via.partition(' -> ')[2].partition('(')[0]}")


def _orphans(info: SandboxInfo) -> list[str]:
    lines = []
    for name, table in info.tables.items():
        for each in table.orphans:
            if each.production:
                columns = ", ".join(map(printable, each.columns))
                refer = "refers" if each.production == 1 else "refer"
                whose = f"{counted(each.production, 'row')} of {name} {refer} by {columns} to rows that {each.source} lacks"
                are = "is" if each.sandbox == 1 else "are"
                lines.append(f"{whose}, in production itself; {each.sandbox:,} of them {are} in the sample")
    return lines


def list_view(infos: Sequence[SandboxInfo], now: dt.datetime, active: str | None) -> Listing:
    titles = ("", "sandbox", "sample", "seed", "rows", "size", "age", "left", "who", "snapshot")
    table = Listing(titles, cut=frozenset({"who"}), numbers=frozenset({"seed", "rows", "size"}))
    for info in infos:
        left = "expired" if info.expired(now) else age(info.expires - now)
        rows = sum(each.rows for each in info.tables.values())
        snapshot = info.snapshot_id
        table.add(
            "*" if info.id == active else "", info.id, info.sample, str(info.seed), f"{rows:,}", size(info.bytes),
            age(now - info.created), left, info.who, snapshot,
        )  # fmt: skip
    return table
