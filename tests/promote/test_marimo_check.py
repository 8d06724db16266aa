"""marimo's own check without compiling everything again: it finds what the whole check finds."""

from __future__ import annotations

from pathlib import Path

import pytest

from workbench.promote.marimo_check import _finding, marimo_findings
from workbench.promote.notebook import _quickly, _wholly, read_notebook

CORPUS = Path(__file__).parents[1] / "corpus"
HEAD = 'import marimo\n\n__generated_with = "0.25.2"\napp = marimo.App()\n\n'
FOOT = '\n\nif __name__ == "__main__":\n    app.run()\n'
CELLS = {
    "twice": ["x = 1", "x = 2"],
    "circle": ["a = b", "b = a"],
    "branch": ["x = 1", 'if x:\n    "text"\nelse:\n    "other"'],
    "aliases": ["import os as _os", "import os as _os"],
    "empty": ["pass", "# a comment"],
    "markdown": ["import marimo as mo", 'mo.md(\n    """\n    # Title\n    """\n)'],
    "itself": ["import itself"],
}


def spelled(cells: list[str]) -> str:
    bodies = [
        "@app.cell\ndef _():\n" + "\n".join(f"    {line}" for line in cell.split("\n")) + "\n    return\n" for cell in cells
    ]
    return HEAD + "\n\n".join(bodies) + FOOT


@pytest.mark.parametrize("name", CELLS)
def test_the_quick_way_and_the_whole_way_agree(tmp_path: Path, name: str) -> None:
    file = tmp_path / f"{name}.py"
    file.write_text(spelled(CELLS[name]))
    notebook = read_notebook(file)
    quick = _quickly(notebook)
    assert quick is not None
    whole = _wholly(notebook).diagnostics
    assert whole, "nothing to compare"
    found = [sorted((_finding(notebook, each) for each in several), key=str) for several in (quick, whole)]
    assert found[0] == found[1]


def test_they_agree_on_the_order_of_definitions(tmp_path: Path) -> None:
    file = tmp_path / "definitions.py"
    first = "@app.function\ndef first(x: int = second()) -> int:\n    return x + 1\n\n\n"
    second = "@app.function\ndef second() -> int:\n    return 1\n"
    file.write_text(HEAD + first + second + FOOT)
    notebook = read_notebook(file)
    quick = _quickly(notebook)
    assert quick is not None
    assert [each.name for each in quick] == ["reusable-definition-order"]
    assert [_finding(notebook, each) for each in quick] == [_finding(notebook, each) for each in _wholly(notebook).diagnostics]


@pytest.mark.parametrize("file", sorted((CORPUS / "refused").glob("m*.py")), ids=lambda file: file.stem)
def test_they_agree_on_the_corpus(file: Path) -> None:
    notebook = read_notebook(file)
    quick = _quickly(notebook)
    if quick is not None:
        whole = [_finding(notebook, each) for each in _wholly(notebook).diagnostics]
        assert sorted(map(str, whole)) == sorted(str(_finding(notebook, each)) for each in quick)


@pytest.mark.parametrize("cells", [["x ="], ["from os import *"], ["import marimo as mo", 'mo.sql("SELECT * FROM t")']])
def test_what_only_a_new_compilation_can_say_is_checked_as_a_whole(tmp_path: Path, cells: list[str]) -> None:
    file = tmp_path / "whole.py"
    file.write_text(spelled(cells) if cells != ["x ="] else HEAD + 'app._unparsable_cell("x =", name="_")' + FOOT)
    notebook = read_notebook(file)
    assert _quickly(notebook) is None
    assert isinstance(marimo_findings(notebook), tuple)


def test_the_rules_that_the_file_itself_ignores_are_ignored(tmp_path: Path) -> None:
    file = tmp_path / "file.py"
    header = '# /// script\n# dependencies = ["marimo"]\n#\n# [tool.marimo.lint]\n# ignore = ["MF004"]\n# ///\n\n'
    file.write_text(header + spelled(["pass"]))
    assert marimo_findings(read_notebook(file)) == ()
    file.write_text(spelled(["pass"]))
    assert [finding.rule for finding in marimo_findings(read_notebook(file))] == ["empty-cells"]
