"""The store keeps what it acknowledged, loses nothing between processes, and its ledger shows every tampering."""

from __future__ import annotations

import datetime as dt
import random
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from workbench.config import Settings, Workspace
from workbench.errors import GuardRefused, InfrastructureError, LockHeld
from workbench.model import GateResult, Interval, Verdict, VersionId
from workbench.store import Store
from workbench.store.records import CandidateRecord, Pointer, RunRecord, Target, promotion_digest

NOW = dt.datetime(2026, 3, 29, 1, 30, tzinfo=dt.UTC)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path, Settings())


def candidate(pipeline: str = "sales", version: int = 1) -> CandidateRecord:
    gates = (GateResult("rows", Verdict.WARN, "3 rows", {"share": 0.5, "deep": [1, {"a": None}]}),)
    return CandidateRecord(pipeline, version, f"{pipeline}-v{version}-ab", None, True, "m", "c", "e", gates, {"rows": 3})


def add(store: Store, *candidates: CandidateRecord):
    made = candidates or (candidate(),)
    return store.add_promotion(
        notebook="notebooks/naïve ☃.py",
        notebook_sha256="n",
        why="because 'quotes\"; drop table x; --",
        who="ada",
        at=NOW,
        status="waiting",
        candidates=made,
        manifests={VersionId(each.pipeline, each.version): "f" * 64 for each in made},
    )


def test_a_store_that_does_not_exist_reads_as_empty_and_is_not_made(workspace):
    with Store.open(workspace, read_only=True) as store:
        assert (store.promotions(), store.runs(), store.operations(), store.ledger(), store.verify_ledger()) == (
            (),
            (),
            (),
            (),
            (),
        )
        assert store.promotion("P-1") is None
        with pytest.raises(InfrastructureError):
            add(store)
    assert not workspace.state.exists()


def test_reading_changes_no_byte(workspace):
    with Store.open(workspace) as store:
        add(store)
    file = workspace.state / "store.db"
    before = file.read_bytes()
    with Store.open(workspace, read_only=True) as store:
        assert store.promotion("P-1") is not None
        assert store.verify_ledger() == ()
    assert file.read_bytes() == before
    assert sorted(path.name for path in workspace.state.iterdir()) == ["ledger.key", "store.db"]


def test_a_store_left_in_the_middle_of_a_commit_is_read_as_it_was_and_not_touched(workspace):
    with Store.open(workspace) as store, store.transaction():
        for number in range(300):
            store.append_ledger("note", {"number": number, "long": "x" * 200}, at=NOW)
    file = workspace.state / "store.db"
    script = (
        "import os, sqlite3, sys; con = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
        "con.execute('PRAGMA cache_size = 1'); con.execute('BEGIN IMMEDIATE')\n"
        "con.execute(\"UPDATE ledger SET payload = payload || 'half'\"); os._exit(9)\n"
    )
    assert subprocess.run([sys.executable, "-c", script, str(file)], check=False).returncode == 9
    there = {path.name: path.read_bytes() for path in workspace.state.iterdir()}
    assert "store.db-journal" in there
    with Store.open(workspace, read_only=True) as store:
        assert len(store.ledger()) == 300
        assert store.verify_ledger() == ()
    assert {path.name: path.read_bytes() for path in workspace.state.iterdir()} == there
    with Store.open(workspace) as store:
        assert store.verify_ledger() == ()


def test_a_store_left_in_the_middle_of_its_making_reads_as_empty(workspace):
    file = workspace.state / "store.db"
    file.parent.mkdir()
    script = (
        "import os, sqlite3, sys; con = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
        "con.execute('PRAGMA cache_size = 1'); con.execute('BEGIN IMMEDIATE')\n"
        "[con.execute(f'CREATE TABLE t{number} (a)') for number in range(50)]; os._exit(9)\n"
    )
    assert subprocess.run([sys.executable, "-c", script, str(file)], check=False).returncode == 9
    assert "store.db-journal" in [path.name for path in workspace.state.iterdir()]
    with Store.open(workspace, read_only=True) as store:
        assert store.ledger() == ()
        assert store.runs() == ()
    with Store.open(workspace) as store:
        add(store)
        assert store.promotion("P-1") is not None


def test_records_come_back_as_they_were_written(workspace):
    with Store.open(workspace) as store:
        promotion = add(store)
        assert store.promotion("P-1") == promotion
        assert promotion.digest == promotion_digest("n", promotion.candidates)
        assert store.promotion("P-01x") is None
        version = store.version(VersionId("sales", 1))
        assert version is not None
        assert (version.promotion, version.manifest_sha256) == ("P-1", "f" * 64)
        approval = store.add_approval("P-1", who="bo", at=NOW, digest=promotion.digest, decision="approve", why="ok")
        assert store.approvals("P-1") == (approval,)
        interval = Interval(NOW, NOW + dt.timedelta(days=1))
        run = store.add_run(RunRecord("", "sales", 1, interval, {"n": 1}, "running", NOW, facts={"pid": 1}))
        assert store.run(run.id) == run
        target = Target("sales", None, Pointer(1, "sales-v1-ab"))
        operation = store.begin_operation("publish", [target], who="bo", at=NOW, promotion="P-1")
        assert store.operations(state="begun") == (operation,)
        store.end_operation(operation.id, "done")
        assert store.operations(state="begun") == ()
        assert [entry.kind for entry in store.ledger()] == ["promotion", "approve"]


