"""Proposals as lines of ``pyproject.toml``, and writing them there: added at the end, nothing that stands there is touched."""

from __future__ import annotations

import tempfile
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path

from workbench.config import Source, Workspace, find_workspace
from workbench.errors import ConfigError, WorkbenchError
from workbench.runtime import files
from workbench.sandbox.discover import Proposal, Reference


def toml(proposals: Sequence[Proposal], sources: Mapping[str, Source] | None = None) -> str:
    """The proposals as TOML, each line with its reason; ``sources`` are those that are declared already.

    >>> print(toml([Proposal("orders", "o.parquet", 3, {}, ("id",), why={"key": "declared"})]))
    [tool.workbench.sources.orders]
    read = "o.parquet"
    key = ["id"]  # declared
    <BLANKLINE>
    """
    keys = {name: tuple(source.key) for name, source in (sources or {}).items()} | {each.name: each.key for each in proposals}
    return "\n".join(_table(each, keys) for each in proposals)


def write(workspace: Workspace, proposals: Sequence[Proposal]) -> Path:
    """Add the proposals to the workspace's ``pyproject.toml``; the file.

    Raises ``ConfigError``, and leaves the file as it is, when the tables can't be added at its end.
    """
    file = workspace.root / "pyproject.toml"
    before = file.read_text(encoding="utf-8")
    after = before.rstrip("\n") + "\n\n" + toml(proposals, workspace.settings.sources)
    names = {each.name for each in proposals}
    try:
        old, new = tomllib.loads(before), tomllib.loads(after)
    except tomllib.TOMLDecodeError:
        raise ConfigError(
            "pyproject.toml has tool.workbench.sources written in another way than as [tool.workbench.sources.NAME]",
            hint="workbench sources discover   (and copy what it prints)",
        ) from None
    added = {name: new["tool"]["workbench"]["sources"].pop(name) for name in names}
    old["tool"]["workbench"].setdefault("sources", {})
    if new != old or any(each.read != added[each.name]["read"] for each in proposals):
        raise WorkbenchError("the new tables would change others; nothing was written", hint="workbench sources discover")
    with tempfile.TemporaryDirectory(prefix="workbench-") as folder:
        trial = Path(folder, "pyproject.toml")
        trial.write_text(after, encoding="utf-8")
        find_workspace(trial.parent)
    files.write_atomic(file, after)
    return file


def _table(proposal: Proposal, keys: Mapping[str, tuple[str, ...]]) -> str:
    import tomlkit

    def text(value: object) -> str:
        return str(tomlkit.item(value).as_string())

    def key(name: str) -> str:
        return str(tomlkit.key(name).as_string())

    def pairs(values: dict[str, str]) -> str:
        return "{ " + ", ".join(f"{key(name)} = {text(value)}" for name, value in values.items()) + " }"

    def reference(each: Reference) -> str:
        to = f", to = {text(list(each.to))}" if each.to != keys.get(each.source) else ""
        return f"    {{ columns = {text(list(each.columns))}, source = {text(each.source)}{to} }},  # {_line(each.why)}"

    why = proposal.why
    lines = [f"[tool.workbench.sources.{proposal.name}]", f"read = {text(proposal.read)}"]
    if proposal.key:
        lines.append(f"key = {text(list(proposal.key))}  # {why['key']}")
    elif why.get("key"):
        lines.append(f"# key = [...]  {why['key']}")
    if proposal.references:
        lines += ["references = [", *(reference(each) for each in proposal.references), "]"]
    lines += [
        _line(f"# {each.source}? {', '.join(each.columns)} may refer to its {', '.join(each.to)}: {each.why}")
        for each in proposal.doubtful
    ]
    if proposal.time:
        lines.append(f"time = {text(proposal.time)}  # {why['time']}")
    if proposal.masks:
        lines += [f"# {_line(column)}: {reason}" for column, reason in proposal.reasons.items()]
        lines.append(f"mask = {pairs(proposal.masks)}")
    if proposal.units:
        lines.append(f"units = {pairs(proposal.units)}  # as the names end")
    return "\n".join(lines) + "\n"


def _line(name: str) -> str:
    """A name that may stand in a comment, whatever characters it has."""
    return "".join(char if char.isprintable() else "?" for char in name)
