"""A module is proved equal to its notebook by running both, and whatever differs is named with its first row."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest

from workbench.errors import InfrastructureError
from workbench.model import Parameter
from workbench.promote.equality import prove, settings
from workbench.promote.module import build_module
from workbench.promote.notebook import read_notebook
from workbench.promote.slice import slice_notebook
from workbench.sandbox.confine import offered


def test_settings_begin_with_the_defaults_and_try_ends_middle_and_choices():
    parameters = [Parameter("n", "int", 15, ge=0, le=240), Parameter("c", "str", "all", choices=("all", "UA"))]
    tried = settings(parameters)
    assert tried[0] == {"n": 15, "c": "all"}
    assert {setting["n"] for setting in tried} == {15, 0, 120, 240}
    assert {setting["c"] for setting in tried} == {"all", "UA"}
    assert len(tried) == 8


def test_many_parameters_are_tried_in_pairs_and_at_most_25_times():
    parameters = [Parameter(f"p{i}", "int", 5, ge=0, le=10) for i in range(4)]
    tried = settings(parameters)
    assert len(tried) <= 25
    pairs = {(setting["p0"], setting["p3"]) for setting in tried}
    assert len(pairs) == 9


@pytest.mark.parametrize(
    ("parameter", "values"),
    [
        (Parameter("x", "bool", True), [True, False]),
        (Parameter("x", "str", "a"), ["a", "", "ax"]),
        (Parameter("x", "date", dt.date(2024, 2, 29)), [dt.date(2024, 2, 29), dt.date(2024, 2, 28), dt.date(2024, 3, 1)]),
        (Parameter("x", "int", 3), [3, 4, 2]),
        (Parameter("x", "float", 0.5, ge=0.0, le=1.0), [0.5, 0.0, 1.0]),
        (Parameter("x", "int", 0, ge=0), [0]),
    ],
)
def test_each_type_is_tried_where_it_is_likely_to_behave_otherwise(parameter, values):
    assert [setting["x"] for setting in settings([parameter])][: len(values)] == values


NOTEBOOK = """
import marimo
app = marimo.App()

with app.setup:
    import marimo as mo
    import ibis
    import workbench as wb

@app.cell
def _():
    orders = wb.source("orders")
    least = wb.param("least", 2, ge=0, le=4)
    region = mo.ui.dropdown(["north", "south"], value="north")
    return

@app.cell
def _():
{body}
    return
"""


@pytest.fixture
def proved(tmp_path: Path):
    """Prove a notebook with one cell of logic; the module's text may be tampered with."""

    def run(body: str, tamper=lambda text: text, *, timeout: float = 120.0):
        sandbox = tmp_path / "sandbox.duckdb"
        with duckdb.connect(str(sandbox)) as con:
            con.execute("CREATE TABLE orders AS SELECT i AS id, i % 5 AS amount, 'c' || i AS name FROM range(10) r(i)")
        (tmp_path / "pyproject.toml").write_text("[tool.workbench]\n")
        file = tmp_path / "notebooks" / "n.py"
        file.parent.mkdir()
        file.write_text(NOTEBOOK.format(body="\n".join("    " + line for line in body.splitlines())))
        notebook = read_notebook(file)
        slicing = slice_notebook(notebook, {"orders"})
        assert not slicing.refusals
        (cut,) = slicing.slices
        module = build_module(cut, notebook)
        module = replace(module, text=tamper(module.text))
        return prove(notebook, [cut], [module], root=tmp_path, sandbox=sandbox, timeout=timeout)[cut.mark.name]

    return run


def test_a_widget_and_a_parameter_are_both_tried_at_other_values(proved):
    equality = proved(
        "kept = orders.filter(ibis._.amount >= least.value).mutate(region=ibis.literal(region.value))\n"
        'wb.output("kept", kept, key=["id"])'
    )
    assert equality.verdict == "equal"
    assert {check.parameters["region"] for check in equality.checked} == {"north", "south"}
    assert {check.parameters["least"] for check in equality.checked} == {0, 2, 4}
    assert {check.how for check in equality.checked} == {"structure"}


