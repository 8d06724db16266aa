"""Publishing and rolling back, killed at random moments many times: readers see the old or the new data, never a mix."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time

import duckdb
import pytest

from workbench.config import find_workspace
from workbench.store import Store

KILLS = 60


def seen(root) -> tuple[float, float]:
    """Revenue as readers of both pipelines see it."""
    with duckdb.connect(str(root / "warehouse" / "current.duckdb"), read_only=True) as con:
        row = con.execute("SELECT (SELECT sum(revenue) FROM daily_sales), (SELECT sum(revenue) FROM region_totals)").fetchone()
    assert row is not None
    return row


@pytest.mark.drill
def test_killed_at_random_moments_readers_never_see_a_mix_and_the_doctor_mends(two_versions):
    root, chance, killed = two_versions.root, random.Random(7), 0
    old = seen(root)
    assert two_versions.run("publish", "P-2").code == 0
    new = seen(root)
    published = True
    for _ in range(KILLS):
        command = ["rollback", "daily_sales"] if published else ["publish", "P-2"]
        process = subprocess.Popen(
            [sys.executable, "-m", "workbench", *command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        time.sleep(chance.uniform(0.1, 0.9))
        process.send_signal(signal.SIGKILL)
        killed += process.wait() == -signal.SIGKILL
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
        entries = [entry for entry in store.ledger() if entry.kind in ("publish", "rollback")]
    assert len(entries) == len(moved)
    assert killed > KILLS // 4, "most of the processes ended before they were killed"
    print(f"{killed} of {KILLS} processes killed; {len(moved)} operations on the record, each once")
