"""How long ``workbench check`` takes on a notebook of 50 cells, beside marimo's own parse, compilation and graph of it.

Both are measured in one run, after everything was imported. The check slices two outputs that need 40 of the cells between
them, applies marimo's rules, which build a graph of their own, and ours.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from workbench.config import Settings, Source, Workspace
from workbench.promote.check import check_file
from workbench.promote.notebook import read_notebook

MOST = 3.0
HEAD = 'import marimo\n\n__generated_with = "0.25.2"\napp = marimo.App()\n'


def _cells() -> list[str]:
    cells = ["import ibis\nimport marimo as mo\nimport workbench as wb", 'flights = wb.source("flights")']
    cells += [
        'least = wb.param("least", 15, ge=0, le=240, doc="minutes")',
        "carrier = mo.ui.dropdown(['all', 'UA'], value='all')",
    ]
    cells.append("step_0 = flights.filter(flights.dep_delay > least.value)")
    for number in range(1, 36):
        cells.append(
            f"# step {number} keeps what is later, and shows a few rows of it\n"
            f"_later = step_{number - 1}.dep_delay + {number}\n"
            f"step_{number} = step_{number - 1}.mutate(later_{number}=_later).filter(ibis._.later_{number} > {number})\n"
            f"if carrier.value != 'all':\n    step_{number} = step_{number}.filter(ibis._.carrier == carrier.value)\n"
            f"mo.vstack([mo.md(f'step {number} from {{least.value}}'), step_{number}.head(5)])"
        )
    for number in range(8):
        cells.append(f'mo.md(r"""\n## Part {number}\n\nWhat this part is about, in a sentence or two.\n""")')
    cells.append('early = wb.output("early", step_12, key=["id"], doc="Early.", columns={"id": "id"})\nearly')
    cells.append('late = wb.output("late", early.join(step_35, "id"), key=["id"], doc="Late.", columns={"id": "id"})\nlate')
    return cells


@pytest.fixture
def notebook(tmp_path: Path) -> Path:
    cells = _cells()
    assert len(cells) == 50
    bodies = ["@app.cell\ndef _():\n" + "\n".join(f"    {line}" if line else "" for line in cell.split("\n")) for cell in cells]
    file = tmp_path / "notebooks" / "fifty.py"
    file.parent.mkdir()
    file.write_text(
        "\n\n\n".join([HEAD, *(f"{body}\n    return" for body in bodies)]) + '\n\n\nif __name__ == "__main__":\n    app.run()\n'
    )
    return file


def best(work: Callable[[], object], times: int = 7) -> float:
    """Seconds of the fastest of several goes."""
    seconds = []
    for _ in range(times):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


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


def test_a_check_of_fifty_cells_beside_marimos_own_reading(
    benchmark: BenchmarkFixture, notebook: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    workspace = Workspace(tmp_path, Settings(sources={"flights": Source(read="raw/flights.parquet", key=["id"])}))
    checked = check_file(workspace, notebook)
    assert checked.refusals == ()
    assert [cut.mark.name for cut in checked.slicing.slices] == ["early", "late"] if checked.slicing else False
    floor = best(lambda: marimos_own(notebook))
    reading = best(lambda: read_notebook(notebook))
    seconds = best(lambda: check_file(workspace, notebook))
    benchmark.pedantic(check_file, (workspace, notebook), rounds=3)
    with capsys.disabled():
        print(f"\nmarimo {floor * 1000:.0f} ms, our reading {reading / floor:.2f}x, workbench check {seconds / floor:.2f}x")
    assert seconds / floor < MOST
