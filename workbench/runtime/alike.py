"""Whether Parquet files that are read as one table fit together: DuckDB takes the columns and types of the first of them.

A value that another file has and the type of the first one has not is cast without a word: 2.5 becomes 2, a moment its day.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.runtime.duck import file_list, identifier, rows

_FLOATS = frozenset({"FLOAT", "DOUBLE"})


@dataclass(frozen=True, slots=True)
class Part:
    """A file that has other columns or types than the first one: its columns, and what is wrong with some; in small letters."""

    file: str
    columns: frozenset[str]
    wrong: Mapping[str, str]


def unlike(con: Any, paths: list[Path]) -> tuple[Part, ...]:
    """Files that differ from the first one in columns or types, by name; one of each kind.

    ``con`` is of DuckDB. Of files that differ, the columns that have another type are read.

    >>> import duckdb, tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> con = duckdb.connect()
    >>> for name, value in (("a", "1"), ("b", "2.5::DOUBLE"), ("c", "'3'")):
    ...     _ = con.execute(f"COPY (SELECT {value} AS n) TO '{folder}/{name}.parquet'")
    >>> for part in unlike(con, sorted(folder.glob("*.parquet"))):
    ...     print(part.file, dict(part.wrong))
    b.parquet {'n': 'is float64 in b.parquet, where 2.5 is no int32 as in a.parquet'}
    c.parquet {}
    """
    if len(paths) < 2:
        return ()
    each = (
        "SELECT file_name, list(concat_ws(' ', name, duckdb_type, num_children) ORDER BY column_id) AS shape "
        f"FROM parquet_schema({file_list(paths)}) GROUP BY file_name"
    )
    groups = [
        sorted(files)
        for (files,) in rows(con, f"SELECT list(file_name) FROM ({each}) GROUP BY shape")
        if str(paths[0]) not in files
    ]
    if not groups:
        return ()
    first = {name.lower(): kind for name, kind in _columns(con, str(paths[0]))}
    found = []
    for files in sorted(groups):
        wrong: dict[str, str] = {}
        columns = dict(_columns(con, files[0]))
        for name, kind in columns.items():
            wanted = first.get(name.lower(), kind)
            if kind != wanted and (said := _lost(con, files, name, kind, wanted)):
                wrong[name.lower()] = f"{said} as in {paths[0].name}"
        found.append(Part(Path(files[0]).name, frozenset(map(str.lower, columns)), wrong))
    return tuple(found)


def _columns(con: Any, file: str) -> list[tuple[str, str]]:
    return [(name, kind) for name, kind, *_ in rows(con, f"DESCRIBE SELECT * FROM read_parquet({file_list([Path(file)])})")]


def _lost(con: Any, files: list[str], name: str, kind: str, wanted: str) -> str:
    """A value of a column that the wanted type has not, in words; "" where it has them all."""
    import duckdb

    if wanted == "VARCHAR" or {kind, wanted} <= _FLOATS:
        return ""
    x = identifier(name)
    cast = f"TRY_CAST({x} AS {wanted})"
    whole = kind == "VARCHAR" or kind.startswith(("STRUCT", "MAP")) or kind.endswith("]")  # other fields don't count
    lost = f"{cast} IS NULL" if whole else f"TRY_CAST({cast} AS {kind}) IS DISTINCT FROM {x}"
    listed = file_list([Path(file) for file in files])
    query = (
        f"SELECT CAST({x} AS VARCHAR), filename FROM read_parquet({listed}, filename = true) WHERE {x} IS NOT NULL AND {lost}"
    )
    try:
        found = rows(con, f"{query} LIMIT 1")
    except duckdb.BinderException:  # structs without a field in common
        return f"is {_named(kind)} in {Path(files[0]).name}, which can't be read as {_named(wanted)}"
    if not found:
        return ""
    return f"is {_named(kind)} in {Path(found[0][1]).name}, where {found[0][0]} is no {_named(wanted)}"


def _named(kind: str) -> str:
    from ibis.backends.sql.datatypes import DuckDBType

    return str(DuckDBType.from_string(kind))
