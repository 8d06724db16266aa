"""Rows that break a check are held back, counted, and released or discarded by a person, on the ledger."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tests.conftest import Ran
from tests.operate.test_strategies import CONTRACT, ROWS, orders, seen
from tests.test_docs import hold
from workbench.cli.main import main
from workbench.model import Check
from workbench.store import Store, quarantine

POSITIVE = Check("between", ("amount",), {"low": 0, "high": 100}, "quarantine")


@pytest.fixture
def held(production):
    """Q-1 holds order 3 of the third day back; orders 1, 2 and 4 are seen."""
    orders(production, (1, "2024-01-01", 1), (2, "2024-01-02", 2))
    production.publish(replace(CONTRACT, checks=(POSITIVE,)), ROWS)
    orders(production, (1, "2024-01-01", 1), (2, "2024-01-02", 2), (3, "2024-01-03", -3), (4, "2024-01-03", 4))
    run = production.go()
    assert run.status == "succeeded", run.error
    assert (run.facts["rows_rejected"], run.facts["quarantine"], run.rows) == (1, "Q-1", 3)
    assert [number for number, *_ in seen(production)] == [1, 2, 4]
    return production


def test_the_status_says_what_is_held_back(held, capsys):
    code, said = command(capsys, "status")
    assert code == 0
    assert "1 row held back: Q-1" in said


def command(capsys, *arguments: str) -> tuple[int, str]:
    capsys.readouterr()
    code = main(list(arguments))
    captured = capsys.readouterr()
    assert "Traceback" not in captured.err
    return code, captured.out + captured.err


def printed(capsys, schema: str, *arguments: str) -> None:
    code, said = command(capsys, *arguments, "--json")
    hold(schema, Ran(code, said, ""))


def ledger(production):
    with Store.open(production.workspace, read_only=True) as store:
        assert store.verify_ledger() == ()
        return [entry.kind for entry in store.ledger()]


def test_the_same_rows_are_held_back_once(held):
    again = held.go()
    assert (again.facts["quarantine"], again.facts["changed"]) == ("Q-1", False)
    with Store.open(held.workspace, read_only=True) as store:
        assert len(quarantine.find(store)) == 1


def test_without_a_word_of_quarantine_the_run_fails_and_readers_keep_what_they_had(held):
    held.version(replace(CONTRACT, checks=(replace(POSITIVE, on_failure="fail"),)), ROWS)
    run = held.go()
    assert (run.status, run.facts["rows_rejected"]) == ("failed", 0)
    assert "between(amount, low=0, high=100)" in run.error
    assert len(seen(held)) == 3


def test_listing_and_showing_say_what_was_held_back_and_why(held, capsys):
    code, said = command(capsys, "quarantine", "ls")
    assert code == 0
    assert "Q-1" in said
    code, said = command(capsys, "quarantine", "show", "q-1")
    assert code == 0
    assert "between(amount, low=0, high=100)" in said
    assert "-3.0" in said
    assert command(capsys, "quarantine", "show", "Q-9")[0] == 2
    printed(capsys, "quarantine-ls", "quarantine", "ls", "daily_sales")
    printed(capsys, "quarantine-show", "quarantine", "show", "Q-1")
    printed(capsys, "quarantine-discard", "quarantine", "discard", "Q-1", "--why", "a typo")
    assert command(capsys, "quarantine", "ls", "nothing")[0] == 2


def test_release_shows_the_rows_once_and_later_runs_leave_them(held, capsys):
    assert command(capsys, "quarantine", "release", "Q-1", "--why", "a refund")[0] == 0
    assert (3, "03", -3.0) in seen(held)
    assert ledger(held) == ["run", "release"]
    printed(capsys, "quarantine-release", "quarantine", "release", "Q-1", "--why", "again")
    run = held.go()
    assert (run.status, run.facts["rows_rejected"], run.facts["changed"]) == ("succeeded", 0, False)
    assert (3, "03", -3.0) in seen(held)
    assert ledger(held) == ["run", "release"]
    with Store.open(held.workspace, read_only=True) as store:
        assert store.ledger()[-1].payload["quarantine"] == ["Q-1"]
        assert quarantine.find(store)[0].why == "a refund"
    assert command(capsys, "quarantine", "discard", "Q-1", "--why", "late")[0] == 4


def test_discarded_rows_stay_away_and_the_ledger_says_why(held, capsys):
    assert command(capsys, "quarantine", "discard", "Q-1", "--why", "a typo")[0] == 0
    run = held.go()
    assert (run.facts["rows_rejected"], run.facts["quarantine"], run.facts["changed"]) == (1, "Q-1", False)
    assert ledger(held) == ["run", "discard"]
    assert command(capsys, "quarantine", "release", "Q-1", "--why", "no")[0] == 4
    said = command(capsys, "quarantine", "ls")[1]
    assert "nothing is held back" in said
    assert "Q-1" in command(capsys, "quarantine", "ls", "--all")[1]


def test_rows_whose_key_readers_see_by_now_are_not_released(held, capsys):
    orders(held, (3, "2024-01-03", 33), (4, "2024-01-03", 4))
    assert held.go().status == "succeeded"
    code, said = command(capsys, "quarantine", "release", "Q-1", "--why", "too late")
    assert code == 4
    assert "readers see rows with the same order_id" in said


def test_a_decision_needs_a_reason(held, capsys):
    assert command(capsys, "quarantine", "release", "Q-1")[0] == 2
    assert command(capsys, "quarantine", "discard", "Q-1", "--why", "  ")[0] == 2


@pytest.mark.parametrize("point", ["after_intent", "after_swap"])
def test_a_release_killed_in_the_middle_is_finished_or_undone(held, point, capsys):
    home = str(Path(__file__).resolve().parents[2])
    died = subprocess.run(
        [sys.executable, "-m", "workbench", "quarantine", "release", "Q-1", "--why", "a refund"],
        env={**os.environ, "PYTHONPATH": home, "WORKBENCH_FAIL_AT": point}, capture_output=True, check=False,
    )  # fmt: skip
    assert died.returncode == 137, died.stderr.decode()
    assert command(capsys, "quarantine", "release", "Q-1", "--why", "a refund")[0] == 0
    assert ledger(held) == ["run", "release"]
    assert [number for number, *_ in seen(held)] == [1, 2, 3, 4]


def test_all_rows_held_back_is_no_success(held):
    orders(held, (5, "2024-01-05", -5))
    run = held.go(interval="2024-01-05..2024-01-06")
    assert (run.status, run.error) == ("degraded", "no rows for 2024-01-05..2024-01-06; all 1 were held back")
    assert run.facts["quarantine"] == "Q-2"
    assert len(seen(held)) == 3


def test_a_promotion_holds_the_same_rows_back(sandboxed):
    sandboxed.edit('wb.check.between("orders", 1, 1000000)', 'wb.check.between("revenue", 0, 300, on_failure="quarantine")')
    promoted = sandboxed.promote()
    assert promoted.code == 3, promoted.out + promoted.err
    for arguments in (("approve", "P-1"), ("publish", "P-1")):
        assert sandboxed.run(*arguments).code == 0
    with contextlib.chdir(sandboxed.root):
        run = sandboxed.run("run", "daily_sales", "--json")
    assert run.json["facts"]["rows_rejected"] > 0
    assert run.json["facts"]["changed"] is False
