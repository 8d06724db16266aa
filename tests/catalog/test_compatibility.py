"""What a version means to those who read the one before."""

from __future__ import annotations

from dataclasses import replace

import pytest

from workbench.catalog.compatibility import Change, compatibility, next_version
from workbench.catalog.contract import Column, Contract
from workbench.parameter import Parameter

OLD = Contract(
    "sales", 1, (Column("day", "date"), Column("n", "int32")), key=("day",), parameters=(Parameter("least", "int", 1),)
)


@pytest.mark.parametrize(
    ("new", "change", "lost"),
    [
        (OLD, Change.BEHAVIOUR, {}),
        (replace(OLD, doc="other words"), Change.BEHAVIOUR, {}),
        (replace(OLD, columns=(*OLD.columns, Column("mean", "float64"))), Change.ADDITIVE, {}),
        (replace(OLD, parameters=(*OLD.parameters, Parameter("most", "int", 9))), Change.ADDITIVE, {}),
        (replace(OLD, columns=(Column("day", "date"), Column("n", "int64"))), Change.BEHAVIOUR, {}),
        (replace(OLD, columns=(Column("day", "date"), Column("n", "int16"))), Change.BREAKING, {"n": "int32 becomes int16"}),
        (replace(OLD, columns=OLD.columns[:1]), Change.BREAKING, {"n": "removed"}),
        (replace(OLD, key=("day", "n")), Change.BREAKING, {"key": "(day) becomes (day, n)"}),
        (replace(OLD, parameters=()), Change.BREAKING, {"parameter least": "removed"}),
    ],
)
def test_a_version_has_one_class(new: Contract, change: Change, lost: dict[str, str]):
    found = compatibility(OLD, new)
    assert (found.change, found.lost) == (change, lost)


def test_a_first_version_has_nobody_to_disappoint():
    assert compatibility(None, OLD).change is Change.FIRST


@pytest.mark.parametrize(
    ("live", "change", "version"),
    [
        (None, Change.FIRST, "1.0.0"),
        ("1.2.3", Change.BEHAVIOUR, "1.2.4"),
        ("1.2.3", Change.ADDITIVE, "1.3.0"),
        ("1.2.3", Change.BREAKING, "2.0.0"),
    ],
)
def test_the_class_raises_one_part_of_the_semantic_version(live: str | None, change: Change, version: str):
    assert next_version(live, change) == version
