"""Runs: one warm run from command to what readers see, two pipelines side by side, and the saves of a long notebook."""

from __future__ import annotations

import datetime as dt
import itertools
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from nbformat import v4
from pytest_benchmark.fixture import BenchmarkFixture

from tests.operate.conftest import DAILY, DAILY_CONTRACT, PYPROJECT, Production
from workbench.config import find_workspace
from workbench.operate.run import run_pipeline

NAMES = ("daily_sales", "daily_sales_too")


@pytest.fixture
def production(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Production:
    """Three days of orders and two pipelines on them, warmed up."""
    root = tmp_path / "shop"
    root.mkdir()
    (root / "pyproject.toml").write_text("[tool.workbench]\n" + PYPROJECT)
    monkeypatch.chdir(root)
    made = Production(find_workspace(root))
    made.orders(3)
    for name in NAMES:
        made.publish(replace(DAILY_CONTRACT, pipeline=name), DAILY.replace("daily_sales", name))
        made.go(name)
    return made


def run(production: Production, name: str, amount: int) -> bool:
    record = run_pipeline(
        production.workspace, name, parameters={"min_amount": amount}, who="bench", now=dt.datetime.now(dt.UTC)
    )
    return record.status == "succeeded" and bool(record.facts["changed"])


def test_a_warm_run_from_command_to_readers(benchmark: BenchmarkFixture, production: Production) -> None:
    amounts = itertools.cycle((21, 22))  # so that every run publishes
    assert benchmark.pedantic(lambda: run(production, NAMES[0], next(amounts)), rounds=20, warmup_rounds=2)
    said(benchmark, 1)


def test_ten_runs_of_each_of_two_pipelines_side_by_side(benchmark: BenchmarkFixture, production: Production) -> None:
    """20 runs a round."""

    def ten(name: str) -> bool:
        return all(run(production, name, 21 + n % 2) for n in range(10))

    def both() -> bool:
        with ThreadPoolExecutor(2) as pool:
            return all(pool.map(ten, NAMES))

    assert benchmark.pedantic(both, rounds=3, warmup_rounds=1)
    said(benchmark, 20)


def said(benchmark: BenchmarkFixture, runs: int) -> None:
    """Print the runs a minute, where rounds of so many were timed."""
    if benchmark.stats is None:
        return
    stats = benchmark.stats.stats
    best, mean = (60 * runs / seconds for seconds in (stats.min, stats.mean))
    benchmark.extra_info["runs a minute"] = {"best": round(best), "mean": round(mean)}
    print(f"\n{benchmark.name}: {best:,.0f} runs a minute at best, {mean:,.0f} in the mean")


def test_saves_of_a_thousand_cells(benchmark: BenchmarkFixture, tmp_path: Path) -> None:
    """All that a run of 1,000 cells spends on saving: throttled saves between cells, and the last, durable one."""
    import papermill.engines  # noqa: F401  # it loads our engines, which need it

    from workbench.runtime.record import Recorder, write_record

    def save() -> None:
        notebook = v4.new_notebook()
        notebook.cells = [
            v4.new_code_cell(f"print({n})", outputs=[v4.new_output("stream", text=f"{n}\n")]) for n in range(1000)
        ]
        recorder = Recorder(notebook, tmp_path / "record.ipynb")
        recorder.nb.metadata["papermill"] = {}
        recorder.notebook_start()
        for index, cell in enumerate(notebook.cells):
            recorder.cell_start(cell, index)
            recorder.cell_complete(cell, index)
        recorder.notebook_complete()
        write_record(notebook, tmp_path / "record.ipynb", durable=True)

    benchmark.pedantic(save, rounds=3)
