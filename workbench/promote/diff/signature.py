"""Signatures: what stands for the rows of a table while the rows that differ are looked for.

A signature has one row for each row of a side: ``k``, a 64-bit hash of its key, ``h``, one of its key and all that is compared
exactly; and what must travel by value: ``t<i>`` for columns under a tolerance or different in many rows, and with those the key
as ``c<i>``. It is held in arrays where only hashes travel and the table is not too large, else in a temporary table, which
spills to disk.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from workbench.promote.diff import buckets
from workbench.promote.diff.schema import Columns
from workbench.promote.diff.session import Session, Side
from workbench.promote.diff.sql import hash_of, listing

# Rows of a side whose hashes are held in memory, 16 bytes each: a temporary table of them takes more.
_HELD = 1 << 26
# The same where they are held beside something else.
_BESIDE = 1 << 24
# Rows read at a time of what is not held.
_BATCH = 1 << 20
# Rows of a stored table whose hashes are fetched at a time: eight of the engine's row groups.
_PIECE = 8 * 122_880
# Types whose values take most of the time to read: what else differs is looked up without them.
_WIDE = {"varchar", "blob", "bit", "list", "array", "struct", "map", "union"}


def key_hash(columns: Columns, which: int) -> str:
    """The hash of what a row must share with another to be paired with it, as SQL over the side's table."""
    return hash_of(column.hashed(which) for column in columns.grouping)


@dataclass(frozen=True, slots=True)
class Shares:
    """Positions of the columns that are hashed with the key, in the order in which to look for what differs: those that differ
    at the heads of the tables, the other narrow ones, and the wide ones, which are slow to read.

    The hash of a row is the exclusive or of one hash for each share. So where the values of some shares of two rows are known,
    their row hashes tell whether the others differ.
    """

    all: tuple[tuple[int, ...], ...]

    @classmethod
    def of(cls, columns: Columns, heavy: Sequence[int], seen: Sequence[int]) -> Shares:
        """All compared columns but the key and the ``heavy`` ones; ``seen`` to differ are the first share, if there are any."""
        light = [i for i in range(len(columns.key), len(columns.all)) if i not in heavy]
        first = tuple(i for i in light if i in seen)
        rest = [i for i in light if i not in first]
        wide = tuple(i for i in rest if {columns.all[i].base.id, columns.all[i].candidate.id} & _WIDE)
        shares = [first, tuple(i for i in rest if i not in wide), wide]
        return cls(tuple(share for share in shares if share) or ((),))

    @property
    def later(self) -> tuple[int, ...]:
        """The columns of all shares but the first."""
        return tuple(i for share in self.all[1:] for i in share)

    def hash(self, columns: Columns, which: int, share: int) -> str:
        """The hash of a share; that of the first has the key in it."""
        own = [columns.all[i].hashed(which) for i in self.all[share]]
        if share == 0:
            return hash_of([key_hash(columns, which), *own])
        # Hashed again, each share once more than the one before: the hash of a value must not meet itself in another share.
        return f"{'hash(' * share}{hash_of(own)}{')' * share}"

    def row_hash(self, columns: Columns, which: int) -> str:
        whole = self.hash(columns, which, 0)
        for share in range(1, len(self.all)):
            whole = f"xor({whole}, {self.hash(columns, which, share)})"
        return whole


@dataclass(slots=True)
class Prints:
    """The signatures of one side: a temporary table of structs (``packed``), pairs of arrays of ``hashes``, or both."""

    session: Session
    names: tuple[str, ...]
    packed: str | None = None
    hashes: list[tuple[Any, Any]] | None = None
    _copied: str | None = None

    @property
    def relation(self) -> str:
        """What can stand after FROM."""
        if self.packed:
            return f"(SELECT {listing(f's.{name} AS {name}' for name in self.names)} FROM {self.packed})"
        if self._copied is None:
            import pyarrow as pa

            # The engine would hand conditions to Arrow, which can't compare with numbers of 64 bits without a sign.
            arrays = ([pair[i] for pair in self.hashes or ()] for i in range(len(self.names)))
            columns = (pa.chunked_array(parts, pa.uint64()) for parts in arrays)
            self._copied = self.session.hold(pa.table(dict(zip(self.names, columns, strict=True))))
        return self._copied

    def batches(self) -> Iterator[tuple[Any, Any]]:
        """Arrays of key hashes and row hashes; no other statement may run in the session before the last ones."""
        if self.hashes is not None:
            yield from self.hashes
            return
        # A stream: to ask for a range of rows takes the engine ten times as long, and to fetch all holds them twice.
        for batch in self.session.con.sql(f"SELECT s.k AS k, s.h AS h FROM {self.packed}").to_arrow_reader(_BATCH):
            yield batch["k"].to_numpy(), batch["h"].to_numpy()

    def hold(self) -> None:
        """Keep the hashes in memory as well, where there are not too many."""
        if self.packed and self.session.row(f"SELECT count(*) FROM {self.packed}")[0] <= _BESIDE:
            self.hashes = list(self.batches())

    def unique(self) -> bool | None:
        """Whether no two rows have the same key hash; None where there are too many rows to tell."""
        return buckets.unique(self.batches) if self.hashes is not None else None


@dataclass(frozen=True, slots=True)
class Doubt:
    """Keys whose rows may differ: a table with the key hashes ``k`` and, of keys that stand once on a side, the row hashes
    ``hb`` and ``hc``.

    ``rows`` of both sides have such keys. Where they are ``unique`` none has copies.
    """

    keys: str
    count: int
    rows: tuple[int, int]
    unique: bool


