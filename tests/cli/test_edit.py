"""workbench edit: what it opens, what it refuses, and what the notebook's process gets to know."""

from __future__ import annotations

import datetime as dt
import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from workbench.cli.edit import starter
from workbench.config import find_workspace
from workbench.promote.notebook import read_notebook
from workbench.promote.slice import slice_notebook
from workbench.sandbox import registry, session

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.usefixtures("cold")  # what a process sees of its start is what this is about


@pytest.fixture
def sandbox(shop: Any) -> registry.SandboxInfo:
    """A sandbox of the shop, made by hand, that lives for a day."""
    folder = shop.root / ".workbench" / "sandboxes" / "s-1"
    folder.mkdir(parents=True)
    now = registry.utc_now()
    with duckdb.connect(folder / "s-1.duckdb") as con:
        con.execute(f"CREATE TABLE orders AS FROM '{shop.root}/raw/orders/*.parquet'")
        con.execute(f"CREATE TABLE customers AS FROM '{shop.root}/raw/customers.csv'")
    info = registry.SandboxInfo(
        id="s-1",
        path=folder / "s-1.duckdb",
        sample="100%",
        share=1.0,
        seed=7,
        created=now,
        expires=now + dt.timedelta(days=1),
        who="ada@example.org",
        anchors=("orders",),
        where="",
        strata=(),
        floor=0,
        snapshot={},
        tables={},
    )
    registry.write(info)
    return info


@pytest.fixture
def opened(shop: Any, sandbox: registry.SandboxInfo) -> Iterator[Callable[..., tuple[subprocess.Popen[str], int]]]:
    """Starts ``workbench edit`` as a process, waits until it serves, and ends it."""
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: str, **environment: str) -> tuple[subprocess.Popen[str], int]:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        command = [sys.executable, "-m", "workbench", "edit", *arguments, "--headless", "--no-token", "--port", str(port)]
        given = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
        null, pipe = subprocess.DEVNULL, subprocess.PIPE
        process = subprocess.Popen(command, cwd=shop.root, env=given, stdout=pipe, stderr=pipe, stdin=null, text=True)
        started.append(process)
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            assert process.poll() is None, "workbench edit ended"
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5).close()
                return process, port
            except OSError:
                time.sleep(0.1)
        raise AssertionError("marimo does not answer")

    yield start
    for process in started:
        process.terminate()
        process.communicate(timeout=20)


def test_the_process_sees_the_sandbox_and_no_credentials(shop: Any, sandbox: Any, opened: Callable[..., Any]) -> None:
    process, _ = opened("notebooks/sales.py", "--json", PGPASSWORD="canary-1", AWS_SECRET_ACCESS_KEY="canary-2")
    known = Path(f"/proc/{process.pid}/environ").read_bytes().decode().split("\0")
    assert f"WORKBENCH_SANDBOX={sandbox.path}" in known
    assert f"WORKBENCH_WORKSPACE={shop.root}" in known
    assert not [variable for variable in known if "canary" in variable]
    process.terminate()
    said, warned = process.communicate(timeout=20)
    assert "http://" in warned
    assert "auto-save" not in warned
    document = json.loads(said)
    assert document["sandbox"] == "s-1"
    assert {"PGPASSWORD", "AWS_SECRET_ACCESS_KEY"} <= set(document["withheld"])
    assert "canary" not in json.dumps(document)


def test_it_listens_on_this_machine_only(opened: Callable[..., Any]) -> None:
    _, port = opened("notebooks/sales.py")
    listening = [line.split()[1] for line in Path("/proc/net/tcp").read_text().splitlines()[1:] if line.split()[3] == "0A"]
    ours = [address for address in listening if int(address.rpartition(":")[2], 16) == port]
    assert ours == [f"0100007F:{port:04X}"]


def test_a_new_file_becomes_a_starter_that_can_be_promoted(shop: Any, sandbox: Any, opened: Callable[..., Any]) -> None:
    opened("notebooks/first.py")
    cut = slice_notebook(read_notebook(shop.root / "notebooks" / "first.py"), ["orders", "customers"])
    assert [each.mark.name for each in cut.slices] == ["first"]
    assert cut.refusals == ()


