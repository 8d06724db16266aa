"""A disk that is full or read-only at any write of a run: readers see old or new, and with room again the next run mends."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.operate.conftest import DAILY, DAILY_CONTRACT, PYPROJECT, Production
from workbench.config import find_workspace
from workbench.store import Store

HOME = str(Path(__file__).resolve().parents[2])


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Production]:
    """Three published days and two new ones, on a file system of 16 MB."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        pytest.skip("mounting needs root")
    root = tmp_path / "small"
    root.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m", "none", str(root)], capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip("mounting is not permitted here")
    try:
        (root / "pyproject.toml").write_text("[tool.workbench]\n" + PYPROJECT)
        monkeypatch.chdir(root)
        made = Production(find_workspace(root))
        made.orders(3)
        made.publish(DAILY_CONTRACT, DAILY)
        made.go()
        made.orders(2, first="2024-01-04", name="new")
        yield made
    finally:
        monkeypatch.chdir(tmp_path)
        subprocess.run(["umount", "-l", str(root)], check=True)


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": HOME, "TMPDIR": "/tmp", "NO_COLOR": "1"}
    return subprocess.run(
        [sys.executable, "-m", "workbench", *arguments], env=environment, capture_output=True, text=True, check=False
    )


def whole(production: Production) -> None:
    """The ledger verifies, and every move of readers is on it once."""
    with Store.open(production.workspace, read_only=True) as store:
        assert store.verify_ledger() == ()
        done = [each.id for each in store.operations(state="done")]
        assert [entry.payload["operation"] for entry in store.ledger()] == done


def run_with(production: Production, room: int) -> None:
    """A run with so many bytes of room leaves old or new; with room again, the next one shows the new."""
    free = shutil.disk_usage(production.root).free
    filler = production.root / "filler"
    old = len(production.read("daily_sales"))
    with filler.open("wb") as stream:
        stream.write(b"\0" * max(0, free - room))
    ran = command("run", "daily_sales")
    assert "Traceback" not in ran.stderr, ran.stderr
    assert ran.returncode in (0, 1, 5), ran.stderr
    seen = len(production.read("daily_sales"))
    assert seen in (old, 5)
    assert ran.returncode or seen == 5
    filler.unlink()
    again = command("run", "daily_sales")
    assert again.returncode == 0, again.stderr
    assert len(production.read("daily_sales")) == 5
    whole(production)


@pytest.mark.parametrize("room", [0, pytest.param(60_000, marks=pytest.mark.drill)])
def test_a_full_disk_leaves_old_or_new_and_the_next_run_mends_it(small, room):
    run_with(small, room)


@pytest.mark.drill
@pytest.mark.timeout(1800)
def test_a_disk_that_is_full_at_every_write(small):
    for step in range(24):
        small.orders(2, first="2024-01-04", name="new", amount=f"{20 + step}.0")  # so that there is something to publish
        run_with(small, step * 8192)


def test_a_read_only_disk_refuses_and_changes_nothing(small):
    before = small.read("daily_sales")
    subprocess.run(["mount", "-o", "remount,ro", str(small.root)], check=True)
    try:
        ran = command("run", "daily_sales")
        assert ran.returncode == 5, ran.stderr
        assert "Traceback" not in ran.stderr
        assert small.read("daily_sales") == before
    finally:
        subprocess.run(["mount", "-o", "remount,rw", str(small.root)], check=True)
    assert command("run", "daily_sales").returncode == 0
    assert len(small.read("daily_sales")) == 5
    whole(small)
