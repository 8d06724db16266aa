"""What a run says of its result: profile, partitions that moved, rows that break a check."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from workbench.model import Snapshot

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
    """Rows, and type, NULLs, lowest and highest value of each column."""
    schema = table.schema()
    ordered = {
        name
        for name, kind in schema.items()
        if kind.is_numeric() or kind.is_temporal() or kind.is_string() or kind.is_boolean()
    }
    aggregates = {"rows": table.count()}
    for number, name in enumerate(schema):
        aggregates[f"nulls{number}"] = table[name].isnull().sum()
        if name in ordered:
            aggregates |= {f"min{number}": table[name].min(), f"max{number}": table[name].max()}
    row = table.aggregate(**aggregates).to_pyarrow().to_pylist()[0]
    columns = [
        {
            "column": name,
            "type": str(kind),
            "nulls": int(row[f"nulls{number}"] or 0),
            "min": row.get(f"min{number}"),
            "max": row.get(f"max{number}"),
        }
        for number, (name, kind) in enumerate(schema.items())
    ]
    return {"rows": int(row["rows"]), "columns": columns}


def examples(rows: tuple[dict[str, Any], ...]) -> str:
    """The first two rows that break a check, in words."""
    return ", for example " + "; ".join(", ".join(f"{k}={v}" for k, v in row.items()) for row in rows[:2]) if rows else ""


def plain_rows(rows: tuple[dict[str, Any], ...]) -> list[dict[str, Any]]:
    """Rows as JSON has them."""
    return [
        {name: value if isinstance(value, (int, float, bool, type(None))) else str(value) for name, value in row.items()}
        for row in rows
    ]
