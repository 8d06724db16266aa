"""Sums of hashes in buckets of the key hash: which rows of two tables may differ.

A bucket adds the row hashes of a side, in 64 bits that wrap around. All copies of a key share a bucket, so none is torn apart;
and a sum tells two copies from none, which an exclusive or would not. Where nothing differs both sides have equal buckets;
where something does, a bucket is equal with a chance of 2^-64, since it is told by the hash of the key and the sum by that of
the row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

# Rows at a time: what is in hand fits in a processor's cache.
_STEP = 1 << 16
# About so many rows share a bucket where few rows differ, so that all buckets fit in a smaller cache; and where many do.
_ROWS_OF_A_BUCKET = (32, 8)
_BITS = range(16, 25)
# That many buckets are few enough to differ; of more than this share too many to be worth it.
_FEW, _MANY = 0.25, 0.5
# Fewer rows than this need no further narrowing.
_ENOUGH = 50_000
# The hash of zero is zero, which would add nothing to a sum.
_SALT = 0x9E3779B97F4A7C15

# Yields pairs of arrays of 64 bits: hashes of keys, hashes of rows. It can be called more than once.
Batches = Callable[[], Iterable[tuple[Any, Any]]]
# The rows that are left: hashes of keys, hashes of rows.
Rows = tuple[Any, Any]


def differing(base: Batches, candidate: Batches, rows: int, most: int, *, threads: int) -> tuple[Rows, Rows] | None:
    """The rows of both sides in buckets that differ; empty ones when no bucket does, None when too many do to be worth it.

    ``rows`` is about how many each side has, and says how many buckets there are; of more than ``most`` rows nothing is kept.
    With two ``threads`` both sides are looked at at once.
    """
    bits, fine = (min(max((rows // size).bit_length(), _BITS.start), _BITS.stop - 1) for size in _ROWS_OF_A_BUCKET)
    shift, found = 64 - bits, None
    with ThreadPoolExecutor(threads) as pool:
        while shift >= 0:
            one, other = pool.map(partial(_totals, bits=bits, shift=shift), (base, candidate))
            flags = one != other
            share = flags.sum() / len(flags)
            if share > _FEW and found is None and bits < fine:
                bits, shift = fine, 64 - fine
                continue
            if share > _MANY or share * rows > most:
                break
            ours, theirs = pool.map(partial(_kept, flags=flags, bits=bits, shift=shift), (base, candidate))
            found = ours, theirs
            if len(ours[0]) + len(theirs[0]) < _ENOUGH:
                break
            rows = max(len(ours[0]), len(theirs[0]))
            base, candidate = _again(ours), _again(theirs)
            shift -= bits
    return found


def unlike(base: Rows, candidate: Rows) -> tuple[Rows, Rows, bool]:
    """What is left of two pieces once rows with equal hashes at one place cancel, and whether they go in step to the end.

    Nothing more is looked at where most rows differ: from there on rows may still be equal, but lie elsewhere.
    """
    import numpy as np

    stop = min(len(base[0]), len(candidate[0]))
    masks, start, in_step = [], 0, True
    while in_step and start < stop:
        step = slice(start, min(start + _STEP, stop))
        found = base[0][step] != candidate[0][step]
        found |= base[1][step] != candidate[1][step]
        in_step = bool(np.count_nonzero(found) * 2 <= len(found))
        if in_step:
            masks.append(found)
            start = step.stop
    if not masks:
        return base, candidate, in_step
    mask = np.concatenate(masks)
    left = [
        (np.concatenate([keys[:start][mask], keys[start:]]), np.concatenate([rows[:start][mask], rows[start:]]))
        for keys, rows in (base, candidate)
    ]
    return left[0], left[1], in_step


def unique(batches: Batches) -> bool:
    """Whether no two rows have the same key hash; for tables whose hashes are held in memory."""
    import numpy as np

    bits = _BITS.stop - 2
    for shift in range(64 - bits, -1, -bits):
        totals = np.zeros(1 << bits, np.uint32)
        for places, _, _ in _steps(batches, bits, shift):
            np.add.at(totals, places, np.uint32(1))
        keys, rows = _kept(batches, totals > 1, bits, shift)
        if len(keys) < _ENOUGH:
            break
        batches = _again((keys, rows))
    keys = np.sort(keys)  # takes a twentieth of what numpy.unique does
    return bool((keys[1:] != keys[:-1]).all())


def _again(rows: Rows) -> Batches:
    return lambda: [rows]


def _steps(batches: Batches, bits: int, shift: int) -> Iterator[tuple[Any, Any, Any]]:
    """Places of buckets, hashes of keys and of rows, some rows at a time; the places are good until the next ones."""
    import numpy as np

    room = np.empty(_STEP, np.uint64)
    for keys, rows in batches():
        for start in range(0, len(keys), _STEP):
            some = keys[start : start + _STEP]
            places = room[: len(some)]
            np.right_shift(some, np.uint64(shift), out=places)
            if shift + bits < 64:
                np.bitwise_and(places, np.uint64((1 << bits) - 1), out=places)
            yield places.view(np.int64), some, rows[start : start + _STEP]


def _totals(batches: Batches, bits: int, shift: int) -> Any:
    """The sums of the row hashes in each bucket."""
    import numpy as np

    totals, room = np.zeros(1 << bits, np.uint64), np.empty(_STEP, np.uint64)
    for places, _, rows in _steps(batches, bits, shift):
        values = room[: len(rows)]
        np.bitwise_xor(rows, np.uint64(_SALT), out=values)
        np.add.at(totals, places, values)
    return totals


def _kept(batches: Batches, flags: Any, bits: int, shift: int) -> Rows:
    import numpy as np

    parts: list[Rows] = [(np.empty(0, np.uint64), np.empty(0, np.uint64))]
    for places, keys, rows in _steps(batches, bits, shift):
        chosen = np.flatnonzero(flags.take(places, mode="clip"))  # all places are within; the mode is the fast one
        parts.append((keys[chosen], rows[chosen]))
    return np.concatenate([keys for keys, _ in parts]), np.concatenate([rows for _, rows in parts])
