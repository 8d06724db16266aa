"""Bad input ends in a clear message with the next command, the right exit code, and nothing half-written."""

from __future__ import annotations

import functools
import hashlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from workbench.runtime.warehouse import Warehouse


def state(root: Path) -> dict[str, str]:
    """Every file of a workspace with the hash of its bytes."""
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


def refused(ran, code: int, *said: str) -> None:
    assert ran.code == code, ran
    for text in said:
        assert text in ran.err, ran.err
    assert " next: " in ran.err


def test_outside_of_a_workspace_every_verb_says_how_to_make_one(shop, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for command in (["status"], ["check"], ["promote", "x.py", "--why", "x"], ["sandbox", "ls"], ["show"], ["doctor"]):
        refused(shop.run(*command), 2, "not in a workspace", "workbench init")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("import marimo\napp = marimo.App(\n", "does not parse"),
        ("print('hello')\n", "marimo"),
        ("", "sales.py"),
        ("\x00\x01", "sales.py"),
        ("\ufeffimport marimo\napp = marimo.App()\n", "byte order mark"),
        ("import marimo\napp = marimo.App()\n@app.cell\ndef _():\n    t = x" + ".a()" * 600 + "\n    return\n", "too deeply"),
    ],
)
def test_a_file_that_is_no_notebook_is_named(shop, content, said):
    shop.notebook.write_text(content)
    for command in (["check", "notebooks/sales.py"], ["promote", "notebooks/sales.py", "--why", "x"]):
        refused(shop.run(*command), 2, said)


def test_a_notebook_that_is_not_there_is_named(shop):
    refused(shop.run("check", "notebooks/nothing.py"), 2, "nothing.py")
    refused(shop.run("check", "notebooks/it's mine.py"), 2, """workbench edit 'notebooks/it'"'"'s mine.py'""")


def test_the_nearest_notebook_is_offered(shop):
    refused(shop.run("check", "notebooks/sale.py"), 2, "workbench check notebooks/sales.py")


def test_what_can_not_be_read_to_its_end_is_not_begun(shop):
    os.mkfifo(shop.root / "notebooks" / "pipe.py")
    (shop.root / "notebooks" / "loop.py").symlink_to("loop.py")
    (shop.root / "notebooks" / "nowhere.py").symlink_to("gone.py")
    for name, said in [
        ("pipe.py", "is no file"), ("loop.py", "symbolic links"), ("nowhere.py", "there is no notebook"),
        ("sales.py/x.py", "Not a directory"), (f"{'x' * 300}.py", "name too long"), (".", "not a Python file"),
    ]:  # fmt: skip
        refused(shop.run("check", f"notebooks/{name}"), 2, said)
    assert shop.run("check", "--format", "github").code == 2


def test_a_notebook_without_a_mark_says_what_a_mark_is(shop):
    shop.cells("orders.head()")
    for command in (["check", "notebooks/sales.py"], ["promote", "notebooks/sales.py", "--why", "x"]):
        refused(shop.run(*command), 2, "wb.output")


def test_two_outputs_of_one_name_are_refused_with_both_places(shop):
    shop.cells('wb.output("a_b", orders)', 'wb.output("a_b", orders)')
    refused(shop.run("check", "notebooks/sales.py"), 2, "a_b")


@pytest.mark.parametrize(
    "name", ["../x", "a/b", "x; drop table y", "select", "class", "", "a" * 51, "Ünïcode", "a b", "1a", "A"]
)
def test_an_output_name_that_can_t_be_a_view_a_folder_and_a_function_is_refused(shop, name):
    shop.cells(f"wb.output({name!r}, orders)")
    before = state(shop.root)
    ran = shop.run("promote", "notebooks/sales.py", "--why", "x")
    refused(ran, 2, "name")
    assert state(shop.root) == before


def test_an_output_that_collides_by_case_with_a_pipeline_is_refused(sandboxed):
    (sandboxed.root / "promoted" / "Daily_Sales").mkdir()
    refused(sandboxed.promote(), 2, "Daily_Sales", "case")


def test_a_source_that_is_not_declared_is_refused_with_the_nearest(shop):
    shop.edit('wb.source("orders")', 'wb.source("order")')
    ran = shop.run("check", "notebooks/sales.py", "--json")
    assert ran.code == 1
    (refusal, *_) = ran.json["refusals"]
    assert "orders" in refusal["message"] + refusal["hint"]


def test_a_source_that_lost_a_column_is_named_with_the_column(sandboxed):
    import duckdb

    file = sandboxed.root / "raw" / "orders" / "orders.parquet"
    duckdb.execute(f"COPY (SELECT * EXCLUDE amount FROM '{file}') TO '{file}.new' (FORMAT parquet)")
    Path(f"{file}.new").rename(file)
    ran = sandboxed.promote()
    refused(ran, 2, "amount")
    assert not (sandboxed.root / "promoted" / "daily_sales").exists()


