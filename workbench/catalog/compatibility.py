"""What a new version means to those who read the old one: breaking, additive or behaviour-only, and its semantic version."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from workbench.catalog.compare import contract_changes
from workbench.catalog.contract import Contract


class Change(StrEnum):
    """The class of a version. Readers may have to act on "breaking" alone."""

    FIRST = "first"
    BREAKING = "breaking"
    ADDITIVE = "additive"
    BEHAVIOUR = "behaviour-only"


@dataclass(frozen=True, slots=True)
class Compatibility:
    """The class of a version with its reasons: each part of the promise that readers lose, and how; and all that differs."""

    change: Change
    lost: dict[str, str]
    changes: dict[str, str]


def compatibility(live: Contract | None, candidate: Contract) -> Compatibility:
    """What a candidate means to readers of the live version.

    Breaking is a column that is removed or whose type does not hold all old values, a key of other columns, and a parameter
    that is gone; additive is any other new part; everything else leaves the promise and changes values at most.

    >>> from workbench.catalog.contract import Column
    >>> old = Contract("p", 1, (Column("a", "int32"), Column("b", "string")))
    >>> new = Contract("p", 2, (Column("a", "int64"), Column("c", "string")))
    >>> found = compatibility(old, new)
    >>> found.change.value, found.lost
    ('breaking', {'b': 'removed'})
    """
    if live is None:
        return Compatibility(Change.FIRST, {}, {})
    lost = lost_columns(live, candidate)
    if live.key != candidate.key:
        lost["key"] = f"({', '.join(live.key)}) becomes ({', '.join(candidate.key)})"
    kept = {parameter.name for parameter in candidate.parameters}
    lost |= {f"parameter {each.name}": "removed" for each in live.parameters if each.name not in kept}
    changes = contract_changes(live, candidate)
    if lost:
        return Compatibility(Change.BREAKING, lost, changes)
    more = set(candidate.schema) - set(live.schema) or kept - {parameter.name for parameter in live.parameters}
    return Compatibility(Change.ADDITIVE if more else Change.BEHAVIOUR, {}, changes)


def next_version(live: str | None, change: Change) -> str:
    """The semantic version of a candidate: breaking raises the major, additive the minor, behaviour-only the patch number.

    >>> next_version("1.4.2", Change.ADDITIVE)
    '1.5.0'
    >>> next_version(None, Change.FIRST)
    '1.0.0'
    """
    if live is None or change is Change.FIRST:
        return "1.0.0"
    major, minor, patch = (int(part) for part in live.split("."))
    match change:
        case Change.BREAKING:
            return f"{major + 1}.0.0"
        case Change.ADDITIVE:
            return f"{major}.{minor + 1}.0"
    return f"{major}.{minor}.{patch + 1}"


def lost_columns(live: Contract | None, candidate: Contract) -> dict[str, str]:
    """Columns that readers of the live version lose, each with how: removed, or its old and new type.

    Lossless widenings of integers and floats lose nothing.
    """
    if live is None:
        return {}
    new = candidate.schema
    lost = {}
    for name, old_type in live.schema.items():
        if name not in new:
            lost[name] = "removed"
        elif new[name] != old_type and not _widens(old_type, new[name]):
            lost[name] = f"{old_type} becomes {new[name]}"
    return lost


def _widens(old: str, new: str) -> bool:
    for ladder in (
        ("int8", "int16", "int32", "int64"),
        ("uint8", "uint16", "uint32", "uint64"),
        ("float16", "float32", "float64"),
    ):
        if old in ladder and new in ladder:
            return ladder.index(new) >= ladder.index(old)
    return False
