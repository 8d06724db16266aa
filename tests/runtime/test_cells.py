"""What the forked engine leaves out of IPython's work on a cell, since it would change nothing."""

from __future__ import annotations

import warnings

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from IPython.core.async_helpers import _should_be_async
from IPython.core.inputtransformer2 import TransformerManager

from workbench.runtime.cells import _may_await, search_less

PIECES = (
    *(
        "a = 1",
        "b",
        "f(a)",
        "if a:",
        "    pass",
        "x = [",
        "]",
        "'",
        '"""',
        "# c",
        "\\",
        " ",
        "\t",
        "\n",
        "\r\n",
        "\r",
        "\f",
        "\v",
    ),
    *("\x1c", "\u2028", "\x85", ";", ",", "/", "@", ">>> ", ">>>", "... ", "...: ", "In [1]: ", "[ins] In [2]: ", "    ...: "),
    *(
        "%",
        "%%time",
        "!ls",
        "a?",
        "??b",
        "%lsmagic",
        "= %who",
        "é",
        "x = '%s' % 1",
        "a != b",
        "lambda: 0",
        "...",
        "a, b",
        "1 / 2",
    ),
)
cells = st.lists(st.sampled_from(PIECES), max_size=9).map("".join)


def ours() -> TransformerManager:
    made = TransformerManager()
    search_less(made)
    return made


def outcome(transform, cell):
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        try:
            found = transform(cell)
        except SyntaxError as error:
            found = str(error)
    return found, [str(each.message) for each in told]


@given(cells)
@settings(max_examples=400)
@example("")
@example("\n")
@example("a\n\n/f x")
@example("a\n  ,f x y")
@example("x = (1\n/ 2)")
@example("\x0c/f x")
def test_a_cell_is_transformed_as_by_ipython(cell):
    assert outcome(ours().transform_cell, cell) == outcome(TransformerManager().transform_cell, cell)


def test_a_transformation_that_a_cell_adds_is_applied():
    changed = ours()
    assert changed.transform_cell("a = 1") == "a = 1\n"
    changed.cleanup_transforms.append(lambda lines: [line.replace("1", "2") for line in lines])
    assert changed.transform_cell("a = 1") == "a = 2\n"


@pytest.mark.parametrize(
    "cell", ["await x", "async with a: pass", "[b async for b in c]", "1; await x", "\\\nawait x", "f(await x)", "{await x: 1}"]
)
def test_a_cell_that_awaits_may_await(cell):
    assert _should_be_async(cell)
    assert _may_await(cell)


@given(cells)
def test_a_cell_without_these_words_awaits_nothing(cell):
    assert not _should_be_async(cell)
    assert not _may_await(cell)
