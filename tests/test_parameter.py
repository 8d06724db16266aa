"""Texts of a command line become what the contract says, never what they look like."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.catalog.contract import Contract, from_yaml, to_yaml
from workbench.errors import UsageError
from workbench.parameter import Parameter, encode

VALUES = {
    "int": st.integers(-(10**12), 10**12),
    "float": st.floats(allow_nan=False),
    "bool": st.booleans(),
    "str": st.text(st.characters(exclude_categories=("Cs",)), max_size=20),
    "date": st.dates(),
    "time": st.times(),
    "datetime": st.datetimes(),
    "decimal": st.decimals(allow_nan=False, allow_infinity=False),
}
KINDS = [*VALUES, *(f"list[{kind}]" for kind in VALUES)]


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("str", "007", "007"),
        ("str", "no", "no"),
        ("str", "12:30:00", "12:30:00"),
        ("str", "null", "null"),
        ("int", "007", 7),
        ("float", "1e3", 1000.0),
        ("bool", "FALSE", False),
        ("time", "12:30:00", dt.time(12, 30)),
        ("date", "2024-02-29", dt.date(2024, 2, 29)),
        ("datetime", "2024-02-29T01:02:03+02:00", dt.datetime(2024, 2, 29, 1, 2, 3, tzinfo=dt.timezone(dt.timedelta(hours=2)))),
        ("decimal", "1.10", Decimal("1.10")),
        ("list[str]", '007,no,"a,b"', ["007", "no", "a,b"]),
        ("list[str]", "", []),
        ("list[int]", "[1, 2]", [1, 2]),
        ("list[decimal]", "[1.10, 2]", [Decimal("1.10"), Decimal(2)]),
        ("list[bool]", "[true, false]", [True, False]),
    ],
)
def test_a_text_is_read_by_the_declared_type(kind, text, value):
    found = Parameter("p", kind, None).parse(text)
    assert found == value
    assert type(found) is type(value)
    assert encode(found) == encode(value)


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("bool", "no"),
        ("bool", "1"),
        ("int", "1.0"),
        ("int", "1_000"),
        ("int", "١"),
        ("float", "nan"),
        ("float", "1_0"),
        ("time", "45000"),
        ("date", "29.02.2024"),
        ("decimal", "Infinity"),
        ("list[int]", "1,x"),
        ("list[int]", "[[1]]"),
        ("list[str]", '"open'),
    ],
)
def test_what_is_no_value_of_the_type_is_refused_with_what_would_be(kind, text):
    with pytest.raises(UsageError, match="parameter p") as refused:
        Parameter("p", kind, None).parse(text)
    assert refused.value.hint.startswith("give p ")


def test_bounds_and_choices_hold_for_each_item_of_a_list():
    few = Parameter("p", "list[int]", [1], ge=0, le=3)
    assert few.parse("0,3") == [0, 3]
    with pytest.raises(UsageError, match="above its highest value 3"):
        few.parse("1,4")
    with pytest.raises(UsageError, match="none of its choices"):
        Parameter("p", "list[str]", [], choices=("a", "b")).parse("a,c")
    with pytest.raises(UsageError, match="can't be compared"):
        Parameter("p", "datetime", None, ge=dt.datetime(2024, 1, 1)).parse("2024-01-01T00:00Z")


def test_who_writes_no_for_a_bool_is_told_the_two_words():
    with pytest.raises(UsageError) as refused:
        Parameter("p", "bool", False).parse("no")
    assert refused.value.hint == "give p true or false"


@pytest.mark.parametrize("kind", KINDS)
def test_a_value_survives_json_and_the_contract(kind):
    inner = VALUES[kind.removeprefix("list[").removesuffix("]")]

    @given(st.lists(inner, max_size=3) if kind.startswith("list") else inner)
    def survives(value):
        parameter = Parameter("p", kind, value)
        assert parameter.check(parameter.decode(encode(value))) == value
        contract = Contract("daily", 1, (), parameters=(parameter,))
        assert from_yaml(to_yaml(contract)) == contract

    survives()
