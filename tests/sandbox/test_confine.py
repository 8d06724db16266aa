"""Ways out of a confined process, through Python: each is refused, or stands in docs/sandbox.md as not promised."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from tempfile import NamedTemporaryFile

import duckdb
import pytest

from tests.sandbox.ways import NEEDS, OPEN, REFUSED
from workbench.config import Settings, Source, Workspace, find_workspace
from workbench.runtime import landlock
from workbench.sandbox.confine import Confinement, offered, plan, without

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs" / "sandbox.md"
HARNESS = """
import json, os, sys
given = json.load(open(sys.argv[1]))
from workbench.runtime.landlock import Rules
from workbench.sandbox.confine import confine
os.chdir(given["places"]["notebooks"])
confine(Rules(**{name: tuple(listed) for name, listed in given["rules"].items()}))
said = {}
for way, code in given["ways"].items():
    try:
        exec(code, {**given["places"], "os": os})
        said[way] = "possible"
    except BaseException as error:
        said[way] = f"{type(error).__name__}: {error}"
print(json.dumps(said))
"""


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A workspace with raw tables, published data, a store and two sandboxes."""
    root = tmp_path_factory.mktemp("confined")
    for folder in ("raw", "notebooks", "promoted/p/v1", "warehouse/data/p", *(f".workbench/sandboxes/{s}" for s in "ab")):
        (root / folder).mkdir(parents=True)
    (root / "pyproject.toml").write_text('[tool.workbench.sources.orders]\nread = "raw/orders-*.csv"\nkey = ["a"]\n')
    (root / "raw" / "orders-1.csv").write_text("a,b\n1,2\n")
    (root / "promoted" / "p" / "v1" / "__init__.py").write_text("x = 1\n")
    for file in ("raw/production.duckdb", ".workbench/sandboxes/a/a.duckdb", ".workbench/sandboxes/b/b.duckdb"):
        with duckdb.connect(str(root / file)) as con:
            con.execute("CREATE TABLE orders AS SELECT 1 AS a, 2 AS b")
            con.execute(f"COPY orders TO '{root}/warehouse/data/p/x.parquet'")
    (root / ".workbench" / "store.db").write_bytes(b"")
    return find_workspace(root)


