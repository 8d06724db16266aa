"""Writes the data of a version as immutable Parquet files: equal data gives equal bytes and so equal names."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import os
import re
import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from workbench.errors import InfrastructureError, UsageError
from workbench.model import DataFile, Interval, Snapshot
from workbench.runtime import files
from workbench.runtime.distant import narrowed
from workbench.runtime.duck import identifier, literal, reported, rows, stored_as, threads_of
from workbench.runtime.merge import REPLACE, Rules, Staging, Written, moment

if TYPE_CHECKING:
    import ibis.expr.types as ir

_ROW_GROUP = 122880
_COPY = f"(FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {_ROW_GROUP})"
_MIDNIGHT = dt.time()


def write_snapshot(
    expr: ir.Table,
    folder: Path,
    *,
    pipeline: str,
    version: int,
    key: Sequence[str] = (),
    partition_by: str | None = None,
    base: Snapshot | None = None,
    places: Mapping[str, Path] = MappingProxyType({}),
    interval: Interval | None = None,
    rules: Rules = REPLACE,
) -> Written:
    """Compute ``expr`` and keep it below ``folder`` (the warehouse) as one snapshot; see ``Warehouse.stage``.

    ``places`` says where each file of ``base`` lies. One that is missing or cut off is written again where everything is
    computed; what builds on the files of ``base`` raises ``InfrastructureError``.
    """
    _check(expr, key, partition_by, base, interval)
    whole = rules.strategy == "replace" and (interval is None or partition_by is None)
    damaged = _damaged(base, places)
    if damaged and not whole:
        place = sorted(damaged)[0]
        again = rules.strategy == "replace"
        mend = f"workbench run {pipeline}" if again else f"restore {place}, then: workbench doctor"
        raise InfrastructureError(
            f"what readers see of {pipeline} is damaged: {place} is missing or cut off"
            + (f"; {mend} computes it again" if again else f"; {pipeline} merges with it, so it has to be restored"),
            hint=mend,
        )
    reach = rules.reach(interval)
    if reach is not None and partition_by is not None:
        low, high = _bounds(expr.schema()[partition_by], reach)
        expr = expr.filter((expr[partition_by] >= low) & (expr[partition_by] < high))
    expr = narrowed(expr)
    backend: Any = expr.get_backend()
    con, table = backend.con, f"workbench_{secrets.token_hex(8)}"
    with reported(f"writing {pipeline}"):
        threads = threads_of(con)
        # One thread: sums of floating point numbers and the layout of files then depend on the data alone.
        if threads > 1:
            con.execute("SET threads = 1")
        try:
            columns = _compute(expr, table, [name for name in (partition_by, *key) if name is not None])
            base_query = None if base is None else select(base, places)
            staging = Staging(backend, table, columns, tuple(key), partition_by, base, base_query)
            rejected = None
            if staging.split(rules):
                (rejected,) = _write_partitions(con, f"{table}_bad", folder, Path("quarantine", pipeline), None, ())
            if not whole:
                staging.count(rules, interval)
            if rules.strategy == "replace":
                kept = _kept(con, base, columns, partition_by, reach)
            else:
                kept = staging.merge(rules.strategy)
            there = [] if base is None else [file for file in base.files if file.path not in damaged]
            written = _write_partitions(con, table, folder, Path("data", pipeline, f"v{version}"), partition_by, there)
            if whole:  # the same number, without another query
                staging.counts["computed"] = sum(file.rows for file in written)
        finally:
            Staging(backend, table, {}, (), None, None, None).drop(rules)
            if threads > 1:
                con.execute(f"SET threads = {threads}")
    snapshot = _listed(folder, pipeline, version, columns, (*kept, *written), partition_by)
    return Written(snapshot, rejected=rejected, **staging.counts)


def _compute(expr: ir.Table, table: str, first: Sequence[str]) -> dict[str, str]:
    """Make a temporary table of an expression's rows, in the order of the columns ``first`` and then of all others.

    What comes back is the type of each column, as DuckDB tells it.
    """
    import ibis
    import ibis.expr.operations as ops

    backend: Any = expr.get_backend()
    order = list(dict.fromkeys([*first, *expr.columns]))
    schema = {name: kind(nullable=True) for name, kind in expr.schema().items()}
    if expr.op().find((ops.InMemoryTable, ops.ScalarUDF, ops.AggUDF)):  # Ibis brings them to the session
        expr = expr.order_by([ibis.asc(expr[name], nulls_first=True) for name in order])
        backend.create_table(table, expr, schema=ibis.schema(schema), temp=True)
        return {name: kind for name, kind, *_ in rows(backend.con, f"DESCRIBE {table}")}
    told = {name: stored_as(backend.con, kind) for name, kind in schema.items()}
    columns = ", ".join(f"{identifier(name)} {kind}" for name, kind in told.items())
    by = ", ".join(f"{identifier(name)} ASC NULLS FIRST" for name in order)
    query = f"SELECT * FROM ({backend.compile(expr)}) AS computed ORDER BY {by}"
    backend.con.execute(f"CREATE TEMP TABLE {table} ({columns}); INSERT INTO {table} {query}")
    return told


def rebased(con: Any, folder: Path, staged: Snapshot, onto: Snapshot, interval: Interval) -> Snapshot:
    """What ``onto`` lists, but for the partitions of ``interval``, which are those of ``staged``."""
    columns, column = staged.columns, staged.partition_by
    outside = _kept(con, staged, columns, column, interval)
    inside = [file for file in staged.files if file not in outside]
    found = (*_kept(con, onto, columns, column, interval), *inside)
    return _listed(folder, staged.pipeline, staged.version, columns, found, column)


def _listed(
    folder: Path, pipeline: str, version: int, columns: dict[str, str], listed: Sequence[DataFile], partition_by: str | None
) -> Snapshot:
    found = tuple(sorted(listed, key=lambda file: (file.partition is not None, file.partition or "", file.path)))
    snapshot = Snapshot(
        _identity(pipeline, version, columns, found, partition_by), pipeline, version, columns, found, partition_by
    )
    save(folder, snapshot)
    return snapshot


def select(snapshot: Snapshot, place: Mapping[str, Path]) -> str:
    """The query that reads a snapshot, with its types; ``place`` says where each file lies."""
    if not snapshot.files:
        columns = ", ".join(f"CAST(NULL AS {kind}) AS {identifier(name)}" for name, kind in snapshot.columns.items())
        return f"SELECT {columns} WHERE false"
    columns = ", ".join(f"CAST({identifier(name)} AS {kind}) AS {identifier(name)}" for name, kind in snapshot.columns.items())
    paths = ", ".join(literal(str(place[file.path])) for file in snapshot.files)
    return f"SELECT {columns} FROM read_parquet([{paths}], hive_partitioning = false)"


def file_of(folder: Path, pipeline: str, identity: str) -> Path:
    """Where the list of a snapshot's files is kept."""
    return folder / "data" / pipeline / "snapshots" / f"{identity}.json"


