"""Schedulers killed and stopped: at every fail-point and at random moments, they and what they started.

``WORKBENCH_DRILL_KILLS`` says how many times (312 when it is not set). After each a fresh scheduler goes on unattended, and
production is held against what it must be.
"""

from __future__ import annotations

import collections
import contextlib
import datetime as dt
import os
import random
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.drills.strokes import Launched, Server, supported
from tests.operate.conftest import TOTALS, TOTALS_CONTRACT, Production, production
from workbench.catalog import operation
from workbench.config import find_workspace
from workbench.errors import InfrastructureError
from workbench.operate import claim, run
from workbench.operate.clock import Clock
from workbench.operate.lease import Watch
from workbench.operate.scheduler import Scheduler
from workbench.store import Store, intervals, leases

__all__ = ["production"]  # a fixture
pytestmark = pytest.mark.skipif(not supported(), reason="processes can be watched so on Linux, x86_64")

UTC = dt.UTC
FIRST = dt.date(2024, 1, 1)
KILLS = int(os.environ.get("WORKBENCH_DRILL_KILLS", "312"))
PLACES = (
    "before_scheduled after_run_begun after_run_executed after_intent before_swap after_write_new after_swap before_done "
    "after_done after_ledger_head after_run_published after_scheduled"
).split()


@dataclass
class Shop:
    """Two pipelines, one after the other, and a source that grows by a day each round."""

    production: Production
    server: Server | None = None
    day: int = 3
    watch: Watch = field(default_factory=Watch)

    @property
    def moment(self) -> dt.datetime:
        """The newest day is complete, and its interval due."""
        return dt.datetime.combine(FIRST + dt.timedelta(days=self.day), dt.time(12), UTC)

    def grow(self) -> None:
        self.day += 1
        self.production.orders(1, first=str(FIRST + dt.timedelta(days=self.day - 1)), name=f"orders{self.day}")

    def victim(self, mutant: str = "", **environment: str) -> Launched:
        assert self.server is not None
        return self.server.launch(self.production.root, "scheduler", self.moment.isoformat(), mutant=mutant, **environment)

    def recover(self, seconds: float = 200) -> float:
        """Let a fresh scheduler go on until everything is settled; how long it took."""
        started = time.monotonic()
        later = self.moment + dt.timedelta(minutes=10)
        while True:
            moment = later + dt.timedelta(seconds=time.monotonic() - started)  # what is tried again has its pause
            clock = Clock(wall=lambda moment=moment: moment, ticks=lambda: 0.0)
            scheduler = Scheduler(find_workspace(self.production.root), "fresh", lambda _: None, 2, clock)
            scheduler._watch = self.watch
            with contextlib.suppress(InfrastructureError):
                scheduler.once()
                if not self.unsettled():
                    return time.monotonic() - started
            assert time.monotonic() - started < seconds, "it did not settle"
            time.sleep(0.05)

    def unsettled(self) -> list[str]:
        """What is not yet as it must be in the end."""
        found = []
        with Store.open(self.production.workspace, read_only=True) as store:
            newest = intervals.newest(store)
            for name in ("daily_sales", "sales_total"):
                if name not in newest or newest[name].interval.end.date() < FIRST + dt.timedelta(days=self.day):
                    found.append(f"{name} is behind")
            found += [
                f"{each.pipeline} {each.interval} {each.state} {each.run} {each.error}" for each in intervals.unsettled(store)
            ]
            found += [f"{each.name} is held" for each in leases.held(store)]
        return found

    def problems(self) -> list[str]:
        """What is wrong with production and its records, once everything is settled."""
        found = self.unsettled()
        days = [row[0] for row in self.production.read("daily_sales")]
        if days != [FIRST + dt.timedelta(days=number) for number in range(self.day)]:
            found.append(f"readers see other days than the source has: {days}")
        if self.production.read("sales_total") != [(245.0 * len(days), len(days))]:
            found.append(f"the sum is not that of the days: {self.production.read('sales_total')}")
        with Store.open(self.production.workspace, read_only=True) as store:
            runs = {each.id: each for each in store.runs()}
            moved = [each for each in store.operations(state="done") if each.run is not None]
            times = collections.Counter((runs[each.run].pipeline, str(runs[each.run].interval)) for each in moved if each.run)
            found += [
                f"{name} {span} was published {count} times"
                for (name, span), count in times.items()
                if count > 1 and span != "None"
            ]
            found += [
                f"{each.run} published and is {runs[each.run].status}"
                for each in moved
                if each.run and runs[each.run].status != "succeeded"
            ]
            found += [f"{each.id} was begun and never ended" for each in store.operations(state="begun")]
            found += [f"{each.id} is said to run" for each in runs.values() if each.status == "running"]
            found += [problem.message for problem in store.verify_ledger()]
            entries = [each.payload["operation"] for each in store.ledger() if each.kind == "run"]
            if sorted(entries) != sorted(each.id for each in moved):
                found.append("the ledger has other entries than there were moves")
        return found

    def consistent(self) -> bool:
        """Whether readers see the old days or the new ones, and a sum of either."""
        seen = len(self.production.read("daily_sales"))
        ((revenue, days),) = self.production.read("sales_total")
        return seen in (self.day - 1, self.day) and days in (self.day - 1, self.day) and revenue == 245.0 * days


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server() as made:
        yield made


