"""workbench status in a workspace where nothing happened yet, and its cost."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest


def test_an_empty_workspace_says_what_to_type_next(shop):
    ran = shop.run("status")
    assert (ran.code, ran.err) == (0, "")
    assert "next: workbench promote NOTEBOOK" in ran.out
    assert shop.run("status", "--json").json == {"schema_version": 1, "pipelines": [], "stale_sources": []}


def test_outside_of_a_workspace_it_says_so(tmp_path, monkeypatch, shop):
    monkeypatch.chdir(tmp_path)
    ran = shop.run("status")
    assert ran.code == 2
    assert "next: workbench init" in ran.err


@pytest.mark.usefixtures("cold")
def test_it_costs_less_than_a_second_of_cpu(shop):
    """The goal is 0.5 s; twice that is left for slow machines."""
    home = str(Path(__file__).resolve().parents[2])
    spent = []
    for _ in range(2):  # the first may compile
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(
            [sys.executable, "-m", "workbench", "status"],
            env={**os.environ, "PYTHONPATH": home},
            check=True,
            capture_output=True,
        )
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        spent.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    assert min(spent) < 1
