"""``[tool.workbench]`` of a ``pyproject.toml`` as typed settings.

Every key is checked when it is read: unknown keys, wrong types and references to what is not there are refused with the
path of the key and the nearest name that would be valid.
"""

from __future__ import annotations

import os
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from workbench.errors import ConfigError, NotAWorkspace, UnknownName, UsageError
from workbench.model import check_name, counted
from workbench.settings import Approval as Approval
from workbench.settings import Gates as Gates
from workbench.settings import OpenLineage as OpenLineage
from workbench.settings import Reference as Reference
from workbench.settings import Sandbox as Sandbox
from workbench.settings import Scheduler as Scheduler
from workbench.settings import Settings as Settings
from workbench.settings import Source as Source
from workbench.settings import parse_duration as parse_duration
from workbench.settings import parse_share as parse_share


@dataclass(frozen=True, slots=True)
class Workspace:
    """A folder with notebooks, promoted versions and settings; all its places are properties."""

    root: Path
    settings: Settings

    @property
    def notebooks(self) -> Path:
        return self.root / "notebooks"

    @property
    def promoted(self) -> Path:
        return self.root / "promoted"

    @property
    def state(self) -> Path:
        return self.root / ".workbench"

    @property
    def sandboxes(self) -> Path:
        return self.state / "sandboxes"

    @property
    def runs(self) -> Path:
        return self.state / "runs"

    @property
    def warehouse(self) -> Path:
        return self.root / self.settings.warehouse.removeprefix("duckdb:")

    def source(self, name: str) -> Source:
        """The declared source of that name."""
        try:
            return self.settings.sources[name]
        except KeyError:
            raise UnknownName.of(
                "source", name, self.settings.sources, hint=f"declare it in pyproject.toml as [tool.workbench.sources.{name}]"
            ) from None


def find_workspace(start: Path | None = None) -> Workspace:
    """The workspace of a folder: the nearest ``pyproject.toml`` with ``[tool.workbench]`` there or above."""
    here = (start or Path.cwd()).resolve()
    for folder in (here, *here.parents):
        file = folder / "pyproject.toml"
        if file.is_file():
            table = _tool_table(file)
            if table is not None:
                return Workspace(folder, _settings(table, file))
    raise NotAWorkspace(f"{here} is not in a workspace: no pyproject.toml with [tool.workbench]", hint="workbench init")


def _tool_table(file: Path) -> dict[str, Any] | None:
    try:
        with file.open("rb") as stream:
            document = tomllib.load(stream)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file.name} does not parse: {error}", hint=f"correct {file}, then: workbench doctor") from None
    tool = document.get("tool", {})
    table = tool.get("workbench") if isinstance(tool, dict) else None
    if table is not None and not isinstance(table, dict):
        raise ConfigError("pyproject.toml: tool.workbench is not a table", hint=f"write [tool.workbench] in {file}")
    return table


def _settings(table: dict[str, Any], file: Path) -> Settings:
    try:
        settings = Settings.model_validate(table)
    except ValidationError as error:
        raise ConfigError(_explain(error), hint=f"correct {file}, then: workbench doctor") from None
    _check_places(settings, file)
    _check_sources(settings, file)
    _check_teams(settings.approval, file)
    return settings


def _explain(error: ValidationError) -> str:
    """Each problem on a line of its own, with the key's path and the nearest valid name."""
    from difflib import get_close_matches

    lines = []
    for problem in error.errors():
        path = ".".join(["tool.workbench", *(str(part) for part in problem["loc"])])
        if problem["type"] == "extra_forbidden":
            valid = _valid_keys(problem["loc"][:-1])
            near = get_close_matches(str(problem["loc"][-1]), valid, n=1)
            tail = f"did you mean {near[0]!r}?" if near else "the keys here are: " + ", ".join(valid)
            lines.append(f"{path}: no such key; {tail}")
        else:
            lines.append(f"{path}: {problem['msg'].removeprefix('Value error, ')}")
    return "\n".join(lines)


def _valid_keys(location: tuple[int | str, ...]) -> list[str]:
    model: type[BaseModel] = Settings
    nested: dict[str, type[BaseModel]] = {
        "sources": Source,
        "references": Reference,
        "gates": Gates,
        "approval": Approval,
        "sandbox": Sandbox,
        "scheduler": Scheduler,
        "openlineage": OpenLineage,
    }
    for part in location:
        model = nested.get(str(part), model)
    return sorted(model.model_fields)


def _check_places(settings: Settings, file: Path) -> None:
    hint = f"correct {file}, then: workbench doctor"
    for key, value, scheme in (("warehouse", settings.warehouse, "duckdb"), ("store", settings.store, "sqlite")):
        found, _, rest = value.partition(":")
        if found != scheme or not rest:
            raise ConfigError(f"tool.workbench.{key}: {value!r} is not of the form '{scheme}:PATH'", hint=hint)
        place = Path(os.path.normpath(rest))
        if place.is_absolute() or ".." in place.parts or place == Path():
            raise ConfigError(f"tool.workbench.{key}: {rest!r} is not a place inside the workspace", hint=hint)


def _check_teams(approval: Approval, file: Path) -> None:
    for pattern, names in approval.approvers.items():
        for name in names:
            if name.startswith("@") and name[1:] not in approval.teams:
                raise ConfigError(
                    f"tool.workbench.approval.approvers: {pattern!r} names the team {name!r}, which "
                    f"tool.workbench.approval.teams does not list",
                    hint=f"correct {file}, then: workbench doctor",
                )


def _check_sources(settings: Settings, file: Path) -> None:
    hint = f"correct {file}, then: workbench doctor"
    for name, source in settings.sources.items():
        path = f"tool.workbench.sources.{name}"
        try:
            check_name("source", name)
        except UsageError as error:
            raise ConfigError(f"{path}: {error.message}", hint=hint) from None
        if re.search(r"^postgres(ql)?://[^/@]*:[^/@]*@|^postgres.*[?&](ssl)?password=", source.read):
            raise ConfigError(
                f"{path}.read: the address has a password in it, which does not belong into a file",
                hint=f'export it as a variable NAME, and write read = "env:NAME#{source.read.partition("#")[2]}" in {file}',
            )
        for reference in source.references:
            target = settings.sources.get(reference.source)
            if target is None:
                raise ConfigError(
                    f"{path}.references: {UnknownName.of('source', reference.source, settings.sources).message}", hint=hint
                )
            to = reference.to or target.key
            if len(to) != len(reference.columns):
                raise ConfigError(
                    f"{path}.references: {counted(len(reference.columns), 'column')} {reference.columns} can't refer to "
                    f"{counted(len(to), 'column')} {to} of {reference.source}",
                    hint=hint,
                )
