"""Reading marimo files: cells with their lines, in running order, and clear words about files that are none."""

from __future__ import annotations

from pathlib import Path

import pytest

from workbench.errors import NotebookError
from workbench.promote.notebook import parse_notebook, read_notebook

TEXT = '''

# /// script
# requires-python = ">=3.11"
# ///
"""What the file is about."""

import marimo

__generated_with = "0.25.2"
app = marimo.App(width="medium")

with app.setup:
    # the imports
    import ibis
    import marimo as mo


@app.cell
def _(
    base,
):
    later = base + 1
    return (later,)


@app.cell(hide_code=True)
def first():
    base = 1

    text = """
    indented
    """
    return (base,)


@app.function
@staticmethod
def half(number):
    # a comment
    return number / 2


@app.class_definition
class Limits:
    late = 15


if __name__ == "__main__":
    app.run()
'''


def test_each_cell_begins_at_its_line_of_the_file():
    notebook = parse_notebook(TEXT, Path("notebooks/delays.py"))
    lines = TEXT.split("\n")
    assert [(cell.kind, cell.code.split("\n")[0], lines[cell.line - 1].strip()) for cell in notebook.cells] == [
        ("setup", "# the imports", "# the imports"),
        ("cell", "later = base + 1", "later = base + 1"),
        ("cell", "base = 1", "base = 1"),
        ("function", "@staticmethod", "@staticmethod"),
        ("class", "class Limits:", "class Limits:"),
    ]


def test_cells_run_in_the_order_of_marimos_graph():
    notebook = parse_notebook(TEXT, Path("notebooks/delays.py"))
    assert notebook.order.index(2) < notebook.order.index(1)
    assert notebook.parents[1] == {2}
    assert (notebook.cells[2].label, notebook.cells[1].label) == ("cell 3 (first)", "cell 2")


def test_the_version_of_marimo_that_wrote_it_does_not_matter():
    older = parse_notebook(TEXT.replace("0.25.2", "0.9.0"), Path("notebooks/delays.py"))
    newer = parse_notebook(TEXT, Path("notebooks/delays.py"))
    assert older.cells == newer.cells
    assert older.sha256 != newer.sha256


def test_the_title_is_the_same_on_every_machine():
    assert parse_notebook(TEXT, Path("/srv/shop/notebooks/deep/delays.py")).title == "notebooks/deep/delays.py"
    assert parse_notebook(TEXT, Path("/srv/delays.py")).title == "delays.py"


def test_windows_line_ends_change_no_line_number():
    unix, windows = (parse_notebook(text, Path("n.py")) for text in (TEXT, TEXT.replace("\n", "\r\n")))
    assert [cell.line for cell in unix.cells] == [cell.line for cell in windows.cells]


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("missing.py", None, "there is no notebook"),
        ("notes.md", b"# notes", "is not a Python file"),
        ("empty.py", b" \n", "is empty"),
        ("plain.py", b"print(1)\n", "is not a marimo notebook"),
        ("broken.py", b"import marimo\napp = marimo.App()\nx = (\n", "line 3: it does not parse"),
        ("latin.py", "# gr\u00f6\u00dfe\n".encode("latin-1"), "is not UTF-8"),
        ("zero.py", b"import marimo\x00\n", "does not parse"),
    ],
)
def test_a_file_that_is_no_notebook_is_named_with_the_next_command(tmp_path, name, content, says):
    file = tmp_path / name
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(NotebookError, match=says) as caught:
        read_notebook(file)
    assert name in caught.value.message
    assert "workbench " in caught.value.hint or "marimo " in caught.value.hint
    assert caught.value.exit_code == 2


def test_a_folder_is_no_notebook(tmp_path):
    (tmp_path / "folder.py").mkdir()
    with pytest.raises(NotebookError, match="is no file"):
        read_notebook(tmp_path / "folder.py")


def test_a_missing_notebook_is_answered_with_one_that_is_there(tmp_path):
    (tmp_path / "delays.py").write_text(TEXT)
    with pytest.raises(NotebookError) as caught:
        read_notebook(tmp_path / "delay.py")
    assert caught.value.hint.endswith("delays.py")
