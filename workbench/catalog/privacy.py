"""Which columns of an output are personal: those computed from masked source columns, or from personal ones of pipelines."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from workbench.config import Settings
from workbench.model import CheckResult, Edge, top_column

if TYPE_CHECKING:
    from workbench.catalog.contract import Contract

PERSONAL = "personal"
HIDDEN = "(personal)"


def personal_columns(settings: Settings, edges: Iterable[Edge], upstream: Mapping[str, Contract]) -> dict[str, tuple[str, ...]]:
    """Each column whose value is computed from personal ones, with those; ``upstream`` are the pipelines that are read.

    A column of a source is personal when it has a mask other than ``keep``.

    >>> settings = Settings.model_validate({"sources": {"flights": {"read": "f.parquet", "mask": {"tailnum": "token"}}}})
    >>> personal_columns(settings, [Edge("plane", "value", "flights", "tailnum"), Edge("n", "value", "flights", "n")], {})
    {'plane': ('flights.tailnum',)}
    """
    found: dict[str, set[str]] = {}
    for edge in edges:
        if edge.role == "value" and _is_personal(settings, upstream, edge.input, top_column(edge.input_column)):
            found.setdefault(edge.column, set()).add(f"{edge.input}.{edge.input_column}")
    return {name: tuple(sorted(origins)) for name, origins in sorted(found.items())}


def declassified(settings: Settings, pipeline: str) -> dict[str, str]:
    """The columns of a pipeline that the workspace declares to name nobody, each with the reason."""
    given = ((*key.partition("."), why) for key, why in settings.declassified.items())
    return {column: why for name, _, column, why in given if name == pipeline}


def classify(contract: Contract, personal: Iterable[str]) -> Contract:
    """The contract with these columns, and no others, classified as personal."""
    named = {*personal}
    columns = (replace(each, classification=PERSONAL if each.name in named else "") for each in contract.columns)
    return replace(contract, columns=tuple(columns))


def _is_personal(settings: Settings, upstream: Mapping[str, Contract], table: str, column: str) -> bool:
    if table in upstream:
        return any(each.name == column and each.classification == PERSONAL for each in upstream[table].columns)
    source = settings.sources.get(table)
    return source is not None and source.mask.get(column, "keep") != "keep"


def personal_of(*contracts: Contract | None) -> frozenset[str]:
    """The columns that any of the contracts classifies as personal."""
    columns = (each for contract in contracts if contract is not None for each in contract.columns)
    return frozenset(each.name for each in columns if each.classification == PERSONAL)


def hide_examples(results: Sequence[CheckResult], personal: Collection[str]) -> tuple[CheckResult, ...]:
    """What checks found, with examples that say nothing of what these columns hold."""
    return tuple(replace(each, examples=tuple(hide_row(row, personal) for row in each.examples)) for each in results)


def hide_row(row: Mapping[str, Any], personal: Collection[str]) -> dict[str, Any]:
    """A row with its personal values hidden; that one is NULL may be known.

    >>> hide_row({"id": 3, "name": "Ann", "mail": None}, {"name", "mail"})
    {'id': 3, 'name': '(personal)', 'mail': None}
    """
    return {name: HIDDEN if name in personal and value is not None else value for name, value in row.items()}
