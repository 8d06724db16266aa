"""The rules of the house that no linter holds."""

from __future__ import annotations

import ast
import re
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "workbench"
MODULES = sorted(PACKAGE.rglob("*.py"))
LONGEST = 320
TOP_LEVEL = {
    ".ci",
    ".gitignore",
    ".pre-commit-hooks.yaml",
    "CHANGELOG.md",
    "LICENSE",
    "Makefile",
    "README.md",
    "bench",
    "constraints",
    "docs",
    "notebooks",
    "promoted",
    "pyproject.toml",
    "tests",
    "workbench",
}
TEXT = {".cfg", ".css", ".csv", ".in", ".ipynb", ".j2", ".json", ".md", ".py", ".sh", ".toml", ".txt", ".yaml", ".yml", ""}


def _tracked() -> list[Path]:
    """The files that git tracks; in a copy without git there is nothing to say about them."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("not a git checkout")
    return [ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def _imports(module: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def test_no_file_of_the_package_is_longer_than_a_reader_bears() -> None:
    long = {str(path.relative_to(ROOT)): lines for path in MODULES if (lines := len(path.read_text().splitlines())) > LONGEST}
    assert not long, f"split these, at most {LONGEST} lines each: {long}"


def test_the_top_level_has_only_the_known_places() -> None:
    found = {path.relative_to(ROOT).parts[0] for path in _tracked()}
    assert found <= TOP_LEVEL


def test_one_module_alone_knows_what_is_private_to_marimo() -> None:
    private = re.compile(r"\bmarimo(\.\w+)*\._")
    # Also as text, which could be imported by name; the module itself imports such modules only.
    knowing = {str(path.relative_to(PACKAGE)) for path in MODULES if private.search(path.read_text())}
    assert knowing == {"promote/notebook.py"}
    assert any(private.match(name) for name in _imports(PACKAGE / "promote" / "notebook.py"))


def test_the_comparison_knows_nothing_of_promotion() -> None:
    allowed = ("workbench.promote.diff", "workbench.runtime", "workbench.config", "workbench.model", "workbench.errors")
    for path in (PACKAGE / "promote" / "diff").rglob("*.py"):
        ours = {name for name in _imports(path) if name.startswith("workbench.")}
        assert not {name for name in ours if not name.startswith(allowed)}, path.name


def test_every_module_says_what_it_is() -> None:
    silent = [str(path.relative_to(ROOT)) for path in MODULES if not ast.get_docstring(ast.parse(path.read_text()))]
    assert not [name for name in silent if "/migrations/" not in name]


def test_nothing_is_left_for_later() -> None:
    later = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b|raise NotImplementedError")
    assert not [str(path.relative_to(ROOT)) for path in MODULES if later.search(path.read_text())]


def test_one_module_alone_says_how_a_time_is_written() -> None:
    """But for the store, which writes columns."""
    writing = re.compile(r"%Y-%m-%d.?%H|replace\(.\+00:00")
    found = {str(path.relative_to(PACKAGE)) for path in MODULES if writing.search(path.read_text())}
    assert found == {"moments.py", "store/rows.py"}


def test_every_switched_off_warning_has_its_reason() -> None:
    """``# noqa: S110  why`` and ``# type: ignore[code]  # why``, never bare."""
    bare = re.compile(r"#\s*noqa(?!: [A-Z]+[0-9]+(?:, ?[A-Z]+[0-9]+)*\s+\S)|#\s*type: ignore(?!\[[\w, -]+\]\s+#?\s*\S)")
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in MODULES
        for number, line in enumerate(path.read_text().splitlines(), start=1)
        if bare.search(line)
    ]
    assert not found


@pytest.mark.parametrize("name", ["build", "demo", "test"])
def test_locked_files_pin_and_hash_everything_and_name_no_address(name: str) -> None:
    text = (ROOT / "constraints" / f"{name}.txt").read_text()
    assert "://" not in text
    assert not re.search(r"^\s*--(index|extra-index|find-links|trusted)", text, re.MULTILINE)
    for requirement in re.split(r"\n(?=[A-Za-z])", text.split("\n", 1)[1]):
        assert re.match(r"[\w.-]+==\S+", requirement)
        assert "--hash=sha256:" in requirement


def test_locked_files_agree_with_each_other_and_with_what_is_asked_for() -> None:
    def pins(name: str) -> dict[str, str]:
        return dict(re.findall(r"^([\w.-]+)==(\S+)", (ROOT / "constraints" / f"{name}.txt").read_text(), re.MULTILINE))

    def normal(requirement: str) -> str:
        return re.sub(r"[-_.]+", "-", re.split(r"[\[<>=!~; ]", requirement)[0]).lower()

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = {normal(item) for item in project["dependencies"] + project["optional-dependencies"]["demo"]}
    build, demo, test = pins("build"), pins("demo"), pins("test")
    assert wanted <= demo.keys()
    assert {normal(item) for item in project["optional-dependencies"]["test"]} <= test.keys()
    assert build.items() <= test.items()
    assert demo.items() <= test.items()


def test_no_file_holds_a_path_of_the_machine_it_was_made_on() -> None:
    homes = re.compile(r"(?<![\w.])/(?:root|work|home/\w+|Users/\w+)/[\w.]")
    leaking = []
    for path in _tracked():
        if path.suffix not in TEXT or path.name in {"LICENSE", Path(__file__).name}:
            continue
        if homes.search(path.read_text(encoding="utf-8", errors="replace")):
            leaking.append(str(path.relative_to(ROOT)))
    assert not leaking


def test_no_cache_or_database_is_tracked() -> None:
    unwanted = re.compile(r"(^|/)(__pycache__|\.venv|\.workbench|warehouse|raw|__marimo__)/|\.(duckdb|db|parquet|pyc)$")
    assert not [str(path.relative_to(ROOT)) for path in _tracked() if unwanted.search(str(path.relative_to(ROOT)))]