@pytest.fixture
def shop(production: Production, server: Server) -> Shop:
    with (production.root / "pyproject.toml").open("a") as stream:
        stream.write('\n[tool.workbench.scheduler]\nlease = "1s"\n')
    production.publish(TOTALS_CONTRACT, TOTALS)
    for name, schedule in (("daily_sales", "0 6 * * *"), ("sales_total", "after inputs")):
        (production.root / "promoted" / name / "pipeline.toml").write_text(
            f'schedule = "{schedule}"\nstart = 2024-01-03\ncatch_up = "all"\nretries = 100\nretry_delay = "1s"\n'
        )
    made = Shop(production, server)
    made.recover()
    assert made.problems() == []
    return made


def children(pid: int) -> list[int]:
    with contextlib.suppress(OSError):  # each thread has those that it started
        return [int(each) for file in Path(f"/proc/{pid}/task").glob("*/children") for each in file.read_text().split()]
    return []


def processor_seconds() -> float:
    """What this process, those that it started and those that they started have used, but for what a killed one had."""
    found, ticks = [os.getpid()], 0
    for pid in found:
        found += children(pid)
        with contextlib.suppress(OSError):
            ticks += sum(map(int, Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:15]))
    return ticks / os.sysconf("SC_CLK_TCK")


def below(process: Launched, depth: int) -> int | None:
    """A process that a scheduler started: at depth 1 the warm process, at depth 2 one that runs cells. Waits for it."""
    while process.poll() is None:
        found = [process.pid]
        for _ in range(depth):
            found = [child for pid in found for child in children(pid)]
        if found:
            return found[0]
        time.sleep(0.005)
    return None


def strike(shop: Shop, how: str, chance: random.Random) -> bool:
    """One blow; whether it hit before the scheduler was done."""
    if how in PLACES:
        return shop.victim(WORKBENCH_FAIL_AT=how).wait(timeout=200) == 137
    process = shop.victim()
    if how in ("warm process", "cells"):
        pid = below(process, 1 if how == "warm process" else 2)
        time.sleep(chance.uniform(0, 1.0 if how == "warm process" else 0.03))
        hit = False
        if pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
                hit = True
        process.wait(timeout=200)
        return hit
    below(process, 1)
    time.sleep(chance.uniform(0, 2.0))
    hit = process.poll() is None
    if how == "stopped":
        process.send_signal(signal.SIGSTOP)
        time.sleep(1.2)  # past its lease
        with contextlib.suppress(AssertionError, InfrastructureError):
            shop.recover(4)  # it can't where the stopped one is in the middle of a commit
        process.send_signal(signal.SIGCONT)
        process.wait(timeout=200)
        return hit
    process.send_signal(signal.SIGKILL)
    process.wait()
    return hit


@pytest.mark.drill
@pytest.mark.timeout(7200)
def test_whatever_is_killed_and_whenever_each_interval_is_published_once(shop: Shop) -> None:
    chance = random.Random(int(os.environ.get("WORKBENCH_DRILL_SEED", "7")))
    kinds = [*PLACES, *["scheduler"] * 4, *["warm process"] * 3, *["cells"] * 3, *["stopped"] * 2]
    hits: collections.Counter[str] = collections.Counter()
    slowest: dict[str, float] = {}
    used: dict[str, float] = {}
    for number in range(KILLS):
        how = kinds[number % len(kinds)]
        shop.grow()
        hit = strike(shop, how, chance)
        assert hit or how not in PLACES, (number, how, "was not reached")
        hits[how] += hit
        assert shop.consistent(), (number, how)
        before = processor_seconds()
        seconds = shop.recover()
        taken = processor_seconds() - before
        slowest[how], used[how] = max(slowest.get(how, 0.0), seconds), max(used.get(how, 0.0), taken)
        assert shop.problems() == [], (number, how)
        print(f"{number + 1} {how} {seconds:.1f} s, {taken:.1f} s of processor", file=sys.stderr, flush=True)
    print(f"\n{'killed':18} times  slowest recovery")
    for how in dict.fromkeys(kinds):
        print(f"{how:18} {hits[how]:5}  {slowest.get(how, 0.0):.1f} s, of processor {used.get(how, 0.0):.1f} s")
    print(f"{sum(hits.values())} of {KILLS} hit before the scheduler was done; every interval published once")
    assert sum(hits.values()) > KILLS * 0.6


@pytest.mark.parametrize("how", ["after_write_new", pytest.param("cells", marks=pytest.mark.drill)])
def test_a_short_form_of_the_drill(shop: Shop, how: str) -> None:
    shop.grow()
    assert strike(shop, how, random.Random(7))
    assert shop.consistent()
    shop.recover()
    assert shop.problems() == []