def test_without_a_sandbox_promotion_says_how_to_make_one(shop):
    refused(shop.promote(), 2, "sandbox", "workbench sandbox create")


def test_an_expired_sandbox_is_refused(shop):
    assert shop.run("sandbox", "create", "--sample", "100%", "--ttl", "1s").code == 0
    time.sleep(1.1)
    refused(shop.promote(), 2, "expired", "workbench sandbox create")


@pytest.mark.parametrize("share", ["0%", "200%", "much", "-1"])
def test_a_sample_that_is_no_share_is_refused(shop, share):
    refused(shop.run("sandbox", "create", f"--sample={share}"), 2)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("min_amount=500", "highest value 100"),
        ("min_amount=ten", "not a value of type int"),
        ("min_amuont=5", "min_amount"),
        ("x", "-p"),
    ],
)
def test_a_run_refuses_a_parameter_out_of_range_or_unknown(published, value, said):
    refused(published.run("run", "daily_sales", "-p", value), 2, said)


def test_an_unknown_pipeline_offers_the_nearest(published):
    refused(published.run("run", "daily_sale"), 2, "daily_sales")


def test_a_second_promotion_of_the_unchanged_notebook_makes_no_version(waiting):
    before = state(waiting.root)
    ran = waiting.promote()
    assert ran.code == 0
    assert "unchanged" in ran.out
    assert "next: workbench approve P-1" in ran.out
    assert state(waiting.root) == before


def test_publishing_what_was_not_approved_waits(waiting):
    refused(waiting.run("publish", "P-1"), 3, "workbench approve P-1")
    assert not (waiting.root / "warehouse" / "current.duckdb").exists()


@pytest.mark.parametrize(
    "file", ["promoted/daily_sales/v1/__init__.py", "promoted/daily_sales/v1/contract.yaml", "notebooks/sales.py"]
)
def test_publishing_what_was_changed_after_approval_is_refused(waiting, file):
    assert waiting.run("approve", "P-1").code == 0
    with (waiting.root / file).open("a") as stream:
        stream.write("\n# one more line\n")
    refused(waiting.run("publish", "P-1"), 4, file)
    assert not (waiting.root / "warehouse" / "current.duckdb").exists()


def test_a_refused_promotion_can_t_be_approved(sandboxed):
    sandboxed.edit('between("orders", 1,', 'between("orders", 900,')
    ran = sandboxed.promote()
    assert ran.code == 1
    refused(sandboxed.run("approve", "P-1"), 4, "refused by a gate")
    assert not (sandboxed.root / "promoted" / "daily_sales").exists()


def test_a_warehouse_that_another_process_holds_is_retryable(waiting, monkeypatch):
    monkeypatch.setattr(Warehouse, "lock", functools.partialmethod(Warehouse.lock, 0.5))  # not for ten seconds
    assert waiting.run("approve", "P-1").code == 0
    script = (
        "from workbench.config import find_workspace; from workbench.runtime.warehouse import Warehouse; import time\n"
        "with Warehouse.open(find_workspace()).lock():\n    print('held', flush=True); time.sleep(60)"
    )
    holder = subprocess.Popen([sys.executable, "-c", script], cwd=waiting.root, stdout=subprocess.PIPE)
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        refused(waiting.run("publish", "P-1"), 5, "another process")
    finally:
        holder.kill()
        holder.wait()
        holder.stdout.close()
    assert waiting.run("publish", "P-1").code == 0


def test_a_full_disk_stops_a_promotion_and_leaves_no_version(sandboxed):
    """A limit on the size of files stands for the full disk: writing fails with an error of the same kind."""
    script = (
        "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); "
        "resource.setrlimit(resource.RLIMIT_FSIZE, (200, 200)); "
        "from workbench.cli.main import main; sys.exit(main(['promote', 'notebooks/sales.py', '--why', 'x']))"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=sandboxed.root, capture_output=True, text=True, check=False)
    assert done.returncode == 5, done
    assert "Traceback" not in done.stderr
    assert " next: " in done.stderr
    assert not list((sandboxed.root / "promoted").glob("*/v*"))
    assert sandboxed.promote().code == 3


