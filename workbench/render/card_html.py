"""A contract card as HTML. Every value is escaped; colour never says anything that words do not."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.model import CheckResult
from workbench.promote.diff import ChangedRow, TableDiff
from workbench.render.card_facts import Facts, LiveFacts

if TYPE_CHECKING:
    from jinja2 import Template

TEMPLATES = Path(__file__).parent / "templates"
EXAMPLES = 5
LONGEST = 40
_PARTS = {
    "rows": "The table can't be computed.",
    "checks": "Key and checks could not be looked at.",
    "live": "No comparison with the live version.",
}


def card_html(facts: Facts) -> str:
    """The card, with its style sheet, as HTML to put anywhere."""
    mark, live = facts.mark, facts.live
    nothing_live = (
        "" if live or "live" in facts.problems or "rows" in facts.problems else f"Nothing is published as {mark.name} yet."
    )
    return _template().render(
        css=_style(),
        name=mark.name,
        state=_state(facts),
        doc=mark.doc,
        problems=[{"what": _PARTS[part], "why": why} for part, why in facts.problems.items()],
        facts=_facts(facts),
        live=None if live is None else _live(live, facts.schema),
        nothing_live=nothing_live,
        columns=_columns(facts),
        checks=[_check(result) for result in facts.checks or ()],
        checks_open=any(not result.ok for result in facts.checks or ()),
        checks_said=_said(facts.checks or ()),
    )


@functools.cache
def _template() -> Template:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined)
    return environment.get_template("card.html.j2")


@functools.cache
def _style() -> Any:
    from markupsafe import Markup

    return Markup((TEMPLATES / "card.css").read_text(encoding="utf-8"))  # noqa: S704  # our own file, no value in it


def _state(facts: Facts) -> dict[str, str]:
    """The card in one badge."""
    if "rows" in facts.problems:
        return {"tone": "bad", "sign": "✕", "text": "fails"}
    if facts.broken:
        return {
            "tone": "bad",
            "sign": "✕",
            "text": "1 promise broken" if facts.broken == 1 else f"{facts.broken} promises broken",
        }
    if facts.live is None:
        if facts.problems:
            return {"tone": "warn", "sign": "!", "text": "not all could be checked"}
        return {"tone": "new", "sign": "+", "text": "not live yet"}
    if facts.live.diff.identical:
        return {"tone": "good", "sign": "=", "text": f"same as live @{facts.live.version.number}"}
    return {"tone": "warn", "sign": "≠", "text": f"differs from live @{facts.live.version.number}"}


def _facts(facts: Facts) -> list[dict[str, str]]:
    mark, found = facts.mark, []
    if facts.rows is not None:
        found.append({"tone": "note", "sign": "", "text": f"{_count(facts.rows, 'row')} in sandbox {facts.sandbox}"})
    if facts.key is not None:
        named = ", ".join(mark.key)
        broken = [result for result in facts.key if not result.ok]
        if not mark.key:
            found.append({"tone": "bad", "sign": "!", "text": "no key"})
        elif not broken:
            found.append({"tone": "good", "sign": "✓", "text": f"key {named}: unique, never NULL"})
        for result in broken:
            what = "repeat a key" if result.check.rule == "unique" else "have a NULL in the key"
            found.append({"tone": "bad", "sign": "✕", "text": f"key {named}: {_count(result.violations, 'row')} {what}"})
    if facts.checks:
        tone, sign = ("good", "✓") if all(result.ok for result in facts.checks) else ("bad", "✕")
        found.append({"tone": tone, "sign": sign, "text": f"checks: {_said(facts.checks)}"})
    if mark.partition_by is not None and facts.partitions is not None:
        found.append({"tone": "note", "sign": "", "text": f"{_count(facts.partitions, 'partition')} by {mark.partition_by}"})
    return found


def _said(results: tuple[CheckResult, ...]) -> str:
    broken = sum(not result.ok for result in results)
    return f"{broken} of {len(results)} broken" if broken else f"all {len(results)} hold"


def _check(result: CheckResult) -> dict[str, str]:
    said = (
        "holds"
        if result.ok
        else "broken"
        if result.check.rule == "row_count"
        else f"broken by {_count(result.violations, 'row')}"
    )
    example = ", ".join(f"{name} = {_text(value)}" for row in result.examples[:1] for name, value in row.items())
    tone, sign = ("good", "✓") if result.ok else ("bad", "✕")
    return {"text": str(result.check), "tone": tone, "sign": sign, "said": said, "example": example}


def _columns(facts: Facts) -> list[dict[str, Any]]:
    mark = facts.mark

    def roles(name: str) -> list[str]:
        return ["key"] * (name in mark.key) + ["partition"] * (name == mark.partition_by)

    return [
        {"name": name, "type": kind, "doc": mark.columns.get(name, ""), "roles": roles(name)}
        for name, kind in facts.schema.items()
    ]


def _live(live: LiveFacts, schema: Mapping[str, str]) -> dict[str, Any]:
    found = live.diff
    at = ", ".join(f"{name} = {_text(value)}" for name, value in live.parameters.items())
    same = "Both computed on this sandbox" + (f" at {at}." if at else ".")
    counts = {kind: getattr(found.rows, kind) for kind in ("added", "removed", "changed", "unchanged")}
    total = sum(counts.values())
    names, examples = _examples(found)
    header = [{"name": name, "number": any(row["cells"][i]["number"] for row in examples)} for i, name in enumerate(names)]
    return {
        "title": f"Against {live.version}, which readers see"
        if not found.identical
        else f"The same as {live.version}, which readers see",
        "at": same if not found.identical or not total else f"{same} {_count(found.rows.unchanged, 'row')} compared.",
        "notes": live.notes,
        "said": "rows: " + ", ".join(f"{count:,} {kind}" for kind, count in counts.items()),
        "counts": [
            {"kind": kind, "count": f"{count:,}", "width": _width(count / total) if count else ""}
            for kind, count in counts.items()
        ]
        if total and not found.identical
        else [],
        "schema": _schema(found, schema),
        "columns": [
            {"name": name, "changed": f"{each.changed:,}", "share": _percent(each.share), "width": _width(each.share)}
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
        return {"value": _text(row.get(name)), "differs": False, "number": _is_number(row.get(name))}
    if name in row.key:
        return {"value": _text(row.key[name]), "differs": False, "number": False}
    base, value = row.base.get(name), row.candidate.get(name)
    return {
        "base": _text(base),
        "value": _text(value),
        "differs": name in row.columns,
        "number": _is_number(value) or _is_number(base),
    }


def _text(value: Any) -> str:
    """A value in a few characters, told apart from others: NULL is no text, true no number."""
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:.6g}"
    text = " ".join(str(value).split())
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def _percent(share: float) -> str:
    """A share in percent; what is not nothing never reads as 0%, and what is not all never as 100%."""
    if 0 < share < 0.001:
        return "<0.1%"
    if 0.999 < share < 1:
        return ">99.9%"
    return f"{share:.1%}"


def _width(share: float) -> str:
    return f"{100 * share:.2f}"
