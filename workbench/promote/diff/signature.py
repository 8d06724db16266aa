"""Signatures: what stands for the rows of a table while the rows that differ are looked for.

A signature is a temporary table of one row for each row of a side: ``k``, a 64-bit hash of its key, ``h``, one of its key and
all that is compared exactly; and what must travel by value: ``t<i>`` for columns under a tolerance or different in many rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from workbench.promote.diff.schema import Columns
from workbench.promote.diff.session import Session, Side
from workbench.promote.diff.sql import hash_of, listing

# Buckets are 16 bits of the key hash: sums of so many fit in a processor's cache. Larger tables need more of them.
_BITS = 16
_LARGE = 1 << 24
_ROWS_OF_A_BUCKET = 64
_LEVELS = 4
# Fewer rows than this need no further narrowing.
_ENOUGH = 300_000


def key_hash(columns: Columns, which: int) -> str:
    """The hash of what a row must share with another to be paired with it, as SQL over the side's table."""
    return hash_of(column.hashed(which) for column in columns.grouping)


@dataclass(frozen=True, slots=True)
class Signatures:
    """The signatures of both sides, as SQL that can stand after FROM.

    ``heavy`` are the positions of the columns that travel by value; where there are any, the key travels as well, as ``c<i>``.
    """

    session: Session
    heavy: tuple[int, ...]
    base: str
    candidate: str

    @classmethod
    def of(cls, session: Session, columns: Columns, sides: Sequence[Side], heavy: Sequence[int]) -> Signatures:
        """Read each side once."""
        base, candidate = (_signature(session, columns, which, side, heavy) for which, side in enumerate(sides))
        return cls(session, tuple(heavy), base, candidate)

    @property
    def both(self) -> tuple[str, str]:
        return self.base, self.candidate

    def signed(self, ours: str, theirs: str) -> tuple[tuple[str, str], tuple[str, str]]:
        """Each side with its sign, so that equal rows cancel in a sum."""
        return (ours, self.base), (theirs, self.candidate)

    def equal(self) -> bool:
        """Whether the sums of both are equal."""
        whole = hash_of(["h", *(f"t{i}" for i in self.heavy)]) if self.heavy else "h"
        one, other = (self.session.row(f"SELECT count(*), sum({whole}) FROM {name}") for name in self.both)
        return bool(one == other)

    def narrowed(self, rows: int) -> Signatures | None:
        """What lies in buckets of key hashes whose sums differ; itself where most differ, None where none does.

        ``rows`` is about how many each side has. Each level sums other bits of the key hash. All copies of a key share a
        bucket, so none is torn apart; and sums tell two pairs of copies from none, which an exclusive or would not.
        """
        found = self
        bits = _BITS if rows < _LARGE else (rows // _ROWS_OF_A_BUCKET).bit_length()
        # A bucket of two bytes and a sum of BIGINT: the engine then counts in an array, without a hash table.
        kind = "USMALLINT" if bits <= 16 else "UINTEGER"
        for shift in range(64 - bits, max(-1, 63 - bits * _LEVELS), -bits):
            bucket = f"((k >> {shift}) & {(1 << bits) - 1})"
            # Never 0, which the hash of zero is, and so at home in a BIGINT.
            signed = " UNION ALL ".join(
                f"SELECT k, {sign}CAST((h >> 1) | 1 AS BIGINT) AS s FROM {name}" for sign, name in found.signed("", "-")
            )
            flags = self.session.variable(
                f"SELECT bitstring_agg(g, 0, {(1 << bits) - 1}) FROM (SELECT CAST({bucket} AS {kind}) AS g, sum(s) AS total "
                f"FROM ({signed}) GROUP BY g HAVING total <> 0)"
            )
            (differing,) = self.session.row(f"SELECT bit_count({flags})")
            if differing is None:
                return None
            if differing > 1 << (bits - 1):
                break
            condition = f"get_bit({flags}, CAST({bucket} AS INTEGER)) = 1"
            base, candidate = (self.session.make(f"FROM {name} WHERE {condition}") for name in found.both)
            found = Signatures(self.session, self.heavy, base, candidate)
            if self.session.row(f"SELECT count(*) FROM {base}")[0] < _ENOUGH:
                break
        return found

    def cancelled(self) -> str:
        """A table of the keys in doubt, where rows with equal hashes cancel, copy by copy."""
        both = " UNION ALL ".join(f"SELECT k, h, {sign} AS s FROM {name}" for sign, name in self.signed("1", "-1"))
        return self.session.make(f"SELECT DISTINCT k FROM (SELECT k FROM ({both}) GROUP BY k, h HAVING sum(s) <> 0)")


def _signature(session: Session, columns: Columns, which: int, side: Side, heavy: Sequence[int]) -> str:
    key = key_hash(columns, which)
    if not columns.keyed and not heavy:
        # Without a key a row is its own key, and one hash stands for both.
        return f"(SELECT k, k AS h FROM {session.make(f'SELECT {key} AS k FROM {side.source}')})"
    light = [column.hashed(which) for i, column in enumerate(columns.all) if i not in heavy and i >= len(columns.key)]
    parts = [f"{key} AS k", f"{hash_of([key, *light])} AS h", *(f"{columns.all[i].form(which)} AS t{i}" for i in heavy)]
    if heavy:
        parts += [f"{column.form(which)} AS c{i}" for i, column in enumerate(columns.key)]
    return session.make(f"SELECT {listing(parts)} FROM {side.source}")
