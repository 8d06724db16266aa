"""Moves readers in a process of its own, which may be killed at a fail-point. Loaded once by a server that forks."""

from __future__ import annotations

import datetime as dt
import multiprocessing
import os
from pathlib import Path

import duckdb
import sqlalchemy.dialects.sqlite  # noqa: F401  # so that a forked process need not

from workbench.catalog import operation
from workbench.config import find_workspace
from workbench.runtime import failpoint
from workbench.runtime.warehouse import Warehouse
from workbench.store import Store
from workbench.store.records import Pointer, Target

# It has a thread, and a process with threads is not soundly forked.
duckdb.default_connection().close()
NOW = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
MUTANTS = ("no recovery", "no ledger entry", "swap before the intent")


def move(root: Path, kind: str, new: dict[str, tuple[int, str]], point: str, mutant: str = "") -> None:
    """Show readers these versions and snapshots, and be killed at ``point``."""
    plant(mutant)
    workspace = find_workspace(root)
    warehouse = Warehouse.open(workspace)
    live = warehouse.live()
    targets = [Target(name, operation.pointer(live.get(name)), Pointer(*to)) for name, to in new.items()]
    targets = [each for each in targets if each.old != each.new]
    os.environ[failpoint.VARIABLE] = point
    with Store.open(workspace) as store:
        if targets:
            operation.move_readers(store, warehouse, kind, targets, who="ada", at=NOW)
        else:
            with warehouse.lock():
                operation.recover(store, warehouse, at=NOW)


def plant(mutant: str) -> None:
    """Break the code in one way, to see that somebody notices."""
    if mutant == "no recovery":
        operation.recover = lambda *_, **__: ()
    elif mutant == "no ledger entry":
        Store.append_ledger = lambda *_, **__: None
    elif mutant == "swap before the intent":
        swap, begin = Warehouse.swap, Store.begin_operation
        numbers = iter(range(1000, 10**6))

        def early(self, kind, targets, **rest):
            warehouse = Warehouse.open(self.workspace)
            swap(warehouse, f"O-{next(numbers)}", {t.pipeline: warehouse.snapshot(t.new.snapshot, t.pipeline) for t in targets})
            return begin(self, kind, targets, **rest)

        Store.begin_operation = early


def spawn(*arguments: object) -> int:
    """Call ``move`` in a process forked from one that has loaded everything; its exit code."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.operate.killed"])
    process = context.Process(target=move, args=arguments)
    process.start()
    process.join()
    return int(process.exitcode or 0)
