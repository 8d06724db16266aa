"""How long it takes to search a catalog of 2,000 pipelines with ten columns each: in process, and as a command."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from workbench.catalog.contract import Column, Contract, to_yaml
from workbench.catalog.dictionary import dictionary
from workbench.catalog.search import search
from workbench.config import Workspace, find_workspace
from workbench.model import Input

PIPELINES = 2000
MOST_SECONDS = 0.3
THINGS = "orders returns payments visits flights invoices parcels claims meters tickets".split()


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    root = tmp_path_factory.mktemp("many")
    (root / "pyproject.toml").write_text(
        "".join(f'[tool.workbench.sources.{name}]\nread = "raw/{name}.parquet"\n' for name in THINGS)
    )
    for number in range(PIPELINES):
        thing = THINGS[number % len(THINGS)]
        name = f"{thing}_{number:04d}"
        columns = tuple(Column(f"{thing}_{kind}", "float64", doc=f"{kind} of {thing}", unit="EUR") for kind in "abcdefghij")
        contract = Contract(name, 1, columns, doc=f"what {thing} come to", inputs=(Input(thing, thing, "source"),))
        folder = root / "promoted" / name / "v1"
        folder.mkdir(parents=True)
        (folder / "contract.yaml").write_text(to_yaml(contract))
        reads = [
            {"column": column.name, "role": "value", "input": thing, "input_column": column.name[-1]} for column in columns
        ]
        inputs = [{"name": thing, "kind": "source", "types": dict.fromkeys("abcdefghij", "float64")}]
        (folder / "manifest.json").write_text(json.dumps({"files": {}, "lineage": {"inputs": inputs, "columns": reads}}))
        (folder.parent / "pipeline.toml").write_text(f'owner = "{thing}@example.org"\nfreshness = "36h"\n')
    return find_workspace(root)


def test_two_thousand_pipelines_are_searched(
    benchmark: BenchmarkFixture, workspace: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    def once() -> int:
        return len(search(dictionary(workspace), ("payments", "0012")))

    assert len(dictionary(workspace)) == PIPELINES + len(THINGS)
    assert once() == 1
    benchmark.pedantic(once, rounds=7, warmup_rounds=1)
    typed = [_command(workspace.root) for _ in range(3)]
    with capsys.disabled():
        said = f"in process {benchmark.stats.stats.min:.3f} s, as a command {min(typed):.3f} s of CPU"
        print(f"\nsearching {PIPELINES} pipelines: {said}")
    assert benchmark.stats.stats.min < MOST_SECONDS


def _command(root: Path) -> float:
    """Seconds of CPU."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, "-m", "workbench", "catalog", "payments", "0012"]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=True)
    assert "payments_0012" in done.stdout
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
