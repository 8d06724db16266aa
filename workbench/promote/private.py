"""Evidence without personal values: it is committed to git, and read by people who may not see what sandboxes mask.

How many rows differ stays; what personal columns hold does not.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

from workbench.catalog.privacy import hide_row
from workbench.promote.diff import TableDiff
from workbench.promote.diff.result import Samples

# Of a distribution, what tells no value.
_COUNTS = ("count", "null_share", "distinct", "not_finite")
_DISTANCES = ("psi", "ks")


def hide_values(found: TableDiff, personal: Collection[str]) -> TableDiff:
    """A comparison whose samples and distributions say nothing of what these columns hold."""
    if not personal:
        return found
    samples = Samples(
        tuple(hide_row(row, personal) for row in found.samples.added),
        tuple(hide_row(row, personal) for row in found.samples.removed),
        tuple(
            replace(
                each,
                key=hide_row(each.key, personal),
                base=hide_row(each.base, personal),
                candidate=hide_row(each.candidate, personal),
            )
            for each in found.samples.changed
        ),
    )
    largest = {
        name: tuple(replace(move, key=hide_row(move.key, personal)) for move in moves)
        for name, moves in found.largest.items()
        if name not in personal
    }
    shown = {name: _counts(profile) if name in personal else profile for name, profile in found.distributions.items()}
    return replace(found, samples=samples, largest=largest, distributions=shown)


def _counts(profile: Mapping[str, Any]) -> dict[str, Any]:
    sides: dict[str, Any] = {
        side: None if profile.get(side) is None else {name: profile[side][name] for name in _COUNTS if name in profile[side]}
        for side in ("base", "candidate")
    }
    return {"kind": "other", **sides, **{name: profile[name] for name in _DISTANCES if name in profile}}
