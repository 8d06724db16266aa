"""A promotion without its data work: what `workbench promote` costs before the first row is read."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from workbench.catalog.contract import from_yaml, to_yaml
from workbench.cli.story import asset
from workbench.config import Workspace, find_workspace
from workbench.promote.candidate import candidates, contract_of
from workbench.promote.notebook import read_notebook
from workbench.promote.run_notebook import build
from workbench.promote.slice import slice_notebook


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """The demo's declarations and its first notebook; no data."""
    (tmp_path / "pyproject.toml").write_text("[tool.workbench]\n" + asset("sources.toml"))
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "notebooks" / "departure_delays.py").write_text(asset("first.py.txt"))
    return find_workspace(tmp_path)


def test_reading_and_slicing_the_demo_notebook(benchmark: BenchmarkFixture, workspace: Workspace) -> None:
    file = workspace.notebooks / "departure_delays.py"
    slicing = benchmark(lambda: slice_notebook(read_notebook(file), workspace.settings.sources))
    assert {cut.mark.name for cut in slicing.slices} == {"late_departures", "monthly_lateness"}
    assert not slicing.refusals


def test_a_promotion_without_its_data_work(benchmark: BenchmarkFixture, workspace: Workspace) -> None:
    """Settings, notebook, slices, modules, contracts and run notebooks of both outputs, as text."""
    file = workspace.notebooks / "departure_delays.py"

    def promotion() -> list[str]:
        here = find_workspace(workspace.root)
        notebook = read_notebook(file)
        slices = slice_notebook(notebook, here.settings.sources).slices
        texts = []
        for candidate in candidates(here, notebook, slices):
            contract = contract_of(candidate)
            texts += [candidate.module.text, to_yaml(contract), build(contract)]
        return texts

    texts = benchmark(promotion)
    assert len(texts) == 6
    assert from_yaml(texts[1]).pipeline == "late_departures"