def save(folder: Path, snapshot: Snapshot) -> None:
    """Keep the list of a snapshot's files beside the data."""
    path = file_of(folder, snapshot.pipeline, snapshot.id)
    if files.used_again(path):
        return
    listed = [[file.path, file.rows, file.bytes, file.sha256, file.partition] for file in snapshot.files]
    document = {
        "format": 1,
        "id": snapshot.id,
        "pipeline": snapshot.pipeline,
        "version": snapshot.version,
        "partition_by": snapshot.partition_by,
        "columns": snapshot.columns,
        "files": listed,
    }
    files.make_folder(path.parent)
    files.write_atomic(path, json.dumps(document, ensure_ascii=False, separators=(",", ":")))


def load(path: Path) -> Snapshot:
    """The snapshot whose list of files is kept in ``path``."""
    document = json.loads(path.read_text(encoding="utf-8"))
    listed = tuple(DataFile(*file) for file in document["files"])
    return Snapshot(
        document["id"], document["pipeline"], document["version"], document["columns"], listed, document["partition_by"]
    )


def _check(
    expr: ir.Table, key: Sequence[str], partition_by: str | None, base: Snapshot | None, interval: Interval | None
) -> None:
    schema = expr.schema()
    for name in (*key, *([partition_by] if partition_by else [])):
        if name not in schema:
            raise UsageError(f"the output has no column {name!r}", hint=f"its columns are: {', '.join(schema)}")
    folded: dict[str, str] = {}
    for name, kind in schema.items():
        other = folded.setdefault(name.lower(), name)
        if other != name:
            raise UsageError(
                f"columns {other!r} and {name!r} differ by case alone", hint="rename one; names in SQL ignore case"
            )
        if kind.is_null():
            raise UsageError(
                f"column {name!r} has no type: it is NULL in every row", hint=f"cast it, for example {name}.cast('string')"
            )
    if interval is None:
        return
    if partition_by is None or not (schema[partition_by].is_date() or schema[partition_by].is_timestamp()):
        raise UsageError(
            "the output can't be computed for an interval: it is not partitioned by a date or a timestamp",
            hint="run it without --interval, or mark it with partition_by",
        )
    if base is not None and base.partition_by != partition_by:
        raise UsageError(
            f"what readers see is partitioned by {base.partition_by}, not by {partition_by}",
            hint="run it once without --interval to write all partitions",
        )


