"""How long it takes to verify a ledger of 100,000 entries: in process, and as a command. Seconds of CPU."""

from __future__ import annotations

import datetime as dt
import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import pytest

from workbench.config import Workspace, find_workspace
from workbench.store import Store, ledger, tables

ENTRIES = 100_000
MOST_SECONDS = 1.0


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """One with that many publications on the record, all but the first sealed here."""
    root = tmp_path_factory.mktemp("long")
    (root / "pyproject.toml").write_text("[tool.workbench]\n")
    workspace = find_workspace(root)
    at = {"version": 2, "snapshot": "late_departures-v2-6999dc5d09fe3adb"}
    with Store.open(workspace) as store:
        store.append_ledger("publish", {"promotion": "P-1"}, at=dt.datetime(2026, 1, 1, tzinfo=dt.UTC))
        (last,), key = store.select(tables.ledger), ledger.read_key(workspace.state)
        assert key is not None
        rows = []
        for seq in range(2, ENTRIES + 1):
            moves = {"late_departures": {"from": at, "to": at}}
            payload = json.dumps({"moves": moves, "promotion": f"P-{seq}", "who": "ada@example.org", "why": "refunds"})
            entry = (seq, last["at"], "publish", payload, rows[-1]["hash"] if rows else last["hash"])
            rows.append(dict(zip(ledger.COLUMNS, (*entry, ledger.seal(key, *entry)), strict=True)))
        with store.transaction() as connection:
            connection.execute(tables.ledger.insert(), rows)
        store.write_head()
    return workspace


def test_a_hundred_thousand_entries_are_verified(workspace: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    with Store.open(workspace, read_only=True) as store:
        inside = min(_inside(store) for _ in range(5))
    typed = min(_command(workspace.root) for _ in range(3))
    with capsys.disabled():
        print(f"\nverifying {ENTRIES:,} entries: in process {inside:.3f} s, as a command {typed:.3f} s of CPU")
    assert inside < MOST_SECONDS


def _inside(store: Store) -> float:
    before = time.process_time()
    assert store.verify_ledger() == ()
    return time.process_time() - before


def _command(root: Path) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    command = [sys.executable, "-m", "workbench", "audit", "verify"]
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == f"{ENTRIES:,} entries, 0 problems\n"
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
