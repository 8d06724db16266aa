"""What is proved on numbers is what SQL says."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from workbench.config import Source
from workbench.errors import ConfigError
from workbench.sandbox import survey
from workbench.sandbox.graph import Link
from workbench.sandbox.production import Production

INTEGERS = st.one_of(st.integers(-3, 12), st.integers(-(1 << 30), 1 << 30), st.sampled_from([-(1 << 63), (1 << 63) - 1, 0]))
ROWS = st.lists(st.tuples(st.one_of(st.none(), INTEGERS), st.one_of(st.none(), st.integers(0, 4))), max_size=30)
QUICK = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@contextmanager
def tables(**rows: list[tuple[Any, ...]]) -> Iterator[Production]:
    """Tables with a wide column ``a`` and a narrow one ``b``."""
    with duckdb.connect() as con:
        for name, values in rows.items():
            con.execute(f"CREATE TABLE {name} (a BIGINT, b SMALLINT)")
            if values:
                con.executemany(f"INSERT INTO {name} VALUES (?, ?)", values)
        types = {name: {"a": "BIGINT", "b": "SMALLINT"} for name in rows}
        counts = {name: len(values) for name, values in rows.items()}
        yield Production(con, {name: f"(FROM {name})" for name in rows}, types, counts, dict.fromkeys(rows, 0), {})


@pytest.fixture(params=[1 << 27, 40, 0], ids=["flags", "either", "slots"])
def dense(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """How far numbers may lie apart to have a flag each."""
    monkeypatch.setattr(survey, "DENSE", request.param)
    return int(request.param)


@QUICK
@given(parents=ROWS, children=ROWS, columns=st.sampled_from([("a",), ("b",), ("a", "b"), ("b", "a")]))
@example(parents=[(None, 0), (0, None)], children=[], columns=("a", "b"))
@example(parents=[(None, 0), (0, None)], children=[(0, 0)], columns=("a", "b"))
def test_complete_references_are_those_that_no_join_finds_lost(
    dense: int, parents: list[Any], children: list[Any], columns: tuple[str, ...]
) -> None:
    with tables(parent=parents, child=children) as production:
        on = " AND ".join(f"c.{column} = p.{column}" for column in columns)
        filled = " AND ".join(f"c.{column} IS NOT NULL" for column in columns)
        lost = production.ask(f"SELECT count(*) FROM child c ANTI JOIN parent p ON {on} WHERE {filled}")[0][0]
        found = survey.complete(production, Link("child", columns, "parent", columns))
        if found is not None:
            assert lost == 0
            assert found == production.ask(f"SELECT count(*) FROM child c WHERE {filled}")[0][0]


def test_sound_references_are_proved(dense: int) -> None:
    rows = [(7 * number - 40, number % 3) for number in range(50)]
    with tables(parent=rows, child=[*rows[::2], *rows[::3], (None, 1), (3, None)]) as production:
        assert survey.complete(production, Link("child", ("a", "b"), "parent", ("a", "b"))) == 42
        assert survey.complete(production, Link("parent", ("b",), "child", ("b",))) == 50


@QUICK
@given(rows=ROWS, key=st.sampled_from([["a"], ["b"], ["a", "b"]]))
def test_keys_are_refused_when_grouping_finds_one_twice(dense: int, rows: list[Any], key: list[str]) -> None:
    with tables(t=rows) as production:
        filled = " AND ".join(f"{column} IS NOT NULL" for column in key)
        twice = production.ask(
            f"SELECT count(*), coalesce(sum(n), 0)::BIGINT FROM (SELECT count(*) AS n FROM t WHERE {filled} "
            f"GROUP BY {', '.join(key)} HAVING count(*) > 1)"
        )[0]
        sources = {"t": Source(read="-", key=key)}
        if twice[0]:
            with pytest.raises(ConfigError, match=rf"not unique: {twice[0]:,} values are on {twice[1]:,} rows"):
                survey.check_keys(sources, production, lambda _: None)
        else:
            survey.check_keys(sources, production, lambda _: None)


def test_a_key_is_read_once_to_be_checked_and_referred_to(dense: int) -> None:
    with tables(parent=[(1, 1), (2, 1)], child=[(1, 0), (2, 0), (None, 0)]) as production:
        survey.check_keys({"parent": Source(read="-", key=["a"])}, production, lambda _: None)
        production.con.execute("DROP TABLE parent")
        assert survey.complete(production, Link("child", ("a",), "parent", ("a",))) == 2


def test_references_to_a_range_without_gaps_are_proved_by_its_ends_alone(dense: int) -> None:
    children = [(1, 0), (2, 0), (2, 0), (None, 0)]
    with tables(parent=[(2, 1), (1, 1), (3, 1), (None, 1)], child=children, beyond=[*children, (4, 0)]) as production:
        survey.check_keys({"parent": Source(read="-", key=["a"])}, production, lambda _: None)
        assert survey._numbered(production, "parent", ("a",)).full
        assert survey.complete(production, Link("child", ("a",), "parent", ("a",))) == 3
        assert survey.complete(production, Link("beyond", ("a",), "parent", ("a",))) is None


def test_columns_that_are_no_integers_are_left_to_sql() -> None:
    with tables(parent=[(1, 1)], child=[(1, 1)]) as production:
        production.columns["child"]["a"] = "DOUBLE"
        assert survey.complete(production, Link("child", ("a",), "parent", ("a",))) is None
