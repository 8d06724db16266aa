"""The scheduler: a pass with nothing due, and many small pipelines with notebook, own process and durable publish each."""

from __future__ import annotations

import datetime as dt
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.operate.conftest import Production
from workbench.catalog.contract import Column, Contract
from workbench.config import find_workspace
from workbench.model import Input, Interval
from workbench.operate.clock import Clock
from workbench.operate.scheduler import Scheduler
from workbench.operate.under_way import get_ready
from workbench.runtime import forked
from workbench.runtime.views import View
from workbench.store import Store, intervals
from workbench.store.records import IntervalRecord

UTC = dt.UTC
NOON = dt.datetime(2024, 1, 4, 12, tzinfo=UTC)
CODE = """
from __future__ import annotations

import ibis
from ibis import _


def {name}({input}: ibis.Table) -> ibis.Table:
    return {input}.group_by("day").agg(amount=_.amount.sum() + {number})
"""
PYPROJECT = """
[tool.workbench.sources.orders]
read = "raw/orders/*.parquet"
time = "day"
"""


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Production:
    root = tmp_path / "shop"
    root.mkdir()
    (root / "pyproject.toml").write_text("[tool.workbench]\n" + PYPROJECT)
    monkeypatch.chdir(root)
    monkeypatch.setenv("WORKBENCH_USER", "ada@example.org")
    return Production(find_workspace(root))


def contract(name: str, reads: str) -> Contract:
    kind = "source" if reads == "orders" else "pipeline"
    return Contract(
        pipeline=name,
        version=1,
        columns=(Column("day", "date", True), Column("amount", "float64")),
        key=("day",),
        inputs=(Input(reads, reads, kind, ("day", "amount")),),
    )


def many(production: Production, count: int, reads: Callable[[int], str], *, data: bool = True) -> None:
    """Pipelines that are published and due; without ``data`` only what planning reads of them."""
    production.orders(3)
    views, warehouse = {}, production.warehouse
    snapshot = None
    for number in range(count):
        name = f"p{number:05}"
        of = contract(name, reads(number))
        production.version(of, CODE.format(name=name, input=reads(number), number=number))
        settings = "0 6 * * *" if reads(number) == "orders" else "after inputs"
        (production.root / "promoted" / name / "pipeline.toml").write_text(f'schedule = "{settings}"\nstart = 2024-01-03\n')
        if data or snapshot is None:
            con = warehouse.connect()
            table = warehouse.source(con, "orders").group_by("day").agg(amount=lambda t: t.amount.sum() - 1.0)
            snapshot = warehouse.write(table, pipeline=name, version=1, key=("day",))
            con.disconnect()
        views[name] = snapshot if data else replace(snapshot, pipeline=name)
    with Store.open(production.workspace) as store:
        store.end_operation(store.begin_operation("publish", (), who="ada", at=NOON).id, "done")
    with warehouse.lock():
        if data:
            warehouse.swap("O-1", views)
        else:
            from workbench.runtime.views import Current, replace_current

            shown = {name: View(name, 1, each.id, "O-1") for name, each in views.items()}
            replace_current(production.workspace.warehouse, Current(shown, "O-1", str(production.workspace.warehouse)), {}, {})


def all_done(production: Production, count: int) -> None:
    with Store.open(production.workspace) as store, store.transaction():
        for number in range(count):
            interval = Interval(NOON - dt.timedelta(hours=30), NOON - dt.timedelta(hours=6))
            intervals.put(store, IntervalRecord(f"p{number:05}", interval, "done", 1))


def service(production: Production, moment: dt.datetime = NOON) -> Scheduler:
    clock = Clock(wall=lambda: moment, ticks=lambda: 0.0, say=lambda _: None)
    return Scheduler(production.workspace, "scheduler", lambda _: None, 2, clock)


@pytest.fixture
def timed(record_property: Callable[[str, object], None]) -> Callable[..., None]:
    def say(what: str, seconds: float, goal: float | None = None) -> None:
        record_property(what, seconds)
        print(f"\n{what}: {seconds:.3f} s" + ("" if goal is None else f" (goal {goal:g} s)"))

    return say


@pytest.mark.parametrize("count", [1000, 10_000])
def test_a_pass_with_nothing_due(empty: Production, timed: Callable[..., None], count: int) -> None:
    many(empty, count, lambda _: "orders", data=False)
    all_done(empty, count)
    started = time.perf_counter()
    scheduler = service(empty)
    scheduler.look()
    timed(f"first plan, {count} pipelines", time.perf_counter() - started)
    assert scheduler.last.due == ()
    passes = []
    for _ in range(9):
        started = time.perf_counter()
        scheduler.look_again()
        passes.append(time.perf_counter() - started)
    timed(f"pass in the service, {count} pipelines", sorted(passes)[4], 0.010 * count / 1000)
    from workbench.operate import idle

    idle.remember(empty.workspace, idle.fingerprint(empty.workspace), dt.datetime.now(UTC) + dt.timedelta(hours=1))
    commands, used = [], resource.getrusage(resource.RUSAGE_CHILDREN)
    for _ in range(5):
        started = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-m", "workbench", "scheduler", "run", "--once", "--json"], capture_output=True, check=True
        )
        commands.append(time.perf_counter() - started)
        assert json.loads(done.stdout)["runs"] == []
    timed(f"pass as a command, {count} pipelines", sorted(commands)[2], 0.3)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    timed("  of which CPU", (after.ru_utime + after.ru_stime - used.ru_utime - used.ru_stime) / 5)


@pytest.mark.parametrize(
    ("shape", "count", "goal"), [("chain", 50, 6.0), ("fan-out", 50, 3.0), ("fan-out", 200, 3.0 + 150 * 0.036)]
)
def test_many_pipelines(empty: Production, timed: Callable[..., None], shape: str, count: int, goal: float) -> None:
    many(empty, count, lambda number: "orders" if shape == "fan-out" or number == 0 else f"p{number - 1:05}")
    get_ready()
    time.sleep(5)  # a service is warm: it has imported what it needs, and its warm process has rehearsed
    scheduler = service(empty)
    started, used = time.perf_counter(), processor_seconds()
    scheduler.once()
    seconds, used = time.perf_counter() - started, processor_seconds() - used
    assert [run.status for run in scheduler.ended] == ["succeeded"] * count
    assert all(run.facts["changed"] for run in scheduler.ended)
    timed(f"{shape} of {count} pipelines, 2 at a time", seconds, goal)
    timed("  each", seconds / count, goal / count)
    timed("  processor time each", used / count)
    print(f"  processors busy: {used / seconds:.2f} of {os.cpu_count()}")
    if shape == "fan-out":
        TAKEN[count] = seconds, used
        few = min(TAKEN)
        if few < count:
            more = count - few
            timed(f"slope from {few} to {count}, each", (seconds - TAKEN[few][0]) / more, 0.036)
            timed("  of processor time", (used - TAKEN[few][1]) / more)


TAKEN: dict[int, tuple[float, float]] = {}  # by fan-outs of this process: by the clock, and of processor time


def processor_seconds() -> float:
    """What this process, its warm process and all that has been forked from that have used."""
    mine, warm = os.times(), forked._warm
    assert warm is not None
    stat = Path(f"/proc/{warm.pid}/stat").read_text().rpartition(")")[2].split()
    return mine.user + mine.system + sum(map(int, stat[11:15])) / os.sysconf("SC_CLK_TCK")
