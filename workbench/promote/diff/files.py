"""Tables to compare that are named on a command line: Parquet and CSV files, and tables of DuckDB files."""

from __future__ import annotations

import glob
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.errors import UnknownName, UsageError
from workbench.promote.diff import delimited
from workbench.runtime.duck import Listed, file_list, identifier, infrastructure, literal, note_files

if TYPE_CHECKING:
    import ibis.expr.types as ir
    from duckdb.sqltypes import DuckDBPyType
    from ibis.backends.duckdb import Backend

DUCKDB = "duckdb:"
PARQUET = (".parquet", ".pq", ".parq")
CSV = (".csv", ".tsv", ".csv.gz", ".tsv.gz", ".csv.zst", ".tsv.zst")
FORMS = (
    "name a .parquet or .csv file, duckdb:FILE#SCHEMA.TABLE, postgres://USER@HOST/DATABASE#SCHEMA.TABLE, PIPELINE, "
    "PIPELINE@VERSION, a run such as R-3 or a promotion such as P-2"
)


@contextmanager
def _reading(text: str) -> Iterator[None]:
    import duckdb

    try:
        yield
    except duckdb.Error as error:
        first = str(error).strip().splitlines()[0]
        retryable = infrastructure(error, text) if "lock" in first.lower() else None
        raise (retryable or UsageError(f"{text} can't be read: {first}", hint="check the file, or write it again")) from error


def open_table(con: Backend, text: str, name: str) -> ir.Table:
    """The file or table that ``text`` names, as the table ``name`` of the session ``con``; read-only.

    Raises ``UsageError`` when it is missing, unreadable, or has two columns of one name.
    """
    with _reading(text):
        if text.startswith(DUCKDB):
            return _attached(con, text, name)
        paths = [Path(text)] if Path(text).is_file() else sorted(Path(each) for each in glob.glob(text, recursive=True))
        if not paths:
            raise UsageError(f"there is no file {text!r}", hint=FORMS)
        if folders := [path for path in paths if path.is_dir()]:
            raise UsageError(f"{folders[0]} is a folder", hint=f"name its files, for example '{folders[0]}/*.parquet'")
        lower = [path.name.lower() for path in paths]
        if all(each.endswith(PARQUET) for each in lower):
            reader, header = f"read_parquet({file_list(paths)})", _parquet_names(con, paths[0])
        elif all(each.endswith(CSV) for each in lower):
            # Every row takes part in guessing the types, so that a value far down can't contradict them.
            headers = [delimited.header(con, path) for path in paths]
            reader, header = f"read_csv({file_list(paths)}, sample_size = -1)", headers[0]
        else:
            raise UsageError(f"{text!r} is neither Parquet nor CSV", hint=FORMS)
        twice = [column for column, count in Counter(column.lower() for column in header).items() if count > 1]
        if twice:
            raise UsageError(
                f"{text} has two columns named {twice[0]!r} (upper and lower case count as one)", hint="rename one of them"
            )
        with delimited.reading(paths):
            shown = _nameless(con, reader)
        con.con.execute(f"CREATE OR REPLACE TEMP VIEW {identifier(name)} AS SELECT *{shown} FROM {reader}")
        if reader.startswith("read_parquet") and not any("=" in str(path) for path in paths):  # else folders may be columns
            note_files(con.con, name, [Listed(path) for path in paths])
        return con.table(name)


def _nameless(con: Backend, reader: str) -> str:
    """Columns of structs without names, which is how Parquet keeps a UNION, as their text: Ibis can't hold their type."""
    relation = con.con.sql(f"FROM {reader}")
    found = [name for name, kind in zip(relation.columns, relation.types, strict=True) if _unnamed(kind)]
    casts = ", ".join(f"CAST({identifier(name)} AS VARCHAR) AS {identifier(name)}" for name in found)
    return f" REPLACE ({casts})" if found else ""


def _unnamed(kind: DuckDBPyType) -> bool:
    from duckdb.sqltypes import DuckDBPyType

    if kind.id not in ("struct", "list", "array", "map"):
        return False
    inner = [(name, child) for name, child in kind.children if isinstance(child, DuckDBPyType)]
    return any(name == "" or _unnamed(child) for name, child in inner)


def _attached(con: Backend, text: str, name: str) -> ir.Table:
    place, _, wanted = text.removeprefix(DUCKDB).partition("#")
    if not wanted:
        raise UsageError(f"{text!r} names no table", hint=f"write it as {DUCKDB}{place or 'FILE'}#SCHEMA.TABLE")
    path = Path(place)
    if not path.is_file():
        raise UsageError(f"there is no file {place!r}", hint=FORMS)
    try:
        con.con.execute(f"ATTACH {literal(str(path.resolve()))} AS {identifier(name)} (READ_ONLY)")
    except Exception as error:
        if "already attached" not in str(error):
            raise
        name = con.con.execute("SELECT database_name FROM duckdb_databases() WHERE path = ?", [str(path.resolve())]).fetchall()[
            0
        ][0]
    listed = "SELECT table_schema, table_name FROM information_schema.tables WHERE table_catalog = ? ORDER BY ALL"
    tables = con.con.execute(listed, [name]).fetchall()
    found = [each for each in tables if wanted in _written(*each)]
    hint = f"write it as {DUCKDB}{place}#SCHEMA.TABLE"
    if not found:
        asked = wanted if "." in wanted else f"main.{wanted}"
        raise UnknownName.of(f"table in {place}", asked, [".".join(each) for each in tables], hint=hint)
    if len(found) > 1:
        quoted = " or ".join(f"#{_written(*each)[1]}" for each in found)
        raise UsageError(f"{wanted!r} names more than one table in {place}", hint=f"put its names into quotes: {quoted}")
    return con.table(found[0][1], database=(name, found[0][0]))


def _written(schema: str, table: str) -> list[str]:
    """The ways to write a table of a DuckDB file.

    >>> _written("main", "t")
    ['main.t', '"main"."t"', 't', '"t"']
    """
    whole = [f"{schema}.{table}", f"{identifier(schema)}.{identifier(table)}"]
    return [*whole, table, identifier(table)] if schema == "main" else whole


def _parquet_names(con: Backend, path: Path) -> list[str]:
    """Top-level columns as the file has them; the reader would rename the second of two alike."""
    rows = iter(con.con.execute("SELECT name, coalesce(num_children, 0) FROM parquet_schema(?)", [str(path)]).fetchall())

    def skip(count: int) -> None:
        for _ in range(count):
            skip(next(rows)[1])

    names = []
    for _ in range(next(rows)[1]):
        name, children = next(rows)
        names.append(str(name))
        skip(children)
    return names
