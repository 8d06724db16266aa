"""A model of publishing, held against the real store and warehouse: whatever is done and wherever it is killed, readers see
exactly one version's data, the ledger verifies, and each move of readers is on the record once."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import duckdb
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule, run_state_machine_as_test

from tests.operate.killed import MUTANTS, NOW, spawn
from workbench.catalog import operation
from workbench.config import find_workspace
from workbench.runtime.warehouse import Warehouse
from workbench.store import Store

PIPELINES = ("apples", "pears")
BEFORE = ("after_intent", "before_swap", "after_write_new")
AFTER = ("after_swap", "before_done", "after_done", "after_ledger_head")
POINTS = st.sampled_from(("", "", *BEFORE, *AFTER))


class Publishing(RuleBasedStateMachine):
    """Two pipelines; a mark in every row says which version and which data it is of."""

    mutant = ""

    def __init__(self) -> None:
        super().__init__()
        self.root = Path(tempfile.mkdtemp(prefix="workbench-model-"))
        (self.root / "pyproject.toml").write_text("[tool.workbench]\n")
        self.workspace = find_workspace(self.root)
        self.warehouse = Warehouse.open(self.workspace)
        self.seen: dict[str, str] = {}  # what readers of each pipeline see
        self.known: dict[str, dict[str, tuple[int, str]]] = {name: {} for name in PIPELINES}  # mark -> version, snapshot
        self.moves = 0
        self.unsettled = False
        self.swapped = False  # what is unsettled has moved readers, and is not done
        self.serial = 0

    def teardown(self) -> None:
        shutil.rmtree(self.root, ignore_errors=True)

    @initialize()
    def first(self) -> None:
        self.publish(version=1, point="")

    @rule(version=st.integers(1, 3), point=POINTS)
    def publish(self, version: int, point: str) -> None:
        """Both pipelines become visible together."""
        self._move("publish", {name: self._write(name, version) for name in PIPELINES}, point)

    @rule(data=st.data(), point=POINTS)
    def roll_back(self, data: st.DataObject, point: str) -> None:
        marks = {name: data.draw(st.sampled_from(sorted(self.known[name]))) for name in PIPELINES}
        self._move("rollback", marks, point)

    @rule(name=st.sampled_from(PIPELINES), point=POINTS)
    def run(self, name: str, point: str) -> None:
        """New data of the version that is live."""
        version = self.known[name][self.seen[name]][0]
        self._move("run", {name: self._write(name, version)}, point)

    @rule()
    def recover(self) -> None:
        with Store.open(self.workspace) as store, self.warehouse.lock():
            if self.mutant != "no recovery":
                operation.recover(store, self.warehouse, at=NOW)
            self.warehouse.tidy()
        self.unsettled = self.swapped = False

    @precondition(lambda self: not self.unsettled)
    @rule()
    def collect_garbage(self) -> None:
        """What is removed, nobody reads and nobody can go back to."""
        kept = {snapshot for marks in self.known.values() for _, snapshot in marks.values()}
        self.warehouse.remove(self.warehouse.garbage(kept))

    @invariant()
    def readers_see_one_version(self) -> None:
        with duckdb.connect(str(self.root / "warehouse" / "current.duckdb"), read_only=True) as con:
            for name in self.seen:
                marks = {mark for (mark,) in con.execute(f"SELECT mark FROM {name}").fetchall()}
                assert marks == {self.seen[name]}

    @invariant()
    def everything_is_on_the_record_once(self) -> None:
        with Store.open(self.workspace, read_only=True) as store:
            assert store.verify_ledger() == ()
            done = [each.id for each in store.operations(state="done")]
            entries = [entry.payload["operation"] for entry in store.ledger()]
            assert sorted(entries) == sorted(done)
            assert len(store.operations(state="begun")) <= int(self.unsettled)
            assert len(done) + len(store.operations(state="begun")) >= self.moves >= len(done)
            if not self.unsettled:
                assert len(done) == self.moves

    def _write(self, name: str, version: int) -> str:
        self.serial += 1
        mark = f"v{version}-{self.serial}"
        con = self.warehouse.connect()
        try:
            table = con.sql(f"SELECT '{mark}' AS mark, i AS id FROM range(50) AS r(i)")
            snapshot = self.warehouse.write(table, pipeline=name, version=version, key=["id"])
        finally:
            con.disconnect()
        self.known[name][mark] = (version, snapshot.id)
        return mark

    def _move(self, kind: str, marks: dict[str, str], point: str) -> None:
        moving = any(self.seen.get(name) != mark for name, mark in marks.items())
        # Finishing what an earlier kill left passes the same points as the end of a move: then this one never began.
        in_recovery = self.swapped and point in ("before_done", "after_done", "after_ledger_head")
        code = spawn(self.root, kind, {name: self.known[name][mark] for name, mark in marks.items()}, point, self.mutant)
        assert code == (137 if point and (moving or in_recovery) else 0)
        live = self.warehouse.current().views
        shown = {name: live[name].snapshot == self.known[name][mark][1] for name, mark in marks.items()}
        self.unsettled = code == 137
        self.swapped = self.unsettled and point in ("after_swap", "before_done")
        if moving and point not in BEFORE and not in_recovery:
            assert all(shown.values())
            self.seen |= marks
            self.moves += 1


def hold(machine: type[Publishing], examples: int, steps: int) -> None:
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            derandomize=True,
            database=None,
            phases=(Phase.generate,),  # each step is a process: the first failure is told as it is
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_readers_see_one_version_whatever_is_killed():
    hold(Publishing, examples=3, steps=8)


@pytest.mark.drill
@pytest.mark.timeout(7200)
def test_readers_see_one_version_whatever_is_killed_many_times():
    hold(Publishing, examples=60, steps=30)


@pytest.mark.drill
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("mutant", MUTANTS)
def test_the_model_notices_a_planted_mutant(mutant):
    broken = type("Broken", (Publishing,), {"mutant": mutant})
    with pytest.raises(AssertionError):
        hold(broken, examples=30, steps=15)