def test_a_newer_promotion_of_a_pipeline_supersedes_what_still_waits(workspace):
    with Store.open(workspace) as store:
        add(store)
        add(store, candidate("other"))
        add(store, candidate("sales", 2))
        assert [each.status for each in store.promotions()] == ["superseded", "waiting", "waiting"]


def test_the_second_of_two_contrary_decisions_is_refused(workspace):
    with Store.open(workspace) as store:
        promotion = add(store)
        store.add_approval("P-1", who="bo", at=NOW, digest=promotion.digest, decision="reject", why="no")
        with pytest.raises(GuardRefused, match="decided meanwhile"):
            store.add_approval("P-1", who="cy", at=NOW, digest=promotion.digest, decision="approve")


def test_a_transaction_is_all_or_nothing(workspace):
    with Store.open(workspace) as store:

        def fail() -> None:
            with store.transaction():
                add(store)
                raise RuntimeError

        with pytest.raises(RuntimeError):
            fail()
        assert store.promotions() == ()
        assert store.ledger() == ()


def test_four_processes_lose_no_update_and_no_number(workspace):
    script = (
        "import sys, datetime as dt; from pathlib import Path\n"
        "from workbench.config import Settings, Workspace; from workbench.store import Store\n"
        "from workbench.store.records import RunRecord\n"
        "with Store.open(Workspace(Path(sys.argv[1]), Settings())) as store:\n"
        "    for i in range(15):\n"
        "        store.add_run(RunRecord('', 'sales', 1, None, {}, 'running', dt.datetime.now(dt.UTC)))\n"
        "        store.append_ledger('run', {'i': i}, at=dt.datetime.now(dt.UTC))\n"
    )
    processes = [subprocess.Popen([sys.executable, "-c", script, str(workspace.root)]) for _ in range(4)]
    assert [process.wait(timeout=120) for process in processes] == [0] * 4
    with Store.open(workspace) as store:
        assert sorted(int(run.id[2:]) for run in store.runs()) == list(range(1, 61))
        assert len(store.ledger()) == 60
        assert store.verify_ledger() == ()


