"""The part of a card that compares with the live version on the same sandbox."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from workbench.model import counted
from workbench.promote.diff import ChangedRow, TableDiff
from workbench.render.card_facts import LiveFacts
from workbench.render.card_text import is_number, percent, text, width

EXAMPLES = 5


def live_part(live: LiveFacts, schema: Mapping[str, str]) -> dict[str, Any]:
    found = live.diff
    at = ", ".join(f"{name} = {text(value)}" for name, value in live.parameters.items())
    same = "Both computed on this sandbox" + (f" at {at}." if at else ".")
    counts = {kind: getattr(found.rows, kind) for kind in ("added", "removed", "changed", "unchanged")}
    total = sum(counts.values())
    names, examples = _examples(found)
    header = [{"name": name, "number": any(row["cells"][i]["number"] for row in examples)} for i, name in enumerate(names)]
    return {
        "title": f"Against {live.version}, which readers see"
        if not found.identical
        else f"The same as {live.version}, which readers see",
        "at": same if not found.identical or not total else f"{same} {counted(found.rows.unchanged, 'row')} compared.",
        "notes": live.notes,
        "said": "rows: " + ", ".join(f"{count:,} {kind}" for kind, count in counts.items()),
        "counts": [
            {"kind": kind, "count": f"{count:,}", "width": width(count / total) if count else ""}
            for kind, count in counts.items()
        ]
        if total and not found.identical
        else [],
        "schema": _schema(found, schema),
        "columns": [
            {"name": name, "changed": f"{each.changed:,}", "share": percent(each.share), "width": width(each.share)}
            for name, each in sorted(found.columns.items(), key=lambda item: -item[1].changed)
        ],
        "header": header,
        "examples": examples,
    }


def _schema(found: TableDiff, schema: Mapping[str, str]) -> list[dict[str, str]]:
    changes = found.schema
    renamed = {new: old for old, new in changes.renamed.items()}
    rows = [
        {
            "what": "new column",
            "column": name,
            "detail": f"holds what {renamed[name]} held" if name in renamed else schema.get(name, ""),
        }
        for name in changes.added
    ]
    rows += [{"what": "lost column", "column": name, "detail": ""} for name in changes.removed]
    rows += [
        {"what": "other type:", "column": name, "detail": f"{old} becomes {new}"}
        for name, (old, new) in changes.type_changed.items()
    ]
    return rows + [{"what": "can't be compared:", "column": name, "detail": ""} for name in changes.not_compared]


def _examples(found: TableDiff) -> tuple[list[str], list[dict[str, Any]]]:
    """Up to five rows: some of each kind, the changed ones first; columns are the key and what differs."""
    samples = found.samples
    kinds: list[tuple[str, tuple[Any, ...]]] = [
        ("changed", samples.changed),
        ("added", samples.added),
        ("removed", samples.removed),
    ]
    picked: list[tuple[str, Any]] = []
    left = EXAMPLES
    for i, (kind, rows) in enumerate(kinds):
        others = sum(bool(rest) for _, rest in kinds[i + 1 :])
        picked += [(kind, row) for row in rows[: max(left - others, 0)]]
        left = EXAMPLES - len(picked)
    whole = [row for kind, row in picked if kind != "changed"]
    differing = [name for name in found.columns if any(name in row.columns for kind, row in picked if kind == "changed")]
    rest = [name for row in whole for name in row]
    header = list(dict.fromkeys([*found.key, *(differing or rest)]))[:8]
    return header, [{"kind": kind, "cells": [_cell(row, name) for name in header]} for kind, row in picked]


def _cell(row: ChangedRow | dict[str, Any], name: str) -> dict[str, Any]:
    if not isinstance(row, ChangedRow):
        return {"value": text(row.get(name)), "differs": False, "number": is_number(row.get(name))}
    if name in row.key:
        return {"value": text(row.key[name]), "differs": False, "number": False}
    base, value = row.base.get(name), row.candidate.get(name)
    return {
        "base": text(base),
        "value": text(value),
        "differs": name in row.columns,
        "number": is_number(value) or is_number(base),
    }
