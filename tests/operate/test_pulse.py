"""Signs of life: what the store and ``workbench runs ls`` say of a run under way."""

from __future__ import annotations

import datetime as dt
import os
import re
import threading
import time

from tests.conftest import Ran
from tests.test_docs import hold
from workbench.cli.main import main
from workbench.operate import process
from workbench.operate.pulse import pulse
from workbench.store import Store, beats
from workbench.store.records import RunRecord

NOW = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
SLOW = """
from __future__ import annotations

import ibis
from ibis import _


def daily_sales(orders: ibis.Table, *, min_amount: int = 10) -> ibis.Table:
    import time

    time.sleep(2.5)
    return orders.filter(_.amount >= min_amount).group_by("day").agg(orders=_.count(), revenue=_.amount.sum())
"""


def test_a_run_under_way_is_listed_with_its_memory_and_last_sign_of_life(production, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    mine = {"pid": os.getpid(), "process": process.started(os.getpid()), "host": process.host()}
    with Store.open(production.workspace) as store:
        run = store.add_run(
            RunRecord("", "daily_sales", 1, None, {}, "running", NOW, code_sha256="0" * 64, who="ada", facts=mine)
        )
        assert beats.last(store, run.id) is None
        beats.beat(store, run.id, 123_000_000, at=NOW)
        beats.beat(store, run.id, 456_000_000, at=NOW + dt.timedelta(seconds=1))
    assert main(["runs", "ls"]) == 0
    assert re.search(r"456 MB, \d+ days ago$", capsys.readouterr().out, re.MULTILINE)
    for schema, arguments in (("runs-ls", ["runs", "ls"]), ("runs-show", ["runs", "show", run.id])):
        code = main([*arguments, "--json"])
        hold(schema, Ran(code, capsys.readouterr().out, ""))
    assert main(["runs", "show", run.id]) == 0
    assert "456 MB" in capsys.readouterr().out


def test_the_last_sign_is_written_before_the_pulse_ends(production):
    with Store.open(production.workspace):
        pass
    with pulse(production.workspace, "R-7") as beat:
        beat(5)
        beat(6)
    with Store.open(production.workspace, read_only=True) as store:
        found = beats.last(store, "R-7")
    assert found is not None
    assert found.memory == 6


def test_a_sign_of_life_never_waits_for_a_store_that_somebody_holds(production):
    with Store.open(production.workspace) as store:
        with pulse(production.workspace, "R-7") as beat, store.transaction():
            began = time.monotonic()
            for memory in range(100):
                beat(memory)
            assert time.monotonic() - began < 1
        assert beats.last(store, "R-7") is not None


def test_a_run_that_takes_longer_than_a_moment_gives_signs_of_life(production):
    production.version(production.daily[0], SLOW)
    found: list[beats.Beat] = []

    def look() -> None:
        for _ in range(600):
            with Store.open(production.workspace, read_only=True) as store:
                last = beats.last(store, "R-1")
            if last is not None:
                found.append(last)
                return
            time.sleep(0.05)

    watcher = threading.Thread(target=look)
    watcher.start()
    run = production.go()
    watcher.join()
    assert run.status == "succeeded", run.error
    assert found
    assert found[0].memory > 10_000_000