def test_what_can_t_be_compared_as_expressions_is_compared_by_data(proved):
    body = 'few = ibis.memtable({"amount": [1, 2]})\nwb.output("kept", orders.semi_join(few, "amount"), key=["id"])'
    equality = proved(body)
    assert equality.verdict == "equal"
    assert equality.checked[0].how == "data"
    assert equality.checked[0].rows == 4


def test_a_module_that_computes_something_else_is_different_and_the_first_row_is_named(proved):
    body = 'wb.output("kept", orders.mutate(twice=ibis._.amount * least.value), key=["id"])'
    equality = proved(body, lambda text: text.replace("* least", "* 2"))
    assert equality.verdict == "different"
    assert "least=" in equality.why
    different = next(check for check in equality.checked if check.verdict == "different")
    assert "twice" in str(different.difference)


def test_rows_that_tie_at_a_limit_are_named_as_the_cause(proved):
    equality = proved(
        'wb.output("kept", orders.order_by("amount").limit(3), key=["id"])',
        lambda text: text.replace('order_by("amount")', 'order_by("amount", ibis.desc("id"))'),  # as another run may break ties
    )
    assert equality.verdict == "different"
    assert "unless an order_by tells all rows apart" in equality.why


def test_a_difference_without_a_limit_is_no_matter_of_ties(proved):
    equality = proved('wb.output("kept", orders, key=["id"])', lambda text: text.replace("return orders", "return orders[:5]"))
    assert equality.verdict == "different"
    assert "order_by" not in equality.why


def test_a_module_that_fails_is_different(proved):
    equality = proved('wb.output("kept", orders)', lambda text: text.replace("return orders", "return orders.nothing"))
    assert equality.verdict == "different"
    assert "nothing" in equality.why


def test_a_notebook_that_fails_at_its_defaults_is_not_proved(proved):
    equality = proved('wb.output("kept", orders.select("missing"))')
    assert equality.verdict == "not proved"
    assert "missing" in equality.why


def test_a_guard_that_stops_both_at_some_value_counts_as_equal_there(proved):
    body = (
        'wb.require(least.value > 0, "least must be above 0")\nwb.output("kept", orders.filter(ibis._.amount >= least.value))'
    )
    equality = proved(body)
    assert equality.verdict == "equal"
    assert "error" in {check.how for check in equality.checked}


def test_a_notebook_that_never_ends_is_stopped(proved):
    body = 'import time\ntime.sleep(600)\nwb.output("kept", orders)'
    with pytest.raises(InfrastructureError, match="did not finish"):
        proved(body, timeout=5.0)


def test_the_process_sees_no_production_credentials(proved, monkeypatch):
    monkeypatch.setenv("PGPASSWORD", "canary")
    monkeypatch.setenv("WORKBENCH_MASK_KEY", "canary")
    body = 'import os\n{}["seen: " + str(sorted(os.environ.items()))]\nwb.output("kept", orders)'
    why = proved(body).why
    assert "seen: [(" in why
    assert "WORKBENCH_SANDBOX" in why
    assert "canary" not in why


@pytest.mark.skipif(not offered().files, reason="this kernel offers no Landlock")
@pytest.mark.parametrize("act", ["open({!r}).read()", 'open({!r}, "a").write("x")', '__import__("os").remove({!r})'])
def test_the_process_reaches_no_other_file_of_the_workspace(proved, tmp_path, act):
    secret = tmp_path / "raw.csv"
    secret.write_text("a\n1\n")
    assert "PermissionError" in proved(act.format(str(secret)) + '\nwb.output("kept", orders)').why
    assert secret.read_text() == "a\n1\n"


UNIQUE = """
def unique(names):
    return {ALL}

picked = [each for each in unique(["ab", "cd", "ef", "gh", "ij", "kl"])]
wb.output("kept", orders.mutate(first=ibis.literal(picked[0])), key=["id"])
"""


def test_a_query_that_differs_from_process_to_process_is_not_equal(proved):
    equality = proved(UNIQUE.replace("{ALL}", "set(names)").strip())
    assert equality.verdict == "different"
    assert "another process" in equality.why
    assert "sorted(" in equality.why


def test_a_set_whose_order_does_not_count_is_no_reason(proved):
    assert proved(UNIQUE.replace("{ALL}", "sorted(set(names))").strip()).verdict == "equal"
