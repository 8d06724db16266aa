"""What a run says of its result: profile, partitions that moved, rows that break a check."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from workbench.model import Snapshot
from workbench.runtime.duck import arrow_rows, identifier, place_of

if TYPE_CHECKING:
    import ibis.expr.types as ir


def schema_difference(promised: dict[str, str], found: dict[str, str]) -> str:
    """How a schema (column to type) differs from the promised one, in words."""
    lines = [f"column {name} is missing" for name in promised if name not in found]
    lines += [f"column {name} is not in the contract" for name in found if name not in promised]
    lines += [
        f"column {name} is {found[name]}, the contract says {kind}"
        for name, kind in promised.items()
        if found.get(name, kind) != kind
    ]
    return "the result has another schema than the contract: " + ("; ".join(lines) or "columns are in another order")


def partitions_moved(base: Snapshot | None, staged: Snapshot) -> dict[str, int]:
    """How many partitions are new, differ, went away and stayed the same."""
    old = {file.partition: file.sha256 for file in base.files} if base is not None else {}
    new = {file.partition: file.sha256 for file in staged.files}
    return {
        "added": sum(name not in old for name in new),
        "replaced": sum(name in old and old[name] != digest for name, digest in new.items()),
        "removed": sum(name not in new for name in old),
        "unchanged": sum(old.get(name) == digest for name, digest in new.items()),
    }


def describe(table: ir.Table) -> dict[str, Any]:
    """Rows, and type, NULLs, lowest and highest value of each column, of a table of a DuckDB session."""
    schema = table.schema()
    ordered = {
        name
        for name, kind in schema.items()
        if kind.is_numeric() or kind.is_temporal() or kind.is_string() or kind.is_boolean()
    }
    aggregates = ["count(*) AS rows"]
    for number, name in enumerate(schema):
        column = identifier(name)
        aggregates.append(f"count(*) - count({column}) AS nulls{number}")
        if name in ordered:
            aggregates.append(f"min({column}) AS min{number}, max({column}) AS max{number}")
    (row,) = arrow_rows(table, f"SELECT {', '.join(aggregates)} FROM {place_of(table)}")
    columns = [
        {
            "column": name,
            "type": str(kind),
            "nulls": int(row[f"nulls{number}"]),
            "min": row.get(f"min{number}"),
            "max": row.get(f"max{number}"),
        }
        for number, (name, kind) in enumerate(schema.items())
    ]
    return {"rows": int(row["rows"]), "columns": columns}


def first_rows(table: ir.Table, key: Sequence[str], count: int) -> list[tuple[Any, ...]]:
    """The first rows of a table of a DuckDB session by its key, or any."""
    order = f" ORDER BY {', '.join(map(identifier, key))}" if key else ""
    return [tuple(row.values()) for row in arrow_rows(table, f"SELECT * FROM {place_of(table)}{order} LIMIT {count}")]


def examples(rows: tuple[dict[str, Any], ...]) -> str:
    """The first two rows that break a check, in words."""
    return ", for example " + "; ".join(", ".join(f"{k}={v}" for k, v in row.items()) for row in rows[:2]) if rows else ""


def plain_rows(rows: tuple[dict[str, Any], ...]) -> list[dict[str, Any]]:
    """Rows as JSON has them."""
    return [
        {name: value if isinstance(value, (int, float, bool, type(None))) else str(value) for name, value in row.items()}
        for row in rows
    ]
