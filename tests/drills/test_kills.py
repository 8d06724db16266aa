"""Publishing, rolling back and backfills, killed at random moments many times: readers see old or new, never a mix."""

from __future__ import annotations

import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from tests.drills.strokes import Server, supported
from tests.operate.conftest import Production, production
from workbench.cli.main import main
from workbench.config import find_workspace
from workbench.store import Store, backfills

__all__ = ["production"]  # a fixture
pytestmark = pytest.mark.skipif(not supported(), reason="processes can be watched so on Linux, x86_64")
KILLS = 60


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server() as made:
        yield made


def seen(root: Path) -> tuple[float, float]:
    """Revenue as readers of both pipelines see it."""
    with duckdb.connect(str(root / "warehouse" / "current.duckdb"), read_only=True) as con:
        row = con.execute("SELECT (SELECT sum(revenue) FROM daily_sales), (SELECT sum(revenue) FROM region_totals)").fetchone()
    assert row is not None
    return row


def undisturbed(server: Server, root: Path, *command: str) -> float:
    """How many seconds a command takes."""
    began = time.monotonic()
    assert server.launch(root, "command", *command).wait() == 0
    return time.monotonic() - began


def kill_within(server: Server, root: Path, seconds: float, *command: str) -> bool:
    """Start a command and kill it before so many seconds have gone; whether it had not ended."""
    process = server.launch(root, "command", *command)
    time.sleep(seconds)
    process.send_signal(signal.SIGKILL)
    return process.wait() == -signal.SIGKILL


@pytest.mark.drill
@pytest.mark.timeout(3600)
def test_killed_at_random_moments_readers_never_see_a_mix_and_the_doctor_mends(two_versions, server):
    root, chance, killed = two_versions.root, random.Random(7), 0
    old = seen(root)
    taken = undisturbed(server, root, "publish", "P-2")
    new = seen(root)
    published = True
    for _ in range(KILLS):
        command = ["rollback", "daily_sales"] if published else ["publish", "P-2"]
        killed += kill_within(server, root, chance.uniform(0, 1.2 * taken), *command)
        now = seen(root)
        assert now in (old, new)
        assert now[0] == now[1]
        assert two_versions.run("doctor").code == 0
        assert seen(root) == now
        published = now == new
    with Store.open(find_workspace(root), read_only=True) as store:
        assert store.verify_ledger() == ()
        assert store.operations(state="begun") == ()
        moved = store.operations(state="done")
        entries = [entry.kind for entry in store.ledger() if entry.kind in ("publish", "rollback")]
    assert len(entries) == len(moved)
    assert killed > KILLS // 4, "most of the processes ended before they were killed"
    print(f"{killed} of {KILLS} commands killed, {dict(Counter(entries))} on the record, each once", file=sys.stderr)


@pytest.mark.drill
@pytest.mark.timeout(3600)
def test_a_backfill_killed_at_random_moments_publishes_each_interval_once(production: Production, server: Server) -> None:
    production.go()
    chance, root, killed, kills = random.Random(7), production.root, 0, 0
    taken = 0.0
    for round_ in range(4):
        first = f"2024-01-{4 + 6 * round_:02}"
        last = f"2024-01-{10 + 6 * round_:02}"
        production.orders(6, first=first, name=f"new{round_}")
        assert main(["backfill", "daily_sales", "--from", first, "--to", last, "--plan", "p.json"]) == 0
        apply = ("backfill", "--apply", "p.json", *(["--max-parallel", "2"] if round_ % 2 else []))
        for _ in range(KILLS // 4 if round_ else 0):
            kills += 1
            killed += kill_within(server, root, chance.uniform(0, taken), *apply)
            days = [day for day, *_ in production.read("daily_sales")]
            assert days == sorted(set(days))
        taken = undisturbed(server, root, *apply) if round_ == 0 else taken
        assert main([*apply]) == 0
        assert len(production.read("daily_sales")) == 3 + 6 * (round_ + 1)
    with Store.open(production.workspace, read_only=True) as store:
        assert store.verify_ledger() == ()
        assert store.operations(state="begun") == ()
        assert store.runs(status="running") == ()
        assert {window.state for each in backfills.find(store) for window in each.windows} == {"succeeded"}
        runs = {each.id: str(each.interval) for each in store.runs()}
        times = Counter(runs[entry.payload["run"]] for entry in store.ledger() if entry.kind == "run")
    assert {span: count for span, count in times.items() if count > 1} == {}
    assert len([span for span in times if span != "None"]) == 24
    print(f"{killed} of {kills} backfills killed, each of 24 intervals published once", file=sys.stderr)
