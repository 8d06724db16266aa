"""The packages that a run ran with are on record, are told apart from those of now, and can be had again."""

from __future__ import annotations

import base64
import hashlib
import json
import subprocess
import sysconfig
import zipfile
from dataclasses import replace

import pytest

from workbench.catalog.environment import installed, read_lock
from workbench.cli.main import main
from workbench.errors import InfrastructureError, UsageError
from workbench.operate.rebuilt import build
from workbench.operate.reproduce import reproduce
from workbench.runtime.files import sha256
from workbench.store import Store


def wheel(folder, name, number, files):
    """A wheel by hand, for pip to install without an index."""
    info = f"{name}-{number}.dist-info"
    files = {
        **files,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {number}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: hand\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    digests = {
        place: base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
        for place, text in files.items()
    }
    record = "".join(f"{place},sha256={digests[place]},{len(text.encode())}\n" for place, text in files.items())
    with zipfile.ZipFile(folder / f"{name}-{number}-py3-none-any.whl", "w") as file:
        for place, text in {**files, f"{info}/RECORD": f"{record}{info}/RECORD,,\n"}.items():
            file.writestr(place, text)


@pytest.fixture
def wheels(tmp_path, monkeypatch):
    """A folder that pip takes packages from, and nowhere else."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


def with_lock(production, run, lock, **facts):
    """The record of a run as if it had run with these packages."""
    place = production.workspace.state / "environments" / f"{lock.sha256}.txt"
    place.write_text(lock.text)
    return replace(run, facts={**run.facts, "environment_lock": lock.sha256, **facts})


def of_then(**packages):
    """A lock of what is installed, but for these; "" stands for one that was not."""
    known = {**installed().packages, **packages}
    return replace(installed(), packages={name: number for name, number in known.items() if number})


def test_a_run_tells_every_package_that_it_ran_with_and_the_list_is_written_once(production):
    run = production.go()
    lock = read_lock(production.workspace.state, run.facts["environment_lock"])
    assert lock == installed()
    assert {"ibis-framework", "duckdb", "pandas", "papermill"} <= set(lock.packages)
    (file,) = (production.workspace.state / "environments").iterdir()
    before = file.stat().st_mtime_ns, file.stat().st_ino
    assert production.go(parameters={"min_amount": 25}).facts["environment_lock"] == lock.sha256 == sha256(file)
    assert (file.stat().st_mtime_ns, file.stat().st_ino) == before


def test_packages_that_differ_are_named_whether_or_not_they_matter(production):
    run = production.go()
    found = reproduce(production.workspace, with_lock(production, run, of_then(rich="1.0", papermill="", tiny="2.0")))
    assert found.match
    here = installed().packages
    said = [f"papermill {here['papermill']} added", f"rich 1.0 -> {here['rich']}", "tiny 2.0 removed"]
    assert [str(each) for each in found.packages] == said
    other = replace(of_then(duckdb="1.4.5"), python="3.11.0")
    found = reproduce(production.workspace, with_lock(production, run, other, environment_sha256="ab"))
    assert found.what == "environment"
    assert found.why == f"python 3.11.0 -> {installed().python}; duckdb 1.4.5 -> {here['duckdb']}"


def typed(capsys, *arguments):
    """A command, its exit code and what it says on either stream."""
    code = main(list(arguments))
    said = capsys.readouterr()
    return code, said.out, said.err


def keep(production, run):
    with Store.open(production.workspace) as store, store.transaction():
        store.update_run(run)


def test_the_command_says_what_differs_and_how_to_have_it_again(production, capsys):
    run = production.go()
    keep(production, with_lock(production, run, of_then(duckdb="1.4.5"), environment_sha256="ab"))
    code, said, _ = typed(capsys, "reproduce", "R-1")
    assert code == 1
    assert f"the environment differs; duckdb 1.4.5 -> {installed().packages['duckdb']}" in said
    assert said.endswith("next: workbench reproduce R-1 --install\n")
    _, said, _ = typed(capsys, "reproduce", "R-1", "--json")
    assert json.loads(said)["packages"] == [{"name": "duckdb", "recorded": "1.4.5", "found": installed().packages["duckdb"]}]


def test_an_environment_holds_exactly_its_packages_and_is_made_once(production, wheels, monkeypatch):
    state = production.workspace.state
    wheel(wheels, "tiny", "1.0", {"tiny.py": "VALUE = 1\n"})
    wheel(wheels, "tiny", "2.0", {"tiny.py": "VALUE = 2\n"})
    lock = replace(installed(), packages={"tiny": "1.0", "ibis-workbench": "0.0.1"})
    told = []
    python = build(production.workspace, lock, "workbench reproduce R-1 --install", told.append)
    asked = "import tiny, importlib.metadata as m; print(tiny.VALUE, [d.name for d in m.distributions()])"
    assert subprocess.run([python, "-P", "-c", asked], capture_output=True, text=True).stdout == "1 ['tiny']\n"
    assert told
    monkeypatch.setenv("PIP_FIND_LINKS", "/nowhere")
    assert build(production.workspace, lock, "again", told.append) == python
    assert len(told) == 1
    assert [each.name for each in (state / "environments").iterdir()] == [lock.sha256]


def test_what_cannot_be_had_is_said_and_nothing_is_left(production, wheels, monkeypatch, capsys):
    run = production.go()
    state = production.workspace.state
    keep(production, with_lock(production, run, of_then(tiny="2.0")))
    code, _, said = typed(capsys, "reproduce", "R-1", "--install")
    assert code == 5
    assert "No matching distribution found for" in said
    assert said.endswith("then: workbench reproduce R-1 --install\n")
    assert {each.suffix for each in (state / "environments").iterdir()} == {".txt"}

    other = replace(installed(), python="3.1.4", packages={})
    with pytest.raises(InfrastructureError, match=r"it ran with Python 3\.1\.4, and there is no python3\.1 on PATH"):
        build(production.workspace, other, "again")
    with pytest.raises(UsageError, match="R-1 ran with are not on record"):
        reproduce(production.workspace, run_without_lock(run), install=True)
    for file in (state / "environments").iterdir():
        file.write_text(file.read_text() + "more==1\n")
    with pytest.raises(InfrastructureError, match="gone or was changed"):
        reproduce(production.workspace, run, install=True)
    assert reproduce(production.workspace, run).match


def run_without_lock(run):
    return replace(run, facts={name: fact for name, fact in run.facts.items() if name != "environment_lock"})


@pytest.mark.drill
def test_a_run_is_computed_again_in_the_environment_of_then(production, wheels, capsys):
    run = production.go()
    # What is installed here is found from there, so that nothing needs an index; tiny alone is installed.
    wheel(wheels, "tiny", "2.0", {"tiny.pth": sysconfig.get_path("purelib") + "\n"})
    keep(production, with_lock(production, run, replace(installed(), packages={"tiny": "2.0"})))
    files = sorted(production.workspace.warehouse.rglob("*"))
    code, said, _ = typed(capsys, "reproduce", "R-1", "--install", "--json")
    told = json.loads(said)
    assert (code, told["match"], told["found"]) == (0, True, run.snapshot)
    others = {each["name"]: each for each in told["packages"]}
    assert "tiny" not in others, "there it is installed as it was"
    assert others["duckdb"]["recorded"] == ""
    python = production.root / told["environment"] / "bin" / "python"
    assert python.exists()
    assert sorted(production.workspace.warehouse.rglob("*")) == files

    (production.root / "promoted" / "daily_sales" / "v1" / "run.ipynb").write_text("{}")
    code, _, said = typed(capsys, "reproduce", "R-1", "--install")
    assert (code, "not as it was promoted" in said) == (4, True)
