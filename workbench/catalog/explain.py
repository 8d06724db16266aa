"""Where a number came from: what readers saw at a moment, what computed it, who let it through, and what it became since.

The store's operations tell which snapshot readers saw when, and snapshots are immutable, so the past is read and not rebuilt.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from workbench.catalog.origin import Origin, contract_of, origin_of, shown
from workbench.catalog.selection import Row, Selection, files_of, known, read_rows, snapshot_of, time_of
from workbench.catalog.version import pipelines
from workbench.config import Workspace
from workbench.errors import UnknownName, UsageError, WorkbenchError
from workbench.moments import happened
from workbench.runtime.warehouse import Warehouse
from workbench.store import Store
from workbench.store.records import OperationRecord, Pointer

if TYPE_CHECKING:
    from ibis.backends.duckdb import Backend


@dataclass(frozen=True, slots=True)
class Restatement:
    """A move of readers that gave these rows other values: those that are new, and those that they took the place of.

    ``rows`` is None where the data was removed since, so that nobody can tell.
    """

    origin: Origin | None
    operation: OperationRecord
    rows: tuple[Row, ...] | None
    instead_of: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Explanation:
    """The rows that readers saw at a moment (None: they see them now), where they came from, and their restatements."""

    pipeline: str
    wanted: Selection
    as_of: dt.datetime | None
    rows: tuple[Row, ...]
    origin: Origin
    restatements: tuple[Restatement, ...]


def explain(
    workspace: Workspace,
    pipeline: str,
    key: dict[str, str | None],
    *,
    columns: Sequence[str] = (),
    as_of: dt.datetime | None = None,
    day: dt.date | None = None,
) -> Explanation:
    """Explain the rows of a pipeline that have these values, as readers saw them at ``as_of``, with what came of them later.

    With ``day`` it is about the rows of that day as readers see them now, with every restatement since they first appeared.
    ``columns`` (all without any) are the ones that count. Raises ``UsageError`` for what no table can answer, and
    ``WorkbenchError`` when there was no such row, nothing was live, or the data was removed since.
    """
    warehouse = Warehouse.open(workspace)
    with Store.open(workspace, read_only=True) as store:
        moves = tuple(each for each in store.operations(state="done") if each.target(pipeline) is not None)
        if not moves:
            names = {*pipelines(workspace), *warehouse.current().views} - {pipeline}
            if pipeline not in (*pipelines(workspace), *warehouse.current().views):
                raise UnknownName.of("pipeline", pipeline, names, hint="workbench status")
            raise UsageError(f"the store knows of no move of readers of {pipeline}", hint="workbench status")
        con = warehouse.connect()
        try:
            return _Past(workspace, warehouse, store, con, pipeline, moves).explain(key, tuple(columns), as_of, day)
        finally:
            con.disconnect()


@dataclass(slots=True)
class _Past:
    """Every move of a pipeline's readers, in order."""

    workspace: Workspace
    warehouse: Warehouse
    store: Store
    con: Backend
    pipeline: str
    moves: tuple[OperationRecord, ...]
    wanted: Selection = field(default_factory=lambda: Selection({}))
    columns: tuple[str, ...] = ()
    _last: tuple[tuple[str, ...], tuple[Row, ...] | None] | None = None

    def explain(
        self, key: dict[str, str | None], columns: tuple[str, ...], as_of: dt.datetime | None, day: dt.date | None
    ) -> Explanation:
        index, pointer = self._visible(as_of)
        snapshot = snapshot_of(self.warehouse, pointer.snapshot, self.pipeline)
        if snapshot is None:
            raise self._removed(pointer)
        contract = contract_of(self.workspace, self.pipeline, pointer.version)
        keyed = () if contract is None else contract.key
        for name in (*key, *columns):
            known(name, snapshot)
        self.columns = tuple(dict.fromkeys((*key, *keyed, *columns))) if columns else tuple(snapshot.columns)
        self.wanted = Selection(key, day, "" if day is None else time_of(snapshot, keyed))
        found = self._rows(pointer, asked=True)
        if found is None:
            raise self._removed(pointer)
        if not found:
            raise WorkbenchError(
                f"readers of {self.pipeline} {'see' if as_of is None else 'saw'} no row with {self.wanted} {self._when(as_of)}",
                hint=f"workbench history {self.pipeline}",
            )
        first = self._since(index, pointer, found)
        changes = self._changes(0) if day is not None else self._changes(index + 1, found)
        origin = self._origin(first)
        assert origin is not None
        return Explanation(self.pipeline, self.wanted, as_of, found, origin, tuple(changes))

    def _when(self, as_of: dt.datetime | None) -> str:
        return "now" if as_of is None else f"at {happened(as_of)}"

    def _removed(self, pointer: Pointer) -> WorkbenchError:
        return WorkbenchError(
            f"the data of {self.pipeline}@{pointer.version} that readers saw ({pointer.snapshot}) was removed since",
            hint=f"workbench history {self.pipeline}",
        )

    def _visible(self, as_of: dt.datetime | None) -> tuple[int, Pointer]:
        """The last move until a moment, and what readers saw from then on."""
        before = [i for i, each in enumerate(self.moves) if as_of is None or each.at <= as_of]
        pointer = self._pointer(before[-1]) if before else None
        if pointer is None:
            first = self.moves[0]
            told = f"it was first published at {happened(first.at)}" if not before else "it had been taken away"
            raise WorkbenchError(
                f"{self.pipeline} was not live {self._when(as_of)}: {told}", hint=f"workbench history {self.pipeline}"
            )
        return before[-1], pointer

    def _pointer(self, index: int) -> Pointer | None:
        return shown(self.moves[index], self.pipeline)

    def _origin(self, index: int) -> Origin | None:
        return origin_of(self.store, self.workspace, self.pipeline, self.moves[: index + 1])

    def _rows(self, pointer: Pointer | None, *, asked: bool = False) -> tuple[Row, ...] | None:
        """The rows that readers saw; None when the data was removed since.

        Unless they were ``asked`` for, there are none where the table then had other columns or types.
        """
        if pointer is None:
            return ()
        snapshot = snapshot_of(self.warehouse, pointer.snapshot, self.pipeline)
        if snapshot is None:
            return None
        try:
            there = [name for name in self.columns if name in snapshot.columns]
            files = files_of(self.con, snapshot, self.wanted)
            same = (json.dumps([there, snapshot.columns]), *(file.sha256 for file in files))
            if self._last is None or self._last[0] != same:
                self._last = (same, read_rows(self.warehouse, self.con, snapshot, self.wanted, there))
            return self._last[1]
        except UsageError:
            if asked:
                raise
            return ()

    def _since(self, index: int, pointer: Pointer, rows: tuple[Row, ...]) -> int:
        """The move since which readers saw these rows of this version."""
        while index > 0:
            before = self._pointer(index - 1)
            if before is None or before.version != pointer.version or self._rows(before) != rows:
                break
            index -= 1
        return index

    def _changes(self, start: int, rows: tuple[Row, ...] = ()) -> Iterator[Restatement]:
        """The moves from ``start`` on that gave the rows other values, from when they first appear."""
        before, appeared = rows, bool(rows)
        for index in range(start, len(self.moves)):
            after = self._rows(self._pointer(index))
            if after is None:
                yield Restatement(self._origin(index), self.moves[index], None, ())
                continue
            was, now = _text(before), _text(after)
            if appeared and was != now:
                yield Restatement(self._origin(index), self.moves[index], _only(after, now, was), _only(before, was, now))
            before, appeared = after, appeared or bool(after)


def _only(rows: Sequence[Row], texts: Sequence[str], others: Sequence[str]) -> tuple[Row, ...]:
    """The rows whose text the others lack."""
    there = set(others)
    return tuple(row for row, text in zip(rows, texts, strict=True) if text not in there)


def _text(rows: Sequence[Row]) -> list[str]:
    """Rows as text that is equal for equal rows, also where a value is not a number."""
    return [json.dumps(row, ensure_ascii=False) for row in rows]
