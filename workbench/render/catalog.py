"""The dictionary for the terminal and as plain values."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from workbench.catalog.dictionary import Described, Entry
from workbench.catalog.search import Hit
from workbench.moments import age, iso_or_none
from workbench.render.listing import Listing

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.text import Text


def list_view(hits: Sequence[Hit], now: dt.datetime, *, columns: bool) -> RenderableType:
    """One line a table; with ``columns``, those that were found beneath it."""
    from rich.text import Text

    titles = ("table", "kind", "live", "up to date", "owner", "what it is")
    table = Listing(titles, words=frozenset({"up to date", "what it is"}), cut=frozenset({"owner"}))
    for hit in hits:
        each = hit.entry
        table.add(
            Text(each.name, style="bold" if each.kind == "pipeline" else ""),
            each.kind,
            _live(each),
            _fresh(each, now),
            Text(each.owner or "-"),
            Text(each.doc),
        )
        for column in hit.columns if columns else ():
            table.add(Text(f"  .{column.name}", style="cyan"), "", "", "", "", _meaning(column))
    return table


def entry_view(entry: Entry, now: dt.datetime) -> RenderableType:
    """Everything that is known of one table."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    facts = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    facts.add_column(style="dim", no_wrap=True)
    facts.add_column()
    for title, said in _facts(entry, now):
        facts.add_row(title, said)
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for title in ("column", "type", "unit"):
        table.add_column(title, no_wrap=True)
    table.add_column("what it means")
    table.add_column("read by")
    for column in entry.columns:
        name = Text(column.name, style="cyan").append(" *" if column.key else "", style="dim")
        table.add_row(
            name,
            Text(column.type or "-"),
            Text(column.unit or "-"),
            _meaning(column, unit=False),
            Text(", ".join(column.readers)),
        )
    head = Text(entry.name, style="bold").append(f"  {entry.kind}", style="dim")
    parts: list[RenderableType] = [head, Text(entry.doc), facts] if entry.doc else [head, facts]
    if entry.columns:
        parts += [Text(""), table]
    return Group(*parts)


def entry_json(entry: Entry, now: dt.datetime) -> dict[str, Any]:
    """A table as plain values."""
    return {
        "name": entry.name,
        "kind": entry.kind,
        "doc": entry.doc,
        "owner": entry.owner,
        "key": list(entry.key),
        "versions": list(entry.versions),
        "version": entry.version,
        "semver": entry.semver,
        "live": entry.live,
        "up_to_date": iso_or_none(entry.confirmed),
        "stale": entry.stale(now),
        "deprecated": None
        if entry.deprecated is None
        else {"until": entry.deprecated.until, "use": entry.deprecated.use or None, "why": entry.deprecated.why},
        "demoted": entry.demoted or None,
        "reads": list(entry.reads),
        "readers": list(entry.readers),
        "columns": [
            {
                "name": each.name,
                "type": each.type,
                "doc": each.doc,
                "unit": each.unit,
                "classification": each.classification,
                "key": each.key,
                "readers": list(each.readers),
            }
            for each in entry.columns
        ],
    }


def hit_json(hit: Hit, now: dt.datetime) -> dict[str, Any]:
    """A table that was found, and the columns by which it was."""
    return {**entry_json(hit.entry, now), "score": hit.score, "matched": [each.name for each in hit.columns]}


def _facts(entry: Entry, now: dt.datetime) -> list[tuple[str, Text]]:
    from rich.text import Text

    known = [("owner", entry.owner), ("key", ", ".join(entry.key))]
    if entry.kind == "pipeline":
        others = ", ".join(f"v{number}" for number in entry.versions)
        live = "nothing is published" if entry.live is None else f"v{entry.live}"
        known += [("live", f"{live}{f' ({entry.semver})' if entry.semver and entry.live else ''}"), ("versions", others)]
    found = [(name, Text(said)) for name, said in known if said]
    ended = (("deprecated", leaving_said(entry)), ("demoted", entry.demoted))
    found += [(name, Text(said, style="yellow")) for name, said in ended if said]
    if entry.confirmed is not None:
        found.append(("up to date", _fresh(entry, now)))
    tables = (("reads", ", ".join(entry.reads)), ("read by", ", ".join(entry.readers) or "no live pipeline"))
    return found + [(name, Text(said)) for name, said in tables if said]


def _live(entry: Entry) -> Text:
    """What readers see, and whether they should go on to."""
    from rich.text import Text

    said = "-" if entry.live is None else f"v{entry.live}"
    ended = ", ".join(word for word, so in (("deprecated", entry.deprecated), ("demoted", entry.demoted)) if so)
    return Text(f"{said}, {ended}", style="yellow") if ended else Text(said)


def leaving_said(entry: Entry) -> str:
    """What readers of a deprecated version are told; "" of any other.

    >>> from workbench.catalog.dictionary import Leaving
    >>> leaving_said(Entry("daily", "pipeline", version=2, deprecated=Leaving("2026-12-31", "daily@3", "counts returns twice")))
    'v2 may be read until 2026-12-31; use daily@3: counts returns twice'
    """
    each = entry.deprecated
    if each is None:
        return ""
    use = f"use {each.use}" if each.use else "nothing replaces it"
    return f"v{entry.version} may be read until {each.until}; {use}: {each.why}"


def _fresh(entry: Entry, now: dt.datetime) -> Text:
    from rich.text import Text

    if entry.confirmed is None:
        return Text("-")
    said = f"{age(now - entry.confirmed)} ago"
    return Text(f"{said}, stale", style="yellow") if entry.stale(now) else Text(said)


def _meaning(column: Described, *, unit: bool = True) -> Text:
    from rich.text import Text

    said = "; ".join(text for text in (column.doc, column.unit if unit else "") if text)
    text = Text(said)
    return text.append(f"{'; ' if said else ''}{column.classification}", style="magenta") if column.classification else text