# Mutants: each leaves out one of the promises, and the drill must see it.


def test_recovery_left_out_is_seen(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.grow()
    assert strike(shop, "after_intent", random.Random(7))
    for module in (operation, run):
        monkeypatch.setattr(module, "recover", lambda *_, **__: ())
    shop.recover()
    assert [each for each in shop.problems() if "was begun and never ended" in each]


def stale_run(shop: Shop, mutant: str) -> list[str]:
    """A scheduler stopped before it publishes and taken for dead, which then goes on; what it did to production."""
    # No sign of life falls due meanwhile, and so no commit of another thread is stopped with its lock held.
    settings = shop.production.root / "pyproject.toml"
    settings.write_text(settings.read_text().replace('lease = "1s"', 'lease = "300s"'))
    quiet = "from workbench.operate import under_way; under_way.BEAT_SECONDS = 1e9\n"
    process = shop.victim(quiet + mutant, WORKBENCH_STOP_AT="after_run_executed")
    deadline = time.monotonic() + 200
    while Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[0] != "T":
        assert time.monotonic() < deadline
        time.sleep(0.02)
    workspace = find_workspace(shop.production.root)
    ticks = iter((0.0, 1000.0))
    watch = Watch(clock=lambda: next(ticks))
    with Store.open(workspace) as store:
        (held,) = leases.held(store)
        assert not watch.abandoned(held, 300, dt.datetime.now(UTC))
        claim.take_over(workspace, store, shop.production.warehouse, held.name.split()[1], watch, dt.datetime.now(UTC))
        moves = len(store.operations(state="done"))
    process.send_signal(signal.SIGCONT)
    until = time.monotonic() + 200
    while process.poll() is None and time.monotonic() < until:
        with contextlib.suppress(OSError):
            if Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[0] == "T":
                process.send_signal(signal.SIGCONT)
        time.sleep(0.02)
    with Store.open(workspace, read_only=True) as store:
        first = [each for each in store.operations(state="done")[moves:] if each.run is not None]
        killed = {entry.run for entry in first if entry.run == taken(store)}
    return [f"{each} published though it had been taken for dead" for each in sorted(killed)]


def taken(store: Store) -> str:
    """The run whose lease was taken over: the first of those after the shop was made."""
    return next(each.id for each in reversed(store.runs()) if each.who == "scheduler")


@pytest.mark.drill
def test_a_stale_holder_publishes_nothing(shop: Shop) -> None:
    shop.grow()
    assert stale_run(shop, "") == []
    shop.recover()
    assert shop.problems() == []


@pytest.mark.drill
def test_fencing_left_out_is_seen(shop: Shop) -> None:
    shop.grow()
    mutant = "from workbench.store import leases; leases.require = lambda *_: None"
    assert stale_run(shop, mutant)


@dataclass
class Disk:
    """The order in which files were made durable and renamed."""

    calls: list[tuple[str, str]] = field(default_factory=list)

    def watch(self, patch: pytest.MonkeyPatch) -> None:
        fsync, replace = os.fsync, os.replace

        def traced_fsync(descriptor: int) -> None:
            self.calls.append(("fsync", os.readlink(f"/proc/self/fd/{descriptor}")))
            fsync(descriptor)

        def traced_replace(source: str | Path, target: str | Path) -> None:
            self.calls.append(("replace", f"{source}\0{target}"))
            replace(source, target)

        patch.setattr(os, "fsync", traced_fsync)
        patch.setattr(os, "replace", traced_replace)

    def problems(self) -> list[str]:
        """Files that got their name before their bytes were durable, and names that were never made so."""
        found = []
        for index, (what, names) in enumerate(self.calls):
            if what == "replace":
                source, target = names.split("\0")
                if target.endswith("/.current.json"):
                    continue  # a note of the file beside it, held against that whenever it is read
                if ("fsync", source) not in self.calls[:index]:
                    found.append(f"{target} was renamed before its bytes were durable")
                if ("fsync", str(Path(target).parent)) not in self.calls[index:]:
                    found.append(f"the name of {target} was never made durable")
        return found


def test_bytes_are_durable_before_their_names_and_names_before_the_answer(two_versions, monkeypatch) -> None:
    disk = Disk()
    with monkeypatch.context() as patch:
        disk.watch(patch)
        assert two_versions.run("publish", "P-2").code == 0
    assert len([what for what, _ in disk.calls if what == "replace"]) >= 1
    assert disk.problems() == []


def test_a_rename_before_its_fsync_is_seen(two_versions, monkeypatch) -> None:
    from workbench.runtime import views

    disk = Disk()
    with monkeypatch.context() as patch:
        disk.watch(patch)
        traced, late = os.replace, []
        real = views.files.fsync
        patch.setattr(views.files, "fsync", lambda path: late.append(path) if path.is_file() else real(path))
        patch.setattr(os, "replace", lambda source, target: (traced(source, target), real(Path(target))))
        assert two_versions.run("publish", "P-2").code == 0
    assert late
    assert [each for each in disk.problems() if "before its bytes were durable" in each]
