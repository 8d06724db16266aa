"""Modules: how they read, which lines they come from, their hashes, loading them, and notebooks at other values."""

from __future__ import annotations

import ast
import datetime as dt
import difflib
from pathlib import Path

import pytest

from workbench.errors import UnknownName, UsageError, WorkbenchError
from workbench.promote.module import build_module, load_module, with_values
from workbench.promote.notebook import parse_notebook, read_notebook
from workbench.promote.slice import slice_notebook

FLIGHTS = 'flights = wb.source("flights")'
PLAIN = (
    FLIGHTS,
    "# why\nrows = flights.filter(flights.dep_delay > 15)  # minutes",
    'wb.output("late", rows, doc="Late flights")',
)


def test_a_module_reads_as_if_a_person_had_written_it(module):
    assert module(*PLAIN).text == (
        '"""Late flights.\n\nPromoted by workbench from notebooks/cells.py.\n"""\n\nimport ibis\n\n\n'
        'def late(flights: ibis.Table) -> ibis.Table:\n    """Late flights.\n\n    Args:\n'
        '        flights: source flights.\n    """\n'
        "    # why\n    rows = flights.filter(flights.dep_delay > 15)  # minutes\n\n    return rows\n"
    )


def test_each_line_knows_where_it_came_from(cut):
    filtered = "rows = flights.filter(\n    flights.dep_delay\n    > 15,\n    flights.origin == 'JFK',\n)"
    slicing = cut(FLIGHTS, filtered, 'wb.output("late", rows)')
    module = build_module(slicing.slices[0], slicing.notebook)
    lines, source = module.text.split("\n"), slicing.notebook.text.split("\n")
    found = {lines[each.line - 1].strip(): source[each.source_line - 1].strip() for each in module.line_map}
    assert found == {
        "rows = flights.filter(": "rows = flights.filter(",
        "flights.dep_delay > 15,": "flights.dep_delay",
        'flights.origin == "JFK",': "flights.origin == 'JFK',",
        "return rows": 'wb.output("late", rows)',
    }


def test_text_that_could_end_a_docstring_does_not(module):
    text = module(
        FLIGHTS,
        'mo.md(r"""C:\\new says \'\'\' and "quoted" """)',
        "wb.output('late', flights, doc='ends with \"')",
    ).text
    assert ast.get_docstring(ast.parse(text)) == (
        "ends with \".\n\nC:\\new says ''' and \"quoted\"\n\nPromoted by workbench from notebooks/cells.py."
    )


def test_neither_numbers_of_cells_nor_the_path_are_in_the_text(module, tmp_path):
    text = module(*PLAIN).text
    assert str(tmp_path) not in text
    assert "cell" not in text.replace("notebooks/cells.py", "")


@pytest.mark.parametrize(
    "changed",
    [
        (
            "# entirely different words\nrows = flights.filter(flights.dep_delay > 15)",
            'wb.output("late", rows, doc="Other words")',
        ),
        (
            "_kept = flights.filter(flights.dep_delay > 15)\nflights.limit(3)",
            'wb.output("late", _kept)'.replace("_kept", "kept"),
        ),
    ],
)
def test_words_and_private_names_are_no_logic(module, changed):
    if "_kept" in changed[0]:
        changed = (changed[0].replace("_kept", "kept"), changed[1])
    assert module(*PLAIN).logic_sha256 == module(FLIGHTS, *changed).logic_sha256
    assert module(*PLAIN).sha256 != module(FLIGHTS, *changed).sha256


@pytest.mark.parametrize(
    "changed",
    [
        ("rows = flights.filter(flights.dep_delay > 16)", 'wb.output("late", rows)'),
        ("rows = flights.filter(flights.arr_delay > 15)", 'wb.output("late", rows)'),
        ("rows = flights.filter(flights.dep_delay > 15)", 'wb.output("later", rows)'),
    ],
)
def test_a_change_of_logic_changes_its_hash(module, changed):
    assert module(*PLAIN).logic_sha256 != module(FLIGHTS, *changed).logic_sha256


