"""The copy of the views that a process keeps open from one publication to the next."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from workbench.errors import InfrastructureError
from workbench.runtime import draft, views
from workbench.runtime.views import Current, View, read_current, replace_current

pytestmark = pytest.mark.skipif(not os.access(draft.MEMORY, os.W_OK), reason="there is no file system in memory")

PUBLISH = """
import sys
from pathlib import Path
from workbench.runtime import draft
from workbench.runtime.views import Current, View, read_current, replace_current
draft.MEMORY = sys.argv[4]
seen = read_current(Path(sys.argv[1]))
shown = {**seen.views, sys.argv[2]: View(sys.argv[2], 1, "s", sys.argv[3])}
replace_current(Path(sys.argv[1]), Current(shown, sys.argv[3], sys.argv[1]), {sys.argv[2]: "SELECT 'elsewhere' AS x"}, {})
"""


def publish(folder: Path, name: str, operation: str, comment: str = "", query: str | None = None) -> None:
    shown = {**read_current(folder).views, name: View(name, 1, "s", operation, comment)}
    replace_current(folder, Current(shown, operation, str(folder)), {name: query or f"SELECT '{operation}' AS x"}, {})


def elsewhere(folder: Path, name: str, operation: str, memory: str | Path = draft.MEMORY, **more: str) -> int:
    command = [sys.executable, "-c", PUBLISH, str(folder), name, operation, str(memory)]
    return subprocess.run(command, check=False, env={**os.environ, **more}).returncode


def seen(folder: Path) -> dict[str, str]:
    with duckdb.connect(str(folder / views.NAME), read_only=True) as con:
        names = [name for (name,) in con.execute("SELECT pipeline FROM workbench.live ORDER BY 1").fetchall()]
        return {name: con.execute(f"SELECT x FROM {name}").fetchone()[0] for name in names}


def test_what_another_process_published_meanwhile_is_not_lost(tmp_path):
    publish(tmp_path, "a", "O-1")
    publish(tmp_path, "b", "O-2")
    assert elsewhere(tmp_path, "c", "O-3") == 0
    publish(tmp_path, "a", "O-4")
    assert seen(tmp_path) == {"a": "O-4", "b": "O-2", "c": "elsewhere"}
    assert {name: view.operation for name, view in read_current(tmp_path).views.items()} == {"a": "O-4", "b": "O-2", "c": "O-3"}


def test_two_warehouses_in_one_process_are_kept_apart(tmp_path):
    one, other = tmp_path / "one", tmp_path / "other"
    for number in range(2):
        publish(one, "a", f"O-{number}")
        publish(other, "b", f"O-{number}")
    assert (seen(one), seen(other)) == ({"a": "O-1"}, {"b": "O-1"})


def test_what_could_not_be_put_in_place_is_not_published_with_the_next(tmp_path, monkeypatch):
    publish(tmp_path, "a", "O-1")

    def full(_: Path) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(views.files, "fsync", full)
        with pytest.raises(InfrastructureError, match="disk is full"):
            publish(tmp_path, "b", "O-2")
    assert (seen(tmp_path), sorted(read_current(tmp_path).views)) == ({"a": "O-1"}, ["a"])
    publish(tmp_path, "c", "O-3")
    assert seen(tmp_path) == {"a": "O-1", "c": "O-3"}


def test_a_query_that_does_not_run_leaves_what_there_was(tmp_path):
    publish(tmp_path, "a", "O-1")
    with pytest.raises(InfrastructureError):
        publish(tmp_path, "b", "O-2", query="SELECT * FROM read_parquet(['/nowhere.parquet'])")
    publish(tmp_path, "c", "O-3")
    assert seen(tmp_path) == {"a": "O-1", "c": "O-3"}


def test_comments_stay_with_views_that_others_are_published_beside_and_go_with_those_that_are_replaced(tmp_path):
    def said() -> dict[str, str | None]:
        with duckdb.connect(str(tmp_path / views.NAME), read_only=True) as con:
            return dict(
                con.execute(
                    "SELECT view_name, comment FROM duckdb_views() WHERE schema_name = 'main' AND NOT internal"
                ).fetchall()
            )

    publish(tmp_path, "a", "O-1", "use b")
    publish(tmp_path, "b", "O-2")
    assert said() == {"a": "use b", "b": None}
    publish(tmp_path, "a", "O-3", "use b")
    assert said()["a"] == "use b"
    publish(tmp_path, "a", "O-4")
    assert said()["a"] is None


def test_a_process_that_is_killed_leaves_nothing_in_memory_for_long(tmp_path):
    memory, warehouse = tmp_path / "memory", tmp_path / "warehouse"
    memory.mkdir()
    publish(warehouse, "a", "O-1")
    assert elsewhere(warehouse, "b", "O-2", memory, WORKBENCH_FAIL_AT="after_write_new") == 137
    assert len(list(memory.iterdir())) == 1
    assert elsewhere(warehouse, "c", "O-3", memory) == 0
    assert list(memory.iterdir()) == []
    assert seen(warehouse) == {"a": "O-1", "c": "elsewhere"}


def test_drafts_of_processes_that_live_are_looked_at_without_keeping_them_open(tmp_path, monkeypatch):
    monkeypatch.setattr(draft, "MEMORY", str(tmp_path))
    theirs = tmp_path / f"{draft.PREFIX}theirs"
    theirs.mkdir()
    held = draft._locked(theirs)
    before = len(os.listdir("/proc/self/fd"))
    draft._sweep()
    assert theirs.exists()
    assert len(os.listdir("/proc/self/fd")) == before
    os.close(held)
    draft._sweep()
    assert not theirs.exists()
