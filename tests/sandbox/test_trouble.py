"""What goes wrong while a sandbox is made: disks that fill, kills, places that can't be written, sources in use."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from tests.sandbox.conftest import Place
from workbench.errors import InfrastructureError
from workbench.sandbox import registry

ROOT = Path(__file__).parents[2]
WORKBENCH = "from workbench.cli.main import main; import sys; sys.exit(main(sys.argv[1:]))"


def typed(place: Place, *arguments: str, first: str = "") -> subprocess.Popen[str]:
    """A command in a process of its own, which does something else before."""
    return subprocess.Popen(
        [sys.executable, "-c", f"{first}\n{WORKBENCH}", *arguments], cwd=place.root, text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), "NO_COLOR": "1"}, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


@contextlib.contextmanager
def tiny_disk(folder: Path, options: str) -> Iterator[None]:
    """A file system of its own at a folder; needs root."""
    folder.mkdir(parents=True, exist_ok=True)
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "none", str(folder)], capture_output=True, check=False
    ).returncode:
        pytest.skip("needs the right to mount a file system; the limit on file sizes is tried anyway")
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_files_that_may_not_grow_stop_the_creation(place: Place) -> None:
    limit = (
        "import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); "
        "resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))"
    )
    process = typed(place, "sandbox", "create", "--sample", "50%", first=limit)
    _, said = process.communicate(timeout=120)
    assert process.returncode == 5, said
    assert "Traceback" not in said
    assert "next:" in said
    assert place.files() == []


def test_a_disk_that_is_full_stops_the_creation(place: Place) -> None:
    with tiny_disk(place.root / ".workbench", "size=700k"):
        process = typed(place, "sandbox", "create", "--sample", "50%")
        _, said = process.communicate(timeout=120)
        assert process.returncode == 5, said
        assert "Traceback" not in said
        assert place.files() == []


def test_a_folder_that_can_not_be_written_is_named(place: Place) -> None:
    with tiny_disk(place.root / ".workbench", "ro"):
        process = typed(place, "sandbox", "create")
        _, said = process.communicate(timeout=120)
        assert process.returncode == 5, said
        assert "Read-only file system" in said
        assert "Traceback" not in said


def test_a_state_folder_that_is_a_file_is_no_traceback(place: Place) -> None:
    (place.root / ".workbench").write_text("")
    process = typed(place, "sandbox", "create")
    _, said = process.communicate(timeout=120)
    assert process.returncode in (2, 5), said
    assert "Traceback" not in said


def killed(place: Place, after: float) -> None:
    process = typed(place, "sandbox", "create", "--sample", "30%")
    time.sleep(after)
    process.send_signal(signal.SIGKILL)
    process.communicate()


def check_whole_or_nothing(place: Place) -> None:
    for info in registry.ls(place.workspace):
        assert place.one(info, "SELECT count(*) FROM lines") == info.tables["lines"].rows > 0
        assert place.one(info, "SELECT count(*) FROM workbench_rows.lines") == info.tables["lines"].rows
    registry.gc(place.workspace)
    known = {info.id for info in registry.ls(place.workspace)}
    assert {path.split("/")[0] for path in place.files()} <= known


@pytest.mark.parametrize("step", ["counting lines", "checking the key of lines", "sampling lines", "writing customers"])
def test_a_kill_at_any_step_leaves_nothing_that_is_read(place: Place, step: str) -> None:
    stop = (
        "import os, workbench.sandbox.create as c\nmake = c.create\n"
        f"c.create = lambda *a, **k: make(*a, **k | {{'tell': lambda s: os._exit(9) if s == {step!r} else None}})"
    )
    process = typed(place, "sandbox", "create", first=stop)
    process.communicate(timeout=120)
    assert process.returncode == 9
    assert registry.ls(place.workspace) == ()
    check_whole_or_nothing(place)
    assert place.files() == []


@pytest.mark.drill
def test_kills_at_random_moments_leave_whole_sandboxes_or_nothing(place: Place) -> None:
    chance = random.Random(5)
    start = time.monotonic()
    whole = typed(place, "sandbox", "create", "--sample", "30%")
    whole.communicate(timeout=120)
    takes = time.monotonic() - start
    for _ in range(25):
        killed(place, chance.uniform(0.2, 1.1) * takes)
        check_whole_or_nothing(place)


def live_table(place: Place) -> Path:
    """Orders in a DuckDB file whose writer ended without a checkpoint: the last rows stand in its write-ahead log alone."""
    file = place.root / "raw" / "live.duckdb"
    writer = (
        f"import duckdb, os; con = duckdb.connect({str(file)!r})\n"
        f"con.execute(\"CREATE TABLE orders AS FROM '{place.root}/raw/orders.parquet' WHERE id < 15000; CHECKPOINT\")\n"
        f"con.execute(\"INSERT INTO orders FROM '{place.root}/raw/orders.parquet' WHERE id >= 15000\")\n"
        "os._exit(0)"
    )
    subprocess.run([sys.executable, "-c", writer], check=True)
    assert file.with_name("live.duckdb.wal").stat().st_size > 0
    place.change('read = "raw/orders.parquet"', 'read = "duckdb:raw/live.duckdb#orders"')
    return file


def test_rows_that_stand_only_in_the_log_of_a_live_file_are_there(place: Place) -> None:
    file = live_table(place)
    before = file.read_bytes(), file.with_name("live.duckdb.wal").read_bytes()
    info = place.make("100%")
    assert place.one(info, "SELECT count(*) FROM orders") == 20000
    assert info.tables["orders"].production == 20000
    assert (file.read_bytes(), file.with_name("live.duckdb.wal").read_bytes()) == before


def test_a_file_that_another_process_writes_is_asked_for_again_later(place: Place) -> None:
    file = live_table(place)
    holder = f"import duckdb, sys; con = duckdb.connect({str(file)!r}); print('held', flush=True); sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", holder], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        with pytest.raises(InfrastructureError):
            place.make("100%")
        assert place.files() == []
        process.communicate("")
    assert place.one(place.make("100%"), "SELECT count(*) FROM orders") == 20000


def test_production_can_be_written_again_right_after(place: Place) -> None:
    file = live_table(place)
    place.make("5%")
    with duckdb.connect(str(file)) as con:
        con.execute("INSERT INTO orders SELECT 90000, 1, 1, 1.0")


def test_progress_is_drawn_on_a_terminal_and_nowhere_else(place: Place) -> None:
    process = typed(place, "sandbox", "create", "--json")
    out, said = process.communicate(timeout=120)
    assert json.loads(out)["tables"]["orders"]["production"] == 20000
    assert "\x1b" not in out + said
    assert said.startswith("reads ")
    terminal, end = pty.openpty()
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm"}
    slow = (
        "import time, workbench.sandbox.create as c\ncheck = c.check_keys\nc.check_keys = lambda *a: (time.sleep(3), check(*a))"
    )
    command = [sys.executable, "-c", f"{slow}\n{WORKBENCH}", "sandbox", "create", "--json"]
    with subprocess.Popen(command, cwd=place.root, env=environment, stdout=subprocess.PIPE, stderr=end, text=True) as process:
        os.close(end)
        drawn = b""
        with contextlib.suppress(OSError):  # the end of a terminal
            while part := os.read(terminal, 4096):
                drawn += part
        assert process.stdout is not None
        assert "\x1b" not in process.stdout.read()
    os.close(terminal)
    assert process.returncode == 0
    assert b"\x1b[" in drawn
    assert b"reads " in drawn
