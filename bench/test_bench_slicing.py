"""How long slicing a notebook of 50 cells takes, beside marimo's own parse, compilation and graph of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from workbench.promote.notebook import read_notebook
from workbench.promote.slice import Slicing, slice_notebook

MOST = 3.0
_HEAD = 'import marimo\n\n__generated_with = "0.25.2"\napp = marimo.App()'


def _cells() -> list[str]:
    """Every kind of cell: imports, widgets, helpers, constants, steps mixed with display, text, and three outputs."""
    cells = [
        "import ibis\nimport marimo as mo\nimport workbench as wb",
        'flights = wb.source("flights")\nplanes = wb.source("planes")',
    ]
    cells += [
        'least = wb.param("least", 15, ge=0, le=240, doc="minutes")',
        'carrier = mo.ui.dropdown(["all", "UA"], value="all")',
    ]
    cells += [
        f"LIMIT_{i} = {i}\n\ndef step_{i}(table):\n    # one step\n    return table.filter(table.dep_delay > LIMIT_{i})"
        for i in range(10)
    ]
    cells.append("rows_0 = step_0(flights)")
    for i in range(1, 21):
        cells.append(
            f"_kept = step_{i % 10}(rows_{i - 1})\n_kept.limit(3).execute()\n"
            f"rows_{i} = _kept.mutate(n_{i}=ibis._.dep_delay + least.value)\n"
            f"if carrier.value != 'all':\n    rows_{i} = rows_{i}.filter(ibis._.carrier == carrier.value)\n"
            f"chart_{i} = mo.ui.table(rows_{i}.limit(9).execute())\nmo.vstack([mo.md(f'step {i}, {{least.value}}'), chart_{i}])"
        )
    cells += [f'mo.md(r"""\n## Part {i}\n\nWhat it is about.\n""")' for i in range(12)]
    cells += [
        'first = wb.output("first_rows", rows_10, doc="Ten steps.")',
        'wb.output("last_rows", rows_20.join(planes, "tailnum"))',
    ]
    cells.append('wb.output("counted", first.group_by("carrier").aggregate(n=first.count()), key="carrier")')
    return cells


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


@pytest.fixture
def notebook(tmp_path: Path) -> Path:
    cells = _cells()
    assert len(cells) == 50
    bodies = ["@app.cell\ndef _():\n" + "\n".join(f"    {line}" if line else "" for line in cell.split("\n")) for cell in cells]
    file = tmp_path / "fifty.py"
    file.write_text("\n\n\n".join([_HEAD, *(f"{body}\n    return" for body in bodies)]) + "\n")
    return file


def marimos_own(file: Path) -> None:
    """Parse, compile and graph, with nothing of ours."""
    from marimo._ast.compiler import compile_cell
    from marimo._ast.load import get_notebook_status
    from marimo._runtime.dataflow import DirectedGraph, topological_sort
    from marimo._types.ids import CellId_t

    parsed = get_notebook_status(str(file)).notebook
    assert parsed is not None
    graph = DirectedGraph()
    for number, cell in enumerate(parsed.cells):
        graph.register_cell(CellId_t(str(number)), compile_cell(cell.code, CellId_t(str(number))))
    topological_sort(graph, list(graph.cells))


def test_slicing_fifty_cells_takes_at_most_three_times_marimos_own_reading(benchmark: BenchmarkFixture, notebook: Path) -> None:
    def ours() -> Slicing:
        return slice_notebook(read_notebook(notebook), ("flights", "planes"))

    slicing = ours()
    assert slicing.refusals == ()
    assert [cut.mark.name for cut in slicing.slices] == ["first_rows", "counted", "last_rows"]
    # Turn by turn, so that a busy machine slows both.
    turns = [(_seconds(lambda: marimos_own(notebook)), _seconds(ours)) for _ in range(9)]
    marimo, mine = (min(each) for each in zip(*turns, strict=True))
    benchmark.extra_info.update(
        marimo_ms=round(marimo * 1000, 1), slicing_ms=round(mine * 1000, 1), times=round(mine / marimo, 2)
    )
    benchmark(ours)
    assert mine / marimo < MOST
