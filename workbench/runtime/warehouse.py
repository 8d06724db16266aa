"""The embedded warehouse: immutable Parquet files, and one small DuckDB file of views that readers open.

::

    warehouse/
      current.duckdb                      views, one a pipeline, in schema main; what they show in workbench.live
      data/<pipeline>/v3/*.parquet        immutable; named by their partition and their bytes
      data/<pipeline>/snapshots/*.json    which files make up a snapshot

Ibis computes and reads; all writing is here and in the modules beside it.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import tempfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from workbench.config import Workspace
from workbench.errors import InfrastructureError
from workbench.locks import in_turn, lock_held
from workbench.model import Interval, Snapshot
from workbench.runtime import files, views

if TYPE_CHECKING:
    import ibis.expr.types as ir
    from ibis.backends.duckdb import Backend

    from workbench.runtime.canary import Canary
    from workbench.runtime.merge import Rules, Written

SPILL = "spill"  # in the state of a workspace: what memory can't hold


@dataclass(frozen=True, slots=True)
class Live:
    """What readers of one pipeline see now, and the operation that put it there."""

    pipeline: str
    version: int
    snapshot: Snapshot
    operation: str


@dataclass(frozen=True, slots=True)
class Warehouse:
    """A folder of data and views. ``folders`` are searched for files in turn; writes go to the first."""

    workspace: Workspace
    folders: tuple[Path, ...]

    @classmethod
    def open(cls, workspace: Workspace) -> Warehouse:
        """The warehouse of a workspace; creates nothing until something is written."""
        return cls(workspace, (workspace.warehouse,))

    @property
    def folder(self) -> Path:
        return self.folders[0]

    @contextlib.contextmanager
    def scratch(self) -> Iterator[Warehouse]:
        """A warehouse that reads what this one has, writes outside of the workspace, and is gone at the end (for dry runs)."""
        with tempfile.TemporaryDirectory(prefix="workbench-") as place:
            yield replace(self, folders=(Path(place), *self.folders))

    # Reading

    def connect(self) -> Backend:
        """A fresh in-memory DuckDB session in UTC, to read sources and snapshots with."""
        from workbench.runtime.duck import session

        return session(self.workspace.state / SPILL)

    def source(self, con: Backend, name: str, *, rows: bool = True) -> ir.Table:
        """A production source as declared, read-only: files, a table of another DuckDB file, or one of a PostgreSQL.

        Without ``rows`` only its columns count, and none need be fetched.
        """
        from workbench.runtime.sources import open_source

        return open_source(con, self.workspace, name, rows=rows)

    def source_digest(self, name: str, con: Backend | None = None) -> str:
        """Identifies the state of a source: the digest of its files' names and bytes, or of the rows that ``con`` reads."""
        from workbench.runtime.sources import digest

        return digest(self.workspace, name, con, keep=len(self.folders) == 1)

    def read(self, con: Backend, snapshot: Snapshot, *, once: bool = False) -> ir.Table:
        """A snapshot as a table of the session ``con``; with ``once`` its rows are read now, and kept in memory."""
        from workbench.runtime.duck import Listed, held, identifier, note_files, table_of
        from workbench.runtime.parquet import select

        query = select(snapshot, places := self._places(snapshot))
        if once:
            return held(con, snapshot.id, query, snapshot.columns)
        con.con.execute(f"CREATE OR REPLACE TEMP VIEW {identifier(snapshot.id)} AS {query}")
        # What compares two snapshots can then leave out the files that both have, and look at the bytes of the others.
        note_files(con.con, snapshot.id, [Listed(places[f.path], f.rows, f.sha256, f.partition) for f in snapshot.files])
        return table_of(con, snapshot.id, snapshot.columns)

    def snapshot(self, identity: str, pipeline: str) -> Snapshot:
        """The snapshot of that id."""
        from workbench.runtime.parquet import file_of, load

        for folder in self.folders:
            if (path := file_of(folder, pipeline, identity)).exists():
                return load(path)
        raise InfrastructureError(f"the warehouse has no snapshot {identity}", hint="workbench doctor")

    def snapshots(self, pipeline: str) -> tuple[str, ...]:
        """The ids of all snapshots that are kept of a pipeline."""
        return tuple(sorted(path.stem for path in (self.folder / "data" / pipeline / "snapshots").glob("*.json")))

    def pipelines(self) -> tuple[str, ...]:
        """The pipelines that there is data of."""
        return tuple(sorted(path.name for path in (self.folder / "data").glob("*") if path.is_dir()))

    def written(self, identity: str, pipeline: str) -> float:
        """When a snapshot was written, or computed again, in seconds since 1970."""
        from workbench.runtime.parquet import file_of

        return file_of(self.folder, pipeline, identity).stat().st_mtime

    # Writing where no reader looks

    def write(
        self,
        expr: ir.Table,
        *,
        pipeline: str,
        version: int,
        key: Sequence[str] = (),
        partition_by: str | None = None,
        base: Snapshot | None = None,
        interval: Interval | None = None,
    ) -> Snapshot:
        """Compute a table and keep it as immutable Parquet files, sorted by key, one a partition.

        Equal data gives equal bytes, an equal id and no new file; a file of ``base`` with equal bytes is used again. With
        ``interval``, only the rows whose partition (a date or timestamp, naive means UTC) lies in ``[start, end)`` are
        computed; the partitions of ``base`` outside of it are kept, and those inside of it that have no rows any more go.

        Raises ``UsageError`` for an output that can't be stored so, ``InfrastructureError`` when the disk is full.
        """
        return self.stage(
            expr, pipeline=pipeline, version=version, key=key, partition_by=partition_by, base=base, interval=interval
        ).snapshot

    def stage(
        self,
        expr: ir.Table,
        *,
        pipeline: str,
        version: int,
        key: Sequence[str] = (),
        partition_by: str | None = None,
        base: Snapshot | None = None,
        interval: Interval | None = None,
        rules: Rules | None = None,
    ) -> Written:
        """As ``write``, by the rules of a contract: merge with ``base`` by key, look back for late rows, hold back bad ones.

        ``upsert`` replaces the rows of ``base`` whose key was computed again, ``append`` adds those whose key is new; both
        leave the files of partitions that they don't touch.
        """
        from workbench.runtime.merge import REPLACE
        from workbench.runtime.parquet import write_snapshot

        return write_snapshot(
            expr,
            self.folder,
            pipeline=pipeline,
            version=version,
            key=key,
            partition_by=partition_by,
            base=base,
            places={} if base is None else self._places(base),
            interval=interval,
            rules=rules or REPLACE,
        )

    def rebase(self, staged: str, onto: str, pipeline: str, interval: Interval) -> Snapshot:
        """The snapshot ``onto`` with the partitions of ``interval`` from ``staged`` (both ids): no data is read or written."""
        from workbench.runtime.parquet import rebased

        con = self.connect()
        try:
            return rebased(con.con, self.folder, self.snapshot(staged, pipeline), self.snapshot(onto, pipeline), interval)
        finally:
            con.disconnect()

    # What readers see

    def live(self, names: Collection[str] | None = None) -> dict[str, Live]:
        """What readers see now by pipeline, as ``current.duckdb`` says it; with ``names`` of those alone."""
        return {
            name: Live(name, view.version, self.snapshot(view.snapshot, name), view.operation)
            for name, view in self.current().views.items()
            if names is None or name in names
        }

    def current(self) -> views.Current:
        """The words of ``current.duckdb``: versions, snapshot ids, operations; without the lists of files."""
        return views.read_current(self.workspace.warehouse)

    def swap(
        self,
        operation: str,
        changes: Mapping[str, Snapshot | None],
        comments: Mapping[str, str] = MappingProxyType({}),
        canaries: Mapping[str, Canary] | None = None,
    ) -> None:
        """Let readers see these snapshots, all in one atomic step; None removes a view. Hold ``lock`` around it.

        ``comments`` are what other tools show beside a view; those of views that don't change stay unless they are named here.
        ``canaries`` (by promotion) take the place of those that there are: what chosen readers see from the same step on.
        Fail-points: before_swap, after_write_new, after_swap.
        """
        from workbench.runtime.parquet import select

        current = self.current()
        shown = dict(current.views)
        for name, snapshot in changes.items():
            before = shown.pop(name, None)
            if snapshot is not None:
                same = before is not None and (before.version, before.snapshot) == (snapshot.version, snapshot.id)
                brought = before.operation if before is not None and same else operation
                shown[name] = views.View(name, snapshot.version, snapshot.id, brought)
        for name, comment in comments.items():
            if name in shown:
                shown[name] = replace(shown[name], comment=comment)
        here = str(self.workspace.warehouse)
        redefined: dict[str, Snapshot | None] = dict(changes)
        moved = current.folder not in (None, here)
        if moved:
            # The workspace was moved: views name their files in full, so define all of them again.
            redefined = {**{name: self.snapshot(view.snapshot, name) for name, view in shown.items()}, **changes}
        kept = current.canaries if canaries is None else canaries
        new = views.Current(dict(sorted(shown.items())), operation, here, dict(kept))
        seen, now = current.beside(), new.beside()
        beside: dict[str, Snapshot | None] = dict.fromkeys(sorted(seen.keys() - now.keys()))
        beside |= {name: self.snapshot(at, name) for name, at in sorted(now.items()) if moved or seen.get(name) != at}

        def queries(found: Mapping[str, Snapshot | None]) -> dict[str, str | None]:
            return {name: None if at is None else select(at, self._places(at)) for name, at in found.items()}

        views.replace_current(self.workspace.warehouse, new, queries(redefined), queries(beside))

    @contextlib.contextmanager
    def lock(self, timeout: float = 10.0) -> Iterator[None]:
        """Hold the right to publish; ``LockHeld`` when another process keeps it for ``timeout`` seconds."""
        from filelock import FileLock, Timeout

        folder = files.make_folder(self.workspace.warehouse)
        file, what = folder / ".publish.lock", f"another process is publishing to {folder.name}"
        with in_turn(file, what, timeout):
            lock = FileLock(file)
            try:
                lock.acquire(timeout=timeout, poll_interval=0.01)
            except Timeout:
                raise lock_held(what, file) from None
            try:
                yield
            finally:
                lock.release()

    # Upkeep

    def damaged(self, snapshot: Snapshot, *, deep: bool = False) -> tuple[str, ...]:
        """The files of a snapshot that are missing or have another size, or with ``deep`` other bytes."""
        wrong = []
        for file in snapshot.files:
            path = self._place(file.path)
            if not path.is_file() or path.stat().st_size != file.bytes or (deep and files.sha256(path) != file.sha256):
                wrong.append(file.path)
        return tuple(wrong)

    def tidy(self) -> tuple[Path, ...]:
        """Remove what killed writers and publishers left behind, and say what. Hold ``lock`` around it."""
        removed = [*files.sweep(self.folder / "data"), *files.sweep(self.folder / "quarantine")]
        for path in views.leftovers(self.folder):
            path.unlink(missing_ok=True)
            removed.append(path)
        return tuple(removed)

    def garbage(self, keep: Collection[str]) -> tuple[Path, ...]:
        """The files that neither a snapshot in ``keep`` (ids) nor what readers see now needs, chosen readers among them."""
        current = self.current()
        shown, beside = current.views, current.beside()
        needed: set[Path] = set()
        every: set[Path] = set()
        for folder in (self.folder / "data").glob("*"):
            kept = {*keep, *([shown[folder.name].snapshot] if folder.name in shown else [])}
            kept |= {beside[folder.name]} if folder.name in beside else set()
            every.update(folder.glob("v*/*.parquet"))
            for listed in (folder / "snapshots").glob("*.json"):
                every.add(listed)
                if listed.stem in kept:
                    needed.add(listed)
                    needed.update(self.folder / file.path for file in self.snapshot(listed.stem, folder.name).files)
        return tuple(sorted(every - needed))

    def remove(self, paths: Collection[Path], written_before: dt.datetime | None = None) -> None:
        """Delete files that ``garbage`` named, but for those that were written or used again since that moment."""
        for path in paths:
            files.remove_old(path, float("inf") if written_before is None else written_before.timestamp())

    def _place(self, relative: str) -> Path:
        found = (folder / relative for folder in self.folders)
        return next((path for path in found if path.exists()), self.folder / relative)

    def _places(self, snapshot: Snapshot) -> dict[str, Path]:
        return {file.path: self._place(file.path) for file in snapshot.files}