def test_a_small_change_of_a_notebook_is_a_small_change_of_its_module():
    corpus = Path(__file__).parents[1] / "corpus" / "promoted"
    text = (corpus / "long_expression_with_comments.py").read_text(encoding="utf-8")
    changed = text.replace("t.dep_delay > 15", "t.dep_delay > 20").replace(
        'flights = wb.source("flights")', 'flights = wb.source("flights")\n    flights.limit(5)'
    )
    before, after = (_only(one, corpus / "n.py") for one in (text, changed))
    assert list(difflib.unified_diff(before, after, n=0, lineterm=""))[3:] == [
        "-            late=lambda t: t.dep_delay > 15,",
        "+            late=lambda t: t.dep_delay > 20,",
    ]


def _only(text: str, path: Path) -> list[str]:
    notebook = parse_notebook(text, path)
    slicing = slice_notebook(notebook, ("flights", "planes"))
    return build_module(slicing.slices[0], notebook).text.splitlines()


def test_a_refused_slice_makes_no_module(cut):
    slicing = cut(FLIGHTS, 'wb.output("late", flights.mutate(x=ibis.now()))')
    with pytest.raises(UsageError, match=r"late can't be promoted: cell 3, line 23") as caught:
        build_module(slicing.slices[0], slicing.notebook)
    assert "workbench check" in caught.value.hint


def test_two_versions_can_be_loaded_side_by_side(tmp_path):
    for number in (1, 2):
        folder = tmp_path / f"v{number}"
        folder.mkdir()
        (folder / "helper.py").write_text(f"NUMBER = {number}\n")
        (folder / "__init__.py").write_text("from .helper import NUMBER\n\n\ndef late():\n    return NUMBER\n")
    one, two = (load_module(tmp_path / f"v{number}" / "__init__.py", "late") for number in (1, 2))
    assert (one(), two()) == (1, 2)


def test_a_module_without_its_function_is_an_error_that_names_it(tmp_path):
    file = tmp_path / "late.py"
    file.write_text("x = 1\n")
    with pytest.raises(WorkbenchError, match="has no function late"):
        load_module(file, "late")
    with pytest.raises(UsageError, match="there is no module"):
        load_module(tmp_path / "gone" / "__init__.py", "late")


WIDGETS = """
import marimo

app = marimo.App()


@app.cell
def _():
    import marimo as mo
    import workbench as wb
    return


@app.cell
def _():
    size = mo.ui.slider(0, 10)
    name = mo.ui.text("gr\u00f6\u00dfe", label="n"); flag = mo.ui.checkbox()
    origin = mo.ui.dropdown(
        {"Kennedy": "JFK", "La Guardia": "LGA"},
        value="Kennedy",
    )
    number = mo.ui.dropdown([1, 2, 3], 2)
    kind = mo.ui.radio(["a", "b"], value="a",)
    day = mo.ui.date(value="2013-01-01")
    least = wb.param("least", 5)
    go = mo.ui.run_button()
    return


@app.cell
def _():
    mo.stop(not go.value, "press")
    return
"""


def test_a_notebook_takes_other_values_of_its_widgets(tmp_path):
    file = tmp_path / "widgets.py"
    file.write_text(WIDGETS)
    values = {
        "size": 7,
        "name": 'a "b"',
        "flag": True,
        "origin": "LGA",
        "number": 3,
        "kind": "b",
        "day": dt.date(2014, 2, 3),
        "least": 9,
    }
    text = with_values(read_notebook(file), values)
    changed = [line[2:].strip() for line in difflib.ndiff(WIDGETS.split("\n"), text.split("\n")) if line.startswith("+ ")]
    assert changed == [
        "size = mo.ui.slider(0, 10, value=7)",
        'name = mo.ui.text(\'a "b"\', label="n"); flag = mo.ui.checkbox(value=True)',
        "value='La Guardia',",
        "number = mo.ui.dropdown([1, 2, 3], '3')",
        'kind = mo.ui.radio(["a", "b"], value=\'b\',)',
        "day = mo.ui.date(value='2014-02-03')",
        "pass",
    ]


@pytest.mark.parametrize(
    ("values", "error"), [({"size": 70}, UsageError), ({"kind": "c"}, UsageError), ({"sise": 7}, UnknownName)]
)
def test_a_value_that_a_widget_can_not_have_is_refused(tmp_path, values, error):
    file = tmp_path / "widgets.py"
    file.write_text(WIDGETS)
    with pytest.raises(error):
        with_values(read_notebook(file), values)