@dataclass(frozen=True, slots=True)
class Signatures:
    """The signatures of both sides. ``heavy`` are the positions of the columns that travel by value."""

    session: Session
    heavy: tuple[int, ...]
    base: Prints
    candidate: Prints

    @classmethod
    def of(
        cls,
        session: Session,
        columns: Columns,
        sides: Sequence[Side],
        heavy: Sequence[int],
        shares: Shares,
        rows: Sequence[int],
    ) -> Signatures:
        """Read each side once. Rows with equal hashes at one place are in neither signature, where hashes alone are held."""
        if heavy or max(rows) > _HELD:
            base, candidate = (_packed(session, columns, which, side, heavy, shares) for which, side in enumerate(sides))
            base.hold()  # more is asked of it than of the other one
            return cls(session, tuple(heavy), base, candidate)
        held, other = list(_pieces(session, columns, shares, 0, sides[0], rows[0])), []
        in_step = True
        for i, piece in enumerate(_pieces(session, columns, shares, 1, sides[1], rows[1])):
            if in_step and i < len(held):
                held[i], piece, in_step = buckets.unlike(held[i], piece)
            if len(piece[0]):
                other.append(piece)
        base, candidate = (Prints(session, ("k", "h"), hashes=hashes) for hashes in (held, other))
        return cls(session, (), base, candidate)

    @property
    def both(self) -> tuple[Prints, Prints]:
        return self.base, self.candidate

    def equal(self) -> bool:
        """Whether the sums of all that travels are equal."""
        whole = hash_of(["h", *(f"t{i}" for i in self.heavy)])
        one, other = (self.session.row(f"SELECT count(*), sum({whole}) FROM {side.relation}") for side in self.both)
        return bool(one == other)

    def narrowed(self, rows: int) -> Signatures | None:
        """What lies in buckets of key hashes whose sums differ; itself where most differ, None where none does."""
        # What is read as a stream is read by one statement at a time.
        threads = 1 if self.base.hashes is None or self.candidate.hashes is None else 2
        found = buckets.differing(self.base.batches, self.candidate.batches, rows, _BESIDE, threads=threads)
        if found is None:
            return self
        if not len(found[0][0]) and not len(found[1][0]):
            return None
        base, candidate = (Prints(self.session, ("k", "h"), hashes=[hashes]) for hashes in found)
        return Signatures(self.session, (), base, candidate)

    def cancelled(self) -> Doubt:
        """The keys that are in doubt once rows with equal hashes cancel, copy by copy."""
        both = " UNION ALL ".join(
            f"SELECT k, h, {sign} AS s FROM {side.relation}" for sign, side in zip(("1", "-1"), self.both, strict=True)
        )
        keys = self.session.make(
            "SELECT k, min(h) FILTER (d > 0) AS hb, min(h) FILTER (d < 0) AS hc "
            f"FROM (SELECT k, h, sum(s) AS d FROM ({both}) GROUP BY k, h HAVING sum(s) <> 0) GROUP BY k"
        )
        count, base, candidate, copies = self.session.row(
            f"SELECT count(*), coalesce(sum(b), 0)::BIGINT, coalesce(sum(c), 0)::BIGINT, count(*) FILTER (b > 1 OR c > 1) "
            f"FROM (SELECT count(*) FILTER (s > 0) AS b, count(*) FILTER (s < 0) AS c "
            f"FROM ({both}) WHERE k IN (SELECT k FROM {keys}) GROUP BY k)"
        )
        return Doubt(keys, count, (base, candidate), not copies)


def _parts(columns: Columns, which: int, heavy: Sequence[int], shares: Shares) -> dict[str, str]:
    key = key_hash(columns, which)
    # Without a key a row is its own key; hashed twice, because the sum of a bucket must not be told by its place.
    row = shares.row_hash(columns, which) if columns.keyed or heavy else f"hash({key})"
    return {"k": key, "h": row}


def _packed(session: Session, columns: Columns, which: int, side: Side, heavy: Sequence[int], shares: Shares) -> Prints:
    parts = _parts(columns, which, heavy, shares) | {f"t{i}": columns.all[i].form(which) for i in heavy}
    if heavy:
        parts |= {f"c{i}": column.form(which) for i, column in enumerate(columns.key)}
    # One column of structs: the engine keeps count of distinct values in any other, which takes longer than writing them.
    packed = listing(f"{name} := {sql}" for name, sql in parts.items())
    return Prints(session, tuple(parts), packed=session.make(f"SELECT struct_pack({packed}) AS s FROM {side.source}"))


def _pieces(session: Session, columns: Columns, shares: Shares, which: int, side: Side, rows: int) -> Iterator[tuple[Any, Any]]:
    """The hashes of a side, in pieces where those are easy to read: what the engine hands over is held twice for a moment."""
    names = listing(f"{sql} AS {name}" for name, sql in _parts(columns, which, (), shares).items())
    starts = range(0, rows, _PIECE) if side.numbered else ()
    wheres = [f" WHERE rowid BETWEEN {start} AND {start + _PIECE - 1}" for start in starts[:-1]]
    # Numbers go beyond the count of rows where some were deleted.
    for where in [*wheres, f" WHERE rowid >= {starts[-1]}" if starts else ""]:
        found = session.arrays(f"SELECT {names} FROM {side.source}{where}")
        yield found["k"], found["h"]
