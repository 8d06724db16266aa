"""The comparison against an independent oracle in plain Python, over fuzzed types, keys, duplicates and tolerances."""

from __future__ import annotations

import json
import math
from collections import Counter, defaultdict

import ibis
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from workbench.promote.diff import diff, narrow

FLOATS = st.sampled_from([None, math.nan, math.inf, -math.inf, 0.0, -0.0, 1.0, 1.05, 1.1, 1.2, 2.0, 1e308, -1e308, 5e-324])
CHOICES = {
    "int": (pa.int64(), st.sampled_from([None, 0, 1, 2, 2**53, 2**53 + 1, -(2**63)])),
    "float": (pa.float64(), FLOATS),
    "text": (pa.string(), st.sampled_from([None, "", " ", "a", "A", "a ", "NULL", "é", "e\u0301", "'", '"', "[]"])),
    "list": (pa.list_(pa.int64()), st.sampled_from([None, [], [None], [1], [1, 2], [2, 1]])),
    "bool": (pa.bool_(), st.sampled_from([None, True, False])),
}


def token(value):
    """Equal tokens for values that are the same."""
    if isinstance(value, float):
        return "nan" if value != value else value + 0.0
    return tuple(value) if isinstance(value, list) else value


def order(value):
    """Sorts as the engine does: NULL last, NaN above infinity."""
    if value is None:
        return (1,)
    if value == "nan":
        return (0, math.inf, 1)
    if isinstance(value, float):
        return (0, value, 0)
    if isinstance(value, tuple):
        return (0, tuple(order(item) for item in value))
    return (0, value.encode() if isinstance(value, str) else value)


def near(a, b, absolute, relative):
    if a == b:
        return True
    if not (isinstance(a, float) and isinstance(b, float) and math.isfinite(a) and math.isfinite(b)):
        return False
    return abs(a - b) <= max(absolute, relative * max(abs(a), abs(b)))


def oracle(base, candidate, keys, absolute, relative):
    """Added, removed, changed and changed by column, of rows whose first ``keys`` values are the key."""
    sides = defaultdict(lambda: [[], []])
    counts = [Counter(tuple(token(value) for value in row) for row in rows) for rows in (base, candidate)]
    for side, (own, other) in enumerate(((counts[0], counts[1]), (counts[1], counts[0]))):
        for row, copies in (own - other).items():
            sides[row[:keys]][side].extend([row] * copies)
    added = removed = changed = 0
    by_column = Counter()
    for ours, theirs in sides.values():
        ours, theirs = (sorted(side, key=lambda row: tuple(order(value) for value in row)) for side in (ours, theirs))
        if absolute or relative:
            # Floats vary fastest, as copies are tried in the order of all exact columns first; the outcome is the same.
            for row in list(ours):
                match = next(
                    (t for t in theirs if all(near(a, b, absolute, relative) for a, b in zip(row, t, strict=True))), None
                )
                if match is not None:
                    ours.remove(row)
                    theirs.remove(match)
        if not keys:
            removed, added = removed + len(ours), added + len(theirs)
            continue
        for a, b in zip(ours, theirs, strict=False):
            changed += 1
            by_column.update(i for i in range(keys, len(a)) if not near(a[i], b[i], absolute, relative))
        both = min(len(ours), len(theirs))
        removed, added = removed + len(ours) - both, added + len(theirs) - both
    return added, removed, changed, dict(by_column)


@st.composite
def tables(draw):
    """Two tables of one shape, the second a mutation of the first, and the number of key columns."""
    kinds = draw(st.lists(st.sampled_from(sorted(CHOICES)), min_size=1, max_size=4))
    keys = draw(st.integers(0, min(2, len(kinds))))
    row = st.tuples(*(CHOICES[kind][1] for kind in kinds))
    base = draw(st.lists(row, max_size=12))
    candidate = [
        other if draw(st.integers(0, 3)) == 0 else row
        for row, other in zip(base, draw(st.lists(row, min_size=len(base), max_size=len(base))), strict=True)
    ]
    candidate += draw(st.lists(row, max_size=3))
    if draw(st.booleans()):
        # Few distinct keys lead to duplicates by themselves; here are tables without any.
        base, candidate = (
            [*{tuple(map(token, row[: keys or None])): row for row in rows}.values()] for rows in (base, candidate)
        )
    return kinds, keys, base, draw(st.permutations(candidate))


@pytest.fixture(autouse=True)
def _small(monkeypatch):
    monkeypatch.setattr(narrow, "SMALL", narrow.SMALL)


@settings(max_examples=120, deadline=None)
@given(tables(), st.sampled_from([(0.0, 0.0), (0.1, 0.0), (0.0, 0.1)]), st.sampled_from([-1, 10**6]))
@example((["int", "float"], 1, [(1, 1.0), (1, 2.0)], [(1, 1.05), (1, 9.0)]), (0.1, 0.0), -1)
def test_counts_are_those_of_the_oracle(shape, tolerance, small):
    # Both ways of finding the rows: by value at once, and narrowed by hashes first.
    narrow.SMALL = small
    kinds, keys, base, candidate = shape
    names = [f"{kind} {i}" for i, kind in enumerate(kinds)]
    con = ibis.duckdb.connect()
    loaded = [
        con.create_table(
            name, pa.table({n: pa.array([row[i] for row in rows], CHOICES[kinds[i]][0]) for i, n in enumerate(names)})
        )
        for name, rows in (("base", base), ("candidate", candidate))
    ]
    found = diff(*loaded, key=names[:keys], abs_tol=tolerance[0], rel_tol=tolerance[1], samples=100)
    added, removed, changed, by_column = oracle(base, candidate, keys, *tolerance)
    assert (found.rows.added, found.rows.removed, found.rows.changed) == (added, removed, changed)
    assert {name: column.changed for name, column in found.columns.items()} == {names[i]: n for i, n in by_column.items()}
    assert (len(found.samples.added), len(found.samples.removed), len(found.samples.changed)) == (added, removed, changed)
    assert found.rows.base == len(base)
    assert found.rows.candidate == len(candidate)
    assert found.identical == (not (added or removed or changed))
    again = diff(*loaded, key=names[:keys], abs_tol=tolerance[0], rel_tol=tolerance[1], samples=100)
    assert json.dumps(found.to_json()) == json.dumps(again.to_json())


@settings(max_examples=40, deadline=None)
@given(tables())
def test_the_other_way_round_swaps_added_and_removed(shape):
    kinds, keys, base, candidate = shape
    names = [f"c{i}" for i in range(len(kinds))]
    con = ibis.duckdb.connect()
    one, other = (
        con.create_table(
            name, pa.table({n: pa.array([row[i] for row in rows], CHOICES[kinds[i]][0]) for i, n in enumerate(names)})
        )
        for name, rows in (("one", base), ("other", candidate))
    )
    there, back = diff(one, other, key=names[:keys]), diff(other, one, key=names[:keys])
    assert (there.rows.added, there.rows.removed, there.rows.changed) == (back.rows.removed, back.rows.added, back.rows.changed)
    assert there.columns == back.columns
    assert diff(one, one, key=names[:keys]).identical
