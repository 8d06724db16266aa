"""The text of a notebook and its outputs are those that nbformat makes."""

from __future__ import annotations

import copy

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nbformat import v4
from nbformat.notebooknode import NotebookNode

from workbench.runtime.ipynb import plain_output, text_of

TRICKY = ["", "a\n", "\r\nb\u2028c\n", '"\\\x00']
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20) | st.sampled_from(TRICKY)
VALUES = st.none() | st.booleans() | st.integers() | st.floats() | TEXT
JSON = st.recursive(VALUES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3), max_leaves=8)
MIMES = st.sampled_from("text/plain text/html image/png image/svg+xml application/javascript application/json a/x+json".split())
BUNDLES = st.dictionaries(MIMES, TEXT | JSON, max_size=3)
METADATA = st.dictionaries(TEXT | st.sampled_from(["trusted", "tags", "signature", "orig_nbformat"]), JSON, max_size=2)
MESSAGES = (
    st.builds(lambda name, text: ("stream", {"name": name, "text": text}), TEXT, TEXT | JSON)
    | st.builds(lambda data, metadata: ("display_data", {"data": data, "metadata": metadata}), BUNDLES, METADATA)
    | st.builds(
        lambda data, metadata, number: ("execute_result", {"data": data, "metadata": metadata, "execution_count": number}),
        BUNDLES,
        METADATA,
        st.integers(-1, 9) | st.none() | st.booleans(),
    )
    | st.builds(lambda lines: ("error", {"ename": "E", "evalue": "", "traceback": lines}), st.lists(TEXT, max_size=2))
)


def message(kind: str, content: dict[str, object]) -> dict[str, object]:
    return {"header": {"msg_type": kind}, "msg_type": kind, "content": content}


@settings(max_examples=60, deadline=None)
@given(MESSAGES)
def test_an_output_is_made_quickly_only_when_nbformat_makes_the_same_one(found: tuple[str, dict[str, object]]) -> None:
    made = plain_output(message(*found))
    if made is not None:
        wanted = v4.output_from_msg(message(*found))
        assert made == wanted
        nodes = [made, *(each for each in made.values() if isinstance(each, dict))]
        assert all(isinstance(each, NotebookNode) for each in nodes)


@pytest.mark.parametrize("kind", ["stream", "display_data", "execute_result"])
def test_what_cells_usually_leave_is_made_quickly(kind: str) -> None:
    said: dict[str, object] = {"name": "stdout", "text": "a"}
    shown: dict[str, object] = {"data": {"text/plain": "1"}, "metadata": {}}
    content = said if kind == "stream" else shown | ({"execution_count": 1} if kind == "execute_result" else {})
    assert plain_output(message(kind, content)) == v4.output_from_msg(message(kind, content))


@settings(max_examples=60, deadline=None)
@given(st.lists(MESSAGES, max_size=3), TEXT, METADATA, METADATA, st.none() | st.dictionaries(TEXT, BUNDLES, max_size=2))
def test_a_notebook_s_text_is_nbformat_s(messages, source, metadata, of_all, attachments) -> None:
    notebook, code, said = v4.new_notebook(), v4.new_code_cell(source), v4.new_markdown_cell(source.splitlines(True))
    notebook["metadata"], code["metadata"] = of_all, metadata
    code["outputs"] = [NotebookNode(output_type=kind, **content) for kind, content in messages]
    if attachments is not None:
        said["attachments"] = attachments
    notebook.cells = [code, said, v4.new_raw_cell(source)]
    wanted, held = v4.writes(notebook), copy.deepcopy(notebook.cells[1])
    assert text_of(notebook) == wanted
    assert notebook.cells[1] == held  # it stays as it was
