"""``workbench ci`` in real git repositories."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree as Xml

import pytest

from tests.conftest import Ran, Shop
from tests.test_docs import hold

Git = Callable[..., str]


def git_in(root: Path) -> Git:
    def git(*arguments: str) -> str:
        who = ("-c", "user.name=Ada", "-c", "user.email=ada@example.org", "-c", "init.defaultBranch=main")
        ran = subprocess.run(["git", *who, *arguments], cwd=root, capture_output=True, text=True, check=True)
        return ran.stdout.strip()

    return git


def begin(shop: Shop) -> Git:
    """Commit all of a shop on main, and leave for a branch."""
    git = git_in(shop.root)
    (shop.root / ".gitignore").write_text(".workbench/\nwarehouse/\nraw/\n__pycache__/\n")
    git("init", "-q")
    git("add", "-A")
    git("commit", "-qm", "begin")
    git("switch", "-qc", "change")
    return git


def ci(shop: Shop, *arguments: str) -> Ran:
    return shop.run("ci", "--base", "main", *arguments)


def answers(ran: Ran) -> dict[tuple[str, str], str]:
    return {(step["subject"], step["step"]): step["answer"] for step in ran.json["steps"]}


def test_a_change_is_checked_proved_tried_and_judged(two_versions: Shop) -> None:
    shop = two_versions
    assert shop.run("publish", "P-2").code == 0
    begin(shop)
    shop.edit("min_amount.value + 20)", "min_amount.value + 30)")
    files = ("--comment", "comment.md", "--junit", "junit.xml")
    ran = ci(shop, "--allow-change", "100%", "--json", *files)
    assert ran.code == 0, ran.out
    hold("ci", ran)
    assert ran.json["answer"] == "warn"
    assert ran.json["notebooks"] == ["notebooks/sales.py"]
    found = answers(ran)
    assert found["notebooks/sales.py", "check"] in ("pass", "warn")
    assert found["notebooks/sales.py: daily_sales", "cut"] == "pass"
    assert found["notebooks/sales.py: daily_sales", "gate equality"] == "pass"
    assert found["notebooks/sales.py: daily_sales", "gate changed"] == "warn"
    assert found["promoted", "hashes"] == "pass"
    assert ran.json["comparisons"][0]["of"] == "daily_sales@3, logic effect"
    comment = (shop.root / "comment.md").read_text()
    assert "### workbench: this change passes, with warnings" in comment
    assert "daily&#95;sales&#64;&#8203;3, logic effect" in comment
    assert "changed rows" not in comment, "no values of production unless they are asked for"
    suites = Xml.fromstring((shop.root / "junit.xml").read_text())
    assert sum(int(suite.attrib["tests"]) for suite in suites) == len(ran.json["steps"])
    assert not suites.findall(".//failure") + suites.findall(".//skipped")
    assert ci(shop, "--allow-change", "100%", "--rows", "2", "--comment", "rows.md").code == 0
    assert "changed rows, 2 of" in (shop.root / "rows.md").read_text()
    assert not (shop.root / "promoted" / "daily_sales" / "v3").exists()
    refused = ci(shop, *files)
    assert refused.code == 1
    assert "fail    gate changed" in refused.out
    assert "❌ fail" in (shop.root / "comment.md").read_text()
    assert Xml.fromstring((shop.root / "junit.xml").read_text()).findall(".//failure")


def test_what_was_skipped_is_no_success(published: Shop) -> None:
    begin(published)
    published.edit("min_amount.value)", "min_amount.value + 1)")
    shutil.rmtree(published.root / ".workbench")
    ran = ci(published, "--json", "--junit", "junit.xml")
    assert ran.code == 1
    assert ran.json["answer"] == "skipped"
    assert answers(ran)["notebooks/sales.py", "promotion"] == "skipped"
    assert "workbench sandbox create" in ran.out
    assert "undecided" in ran.err
    assert Xml.fromstring((published.root / "junit.xml").read_text()).findall(".//skipped")
    without = ci(published, "--no-data", "--json")
    assert without.code == 0
    assert "skipped" not in answers(without).values()
    assert not any(step == "promotion" for _, step in answers(without))


def test_without_the_data_that_readers_see_the_comparison_is_skipped(published: Shop) -> None:
    begin(published)
    published.edit("min_amount.value)", "min_amount.value + 1)")
    shutil.rmtree(published.root / "warehouse")
    ran = ci(published, "--json")
    assert ran.code == 1
    assert answers(ran)["notebooks/sales.py: daily_sales", "comparison"] == "skipped"
    shutil.rmtree(published.root / "raw")
    assert answers(ci(published, "--json"))["notebooks/sales.py", "promotion"] == "skipped"


def test_a_refusal_and_a_broken_notebook_fail(sandboxed: Shop) -> None:
    begin(sandboxed)
    sandboxed.cells('wb.output("t", orders.mutate(x=__import__("random").random()))')
    (sandboxed.root / "notebooks" / "broken.py").write_text("import marimo\napp = marimo.App(\n")
    ran = ci(sandboxed, "--json")
    assert ran.code == 1
    assert answers(ran) == {("notebooks/broken.py", "check"): "fail", ("notebooks/sales.py", "check"): "fail"}
    text = ci(sandboxed).out
    assert "next: workbench check notebooks/sales.py" in text


def test_nothing_changed_is_fine(sandboxed: Shop) -> None:
    begin(sandboxed)
    (sandboxed.root / "README.md").write_text("more words")
    ran = ci(sandboxed)
    assert ran.code == 0
    assert "nothing to review" in ran.out


def test_a_helper_beside_notebooks_brings_those_that_did_not_change(sandboxed: Shop) -> None:
    begin(sandboxed)
    (sandboxed.root / "notebooks" / "helper.py").write_text("def double(x):\n    return x * 2\n")
    assert ci(sandboxed, "--no-data", "--json").json["notebooks"] == ["notebooks/sales.py"]


def test_versions_that_the_tool_wrote_are_verified(sandboxed: Shop) -> None:
    git = begin(sandboxed)
    assert sandboxed.promote().code == 3
    ran = ci(sandboxed, "--json", "--no-data")
    assert ran.code == 0, ran.out
    found = answers(ran)
    assert found["promoted/daily_sales/v1", "origin"] == "pass"
    assert found["promoted", "ledger"] == "pass"
    git("add", "-A")
    git("commit", "-qm", "promote")
    clone = sandboxed.root.parent / "clone"
    git("clone", "-q", str(sandboxed.root), str(clone))
    shutil.copytree(sandboxed.root / "raw", clone / "raw")
    assert subprocess.run(["git", "fetch", "-q", "origin", "main:main"], cwd=clone, check=True).returncode == 0
    with contextlib.chdir(clone):
        assert answers(ci(sandboxed, "--json", "--no-data"))["promoted/daily_sales/v1", "origin"] == "pass"
        module = clone / "promoted" / "daily_sales" / "v1" / "__init__.py"
        module.write_text(module.read_text().replace("min_amount", "min_sum"))
        ran = ci(sandboxed, "--json", "--no-data")
        assert ran.code == 1
        assert answers(ran)["promoted/daily_sales/v1", "hashes"] == "fail"


def rehash(version: Path) -> None:
    """What somebody does who edits a version by hand and wants nobody to notice."""
    import hashlib
    import json

    manifest = json.loads((version / "manifest.json").read_text())
    digest = hashlib.sha256((version / "__init__.py").read_bytes()).hexdigest()
    manifest["files"]["__init__.py"] = manifest["hashes"]["code"] = digest
    (version / "manifest.json").write_text(json.dumps(manifest, indent=2))


def test_an_edited_version_is_found_even_when_its_hashes_were_made_anew(sandboxed: Shop) -> None:
    begin(sandboxed)
    assert sandboxed.promote().code == 3
    version = sandboxed.root / "promoted" / "region_totals" / "v1"
    module = version / "__init__.py"
    module.write_text(module.read_text() + "\nEXTRA = 1\n")
    rehash(version)
    shutil.rmtree(sandboxed.root / ".workbench")  # as in a clone, where no store knows better
    ran = ci(sandboxed, "--json", "--no-data")
    assert ran.code == 1
    assert answers(ran)["promoted/region_totals/v1", "origin"] == "fail"
    assert answers(ran)["promoted/daily_sales/v1", "origin"] == "pass"
    (sandboxed.root / "promoted" / "LEDGER_HEAD").unlink()
    assert answers(ci(sandboxed, "--json", "--no-data"))["promoted", "ledger"] == "fail"


def test_a_version_from_before_may_not_change_at_all(published: Shop) -> None:
    begin(published)
    version = published.root / "promoted" / "daily_sales" / "v1"
    (version / "__init__.py").write_text((version / "__init__.py").read_text() + "\n# harmless\n")
    rehash(version)
    ran = ci(published, "--json", "--no-data")
    assert ran.code == 1
    assert answers(ran)["promoted/daily_sales/v1", "hashes"] == "fail"
    assert "git checkout" in ran.out
    shutil.rmtree(version)
    assert answers(ci(published, "--json", "--no-data"))["promoted/daily_sales/v1", "hashes"] == "fail"


def test_a_base_that_is_not_there_is_told_with_what_helps(sandboxed: Shop) -> None:
    git = begin(sandboxed)
    for base, said, hint in (
        ("origin/main", "git knows no commit 'origin/main' here", "git fetch origin main"),
        ("--output=x", "git knows no commit", "git branch"),
    ):
        ran = sandboxed.run("ci", f"--base={base}")
        assert ran.code == 2
        assert said in ran.err
        assert hint in ran.err
    git("checkout", "-q", "--orphan", "alone")
    git("commit", "-qm", "alone")
    assert "no history in common" in ci(sandboxed).err
    shallow = sandboxed.root.parent / "shallow"
    git("switch", "-q", "change")
    git("commit", "-q", "--allow-empty", "-m", "second")
    subprocess.run(
        ["git", "clone", "-q", "--depth", "1", "--branch", "change", f"file://{sandboxed.root}", str(shallow)], check=True
    )
    with contextlib.chdir(shallow):
        ran = sandboxed.run("ci", "--base", "origin/main")
        assert ran.code == 2
        assert "git fetch --unshallow" in ran.err
    shutil.rmtree(sandboxed.root / ".git")
    ran = ci(sandboxed)
    assert ran.code == 2
    assert "not a git repository" in ran.err


def test_a_workspace_below_the_top_of_its_repository(published: Shop) -> None:
    below = published.root / "team" / "shop"
    below.mkdir(parents=True)
    for name in ("pyproject.toml", "notebooks", "promoted"):
        shutil.move(published.root / name, below / name)
    begin(published)
    with contextlib.chdir(below):
        (below / "notebooks" / "sales.py").write_text((below / "notebooks" / "sales.py").read_text().replace("+ 0", "") + "\n")
        ran = ci(published, "--no-data", "--json")
        assert ran.json["notebooks"] == ["notebooks/sales.py"]
        assert answers(ran)["promoted", "hashes"] == "pass"
        version = below / "promoted" / "daily_sales" / "v1" / "contract.yaml"
        version.write_text(version.read_text() + "\n")
        assert answers(ci(published, "--no-data", "--json"))["promoted/daily_sales/v1", "hashes"] == "fail"


@pytest.mark.parametrize("file", ["--comment", "--junit"])
def test_a_folder_that_is_not_there_is_told(sandboxed: Shop, file: str) -> None:
    begin(sandboxed)
    ran = ci(sandboxed, file, "nowhere/x")
    assert ran.code == 2
    assert "mkdir -p nowhere" in ran.err
