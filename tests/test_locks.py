"""A process that is stopped while it holds a lock is named, with how to make it go on; nothing waits for ever."""

from __future__ import annotations

import datetime as dt
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.operate.conftest import production
from workbench.config import Workspace, find_workspace
from workbench.errors import LockHeld
from workbench.locks import is_stopped, writers
from workbench.operate.clock import Clock
from workbench.operate.scheduler import Scheduler
from workbench.runtime.warehouse import Warehouse
from workbench.store import Store, engine, leases

__all__ = ["production"]  # a fixture
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells who holds a lock")
# Stops itself where a commit would: with the right to write taken, or with readers shut out, too.
HOLDER = """
import os, signal, sqlite3, sys
con = sqlite3.connect(sys.argv[1], isolation_level=None)
con.execute(sys.argv[2])
con.execute("UPDATE leases SET holder = 'half'")
os.kill(os.getpid(), signal.SIGSTOP)
con.execute("COMMIT")
"""
PUBLISHER = """
import os, signal, sys
from filelock import FileLock
with FileLock(sys.argv[1]):
    os.kill(os.getpid(), signal.SIGSTOP)
"""


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    (tmp_path / "pyproject.toml").write_text("[tool.workbench]\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(engine, "BUSY_SECONDS", 0.1)
    made = find_workspace(tmp_path)
    with Store.open(made) as store:
        leases.take(store, "run p", "whole", expires=dt.datetime(2026, 1, 1, tzinfo=dt.UTC))
    return made


@pytest.fixture
def stopped(tmp_path: Path) -> Callable[..., subprocess.Popen[bytes]]:
    """Start a program that stops itself, and wait until it has."""

    def start(program: str, *arguments: str) -> subprocess.Popen[bytes]:
        process = subprocess.Popen([sys.executable, "-c", program, *arguments])
        deadline = time.monotonic() + 60
        while not is_stopped(process.pid):
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.01)
        return process

    return start


def end(process: subprocess.Popen[bytes], *how: signal.Signals) -> None:
    for each in how:
        process.send_signal(each)
    process.wait(60)


@pytest.mark.parametrize("begun", ["BEGIN IMMEDIATE", "BEGIN EXCLUSIVE"])
def test_a_writer_that_is_stopped_in_a_commit_is_named_and_killing_it_loses_nothing(workspace, stopped, begun):
    process = stopped(HOLDER, str(engine.place(workspace)), begun)
    with pytest.raises(LockHeld) as held, Store.open(workspace) as store, store.transaction():
        pass
    assert held.value.message == f"another process writes to the store: process {process.pid}, which is stopped"
    assert held.value.hint.startswith(f"kill -CONT {process.pid}, or kill -KILL {process.pid}; then ")
    assert held.value.exit_code == 5
    end(process, signal.SIGKILL)
    with Store.open(workspace) as store:
        assert [each.holder for each in leases.held(store)] == ["whole"]


def test_a_writer_that_goes_on_commits_and_others_follow(workspace, stopped):
    process = stopped(HOLDER, str(engine.place(workspace)), "BEGIN EXCLUSIVE")
    with pytest.raises(LockHeld, match="which is stopped"), Store.open(workspace, read_only=True) as store:
        leases.held(store)
    end(process, signal.SIGCONT)
    with Store.open(workspace, read_only=True) as store:
        assert [each.holder for each in leases.held(store)] == ["half"]


def test_readers_are_not_shut_out_before_the_commit(workspace, stopped):
    process = stopped(HOLDER, str(engine.place(workspace)), "BEGIN IMMEDIATE")
    with Store.open(workspace, read_only=True) as store:
        assert [each.holder for each in leases.held(store)] == ["whole"]
    end(process, signal.SIGKILL)


def test_a_single_pass_of_the_scheduler_gives_up_and_says_who_holds_it_up(production, stopped, monkeypatch):
    monkeypatch.setattr(engine, "BUSY_SECONDS", 0.1)
    monkeypatch.setattr("workbench.operate.scheduler.TICK", 0.1)
    (production.root / "promoted" / "daily_sales" / "pipeline.toml").write_text('schedule = "0 6 * * *"\nstart = 2024-01-03\n')
    production.orders(5)
    with Store.open(production.workspace):
        pass
    process = stopped(HOLDER, str(engine.place(production.workspace)), "BEGIN IMMEDIATE")
    noon = dt.datetime(2024, 1, 4, 12, tzinfo=dt.UTC)
    service = Scheduler(production.workspace, "it", lambda _: None, 2, Clock(wall=lambda: noon, ticks=lambda: 0.0))
    with pytest.raises(LockHeld, match=f"process {process.pid}, which is stopped"):
        service.once()
    end(process, signal.SIGKILL)
    assert service.once().due == ()
    assert len(service.ended) == 1


def test_a_publisher_that_is_stopped_is_named(workspace, stopped):
    warehouse = Warehouse.open(workspace)
    with warehouse.lock():
        file = warehouse.folder / ".publish.lock"
    process = stopped(PUBLISHER, str(file))
    with (
        pytest.raises(LockHeld, match=f"publishing to warehouse: process {process.pid}, which is stopped"),
        warehouse.lock(0.1),
    ):
        pass
    assert writers(file) == (process.pid,)
    end(process, signal.SIGKILL)
    with warehouse.lock(0.1):
        assert writers(file) == ()  # its own lock is nobody else's
    assert os.getpid() not in writers(file)
