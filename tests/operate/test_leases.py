"""Leases: one run of a pipeline at a time, and whoever was taken for dead publishes nothing."""

from __future__ import annotations

import datetime as dt
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest

from workbench.config import find_workspace
from workbench.errors import LeaseLost, LockHeld
from workbench.operate import claim, lease
from workbench.operate.clock import Clock
from workbench.operate.lease import Watch
from workbench.store import Store, leases
from workbench.store.records import Lease

NOW = dt.datetime(2026, 3, 2, 6, tzinfo=dt.UTC)
MINUTE = dt.timedelta(minutes=1)


def test_tokens_grow_and_are_never_given_out_twice(production):
    with Store.open(production.workspace) as store:
        tokens = []
        for holder in "abc":
            held = leases.take(store, "run p", holder, expires=NOW)
            tokens.append(held.token)
            leases.release(store, held)
        assert tokens == [1, 2, 3]
        assert leases.find(store, "run p") is None


def test_a_held_lease_is_not_taken_and_a_sign_of_life_counts(production):
    with Store.open(production.workspace) as store:
        held = leases.take(store, "run p", "a", expires=NOW)
        with pytest.raises(LockHeld):
            leases.take(store, "run p", "b", expires=NOW)
        leases.extend(store, held, NOW + MINUTE)
        with pytest.raises(LockHeld):
            leases.take(store, "run p", "b", expires=NOW, over=held)  # as it was before the sign of life
        assert leases.find(store, "run p").holder == "a"


def test_a_stale_holder_is_fenced_off(production):
    with Store.open(production.workspace) as store:
        old = leases.take(store, "run p", "a", expires=NOW)
        new = leases.take(store, "run p", "b", expires=NOW, over=old)
        for stale in (lambda: leases.require(store, old), lambda: leases.extend(store, old, NOW + MINUTE)):
            with pytest.raises(LeaseLost):
                stale()
        leases.release(store, old)
        assert leases.find(store, "run p") == new
        leases.require(store, new)


def seen(moments: list[tuple[float, Lease, dt.datetime]]) -> list[bool]:
    """What a watch says of a lease of 30 seconds at moments of a clock that nobody sets, and of the wall clock."""
    ticks = iter([tick for tick, _, _ in moments])
    watch = Watch(clock=lambda: next(ticks))
    return [watch.abandoned(held, 30.0, wall) for _, held, wall in moments]


def held(expires: dt.datetime, token: int = 1) -> Lease:
    return Lease("run p", "elsewhere 1 1", token, expires)


def test_nobody_is_taken_for_dead_by_the_wall_clock_alone():
    a_day = dt.timedelta(days=1)
    living = [(tick, held(NOW + tick * dt.timedelta(seconds=1)), NOW + a_day) for tick in range(0, 300, 6)]
    assert not any(seen(living))


def test_a_silent_holder_is_taken_for_dead_whatever_the_wall_clock_says():
    silent = held(NOW + dt.timedelta(days=1))
    assert seen([(0, silent, NOW), (29, silent, NOW), (30, silent, NOW)]) == [False, False, True]
    expired = held(NOW - MINUTE)
    assert seen([(0, expired, NOW), (14, expired, NOW), (15, expired, NOW)]) == [False, False, True]


def test_a_holder_on_this_machine_whose_process_is_gone_is_taken_for_dead_at_once(production):
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    from workbench.operate.process import host, started

    of_process = Lease("run p", f"{host()} {process.pid} {started(process.pid)}", 1, NOW)
    assert not lease.is_gone(of_process)
    process.communicate(b"\n")
    assert lease.is_gone(of_process)


@pytest.mark.parametrize("jump", [dt.timedelta(hours=1), dt.timedelta(days=1), -dt.timedelta(hours=1), -dt.timedelta(days=1)])
def test_a_clock_that_jumps_is_believed_once_it_stays_there(jump):
    wall, ticks, said = NOW, 0.0, []
    clock = Clock(wall=lambda: wall, ticks=lambda: ticks, say=said.append)
    assert clock.now() == NOW
    for _ in range(5):
        wall, ticks = wall + MINUTE, ticks + 60
        assert clock.now() == wall
    true = wall
    wall += jump
    for _ in range(10):
        assert clock.now() == true
        wall, ticks, true = wall + MINUTE, ticks + 60, true + MINUTE
    assert clock.now() == wall
    assert len(said) == 1


def test_a_clock_that_jumps_and_comes_back_was_never_believed():
    wall, ticks = NOW, 0.0
    clock = Clock(wall=lambda: wall, ticks=lambda: ticks, say=lambda _: None)
    clock.now()
    wall, ticks = NOW + dt.timedelta(days=1), 10.0
    assert clock.now() == NOW + dt.timedelta(seconds=10)
    wall, ticks = NOW + dt.timedelta(seconds=20), 20.0
    assert clock.now() == wall


RUN = """
import datetime as dt, sys
from workbench.config import find_workspace
from workbench.model import Interval
from workbench.operate import under_way
under_way.BEAT_SECONDS = 1e9  # no commit of another thread is stopped with its lock held
from workbench.operate.run import run_pipeline
run_pipeline(find_workspace(), "daily_sales", interval=Interval.parse(sys.argv[1]), who="stale", now=dt.datetime.now(dt.UTC))
"""


def test_a_run_stopped_past_its_lease_and_resumed_publishes_nothing(production):
    """SIGSTOP to a whole run before it publishes; another one takes over; then SIGCONT."""
    with (production.root / "pyproject.toml").open("a") as stream:
        stream.write('\n[tool.workbench.scheduler]\nlease = "300s"\n')
    production.orders(4)
    process = subprocess.Popen(
        [sys.executable, "-c", RUN, "2024-01-04..2024-01-05"],
        env={**os.environ, "WORKBENCH_STOP_AT": "after_run_executed"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    until(lambda: stopped(process.pid))
    with Store.open(production.workspace, read_only=True) as store:
        (stale,) = leases.held(store)
    assert stale.holder.split()[1] == str(process.pid)
    workspace = find_workspace(production.root)
    ticks = iter((0.0, 1000.0))
    watch = Watch(clock=lambda: next(ticks))
    assert not watch.abandoned(stale, 300, dt.datetime.now(dt.UTC))
    with Store.open(workspace) as store:
        claim.take_over(workspace, store, production.warehouse, "daily_sales", watch, dt.datetime.now(dt.UTC))
    process.send_signal(signal.SIGCONT)
    _, err = process.communicate(timeout=200)
    assert process.returncode == 1
    assert "another process has taken over" in err
    assert len(production.read("daily_sales")) == 3
    run = replace(production, workspace=workspace).go(interval="2024-01-04..2024-01-05")
    assert (run.id, run.status, run.facts["changed"]) == ("R-2", "succeeded", True)
    with Store.open(production.workspace, read_only=True) as store:
        assert [each.run for each in store.operations(state="done") if each.kind == "run"] == [run.id]
        refused = store.run("R-1")
        assert refused is not None
        assert refused.status in ("failed", "killed")
        assert store.verify_ledger() == ()
        assert leases.held(store) == ()


def until(true, seconds: float = 200) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def stopped(pid: int) -> bool:
    with open(f"/proc/{pid}/stat") as stream:
        return stream.read().rpartition(")")[2].split()[0] == "T"
