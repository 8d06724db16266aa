"""A contract survives being written down, and a file that is none says so."""

from __future__ import annotations

import datetime as dt

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from workbench.catalog.contract import Column, Contract, from_yaml, read_contract, to_yaml
from workbench.errors import ConfigError
from workbench.model import Check, Input, Parameter
from workbench.runtime import checks

FULL = Contract(
    pipeline="late_departures",
    version=3,
    doc="Share of late departures: per day and origin.\n\nSecond paragraph, with 'quotes' and: colons.",
    columns=(
        Column("day", "date", True, "local day"),
        Column("origin", "string", True),
        Column("rate", "float64", False, "0..1", "share"),
        Column("paid", "decimal(10, 2)"),
        Column("tags", "array<string>"),
        Column("straße; drop", "int64"),
    ),
    key=("origin", "day"),
    partition_by="day",
    checks=(
        checks.not_null("day", "origin"),
        checks.unique("origin"),
        checks.between("rate", 0, 1),
        checks.between("day", dt.date(2013, 1, 1), dt.date(2014, 1, 1)),
        checks.one_of("origin", ["JFK", "no", "007"]),
        checks.matches("origin", "^[A-Z]{3}$"),
        checks.holds("(_.paid >= 0) | _.paid.isnull()", on_failure="quarantine"),
        checks.references("origin", "airports", "faa"),
        checks.fresh("day", "2d"),
        checks.row_count(at_least=1),
        checks.row_count(at_least=1, at_most=10),
    ),
    parameters=(
        Parameter("min_delay", "int", 0, ge=0, le=240, doc="minutes"),
        Parameter("since", "date", dt.date(2013, 1, 1)),
        Parameter("carrier", "str", "no", choices=("no", "UA")),
        Parameter("strict", "bool", False),
    ),
    inputs=(Input("flights", "flights", "source", ("dep_delay",)), Input("other", "departures", "pipeline")),
)


def test_a_contract_read_back_is_the_same_contract():
    assert from_yaml(to_yaml(FULL)) == FULL


def test_the_document_follows_the_standard():
    document = yaml.safe_load(to_yaml(FULL))
    assert (document["apiVersion"], document["kind"]) == ("v3.1.0", "DataContract")
    types = {p["name"]: p["logicalType"] for p in document["schema"][0]["properties"]}
    assert types == {
        "day": "date",
        "origin": "string",
        "rate": "number",
        "paid": "number",
        "tags": "array",
        "straße; drop": "integer",
    }


text = st.text(max_size=20)


@given(
    st.lists(
        st.builds(
            Column, st.text(min_size=1, max_size=20), st.sampled_from(["int64", "string", "float64"]), st.booleans(), text
        ),
        unique_by=lambda c: c.name,
    ),
    text,
)
def test_any_text_survives(columns, doc):
    contract = Contract("p", 1, tuple(columns), doc=doc, checks=(Check("one_of", ("x",), {"values": [doc]}),))
    assert from_yaml(to_yaml(contract)) == contract


@pytest.mark.parametrize(
    "content", ["", "[]", "schema: 3", "{", "name: x\nschema: [{}]", "!!python/object/apply:os.system ['true']"]
)
def test_a_file_that_is_no_contract_is_named(tmp_path, content):
    (tmp_path / "contract.yaml").write_text(content)
    with pytest.raises(ConfigError, match=r"contract\.yaml"):
        read_contract(tmp_path)


def test_a_missing_contract_is_named(tmp_path):
    with pytest.raises(ConfigError, match="is missing"):
        read_contract(tmp_path)