def test_a_writer_that_holds_the_store_is_named_after_a_wait(workspace, monkeypatch):
    monkeypatch.setattr("workbench.store.engine.BUSY_SECONDS", 0.1)
    with Store.open(workspace) as store:
        add(store)
        with closing(sqlite3.connect(workspace.state / "store.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(LockHeld):
                add(store, candidate("sales", 2))
            other.execute("ROLLBACK")
        add(store, candidate("sales", 2))


def test_a_file_that_is_no_store_is_named(workspace):
    workspace.state.mkdir()
    (workspace.state / "store.db").write_bytes(b"not a database at all, but long enough to be read as one" * 20)
    for read_only in (True, False):
        with pytest.raises(InfrastructureError, match="the store is damaged") as raised:
            Store.open(workspace, read_only=read_only)
        assert raised.value.hint.startswith("put back a copy of ")


def test_migrations_make_the_tables_that_the_program_knows(workspace):
    from sqlalchemy import create_engine, inspect

    from workbench.store.migrations import known_revisions
    from workbench.store.tables import REVISION, metadata

    Store.open(workspace).close()
    engine = create_engine(f"sqlite:///{workspace.state / 'store.db'}")
    found = inspect(engine)
    assert set(found.get_table_names()) == {*metadata.tables, "alembic_version"}
    for name, table in metadata.tables.items():
        columns = {
            column["name"]: (bool(column["nullable"]), bool(column["primary_key"])) for column in found.get_columns(name)
        }
        assert columns == {column.name: (bool(column.nullable), column.primary_key) for column in table.columns}
        assert {index["name"] for index in found.get_indexes(name)} == {index.name for index in table.indexes}
    engine.dispose()
    assert REVISION in known_revisions()


def test_the_ledger_s_key_is_readable_by_its_owner_alone(workspace):
    with Store.open(workspace) as store:
        add(store)
    assert (workspace.state / "ledger.key").stat().st_mode & 0o077 == 0


def filled(workspace: Workspace, entries: int = 12) -> Path:
    with Store.open(workspace) as store:
        for number in range(entries):
            store.append_ledger("note", {"number": number}, at=NOW + dt.timedelta(minutes=number))
        store.write_head()
        assert store.verify_ledger() == ()
    return workspace.state / "store.db"


def tamper(file: Path, *statements: str) -> None:
    with closing(sqlite3.connect(file)) as con, con:
        for statement in statements:
            con.execute(statement)


@pytest.mark.parametrize(
    ("statements", "said"),
    [
        (["UPDATE ledger SET payload = '{\"number\":99}' WHERE seq = 5"], "entry 5 was changed"),
        (["UPDATE ledger SET at = '2020-01-01T00:00:00.000000Z' WHERE seq = 5"], "entry 5 was changed"),
        (["DELETE FROM ledger WHERE seq = 5"], "entry 5 is missing"),
        (["DELETE FROM ledger WHERE seq > 9"], "cut off"),
        (["DELETE FROM ledger"], "cut off"),
        (["DELETE FROM ledger WHERE seq = 5", "UPDATE ledger SET seq = seq - 1 WHERE seq > 5"], "entry 5"),
        (
            [
                "UPDATE ledger SET seq = -5 WHERE seq = 5",
                "UPDATE ledger SET seq = 5 WHERE seq = 6",
                "UPDATE ledger SET seq = 6 WHERE seq = -5",
            ],
            "entry 5",
        ),
    ],
)
def test_every_kind_of_tampering_is_found_and_its_entry_named(workspace, statements, said):
    file = filled(workspace)
    tamper(file, *statements)
    with Store.open(workspace, read_only=True) as store:
        problems = store.verify_ledger()
    assert problems
    assert any(said in problem.message for problem in problems)


def test_editing_and_hashing_anew_without_the_key_is_found(workspace):
    from workbench.store.ledger import seal

    file = filled(workspace)
    with closing(sqlite3.connect(file)) as con, con:
        previous = con.execute("SELECT hash FROM ledger WHERE seq = 4").fetchone()[0]
        for seq, at, kind, payload in con.execute(
            "SELECT seq, at, kind, payload FROM ledger WHERE seq >= 5 ORDER BY seq"
        ).fetchall():
            digest = seal(b"guess", seq, at, kind, payload + " ", previous)
            con.execute(
                "UPDATE ledger SET payload = ?, previous = ?, hash = ? WHERE seq = ?", (payload + " ", previous, digest, seq)
            )
            previous = digest
    with Store.open(workspace, read_only=True) as store:
        assert store.verify_ledger()[0].seq == 5


def test_random_tamperings_are_all_found(workspace):
    file = filled(workspace)
    original = file.read_bytes()
    chance = random.Random(7)
    for _ in range(60):
        file.write_bytes(original)
        seq, column = chance.randint(1, 12), chance.choice(["at", "kind", "payload", "previous", "hash"])
        with closing(sqlite3.connect(file)) as con, con:
            (text,) = con.execute(f"SELECT {column} FROM ledger WHERE seq = ?", (seq,)).fetchone()
            at = chance.randrange(len(text) + 1)
            con.execute(f"UPDATE ledger SET {column} = ? WHERE seq = ?", (text[:at] + "x" + text[at + 1 :], seq))
        with Store.open(workspace, read_only=True) as store:
            problems = store.verify_ledger()
        assert problems, (seq, column, at)
        assert problems[0].seq in (seq, seq + 1)


def test_a_ledger_without_its_key_is_not_continued(workspace):
    filled(workspace)
    (workspace.state / "ledger.key").unlink()
    with Store.open(workspace) as store:
        assert store.verify_ledger()
        with pytest.raises(GuardRefused, match="key"):
            store.append_ledger("note", {}, at=NOW)


def test_the_head_is_not_moved_back_over_a_ledger_that_was_cut_off(workspace):
    file = filled(workspace)
    tamper(file, "DELETE FROM ledger WHERE seq > 9")
    with Store.open(workspace) as store:
        store.write_head()
        store.append_ledger("note", {}, at=NOW)
        store.write_head()
        assert any("LEDGER_HEAD" in problem.message for problem in store.verify_ledger())


def test_a_ledger_that_begins_in_a_fresh_clone_seals_the_head_that_it_found(workspace):
    file = filled(workspace)
    head = (workspace.promoted / "LEDGER_HEAD").read_text().split()[1]
    file.unlink()
    (workspace.state / "ledger.key").unlink()
    with Store.open(workspace) as store:
        store.append_ledger("note", {}, at=NOW)
        assert store.verify_ledger() == ()
        store.write_head()
        assert (store.verify_ledger(), store.ledger()[0].previous) == ((), head)
        for _ in range(20):
            store.append_ledger("note", {}, at=NOW)
        assert store.verify_ledger() == ()


def test_another_key_can_t_continue_a_ledger(workspace, monkeypatch):
    filled(workspace)
    monkeypatch.setenv("WORKBENCH_LEDGER_KEY", "another")
    with Store.open(workspace) as store, pytest.raises(GuardRefused, match="another key"):
        store.append_ledger("note", {}, at=NOW)
    monkeypatch.delenv("WORKBENCH_LEDGER_KEY")
    with Store.open(workspace) as store:
        assert store.verify_ledger() == ()
