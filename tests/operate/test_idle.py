"""The look at a workspace that a pass with nothing due takes."""

from __future__ import annotations

import datetime as dt
import subprocess
import sys

from workbench.operate import idle
from workbench.store import Store

WRITE = """
import sqlite3, sys
try:
    sqlite3.connect(sys.argv[1], timeout=0, isolation_level=None).execute("BEGIN IMMEDIATE")
except sqlite3.OperationalError as error:
    print(error)
"""


def test_a_look_takes_no_lock_of_the_store_away(production):
    """Closing a file drops all locks that a process has on it, also those of a transaction in another thread."""
    place = production.workspace.root / production.workspace.settings.store.removeprefix("sqlite:")
    with Store.open(production.workspace) as store, store.transaction():
        idle.fingerprint(production.workspace)
        said = subprocess.run([sys.executable, "-c", WRITE, str(place)], capture_output=True, text=True, check=True)
    assert "locked" in said.stdout
    assert subprocess.run([sys.executable, "-c", WRITE, str(place)], capture_output=True, check=True).stdout == b""


def test_a_disk_that_fails_keeps_nothing_and_ends_no_pass(production):
    now = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)
    (production.workspace.state / idle.FILE).mkdir(parents=True)  # which no file can take the place of
    idle.remember(production.workspace, "key", now)
    assert idle.nothing_before(production.workspace, now) == (False, None)
    assert [each.name for each in production.workspace.state.glob(".tmp-*")] == []