def _bounds(kind: Any, interval: Interval) -> tuple[Any, Any]:
    """The interval as half-open bounds of the partition column: a date stands for its midnight, naive means UTC."""
    import ibis

    def bound(moment: dt.datetime) -> Any:
        if kind.is_date():
            return ibis.literal(moment.date() + dt.timedelta(days=moment.time() != _MIDNIGHT))
        return ibis.literal(moment if kind.timezone else moment.replace(tzinfo=None), type=kind)

    return bound(interval.start), bound(interval.end)


def _kept(
    con: Any, base: Snapshot | None, columns: dict[str, str], partition_by: str | None, interval: Interval | None
) -> list[DataFile]:
    """The files of ``base`` whose partition lies outside of the interval."""
    if base is None or interval is None or partition_by is None:
        return []
    if base.columns != columns:
        differing = sorted(dict(base.columns.items() ^ columns.items()))
        raise UsageError(
            f"what readers see has other columns or types than this run: {', '.join(differing)}",
            hint="run it once without --interval to write all partitions",
        )
    at = moment("text", {"text": columns[partition_by]})
    texts = [file.partition for file in base.files if file.partition is not None]
    query = f"SELECT text FROM (SELECT unnest($1::VARCHAR[]) AS text) WHERE {at} >= $2 AND {at} < $3"
    inside = {text for (text,) in rows(con, query, [texts, interval.start, interval.end])}
    return [file for file in base.files if file.partition not in inside]


def _damaged(base: Snapshot | None, places: Mapping[str, Path]) -> frozenset[str]:
    """The files of a snapshot that are missing or have another size."""
    sizes = {} if base is None else {file.path: file.bytes for file in base.files}
    found = set()
    for path, size in sizes.items():
        try:
            if places[path].stat().st_size != size:
                found.add(path)
        except FileNotFoundError:
            found.add(path)
    return frozenset(found)


def _write_partitions(
    con: Any, table: str, folder: Path, place: Path, partition_by: str | None, there: Sequence[DataFile]
) -> list[DataFile]:
    spans: list[tuple[Any, ...]]
    if partition_by is None:
        spans = [(None, 0, *rows(con, f"SELECT count(*) FROM {table}")[0])]
    else:
        column = identifier(partition_by)
        spans = rows(
            con, f"SELECT CAST({column} AS VARCHAR), min(rowid), count(*) FROM {table} GROUP BY {column} ORDER BY min(rowid)"
        )
    known = {(file.partition, file.sha256): file for file in there}
    part = f"{table}_part"
    found = []
    with files.working_folder(folder / place) as work:
        for text, start, count in spans:
            rows_of = f"SELECT * FROM {table} WHERE rowid >= {start} AND rowid < {start + count}"
            temporary = work / "part.parquet"
            if count <= _ROW_GROUP or len(spans) == 1:
                con.execute(f"COPY {f'({rows_of})' if len(spans) > 1 else table} TO {literal(str(temporary))} {_COPY}")
            else:
                # A table of its own starts at a block's first row; a slice of the big one would shift the row groups.
                con.execute(f"CREATE OR REPLACE TEMP TABLE {part} AS {rows_of}")
                try:
                    con.execute(f"COPY {part} TO {literal(str(temporary))} {_COPY}")
                finally:
                    con.execute(f"DROP TABLE IF EXISTS {part}")
            digest = files.sha256(temporary)
            old = known.get((text, digest))
            if old is not None:
                found.append(old)
                continue
            relative = place / f"{_slug(text)}-{digest[:16]}.parquet"
            target, size = folder / relative, temporary.stat().st_size
            if not files.used_again(target, size):
                files.fsync(temporary)
                os.replace(temporary, target)
            found.append(DataFile(relative.as_posix(), count, size, digest, text))
        files.fsync(folder / place)
    return found


def _slug(partition: str | None) -> str:
    return "all" if partition is None else re.sub(r"[^A-Za-z0-9.-]+", "_", partition)[:40].lstrip(".") or "_"


def _identity(pipeline: str, version: int, columns: dict[str, str], found: Sequence[DataFile], partition_by: str | None) -> str:
    described = [list(columns.items()), partition_by, [[file.partition, file.rows, file.sha256] for file in found]]
    digest = hashlib.sha256(json.dumps(described, ensure_ascii=False).encode()).hexdigest()
    return f"{pipeline}-v{version}-{digest[:16]}"
