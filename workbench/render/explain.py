"""Where a number came from, for the terminal and as plain values."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from workbench.catalog.explain import Explanation, Restatement
from workbench.catalog.origin import Origin
from workbench.catalog.selection import Row
from workbench.model import counted
from workbench.moments import happened, iso, iso_or_none

if TYPE_CHECKING:
    from rich.console import RenderableType

SHOWN = 20
HASH = 16


def explanation_view(found: Explanation) -> RenderableType:
    """The values, a fact of their origin a line, then each restatement with its values before and after."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    facts = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    facts.add_column(style="dim", no_wrap=True)
    facts.add_column(overflow="fold")
    for name, value in _facts(found.origin, found.pipeline):
        facts.add_row(name, Text(value))
    moment = "now" if found.as_of is None else f"at {happened(found.as_of)}"
    parts: list[Any] = [Text(f"{found.pipeline}: what readers see of {found.wanted} {moment}", style="bold")]
    if found.as_of is not None:
        parts = [Text(f"{found.pipeline}: what readers saw of {found.wanted} {moment}", style="bold")]
    parts += [*(Text(f"  {line}") for line in _lines(found.rows)), facts]
    since = "" if found.wanted.day is not None else " since"
    restated = f"restated {counted(len(found.restatements), 'time')}" if found.restatements else "not restated"
    parts.append(Text(f"{restated}{since}"))
    for each in found.restatements:
        parts.append(Text(f"  {happened(each.operation.at)}  {_by(each, found.pipeline)}"))
        if each.rows is None:
            parts.append(Text("    its data was removed, so that nobody can tell"))
            continue
        parts += [Text(f"    was  {line}", style="dim") for line in _lines(each.instead_of)]
        parts += [Text(f"    is   {line}") for line in _lines(each.rows)]
    return Group(*parts)


def explanation_json(found: Explanation) -> dict[str, Any]:
    """The same as plain values; at most twenty rows of each list, ``row_count`` says how many there are."""
    return {
        "pipeline": found.pipeline,
        "key": dict(found.wanted.key),
        "day": None if found.wanted.day is None else found.wanted.day.isoformat(),
        "as_of": iso_or_none(found.as_of),
        "row_count": len(found.rows),
        "rows": list(found.rows[:SHOWN]),
        "origin": _origin_json(found.origin),
        "restatements": [
            {
                "at": iso(each.operation.at),
                "operation": each.operation.id,
                "kind": each.operation.kind,
                "origin": None if each.origin is None else _origin_json(each.origin),
                "known": each.rows is not None,
                "rows": list((each.rows or ())[:SHOWN]),
                "instead_of": list(each.instead_of[:SHOWN]),
            }
            for each in found.restatements
        ],
    }


def _origin_json(origin: Origin) -> dict[str, Any]:
    inputs = [{name: each.get(name) for name in ("name", "kind", "state")} for each in origin.inputs]
    return {**asdict(origin), "at": iso(origin.at), "inputs": inputs}


def _facts(origin: Origin, pipeline: str) -> list[tuple[str, str]]:
    """What is known of an origin, named, without what is not known."""
    computed = f"run {origin.run}" if origin.run else f"the trial of {origin.trial}" if origin.trial else ""
    computed += f" beside {origin.beside}" if origin.beside else ""
    read = [f"{each['kind']} {each['name']} {(each['state'] or 'in a state that was not kept')[:40]}" for each in origin.inputs]
    facts = [
        ("version", f"{pipeline}@{origin.version}"),
        ("since", f"{happened(origin.at)} ({_words(origin.operation, origin.kind, origin.who, origin.why)})"),
        ("computed by", computed),
        ("code", origin.code_sha256[:HASH]),
        ("parameters", ", ".join(f"{name}={value}" for name, value in origin.parameters.items())),
        ("read", "\n".join(read)),
        ("data", origin.snapshot),
        ("promoted by", _words(origin.promoted_by, origin.promotion or "", "", origin.promoted_why)),
        ("approved by", _words(origin.approved_by, "", "", origin.approved_why)),
        ("waived", "\n".join(_words("gate", each["gate"], each["who"], each["why"]) for each in origin.waived)),
    ]
    return [(name, value) for name, value in facts if value]


def _by(each: Restatement, pipeline: str) -> str:
    """What restated the rows, in a line."""
    move, origin = each.operation, each.origin
    version = "taken away" if origin is None else f"{pipeline}@{origin.version}"
    said = _words(move.id, move.kind, move.who, move.why or ("" if origin is None else origin.promoted_why))
    return f"{version}  {said}{f'  {origin.run}' if origin is not None and origin.run else ''}"


def _words(first: str, second: str, who: str, why: str) -> str:
    parts = [first, second, f"by {who}" if who else "", f'"{why}"' if why else ""]
    return " ".join(part for part in parts if part)


def _lines(rows: tuple[Row, ...]) -> list[str]:
    """One line a row; a note where there are none or more than are shown."""
    if not rows:
        return ["no such row"]
    more = [f"and {len(rows) - SHOWN:,} more"] if len(rows) > SHOWN else []
    return [", ".join(f"{k}={'NULL' if v is None else v}" for k, v in row.items()) for row in rows[:SHOWN]] + more
