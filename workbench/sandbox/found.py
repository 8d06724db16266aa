"""Tables that could become sources: of DuckDB files, folders of Parquet and CSV, PostgreSQL; with what is declared there."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.config import Workspace
from workbench.errors import UsageError
from workbench.model import check_name
from workbench.runtime import postgres
from workbench.runtime.duck import file_list, identifier, literal, rows
from workbench.runtime.sources import end_readings, reading
from workbench.runtime.warehouse import Warehouse
from workbench.sandbox.personal import folded

Rows = Callable[[str], list[tuple[Any, ...]]]
_PARQUET = (".parquet", ".pq", ".parq")
_CSV = (".csv", ".tsv", ".csv.gz", ".tsv.gz")
_DUCKDB = (".duckdb", ".ddb", ".db")
_DEFAULT = ("raw", "data")


@dataclass(frozen=True, slots=True)
class DeclaredReference:
    """A foreign key of the database; ``table`` is where it leads, with its schema."""

    columns: tuple[str, ...]
    table: str
    to: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Found:
    """One table.

    ``ask`` runs a query in DuckDB's dialect where the table is, which names it by ``relation``; tables with the same
    ``place`` can be asked about together. ``columns`` have DuckDB types; ``keys`` are declared, the primary key first.
    """

    name: str
    read: str
    place: str
    table: str
    relation: str
    ask: Rows
    columns: dict[str, str]
    rows: int
    keys: tuple[tuple[str, ...], ...] = ()
    references: tuple[DeclaredReference, ...] = ()

    def one(self, query: str) -> tuple[Any, ...]:
        return self.ask(query)[0]


@contextlib.contextmanager
def tables(workspace: Workspace, places: Sequence[str], tell: Callable[[str], None]) -> Iterator[tuple[Found, ...]]:
    """All tables of the given places, which are only read; without places those of the folders ``raw`` and ``data``.

    Raises ``UsageError`` for a place that is not there or holds no table.
    """
    if not places:
        places = [name for name in _DEFAULT if (workspace.root / name).is_dir()]
    if not places:
        raise UsageError(
            f"there is no folder {' or '.join(_DEFAULT)} in {workspace.root} to look into",
            hint="workbench sources discover PLACE   (a DuckDB file, a folder, or postgresql://…)",
        )
    warehouse = Warehouse.open(workspace)
    con = warehouse.connect()
    try:
        found: list[Found] = []
        for each in places:
            tell(f"looking into {each.partition('#')[0].partition('?')[0]}")
            listed = list(_postgres(con, each) if postgres.is_address(each) else _local(con.con, workspace.root, each))
            if not listed:
                raise UsageError(f"{each} holds no table", hint="workbench sources discover --help")
            found += listed
        yield tuple(_named(workspace, found))
    finally:
        end_readings(con)
        con.disconnect()


def _named(workspace: Workspace, found: Sequence[Found]) -> Iterator[Found]:
    """Each under a name of its own; what is declared already keeps the name that it has."""
    from dataclasses import replace

    declared = {source.read: name for name, source in workspace.settings.sources.items()}
    taken = set(declared.values())
    for each in found:
        if each.read in declared:
            yield replace(each, name=declared[each.read])
            continue
        plain = re.sub(r"\W+", "_", folded(each.name).lower(), flags=re.ASCII).strip("_") or "source"
        schema = re.sub(r"\W+", "_", each.table.rpartition(".")[0].lower(), flags=re.ASCII)
        plain = plain[:40]
        numbered = (f"{start}{plain}_{number}" for number in range(2, len(found) + 3) for start in ("", "t_"))
        choices = [plain, f"{schema}_{plain}", f"{plain}_rows", *numbered]
        name = next(choice for choice in choices if choice not in taken and _valid(choice))
        taken.add(name)
        yield replace(each, name=name)


def _valid(name: str) -> bool:
    try:
        check_name("source", name)
    except UsageError:
        return False
    return True


def _local(con: Any, root: Path, given: str) -> Iterator[Found]:
    path = (root / given) if not Path(given).is_absolute() else Path(given)
    here = Path.cwd() / given
    path = path if path.exists() or not here.exists() else here
    if path.is_file() and path.name.lower().endswith(_DUCKDB):
        yield from _database(con, root, path)
    elif path.is_file():
        yield _files(con, root, path.parent, path.name, [path])
    elif path.is_dir():
        yield from _folder(con, root, path)
    else:
        raise UsageError(f"there is no file or folder {given!r}", hint="workbench sources discover --help")


def _folder(con: Any, root: Path, folder: Path) -> Iterator[Found]:
    """Each data file, each series of files whose names differ by a number, each folder of files, and each database."""
    series: dict[tuple[str, str], list[Path]] = {}
    for path in sorted(folder.iterdir()):
        ending = next((each for each in (*_PARQUET, *_CSV) if path.name.lower().endswith(each)), "")
        if path.is_dir() and not path.name.startswith("."):
            for pattern in (f"{kind}*{each}" for kind in ("", "**/") for each in (*_PARQUET, *_CSV)):
                inside = sorted(file for file in path.glob(pattern) if file.is_file())
                if inside:
                    yield _files(con, root, folder, f"{path.name}/{pattern}", inside)
                    break
        elif path.is_file() and path.name.lower().endswith(_DUCKDB):
            yield from _database(con, root, path)
        elif path.is_file() and ending:
            stem = re.sub(r"[0-9][0-9_.-]*$", "", path.name[: -len(ending)])
            series.setdefault((stem, path.name[len(path.name) - len(ending) :]), []).append(path)
    for (stem, ending), paths in series.items():
        if len(paths) > 1 and stem:
            yield _files(con, root, folder, f"{stem}[0-9]*{ending}", paths)
        else:
            for path in paths:
                yield _files(con, root, folder, path.name, [path])


def _files(con: Any, root: Path, folder: Path, pattern: str, paths: list[Path]) -> Found:
    name = paths[0].name if pattern == paths[0].name else pattern.partition("/")[0].partition("[")[0]
    stem = name
    for ending in (*_PARQUET, *_CSV):
        stem = stem[: -len(ending)] if stem.lower().endswith(ending) else stem
    reader = "read_parquet({})" if paths[0].name.lower().endswith(_PARQUET) else "read_csv({}, sample_size=-1)"
    table = f"found_{len(rows(con, 'SELECT 1 FROM duckdb_views() WHERE NOT internal UNION ALL SELECT 1 FROM duckdb_tables()'))}"
    # Text files are read once, Parquet again and again.
    kind = "VIEW" if "parquet" in reader else "TABLE"
    _refused(con, f"CREATE TEMP {kind} {table} AS SELECT * FROM {reader.format(file_list(paths))}", f"{folder.name}/{pattern}")
    return _of_duckdb(con, f"{_relative(root, folder)}{pattern}", stem.strip("_.- ") or folder.name, stem, table)


def _database(con: Any, root: Path, path: Path) -> Iterator[Found]:
    catalog = f"found_{len(rows(con, 'SELECT 1 FROM duckdb_databases()'))}"
    _refused(con, f"ATTACH {literal(str(path.resolve()))} AS {catalog} (READ_ONLY)", path.name)
    listed = rows(
        con,
        "SELECT schema_name, table_name FROM duckdb_tables() WHERE database_name = $1 "
        "UNION ALL SELECT schema_name, view_name FROM duckdb_views() WHERE database_name = $1 AND NOT internal ORDER BY 1, 2",
        [catalog],
    )
    constraints = rows(
        con,
        "SELECT schema_name || '.' || table_name, constraint_type, constraint_column_names, referenced_table, "
        "referenced_column_names FROM duckdb_constraints() WHERE database_name = ? ORDER BY constraint_type, constraint_index",
        [catalog],
    )
    for schema, table in listed:
        full = f"{schema}.{table}"
        mine = [(kind, tuple(own), to, tuple(theirs or ())) for at, kind, own, to, theirs in constraints if at == full]
        filled = {column for kind, own, _, _ in mine if kind == "NOT NULL" for column in own}
        keys = [own for kind, own, _, _ in mine if kind == "PRIMARY KEY"]
        keys += [own for kind, own, _, _ in mine if kind == "UNIQUE" and set(own) <= filled]
        references = tuple(
            DeclaredReference(own, f"{schema}.{to}", theirs) for kind, own, to, theirs in mine if kind == "FOREIGN KEY"
        )
        read = f"duckdb:{_relative(root, path.parent)}{path.name}#{full}"
        relation = f"{catalog}.{identifier(schema)}.{identifier(table)}"
        yield _of_duckdb(con, read, table, full, relation, tuple(keys), references)


def _of_duckdb(
    con: Any, read: str, name: str, table: str, relation: str, keys: tuple[tuple[str, ...], ...] = (),
    references: tuple[DeclaredReference, ...] = (),
) -> Found:  # fmt: skip
    columns = {row[0]: row[1] for row in rows(con, f"DESCRIBE SELECT * FROM {relation}")}
    count = rows(con, f"SELECT count(*) FROM {relation}")[0][0]
    return Found(name, read, "duckdb", table, relation, lambda query: rows(con, query), columns, count, keys, references)


def _postgres(con: Any, given: str) -> Iterator[Found]:
    import sqlglot

    address, _, schema = given.partition("#")
    there = reading(con, address)

    def ask(query: str) -> list[tuple[Any, ...]]:
        return there.rows(sqlglot.transpile(query, read="duckdb", write="postgres")[0])

    listed = there.rows(f"SELECT n.nspname::text, c.relname::text {postgres.TABLES} ORDER BY 1, 2")
    constraints = there.rows(
        "SELECT n.nspname || '.' || c.relname, k.contype::text, "
        "ARRAY(SELECT a.attname::text FROM unnest(k.conkey) WITH ORDINALITY u(n, o) "
        "JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.n ORDER BY u.o), "
        "m.nspname || '.' || f.relname, "
        "ARRAY(SELECT a.attname::text FROM unnest(k.confkey) WITH ORDINALITY u(n, o) "
        "JOIN pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = u.n ORDER BY u.o) "
        "FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace "
        "LEFT JOIN pg_class f ON f.oid = k.confrelid LEFT JOIN pg_namespace m ON m.oid = f.relnamespace "
        "WHERE k.contype IN ('p', 'u', 'f') AND k.conparentid = 0 ORDER BY k.contype, k.conname"
    )
    for own, table in listed:
        if schema and own != schema:
            continue
        at = postgres.Place(address, own, table)
        columns = there.columns(at)
        mine = [row[1:] for row in constraints if row[0] == f"{own}.{table}"]
        filled = {name for name, each in columns.items() if not each.nullable}
        keys = [tuple(names) for kind, names, _, _ in mine if kind == "p"]
        keys += [tuple(names) for kind, names, _, _ in mine if kind == "u" and set(names) <= filled]
        references = tuple(
            DeclaredReference(tuple(names), to, tuple(theirs)) for kind, names, to, theirs in mine if kind == "f"
        )
        count = there.rows(f"SELECT count(*) FROM {at.relation}")[0][0]
        yield Found(
            table, f"{address}#{own}.{table}", address, f"{own}.{table}", at.relation, ask,
            {name: each.duckdb for name, each in columns.items()}, count, tuple(keys), references,
        )  # fmt: skip


def _relative(root: Path, folder: Path) -> str:
    """How a declaration names a folder: below the workspace, else in full."""
    resolved = folder.resolve()
    if resolved == root.resolve():
        return ""
    inside = resolved.is_relative_to(root.resolve())
    return f"{resolved.relative_to(root.resolve()) if inside else resolved}/"


def _refused(con: Any, statement: str, what: str) -> None:
    import duckdb

    from workbench.runtime.duck import infrastructure

    try:
        con.execute(statement)
    except duckdb.Error as error:
        retryable = infrastructure(error, what) if "lock" in str(error) else None
        if retryable is not None:
            raise retryable from error
        raise UsageError(
            f"{what} can't be read: {str(error).splitlines()[0]}", hint="workbench sources discover --help"
        ) from error
