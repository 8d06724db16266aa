"""Which columns of an output are personal: those computed from masked source columns, or from personal ones of pipelines."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from workbench.config import Settings
from workbench.model import Edge, top_column

if TYPE_CHECKING:
    from workbench.catalog.contract import Contract

PERSONAL = "personal"


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
