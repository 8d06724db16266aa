"""The answer of a comparison as frozen values, and its JSON."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from workbench.model import SCHEMA_VERSION


@dataclass(frozen=True, slots=True)
class SchemaDiff:
    """What differs between the columns.

    ``type_changed`` maps a column to DuckDB's names of both types, ``not_compared`` names columns whose types can't be
    compared, ``renamed`` maps a removed column to an added one that holds the same values.
    """

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    type_changed: dict[str, tuple[str, str]] = field(default_factory=dict)
    not_compared: tuple[str, ...] = ()
    renamed: dict[str, str] = field(default_factory=dict)

    @property
    def identical(self) -> bool:
        return not (self.added or self.removed or self.type_changed or self.not_compared)


@dataclass(frozen=True, slots=True)
class RowCounts:
    """Rows of both tables; ``base == removed + changed + unchanged``, ``candidate == added + changed + unchanged``."""

    base: int
    candidate: int
    added: int
    removed: int
    changed: int
    unchanged: int

    @property
    def identical(self) -> bool:
        return self.added == self.removed == self.changed == 0


@dataclass(frozen=True, slots=True)
class ColumnDiff:
    """How many rows that both tables have differ in one column; ``share`` of the rows that both have, 0 to 1."""

    changed: int
    share: float


@dataclass(frozen=True, slots=True)
class ChangedRow:
    """A row that both tables have: its key, the columns that differ, and its compared values on both sides."""

    key: dict[str, Any]
    columns: tuple[str, ...]
    base: dict[str, Any]
    candidate: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Samples:
    """A few differing rows of each kind, in the order of the key; values are plain JSON values."""

    added: tuple[dict[str, Any], ...] = ()
    removed: tuple[dict[str, Any], ...] = ()
    changed: tuple[ChangedRow, ...] = ()


@dataclass(frozen=True, slots=True)
class Move:
    """How far one number of one row moved: ``delta`` is candidate minus base. Plain JSON values."""

    key: dict[str, Any]
    base: Any
    candidate: Any
    delta: Any


@dataclass(frozen=True, slots=True)
class TableDiff:
    """What differs between two tables.

    ``columns`` holds the columns that differ in some row; ``distributions`` profiles those and the added ones (plain JSON
    values, see the page on the diff). ``largest`` holds the largest changes of columns of numbers, where they were asked for.
    """

    schema: SchemaDiff
    rows: RowCounts
    columns: dict[str, ColumnDiff]
    samples: Samples = Samples()
    distributions: dict[str, dict[str, Any]] = field(default_factory=dict)
    key: tuple[str, ...] = ()
    largest: dict[str, tuple[Move, ...]] = field(default_factory=dict)

    @property
    def identical(self) -> bool:
        """Same columns of the same types and the same rows (within the tolerance); the order of either does not count."""
        return self.schema.identical and self.rows.identical

    def to_json(self) -> dict[str, Any]:
        """The answer as plain JSON values; equal inputs give equal documents."""
        return {
            "schema_version": SCHEMA_VERSION,
            "identical": self.identical,
            "key": list(self.key),
            "schema": {
                "added": list(self.schema.added),
                "removed": list(self.schema.removed),
                "type_changed": {name: list(types) for name, types in self.schema.type_changed.items()},
                "not_compared": list(self.schema.not_compared),
                "renamed": dict(self.schema.renamed),
            },
            "rows": asdict(self.rows),
            "columns": {name: asdict(column) for name, column in self.columns.items()},
            "samples": {
                "added": [dict(row) for row in self.samples.added],
                "removed": [dict(row) for row in self.samples.removed],
                "changed": [{**asdict(row), "columns": list(row.columns)} for row in self.samples.changed],
            },
            "distributions": {name: dict(found) for name, found in self.distributions.items()},
            "largest": {name: [asdict(move) for move in moves] for name, moves in self.largest.items()},
        }

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> TableDiff:
        """The answer that ``to_json`` wrote."""
        schema, samples = document["schema"], document["samples"]
        return cls(
            schema=SchemaDiff(
                added=tuple(schema["added"]),
                removed=tuple(schema["removed"]),
                type_changed={name: (types[0], types[1]) for name, types in schema["type_changed"].items()},
                not_compared=tuple(schema["not_compared"]),
                renamed=dict(schema["renamed"]),
            ),
            rows=RowCounts(**document["rows"]),
            columns={name: ColumnDiff(**column) for name, column in document["columns"].items()},
            samples=Samples(
                added=tuple(samples["added"]),
                removed=tuple(samples["removed"]),
                changed=tuple(ChangedRow(**{**row, "columns": tuple(row["columns"])}) for row in samples["changed"]),
            ),
            distributions=dict(document["distributions"]),
            key=tuple(document["key"]),
            largest={name: tuple(Move(**move) for move in moves) for name, moves in document.get("largest", {}).items()},
        )


def plain(value: Any) -> Any:
    """A value as JSON can hold it without loss: integers beyond 2^53, NaN and infinities become text, -0.0 becomes 0.0.

    >>> plain(2**53 + 1), plain(float("nan")), plain(-0.0)
    ('9007199254740993', 'NaN', 0.0)
    """
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return value
    if isinstance(value, int):
        return value if abs(value) <= 2**53 else str(value)
    if isinstance(value, float):
        if value != value:
            return "NaN"
        if value in (float("inf"), float("-inf")):
            return "Infinity" if value > 0 else "-Infinity"
        return value + 0.0
    return str(value)
