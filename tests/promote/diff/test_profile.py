"""Distributions of changed columns: Kolmogorov-Smirnov exactly, PSI over the base's deciles, whatever stands in them."""

from __future__ import annotations

import math
from bisect import bisect_right

import ibis
import pyarrow as pa
import pyarrow.parquet as parquet
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from workbench.promote.diff import diff, flow
from workbench.promote.diff.files import open_table
from workbench.promote.diff.session import Session

FLOATS = st.one_of(st.none(), st.sampled_from([math.nan, math.inf, -math.inf, 0.0, -0.0]), st.integers(-6, 6).map(float))


def distance(base, candidate):
    """The textbook definition, over every value of either side."""
    ours, theirs = (sorted(v for v in side if v is not None and v == v) for side in (base, candidate))
    shares = [bisect_right(ours, v) / len(ours) - bisect_right(theirs, v) / len(theirs) for v in (*ours, *theirs)]
    return max(map(abs, shares))


def found(base, candidate, kind=None):
    con = ibis.duckdb.connect()
    tables = [
        con.create_table(name, pa.table({"id": pa.array(range(len(side)), pa.int64()), "v": pa.array(side, kind)}))
        for name, side in (("base", base), ("candidate", candidate))
    ]
    return diff(*tables, key=["id"]).distributions.get("v", {})


@settings(max_examples=30, deadline=None)
@given(st.lists(FLOATS, min_size=1, max_size=30), st.lists(FLOATS, min_size=1, max_size=30))
@example([1.0, 2.0, math.inf], [1.0, math.nan, None])
def test_ks_is_that_of_the_textbook(base, candidate):
    profile = found(base, candidate, pa.float64())
    if "ks" in profile:
        assert profile["ks"] == round(distance(base, candidate), 6)


def test_ks_sees_what_lies_within_one_bin():
    # All of the base lies in one decile bin, and the candidate moves within it.
    profile = found([5.0] * 50 + [9.0], [4.0] * 50 + [9.0])
    assert profile["ks"] == round(50 / 51, 6)


def test_ks_tells_integers_beyond_the_digits_of_a_float_apart():
    assert found([2**53] * 4, [2**53 + 1] * 4)["ks"] == 1.0


@pytest.mark.parametrize("candidate", [[None, None], [math.nan, math.inf]])
def test_sides_without_finite_values_have_no_drift(candidate):
    profile = found([1.0, 2.0], candidate, pa.float64())
    assert profile["kind"] == "number"
    assert "psi" not in profile


@pytest.mark.parametrize("name", ["v", "x", "b", "c", "t"])
def test_the_name_of_a_column_is_nothing_to_its_distribution(name):
    values = [1.0, 2.0, math.inf, math.nan, None]
    base = ibis.memtable(pa.table({"id": range(5), name: values}))
    candidate = ibis.memtable(pa.table({"id": range(5), name: [5.0, *values[1:]]}))
    profile = diff(base, candidate, key=["id"]).distributions[name]
    assert (profile["base"]["min"], profile["base"]["max"], profile["base"]["not_finite"]) == (1.0, 2.0, 2)
    huge = (pa.table({"id": [1, 2], name: pa.array([sign * (10**38 - 1), 5], pa.decimal128(38))}) for sign in (1, -1))
    assert diff(*map(ibis.memtable, huge), key=["id"]).distributions[name]["base"]["max"] == 1e38


def test_psi_is_zero_for_equal_distributions_in_other_rows():
    profile = found([float(i) for i in range(40)], [float(39 - i) for i in range(40)])
    assert (profile["psi"], profile["ks"]) == (0.0, 0.0)


def test_many_columns_of_a_file_are_described_from_one_copy(tmp_path, monkeypatch):
    con, read = ibis.duckdb.connect(), []
    for name, step in (("base", 1), ("candidate", 2)):
        columns = {f"v{i}": [i, i * step, None] for i in range(1, 21)}
        parquet.write_table(pa.table({"id": [1, 2, 3], **columns}), tmp_path / f"{name}.parquet")
    sides = [open_table(con, str(tmp_path / f"{name}.parquet"), name) for name in ("base", "candidate")]
    rows = Session.rows
    monkeypatch.setattr(Session, "rows", lambda self, sql, values=None: read.append(sql) or rows(self, sql, values))
    copied = diff(*sides, key=["id"]).distributions
    assert len(copied) == 20
    assert not [sql for sql in read if "quantile_disc" in sql and '"candidate"' in sql]
    monkeypatch.setattr(flow, "_VALUES", 0)
    assert diff(*sides, key=["id"]).distributions == copied
    assert [sql for sql in read if "quantile_disc" in sql and '"candidate"' in sql]
    con.disconnect()
