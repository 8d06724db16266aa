"""The run notebook of a version: deterministic, valid, and readable as the record of a run."""

from __future__ import annotations

import ast
import datetime as dt
import string

import nbformat
from hypothesis import given
from hypothesis import strategies as st

from workbench.catalog.contract import Column, Contract
from workbench.model import Check, Input, Parameter
from workbench.promote.run_notebook import build, literal

CONTRACT = Contract(
    pipeline="late_departures",
    version=3,
    doc="Share of late departures | per day.",
    columns=(Column("day", "date", True), Column("origin", "string", True)),
    key=("day", "origin"),
    partition_by="day",
    checks=(Check("matches", ("origin",), {"pattern": "^A|B$"}),),
    parameters=(
        Parameter("min_delay", "int", 15, ge=0, le=240, doc="minutes\nof delay"),
        Parameter("since", "date", dt.date(2013, 1, 1)),
        Parameter("inputs", "str", "x", choices=("x", "y")),
    ),
    inputs=(Input("flights", "flights", "source", ("dep_delay",)), Input("late", "late_hours", "pipeline")),
)


def cells(contract=CONTRACT):
    return {cell.id: cell for cell in nbformat.reads(build(contract), 4).cells}


def test_equal_contracts_give_equal_bytes():
    assert build(CONTRACT) == build(CONTRACT)


def test_the_notebook_is_valid_and_names_its_kernel():
    made = nbformat.reads(build(CONTRACT), 4)
    nbformat.validate(made)
    assert made.metadata.kernelspec.name == "python3"
    assert made.metadata.workbench == {"pipeline": "late_departures", "version": 3}


def test_the_parameters_cell_has_typed_defaults():
    found = cells()["parameters"]
    assert found.metadata.tags == ["parameters"]
    assert found.source.splitlines()[4:] == [
        "min_delay: int = 15  # an int from 0 to 240. minutes of delay",
        "since: str = '2013-01-01'  # a date",
        "inputs_: str = 'x'  # one of 'x', 'y'",
    ]


def test_the_version_is_called_once_with_its_inputs_and_parameters():
    source = cells()["compute"].source
    assert "from promoted.late_departures.v3 import late_departures\n" in source
    calls = [
        node
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "late_departures"
    ]
    assert [ast.unparse(call) for call in calls] == [
        "late_departures(inputs['flights'], inputs['late'], min_delay=job.value('min_delay', min_delay), "
        "since=job.value('since', since), inputs=job.value('inputs', inputs_))"
    ]


def test_the_title_says_what_a_reader_wants_to_know():
    title = cells()["title"].source
    assert title.startswith("# late_departures@3\n\nShare of late departures")
    assert "| one row per | `day`, `origin` |" in title
    assert "source `flights`, pipeline `late_hours`" in title
    assert "^A\\|B$" in title


def test_every_code_cell_compiles():
    for cell in cells().values():
        if cell.cell_type == "code":
            compile(cell.source, cell.id, "exec")


@given(st.text(), st.text(), st.sampled_from(["int", "float", "str", "date"]), st.data())
def test_no_text_of_a_contract_becomes_code(doc, about, kind, data):
    values = {
        "int": st.integers(),
        "float": st.floats(allow_nan=False),
        "str": st.text(),
        "date": st.dates(),
    }
    default = data.draw(values[kind])
    contract = Contract("p", 1, (), doc=doc, parameters=(Parameter("n", kind, default, doc=about),))
    tree = ast.parse(cells(contract)["parameters"].source)
    assert [type(node) for node in tree.body] == [ast.AnnAssign] * 5
    assert eval(literal(default), {"__builtins__": {"float": float}}) == (default.isoformat() if kind == "date" else default)


@given(st.text(alphabet=string.ascii_lowercase, min_size=1, max_size=5))
def test_text_after_a_comment_mark_stays_on_its_line(name):
    contract = Contract(
        "p", 1, (), parameters=(Parameter("n", "str", "", doc=f"{name}\r\nimport os\x0cimport sys\u2028import re"),)
    )
    assert len(ast.parse(cells(contract)["parameters"].source).body) == 5
