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
    "floats": (
        pa.list_(pa.float64()),
        st.sampled_from([None, [], [None], [math.nan], [-0.0], [0.0], [1.0], [1.05], [math.inf, 1.0]]),
    ),
    "struct": (
        pa.struct([("x", pa.float64()), ("it's", pa.list_(pa.string()))]),
        st.none()
        | st.fixed_dictionaries({"x": FLOATS, "it's": st.sampled_from([None, [], [None], ["a, b"], ["a", "b"], ["}"]])}),
    ),
    "map": (
        pa.map_(pa.string(), pa.int64()),
        st.none()
        | st.permutations([("a", 1), ("b", None), ("", 2**53 + 1)]).flatmap(lambda all: st.sampled_from([all, all[:1], []])),
    ),
    "list of structs": (
        pa.list_(pa.struct([("x", pa.int64())])),
        st.sampled_from([None, [], [None], [{"x": None}], [{"x": 1}], [{"x": 1}, {"x": 2}], [{"x": 2}, {"x": 1}]]),
    ),
}
NESTED = sorted(set(CHOICES) - {"int", "float", "text", "bool"})
# Names that a careless tool trips over, none of them another one in upper or lower case.
NAMES = [
    "id", 'a"b', "c';--", "in_a", "x__y", "select", "ünï 日本", "%s{}?$1", "a\nb", "k", "c0", "b0", "x1", "h", "n", "kind",
    "file_row_number", "base", "count", "e0", ".", " ", "Rank",
]  # fmt: skip


def token(value):
    """Equal tokens for values that are the same."""
    if isinstance(value, float):
        return "nan" if value != value else value + 0.0
    if isinstance(value, dict):
        return tuple(token(value[field]) for field in sorted(value, reverse=True))  # as the types above name them
    if isinstance(value, list):
        pairs = value and all(isinstance(item, tuple) for item in value)  # of a map, whose order is none
        return tuple(token(item) for item in (sorted(value) if pairs else value))
    return tuple(token(item) for item in value) if isinstance(value, tuple) else value


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
    kinds = draw(
        st.lists(st.sampled_from(sorted(set(CHOICES) - set(NESTED))) | st.sampled_from(NESTED), min_size=1, max_size=4)
    )
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
    names = draw(st.lists(st.sampled_from(NAMES), min_size=len(kinds), max_size=len(kinds), unique=True))
    return dict(zip(names, kinds, strict=True)), keys, base, draw(st.permutations(candidate))


def loaded(con, kinds, **tables):
    """Tables of Arrow data in a session, whatever was there before."""
    for name, rows in tables.items():
        columns = [pa.array([row[i] for row in rows], CHOICES[kind][0]) for i, kind in enumerate(kinds.values())]
        con.con.register("rows", pa.table(columns, names=list(kinds)))
        con.raw_sql(f"CREATE OR REPLACE TABLE {name} AS FROM rows")
        con.con.unregister("rows")
    return [con.table(name) for name in tables]


@pytest.fixture(scope="module")
def con():
    con = ibis.duckdb.connect(threads=1)
    yield con
    con.disconnect()


@pytest.fixture(autouse=True)
def _small(monkeypatch):
    monkeypatch.setattr(narrow, "SMALL", narrow.SMALL)


@settings(max_examples=150, deadline=None)
@given(shape=tables(), tolerance=st.sampled_from([(0.0, 0.0), (0.1, 0.0), (0.0, 0.1)]), small=st.sampled_from([-1, 10**6]))
@example(({"e0": "bool", "id": "map"}, 1, [(True, [("a", 1)])], [(True, [("a", 2)])]), (0.0, 0.0), -1)
@example(({"i": "int", "f": "float"}, 1, [(1, 1.0), (1, 2.0)], [(1, 1.05), (1, 9.0)]), (0.1, 0.0), -1)
@example(({"k": "float", "v": "float"}, 1, [(math.nan, 1.0), (-0.0, 2.0)], [(0.0, 2.0), (math.nan, 9.0)]), (0.0, 0.0), -1)
def test_counts_are_those_of_the_oracle(con, shape, tolerance, small):
    # Both ways of finding the rows: by value at once, and narrowed by hashes first.
    narrow.SMALL = small
    kinds, keys, base, candidate = shape
    names = list(kinds)
    sides = loaded(con, kinds, base=base, candidate=candidate)
    found = diff(*sides, key=names[:keys], abs_tol=tolerance[0], rel_tol=tolerance[1], samples=100)
    added, removed, changed, by_column = oracle(base, candidate, keys, *tolerance)
    assert (found.rows.added, found.rows.removed, found.rows.changed) == (added, removed, changed)
    assert {name: column.changed for name, column in found.columns.items()} == {names[i]: n for i, n in by_column.items()}
    assert (len(found.samples.added), len(found.samples.removed), len(found.samples.changed)) == (added, removed, changed)
    assert found.rows.base == len(base)
    assert found.rows.candidate == len(candidate)
    assert found.identical == (not (added or removed or changed))
    again = diff(*sides, key=names[:keys], abs_tol=tolerance[0], rel_tol=tolerance[1], samples=100)
    assert json.dumps(found.to_json()) == json.dumps(again.to_json())


@settings(max_examples=40, deadline=None)
@given(shape=tables())
def test_the_other_way_round_swaps_added_and_removed(con, shape):
    kinds, keys, base, candidate = shape
    names = list(kinds)
    one, other = loaded(con, kinds, one=base, other=candidate)
    there, back = diff(one, other, key=names[:keys]), diff(other, one, key=names[:keys])
    assert (there.rows.added, there.rows.removed, there.rows.changed) == (back.rows.removed, back.rows.added, back.rows.changed)
    assert there.columns == back.columns
    assert diff(one, one, key=names[:keys]).identical
