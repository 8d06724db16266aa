"""``workbench init`` and ``workbench doctor``."""

from __future__ import annotations

import re
from pathlib import Path

import click

from workbench.cli.common import emit_json, json_option
from workbench.errors import UsageError

PLACES = ("notebooks", "promoted", "tests", "docs")

PYPROJECT = """\
[project]
name = "{name}"
version = "0.1.0"
requires-python = ">=3.11"
dependencies = ["ibis-workbench"]

[tool.workbench]
warehouse = "duckdb:warehouse"        # a folder of the workspace: published data, written by workbench alone
store = "sqlite:.workbench/store.db"

# Each source is a production table that notebooks may read: a Parquet or CSV glob, or a table of another DuckDB file.
# [tool.workbench.sources.orders]
# read = "raw/orders.parquet"           # or "duckdb:raw.duckdb#main.orders"
# key = ["order_id"]
# references = [{{ columns = ["customer_id"], source = "customers" }}]
# mask = {{ customer_id = "token", name = "redact" }}
"""

IGNORED = """\
# written by workbench
.workbench/
warehouse/
raw/
__marimo__/
__pycache__/
.venv/
"""

README = """\
# {name}

A workbench workspace. `notebooks/` is where ideas live, `promoted/` holds the versions that production runs.

    workbench sandbox create          a sampled, masked copy of the sources
    workbench edit notebooks/first.py
    workbench promote notebooks/first.py --why "what it is for"
    workbench status
"""

MAKEFILE = """\
check:  ## what each notebook would promote, and why not
\tworkbench check

status:
\tworkbench status
"""


@click.command()
@click.argument("folder", default=".", type=click.Path(file_okay=False, path_type=Path))
@json_option
def init(folder: Path, as_json: bool) -> int:
    """Make a workspace in FOLDER: pyproject.toml with [tool.workbench], notebooks/, promoted/ and the rest.

    Files that are already there stay as they are. In a folder that has a pyproject.toml without [tool.workbench],
    the table is appended to it.

    \b
    Examples:
      workbench init
      workbench init my-project
    """
    written = _write(folder)
    if as_json:
        emit_json({"workspace": str(folder.resolve()), "written": written})
        return 0
    click.echo(f"workspace {folder.resolve().name}: " + (", ".join(written) if written else "everything was there already"))
    click.echo("next: workbench sources discover --write   (or declare sources by hand), then: workbench sandbox create")
    return 0


def _write(folder: Path) -> list[str]:
    import tomllib

    from workbench.runtime.files import write_atomic

    name = re.sub(r"[^a-z0-9]+", "-", folder.resolve().name.lower()).strip("-") or "workspace"
    written = []
    pyproject = folder / "pyproject.toml"
    existing = None
    try:
        existing = pyproject.read_text(encoding="utf-8") if pyproject.is_file() else None
        document = tomllib.loads(existing or "")
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{pyproject} does not parse: {error}", hint=f"correct {pyproject}, then: workbench init") from None
    folder.mkdir(parents=True, exist_ok=True)
    for place in PLACES:
        if not (folder / place).is_dir():
            (folder / place).mkdir()
            written.append(f"{place}/")
    if existing is None:
        write_atomic(pyproject, PYPROJECT.format(name=name))
        written.append("pyproject.toml")
    elif not isinstance(document.get("tool", {}), dict):
        raise UsageError(f"tool is no table in {pyproject}", hint=f"correct {pyproject}, then: workbench init")
    elif "workbench" not in document.get("tool", {}):
        table = PYPROJECT.partition("[tool.workbench]")
        text = existing.rstrip("\n") + "\n\n" + (table[1] + table[2]).format(name=name)
        write_atomic(pyproject.resolve(), text, mode=pyproject.stat().st_mode & 0o777)
        written.append("pyproject.toml ([tool.workbench])")
    for file, text in ((".gitignore", IGNORED), ("README.md", README.format(name=name)), ("Makefile", MAKEFILE)):
        if not (folder / file).exists():
            write_atomic(folder / file, text)
            written.append(file)
    return written
