"""Masks on values and types that few tables have: nothing fails, no type becomes another, nothing stays in clear."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import duckdb
import pytest

from tests.sandbox.conftest import Place
from workbench.errors import ConfigError, UsageError
from workbench.sandbox import mask
from workbench.sandbox.create import recreate
from workbench.sandbox.parity import judge


def masked(rule: str, kind: str, value: str) -> tuple[Any, str]:
    with duckdb.connect() as con:
        con.execute(f"CREATE TABLE s AS SELECT CAST({value} AS {kind}) AS v")
        query = mask.value_sql(rule, "v", kind, "'ada'", "x")
        mask.run(con, f"CREATE TABLE o AS SELECT {query} AS v FROM s", mask.Key(b"k" * 16, lasting=True), {"x": "d"})
        con.execute("SET python_enable_replacements = false")
        value, found = con.execute("SELECT CAST(v AS VARCHAR), typeof(v) FROM o").fetchall()[0]
        return value, found


@pytest.mark.parametrize(
    ("rule", "kind", "value", "least", "most"),
    [
        ("noise:5%", "DECIMAL(9,2)", "0.40", "0.38", "0.42"),
        ("noise:5%", "DECIMAL(9,2)", "9999999.99", "9499999.99", "9999999.99"),
        *(("noise:5%", "TINYINT", sign + "127", low, high) for sign, low, high in (("", "120", "127"), ("-", "-128", "-120"))),
        ("generalise:100", "TINYINT", "-127", "-100", "-100"),
        ("generalise:10", "DECIMAL(9,2)", "-9999999.99", "-9999990", "-9999990"),
    ],
)
def test_numbers_at_the_ends_of_their_type_stay_within_it(rule: str, kind: str, value: str, least: str, most: str) -> None:
    found, its = masked(rule, kind, value)
    assert its == kind
    assert Decimal(least) <= Decimal(found) <= Decimal(most)


@pytest.mark.parametrize("kind", ["DATE", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE", "TIMESTAMP_NS"])
@pytest.mark.parametrize("rule", ["generalise:month", "shift_dates:30"])
def test_infinite_moments_stay_and_those_too_far_off_are_no_more(rule: str, kind: str) -> None:
    assert masked(rule, kind, "'-infinity'") == ("-infinity", kind)
    if kind == "DATE":
        assert masked(rule, kind, "'5881580-07-10'") == (None, kind)


@pytest.mark.parametrize("kind", ["VARCHAR[]", "ENUM('a')[]", "DECIMAL(9,2)[]", "TIMESTAMP[]"])
def test_lists_are_redacted_as_a_whole_and_nothing_else(kind: str) -> None:
    assert masked("redact", kind, "[]") == (None, kind)
    for rule in ("generalise:1", "generalise:month", "noise:5%", "shift_dates:3"):
        with pytest.raises(ConfigError, match="does not fit"):
            masked(rule, kind, "[]")


def test_a_masked_enum_is_text_and_can_be_compared_and_refreshed(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(mask.KEY_VARIABLE, "a key of at least sixteen bytes")
    file = place.root / "raw" / "crm.duckdb"
    with duckdb.connect(str(file)) as con:
        con.execute("CREATE TABLE people (id INTEGER, who ENUM('ada', 'bob'), level ENUM('low', 'high'))")
        con.execute("INSERT INTO people SELECT i, ['ada', 'bob'][i % 2 + 1], 'low' FROM range(400) r(i)")
    place.table("visits", "SELECT i AS id, i AS person FROM range(400) r(i)")
    place.settings(
        '[tool.workbench.sources.people]\nread = "duckdb:raw/crm.duckdb#main.people"\nkey = ["id"]\nsample = "anchor"\n'
        'mask = { who = "token" }\n'
        '[tool.workbench.sources.visits]\nread = "raw/visits.parquet"\nkey = ["id"]\nsample = "whole"\n'
    )
    info = place.make("50%")
    assert place.query(info, "SELECT DISTINCT typeof(who), typeof(level) FROM people") == [("VARCHAR", "ENUM('low', 'high')")]
    assert "ada" not in info.path.read_bytes().decode("latin-1")
    assert {each.column for each in judge(place.workspace, info, 0.05).columns} >= {"who", "level"}
    with duckdb.connect(str(file)) as con:
        con.execute("INSERT INTO people VALUES (400, 'ada', 'high')")
    info = recreate(place.workspace, info, "ada", reuse=True)
    assert info.copied == ("visits",)
    with duckdb.connect(str(file)) as con:
        con.execute("ALTER TABLE people ALTER level TYPE VARCHAR[] USING [level]")
    with pytest.raises(UsageError, match=r"level was ENUM\(…\), is VARCHAR\[\]"):
        judge(place.workspace, info, 0.05)
