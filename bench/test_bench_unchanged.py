"""What it costs to promote a notebook that did not change: all of a promotion but its data work, as a user types it."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from workbench.cli import demo, story

ROOT = Path(__file__).parents[1]
MOST_SECONDS = 1.5


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo, as far as its first version is published."""
    folder = tmp_path_factory.mktemp("unchanged")
    patch = pytest.MonkeyPatch()
    with patch.context() as environment:
        environment.setenv("PYTHONPATH", str(ROOT))
        environment.setenv("WORKBENCH_USER", "ada@example.org")
        for step in (step for chapter in story.CHAPTERS[:4] for step in chapter.steps):
            if isinstance(step, story.Event):
                step.happens(folder)
            else:
                demo._run(step, folder, quiet=True)
    return folder


def test_an_unchanged_notebook_is_promoted(published: Path, capsys: pytest.CaptureFixture[str]) -> None:
    seconds = [_command(published, "promote", story.NOTEBOOK, "--why", "again") for _ in range(5)]
    with capsys.disabled():
        print(
            f"\npromoting an unchanged notebook: {min(seconds):.2f} s of CPU ({MOST_SECONDS / min(seconds):.1f} times within)"
        )
    assert min(seconds) < MOST_SECONDS


def _command(folder: Path, *words: str) -> float:
    """Seconds of CPU of a command and what it starts."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "WORKBENCH_USER": "ada@example.org"}
    command = [sys.executable, "-m", "workbench", *words]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=True)
    assert "every output is unchanged" in done.stdout
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
