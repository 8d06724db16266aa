"""The corpus: every notebook under ``tests/corpus`` becomes the module, or meets the refusals, written beside it.

``WORKBENCH_GOLDEN=write`` rewrites the expectations; read the difference before committing it.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from workbench.errors import NotebookError
from workbench.promote.module import build_module
from workbench.promote.notebook import read_notebook
from workbench.promote.refusal import Reason
from workbench.promote.slice import slice_notebook

CORPUS = Path(__file__).parents[1] / "corpus"
SOURCES = ("airports", "flights", "planes")


def notebooks(folder: str) -> list[Path]:
    """The notebooks of a folder, without the helper modules beside them."""
    files = sorted((CORPUS / folder).glob("*.py"))
    return [file for file in files if folder == "errors" or "marimo.App(" in file.read_text(encoding="utf-8")]


PROMOTED, REFUSED, ERRORS = notebooks("promoted"), notebooks("refused"), notebooks("errors")
PAGES = Path(__file__).parents[2] / "docs" / "refusals"


def expect(file: Path, found: str) -> None:
    if os.environ.get("WORKBENCH_GOLDEN") == "write":
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(found, encoding="utf-8")
    assert found == file.read_text(encoding="utf-8")


@pytest.mark.parametrize("file", PROMOTED, ids=lambda file: file.stem)
def test_the_notebook_becomes_the_module_beside_it(file: Path):
    notebook = read_notebook(file)
    slicing = slice_notebook(notebook, SOURCES)
    assert slicing.refusals == ()
    for cut in slicing.slices:
        module = build_module(cut, notebook)
        expect(CORPUS / "modules" / file.stem / f"{cut.mark.name}.py", module.text)
        for name, text in module.files.items():
            expect(CORPUS / "modules" / file.stem / name, text)


@pytest.mark.parametrize("file", PROMOTED, ids=lambda file: file.stem)
def test_the_module_computes_what_the_notebook_computes(file: Path, twin: Any):
    notebook = read_notebook(file)
    slicing = slice_notebook(notebook, SOURCES)
    settings: list[dict[str, Any]] = [{}]
    for parameter in slicing.parameters:
        others = [
            value for value in parameter.choices or (parameter.ge, parameter.le) if value not in (None, parameter.default)
        ]
        others += [not parameter.default] if parameter.type == "bool" else []
        settings += [{parameter.name: value if parameter.item is None else [value]} for value in others[:2]]
    for values in settings:
        try:
            theirs = twin.notebook(notebook, values, slicing)
        except Exception as error:
            # Guards may stop the notebook, but not at its defaults; then they stop the module in the same way.
            if not values:
                raise
            for cut in slicing.slices:
                with pytest.raises(type(error)):
                    twin.module(cut, build_module(cut, notebook), values)
            continue
        for cut in slicing.slices:
            assert twin.module(cut, build_module(cut, notebook), values) == theirs[cut.mark.name]


@pytest.mark.parametrize("file", REFUSED, ids=lambda file: file.stem)
def test_the_notebook_is_refused_for_the_reasons_beside_it(file: Path):
    slicing = slice_notebook(read_notebook(file), SOURCES)
    assert slicing.refusals
    found = [refusal.to_json() for refusal in slicing.refusals]
    expect(file.with_suffix(".json"), json.dumps(found, indent=2, ensure_ascii=False) + "\n")
    for refusal in slicing.refusals:
        assert f"line {refusal.line}" in refusal.message
        assert refusal.hint


@pytest.mark.parametrize("file", ERRORS, ids=lambda file: file.stem)
def test_the_notebook_can_not_be_used_at_all(file: Path):
    with pytest.raises(NotebookError) as caught:
        slice_notebook(read_notebook(file), SOURCES)
    assert "workbench " in caught.value.hint or "marimo " in caught.value.hint
    message = f"{caught.value.message}\n{caught.value.hint}\n".replace(str(file), file.name)
    expect(file.with_suffix(".txt"), message)


def test_each_reason_has_a_fixture_and_a_page():
    shown = {entry["reason"] for file in REFUSED for entry in json.loads(file.with_suffix(".json").read_text(encoding="utf-8"))}
    assert {reason.value for reason in Reason} == shown
    assert {page.stem for page in PAGES.glob("*.md")} - {"README"} == {reason.value for reason in Reason}
    for page in PAGES.glob("*.md"):
        assert re.search("way out", page.read_text(encoding="utf-8"), re.IGNORECASE)


def test_the_corpus_has_at_least_eighty_notebooks():
    assert len(PROMOTED) + len(REFUSED) + len(ERRORS) >= 80