@pytest.mark.usefixtures("cold")  # also while it imports
@pytest.mark.parametrize("seconds", [0.3, 2.2, *(pytest.param(each, marks=pytest.mark.drill) for each in (1.2, 3.2))])
def test_ctrl_c_at_any_time_leaves_nothing_half_written(sandboxed, seconds):
    process = subprocess.Popen(
        [sys.executable, "-m", "workbench", "promote", "notebooks/sales.py", "--why", "x"],
        cwd=sandboxed.root,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    time.sleep(seconds)
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode in (130, 3, -signal.SIGINT), err
    if process.returncode == 130:
        assert "interrupted" in err
        assert "Traceback" not in err
    for version in (sandboxed.root / "promoted").glob("*/v*"):
        assert (version / "manifest.json").is_file()
    assert sandboxed.run("doctor").code == 0
    assert sandboxed.promote().code in (0, 3)


def test_a_dry_run_writes_nothing_at_all(published):
    published.edit("min_amount.value)", "min_amount.value + 1)")
    before = state(published.root)
    ran = published.run("promote", "notebooks/sales.py", "--dry-run", "--allow-change", "100%", "--json")
    assert ran.code == 0
    assert ran.json["outputs"][0]["equality"]["verdict"] == "equal"
    assert state(published.root) == before


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("warehuose = 'duckdb:w'", "did you mean 'warehouse'"),
        ("warehouse = 'duckdb:/etc'", "inside the workspace"),
        ("store = 3", "tool.workbench.store"),
        ("sources.x = { read = 'a.csv', references = [{ columns = ['a'], source = 'ordres' }] }", "did you mean 'orders'"),
        ("sources.x = { raed = 'a.csv' }", "did you mean 'read'"),
        ("sources.X = { read = 'a.csv' }", "not allowed"),
        ("sources.x = { read = 'a.csv', mask = { a = 'tokne' } }", "tool.workbench.sources.x.mask.a"),
        ("gates = { row_count_tolerance = -1 }", "tool.workbench.gates.row_count_tolerance"),
    ],
)
def test_a_wrong_key_of_the_configuration_is_named_with_its_path(shop, table, said):
    text = (shop.root / "pyproject.toml").read_text()
    key = table.split("=")[0].strip()
    lines = [line for line in text.splitlines() if not line.startswith(key)]
    at = lines.index("[tool.workbench]")
    (shop.root / "pyproject.toml").write_text("\n".join([*lines[: at + 1], table, *lines[at + 1 :]]) + "\n")
    refused(shop.run("status"), 2, said)


def test_a_pyproject_that_does_not_parse_is_named(shop):
    (shop.root / "pyproject.toml").write_text("[tool.workbench\n")
    refused(shop.run("status"), 2, "does not parse")


def test_settings_that_do_not_parse_are_no_success_of_the_scheduler(published):
    (published.root / "promoted" / "daily_sales" / "pipeline.toml").write_text("schedule = [")
    for _ in range(2):  # what is remembered of a pass with nothing due must not hide it
        ran = published.run("scheduler", "run", "--once")
        assert ran.code == 1
        assert "daily_sales is not scheduled: promoted/daily_sales/pipeline.toml does not parse" in ran.err
        assert "1 pipeline can't be scheduled; next: workbench schedule ls" in ran.out
    (problem,) = published.run("scheduler", "run", "--once", "--json").json["problems"]
    assert problem["pipeline"] == "daily_sales"
    ran = published.run("doctor")
    assert ran.code == 1
    assert "promoted/daily_sales/pipeline.toml does not parse" in " ".join(ran.out.split())


def test_a_contract_that_does_not_parse_is_told_by_its_line(published):
    (published.root / "promoted" / "daily_sales" / "v1" / "contract.yaml").write_text("a: b: c")
    ran = published.run("contract", "check")
    assert ran.code == 2
    assert "contract.yaml is not a contract that workbench wrote: line 1 does not parse" in ran.err


def typed(folder: Path, *arguments: str, largest: int | None = None) -> subprocess.CompletedProcess[str]:
    """A command in a process of its own, which can write no file of more than ``largest`` bytes."""
    limit = "" if largest is None else f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({largest}, {largest})); "
    code = f"{limit}from workbench.__main__ import run; run()"
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        [sys.executable, "-c", code, *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def test_a_full_disk_leaves_no_half_a_workspace_and_the_project_as_it_was(tmp_path: Path) -> None:
    project = tmp_path / "pyproject.toml"
    project.write_text('[project]\nname = "mine"\n')
    ran = typed(tmp_path, "init", largest=40)
    assert ran.returncode == 5, ran.stderr
    assert project.read_text() == '[project]\nname = "mine"\n'
    assert [file.name for file in tmp_path.iterdir() if file.is_file()] == ["pyproject.toml"]


def test_any_folder_may_become_a_workspace(tmp_path: Path) -> None:
    for name, called in (('Größe "x" {y}', "gr-e-x-y"), ("データ", "workspace")):
        assert typed(tmp_path, "init", name).returncode == 0
        assert f'name = "{called}"' in (tmp_path / name / "pyproject.toml").read_text(encoding="utf-8")
        assert typed(tmp_path / name, "status").returncode == 0


@pytest.mark.parametrize("text", [b"tool = 3\n", b"name = '\xff'\n", b"[tool"])
def test_a_project_file_that_can_t_be_used_is_left_alone(tmp_path: Path, text: bytes) -> None:
    (tmp_path / "pyproject.toml").write_bytes(text)
    for command in ("init", "status"):
        ran = typed(tmp_path, command)
        assert ran.returncode == 2, ran.stderr
        assert "Traceback" not in ran.stderr
        assert " next: " in ran.stderr
    assert (tmp_path / "pyproject.toml").read_bytes() == text