def test_the_starter_counts_rows_for_what_they_refer_to(shop: Any, sandbox: Any) -> None:
    assert 'orders.drop_null("order_id").group_by("order_id")' in starter(find_workspace(), "first"), "customers are masked"
    project = shop.root / "pyproject.toml"
    project.write_text(project.read_text().replace('mask = { customer_id = "token" }', "", 1))
    assert 'orders.drop_null("customer_id").group_by("customer_id")' in starter(find_workspace(), "first")


@pytest.mark.parametrize("stem", ["first", "Weird name", "select", "orders", "counted", "at_least"])
def test_the_starter_runs_whatever_the_file_is_called(shop: Any, sandbox: Any, stem: str) -> None:
    text = starter(find_workspace(), stem)
    file = shop.root / "notebooks" / f"{stem}.py"
    file.write_text(text)
    namespace: dict[str, Any] = {"__name__": "notebook", "__file__": str(file)}
    session.deactivate()
    exec(compile(text, str(file), "exec"), namespace)
    namespace["app"].run()
    (name,) = session.current().outputs
    assert session.current().outputs[name][1].count().to_pyarrow().as_py() == 60
    checked = shop.run("check", str(file))
    assert checked.code == 0
    session.deactivate()


def test_without_a_sandbox_the_next_command_is_named(shop: Any) -> None:
    refused = shop.run("edit", "notebooks/sales.py", "--headless")
    assert refused.code == 2
    assert "no sandbox yet" in refused.err
    assert "workbench sandbox create" in refused.err


def test_an_expired_sandbox_is_not_opened(shop: Any, sandbox: registry.SandboxInfo) -> None:
    file = sandbox.path.parent / registry.INFO
    file.write_text(file.read_text().replace(sandbox.expires.isoformat(), "2020-01-01T00:00:00+00:00"))
    refused = shop.run("edit", "notebooks/sales.py", "--headless")
    assert refused.code == 2
    assert "expired" in refused.err
    assert "workbench sandbox create" in refused.err


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("notebooks/sales.ipynb", "no Python file"),
        ("nowhere/sales.py", "there is no folder nowhere"),
        ("plain.py", "plain.py is no marimo notebook"),
        ("binary.py", "binary.py is no marimo notebook"),
        ("folder.py", "folder.py is a folder"),
    ],
)
def test_what_is_no_notebook_is_not_opened(shop: Any, sandbox: Any, path: str, message: str) -> None:
    (shop.root / "plain.py").write_text("print('hello')\n")
    (shop.root / "binary.py").write_bytes(b"\xff\xfe\x00")
    (shop.root / "folder.py").mkdir()
    refused = shop.run("edit", path, "--headless")
    assert refused.code == 2
    assert message in refused.err
    assert "next:" in refused.err


def test_a_port_that_is_taken_is_said_before_anything_is_written(shop: Any, sandbox: Any) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        refused = shop.run("edit", "notebooks/new.py", "--headless", "--port", str(port))
    assert refused.code == 5
    assert f"port {port} is taken" in refused.err
    assert "next: workbench edit notebooks/new.py --port " in refused.err
    assert not (shop.root / "notebooks" / "new.py").exists()


def test_a_folder_is_answered_with_a_notebook_in_it(shop: Any, sandbox: Any) -> None:
    assert "workbench edit notebooks/first.py" in shop.run("edit", "notebooks").err


def test_outside_a_workspace_nothing_is_opened(tmp_path: Path, shop: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    refused = shop.run("edit", "sales.py")
    assert refused.code == 2
    assert "workbench init" in refused.err


def test_a_starter_needs_a_source(shop: Any, sandbox: Any) -> None:
    text = (shop.root / "pyproject.toml").read_text()
    (shop.root / "pyproject.toml").write_text(text.partition("[tool.workbench.sources.orders]")[0])
    refused = shop.run("edit", "notebooks/first.py", "--headless")
    assert refused.code == 2
    assert "[tool.workbench.sources.NAME]" in refused.err
    assert not (shop.root / "notebooks" / "first.py").exists()
