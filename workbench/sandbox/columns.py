"""What columns the sources have, as the newest sandbox saw them."""

from __future__ import annotations

from workbench.catalog.remembered import remembered
from workbench.config import Workspace
from workbench.sandbox import registry


def source_columns(workspace: Workspace) -> dict[str, dict[str, str]]:
    """Source to column to Ibis type, in the order of the table; empty where there is no sandbox, or it can't be read now."""
    newest = next(iter(registry.ls(workspace)), None)
    if newest is None:
        return {}
    with remembered(workspace.state / "catalog" / "sandbox.json") as kept:
        found: dict[str, dict[str, str]] = kept.of(str(newest.path), _columns) or {}
    return found


def _columns(path: str) -> dict[str, dict[str, str]]:
    import duckdb
    from ibis.backends.sql.datatypes import DuckDBType

    try:
        with duckdb.connect(path, read_only=True) as con:
            listed = con.execute(
                "SELECT table_name, column_name, data_type FROM duckdb_columns() "
                "WHERE database_name = current_database() AND schema_name = 'main' ORDER BY table_name, column_index"
            ).fetchall()
    except duckdb.Error:
        return {}
    found: dict[str, dict[str, str]] = {}
    for table, column, kind in listed:
        found.setdefault(table, {})[column] = str(DuckDBType.from_string(kind))
    return found
