"""Evidence without personal values: it is committed to git, and read by people who may not see what sandboxes mask.

How many rows differ stays; what personal columns hold does not.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from workbench.catalog.contract import Contract
from workbench.catalog.privacy import PERSONAL
from workbench.model import CheckResult
from workbench.promote.diff import TableDiff
from workbench.promote.diff.result import Samples

HIDDEN = "(personal)"
# Of a distribution, what tells no value.
_COUNTS = ("count", "null_share", "distinct", "not_finite")
_DISTANCES = ("psi", "ks")


def personal_of(*contracts: Contract | None) -> frozenset[str]:
    """The columns that any of the contracts classifies as personal."""
    columns = (each for contract in contracts if contract is not None for each in contract.columns)
    return frozenset(each.name for each in columns if each.classification == PERSONAL)


def hide_values(found: TableDiff, personal: Collection[str]) -> TableDiff:
    """A comparison whose samples and distributions say nothing of what these columns hold."""
    if not personal:
        return found
    samples = Samples(
        tuple(_row(row, personal) for row in found.samples.added),
        tuple(_row(row, personal) for row in found.samples.removed),
        tuple(
            replace(
                each,
                key=_row(each.key, personal),
                base=_row(each.base, personal),
                candidate=_row(each.candidate, personal),
            )
            for each in found.samples.changed
        ),
    )
    largest = {
        name: tuple(replace(move, key=_row(move.key, personal)) for move in moves)
        for name, moves in found.largest.items()
        if name not in personal
    }
    shown = {name: _counts(profile) if name in personal else profile for name, profile in found.distributions.items()}
    return replace(found, samples=samples, largest=largest, distributions=shown)


def hide_examples(results: Sequence[CheckResult], personal: Collection[str]) -> tuple[CheckResult, ...]:
    """What checks found, with examples that say nothing of what these columns hold."""
    return tuple(replace(each, examples=tuple(_row(row, personal) for row in each.examples)) for each in results)


def _row(row: Mapping[str, Any], personal: Collection[str]) -> dict[str, Any]:
    """A row with its personal values hidden; that one is NULL may be known.

    >>> _row({"id": 3, "name": "Ann", "mail": None}, {"name", "mail"})
    {'id': 3, 'name': '(personal)', 'mail': None}
    """
    return {name: HIDDEN if name in personal and value is not None else value for name, value in row.items()}


def _counts(profile: Mapping[str, Any]) -> dict[str, Any]:
    sides: dict[str, Any] = {
        side: None if profile.get(side) is None else {name: profile[side][name] for name in _COUNTS if name in profile[side]}
        for side in ("base", "candidate")
    }
    return {"kind": "other", **sides, **{name: profile[name] for name in _DISTANCES if name in profile}}