@pytest.fixture(scope="module")
def said(workspace: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """What came of each way, tried in one confined process."""
    if not offered().files:
        pytest.skip("this kernel offers no Landlock: docs/sandbox.md says that nothing is confined then")
    own, root = tmp_path_factory.mktemp("own"), workspace.root
    pgpass = tmp_path_factory.mktemp("home") / ".pgpass"
    pgpass.write_text("canary")
    sandbox = workspace.sandboxes / "a" / "a.duckdb"
    with (
        subprocess.Popen(["sleep", "600"], env={"PGPASSWORD": "canary"}) as victim,
        socket.create_server(("127.0.0.1", 0)) as server, socket.socket(socket.AF_UNIX) as unix,
        socket.socket(socket.AF_UNIX) as abstract, socket.socket() as free, NamedTemporaryFile(dir="/dev/shm") as shared,
    ):  # fmt: skip
        unix.bind(str(own / "db.sock"))
        abstract.bind(f"\0workbench-{os.getpid()}")
        unix.listen()
        abstract.listen()
        free.bind(("127.0.0.1", 0))
        places = {
            "raw": root / "raw" / "orders-1.csv", "warehouse": workspace.warehouse,
            "production": root / "raw" / "production.duckdb",
            "published": workspace.warehouse / "data" / "p" / "x.parquet", "store": workspace.state / "store.db",
            "other": workspace.sandboxes / "b" / "b.duckdb", "sandbox": sandbox, "settings": root / "pyproject.toml",
            "version": workspace.promoted / "p" / "v1" / "__init__.py", "notebooks": workspace.notebooks, "root": root,
            "pgpass": pgpass, "unix": own / "db.sock", "shared": shared.name, "abstract": f"workbench-{os.getpid()}",
        }  # fmt: skip
        numbers = {"victim": victim.pid, "port": server.getsockname()[1], "listen": free.getsockname()[1]}
        free.close()
        job = own / "job.json"
        rules = plan(workspace, notebooks=workspace.notebooks, sandbox=sandbox, own=own, save=True)
        ways = {"places": {name: str(place) for name, place in places.items()} | numbers, "ways": REFUSED | OPEN}
        job.write_text(json.dumps(ways | {"rules": asdict(rules)}))
        done = subprocess.run(
            [sys.executable, "-c", HARNESS, str(job)], env={**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(own)},
            capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip
        alive = victim.poll() is None
        victim.kill()
        assert done.returncode == 0, done.stderr
        assert alive or offered().version < landlock.SIGNALS
        yield json.loads(done.stdout)
    assert (root / "raw" / "orders-1.csv").read_text() == "a,b\n1,2\n"


@pytest.mark.parametrize("way", REFUSED)
def test_no_python_code_reaches_beyond_the_sandbox(said: dict[str, str], way: str) -> None:
    if offered().version < NEEDS.get(way, 1):
        pytest.skip(f"needs version {NEEDS[way]} of Landlock, which docs/sandbox.md says")
    assert said[way] != "possible"
    assert not re.match("(Name|Syntax|Attribute|Type|Import|ModuleNotFound|StopIteration|Key)", said[way]), said[way]


@pytest.mark.parametrize("way", OPEN)
def test_what_is_not_promised_is_possible_indeed(said: dict[str, str], way: str) -> None:
    assert said[way] == "possible"


def test_the_documentation_lists_every_way() -> None:
    rows = re.findall(r"^\| (.+?) \| (refused|not promised)[^|]* \|$", DOCS.read_text(), re.MULTILINE)
    assert rows == [*((way, "refused") for way in REFUSED), *((way, "not promised") for way in OPEN)]
    assert len(REFUSED) >= 25


def test_a_kernel_without_landlock_confines_nothing_and_says_so(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from workbench.cli.main import main

    monkeypatch.setattr(landlock, "version", lambda: 0)
    monkeypatch.setattr("workbench.sandbox.confine.version", lambda: 0)
    rules = plan(workspace, notebooks=workspace.notebooks, sandbox=workspace.sandboxes / "a" / "a.duckdb", own=workspace.state)
    assert landlock.restrict(rules) == 0
    assert (workspace.root / "raw" / "orders-1.csv").read_text() == "a,b\n1,2\n"
    (tmp_path / "pyproject.toml").write_text("[tool.workbench]\n")
    monkeypatch.chdir(tmp_path)
    main(["doctor", "--json"])
    finding = next(each for each in json.loads(capsys.readouterr().out)["findings"] if each["subject"] == "sandbox")
    assert finding["state"] == "warning"
    assert "not confined" in finding["message"]


@pytest.mark.parametrize(
    ("version", "files", "network"), [(0, False, False), (1, True, False), (3, True, False), (4, True, True)]
)
def test_what_is_said_is_what_the_kernel_offers(version: int, files: bool, network: bool) -> None:
    confinement = Confinement(version)
    assert (confinement.files, confinement.network) == (files, network)
    assert ("not confined" in str(confinement)) is not files
    assert ("no TCP connection" in str(confinement)) is network


def test_the_rules_leave_out_where_production_is(workspace: Workspace, tmp_path: Path) -> None:
    root, sandbox = workspace.root, workspace.sandboxes / "a" / "a.duckdb"
    (root / "helpers.py").write_text("x = 1\n")
    rules = plan(workspace, notebooks=workspace.notebooks, sandbox=sandbox, own=tmp_path, save=True, listen=[2718], given=[])
    opened = {Path(each) for each in (*rules.run, *rules.read, *rules.write, *rules.devices)}
    for closed in (
        root / "raw",
        workspace.warehouse,
        workspace.state / "store.db",
        workspace.sandboxes / "b",
        Path("/etc/shadow"),
    ):
        assert not opened & {closed, *closed.parents}
    assert {root / "pyproject.toml", root / "helpers.py", workspace.promoted, sandbox.parent, workspace.notebooks} <= opened
    assert set(rules.write) == {str(tmp_path), "/dev/shm", str(workspace.notebooks)}
    assert rules.listen == (2718,)
    proof = plan(workspace, notebooks=workspace.notebooks, sandbox=sandbox, own=tmp_path, given=[])
    assert str(workspace.notebooks) in proof.read
    assert str(workspace.notebooks) not in proof.write


@pytest.mark.parametrize(
    ("read", "notebooks"),
    [
        ("*.csv", "."),
        ("orders.csv", "."),
        ("notebooks/orders.csv", "notebooks"),
        ("duckdb:notebooks/data/p.duckdb#orders", "notebooks"),
        ("notebooks/data/**/*.csv", "notebooks"),
    ],
)
def test_production_among_the_notebooks_stays_out(tmp_path: Path, read: str, notebooks: str) -> None:
    (tmp_path / "notebooks" / "data").mkdir(parents=True)
    for file in ("orders.csv", "notebooks/orders.csv", "notebooks/data/p.duckdb", "notebooks/data/x.csv", "notebooks/first.py"):
        (tmp_path / file).write_text("a\n")
    found = Workspace(tmp_path, Settings(sources={"orders": Source(read=read)}))
    rules = plan(
        found, notebooks=tmp_path / notebooks, sandbox=tmp_path / "s.duckdb", own=tmp_path / "t", save=True, given=[]
    )  # fmt: skip
    place = {"*.csv": "orders.csv", "orders.csv": "orders.csv", "notebooks/data/**/*.csv": "notebooks/data/x.csv"}
    closed = tmp_path / place.get(read, read.removeprefix("duckdb:").partition("#")[0])
    opened = {Path(each) for each in (*rules.run, *rules.read, *rules.write)}
    assert not opened & {closed, *closed.parents}
    first = tmp_path / "notebooks" / "first.py"
    assert opened & {first, *first.parents}


def test_a_folder_without_what_is_closed(tmp_path: Path) -> None:
    for folder in ("a/b/c", "a/d", "e"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "a" / "b")
    assert without(tmp_path, frozenset([tmp_path / "a" / "b"])) == [tmp_path / "a" / "d", tmp_path / "e"]
    assert without(tmp_path / "gone", frozenset([tmp_path])) == []


def test_rules_that_the_kernel_refuses_stop_the_process(tmp_path: Path) -> None:
    if not offered().network:
        pytest.skip("needs version 4 of Landlock, whose rules for ports can be wrong")
    code = "from workbench.runtime.landlock import Rules, restrict; restrict(Rules(listen=(70000,)))"
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "this process could not be confined: Invalid argument (EINVAL)" in done.stderr
