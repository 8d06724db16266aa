"""``[tool.workbench]`` of a ``pyproject.toml`` as typed settings.

Every key is checked when it is read: unknown keys, wrong types and references to what is not there are refused with the
path of the key and the nearest name that would be valid.
"""

from __future__ import annotations

import os
import re
import tomllib
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, field_validator

from workbench.errors import ConfigError, NotAWorkspace, UnknownName, UsageError
from workbench.model import check_name

_PLAIN_MASKS = ("token", "redact", "keep")
_MASKS_WITH_ARGUMENT = {
    "generalise": (r"[0-9]+(\.[0-9]+)?|year|quarter|month|week|day|hour", "generalise:month, generalise:10 or generalise:3"),
    "shift_dates": (r"[1-9][0-9]{0,3}", "shift_dates:30, the most days that a date moves"),
    "noise": (r"[0-9]+(\.[0-9]+)?%", "noise:5%, the most that a number changes"),
}
_DURATION = re.compile(r"([0-9]+)\s*([smhd])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def parse_duration(text: str) -> int:
    """Seconds in a duration such as ``90s``, ``15m``, ``12h`` or ``14d``.

    >>> parse_duration("14d")
    1209600
    """
    match = _DURATION.fullmatch(text.strip())
    if match is None:
        raise UsageError(f"{text!r} is not a duration", hint="write a whole number and s, m, h or d, for example 14d")
    return int(match[1]) * _SECONDS[match[2]]


def parse_share(text: str) -> float:
    """The share that ``2%`` or ``0.02`` stands for, above 0 and at most 1.

    >>> parse_share("2%")
    0.02
    """
    try:
        share = float(text[:-1]) / 100 if text.endswith("%") else float(text)
    except ValueError:
        share = -1.0
    if not 0 < share <= 1:
        raise UsageError(f"{text!r} is not a share above 0% and up to 100%", hint="for example --sample 2%")
    return share


def _mask_rule(rule: str) -> str:
    word, _, argument = rule.partition(":")
    if word in _MASKS_WITH_ARGUMENT:
        pattern, example = _MASKS_WITH_ARGUMENT[word]
        if re.fullmatch(pattern, argument) and not re.fullmatch(r"0+(\.0+)?%?", argument):
            return rule
        raise ValueError(f"{rule!r} is not complete; write it like {example}")
    if rule in _PLAIN_MASKS:
        return rule
    if word in ("hash", "md5", "sha1", "sha256"):
        raise ValueError(f"{rule!r} without a key is undone by trying all values; use 'token', which is keyed and still joins")
    raise ValueError(f"{rule!r} is no mask; the masks are {', '.join((*_PLAIN_MASKS, *_MASKS_WITH_ARGUMENT))}")


MaskRule = Annotated[str, AfterValidator(_mask_rule)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Reference(_Strict):
    """Columns of a source that name rows of another one."""

    columns: list[str] = Field(min_length=1)
    source: str
    to: list[str] | None = None


class Source(_Strict):
    """One production table that notebooks may read.

    ``read`` is a Parquet or CSV glob relative to the workspace, ``duckdb:FILE#SCHEMA.TABLE``, or a table of a PostgreSQL:
    ``postgresql://USER@HOST/DATABASE#SCHEMA.TABLE``, or ``env:NAME#SCHEMA.TABLE`` with the address in a variable.
    ``mask`` maps columns to token, redact, keep, generalise:…, shift_dates:… or noise:….
    ``sample`` is "anchor" (rows are chosen by the hash of ``key``), "follow" (rows follow their references) or "whole".
    ``quasi_identifiers`` are columns that together may single a person out.
    """

    read: str
    key: list[str] = []
    references: list[Reference] = []
    sample: Literal["anchor", "follow", "whole"] | None = None
    mask: dict[str, MaskRule] = {}
    time: str | None = None
    doc: str = ""
    owner: str = ""
    units: dict[str, str] = {}
    quasi_identifiers: list[str] = []


class Gates(_Strict):
    """Thresholds of the gates. Shares are 0..1, seconds are wall-clock."""

    row_count_tolerance: float = Field(default=0.25, ge=0)
    changed_share_tolerance: float = Field(default=0.25, ge=0)
    runtime_budget_seconds: float = Field(default=300.0, gt=0)


class Sandbox(_Strict):
    """Defaults of ``workbench sandbox create``; and how far a column may differ beyond sampling noise, 0..1."""

    sample: str = "1%"
    seed: int = 7
    ttl: str = "14d"
    parity_threshold: float = Field(default=0.05, ge=0, le=1)

    @field_validator("sample")
    @classmethod
    def _share(cls, value: str) -> str:
        parse_share(value)
        return value

    @field_validator("ttl")
    @classmethod
    def _duration(cls, value: str) -> str:
        parse_duration(value)
        return value


class Settings(_Strict):
    """All of ``[tool.workbench]``."""

    warehouse: str = "duckdb:warehouse"
    store: str = "sqlite:.workbench/store.db"
    sources: dict[str, Source] = {}
    gates: Gates = Gates()
    sandbox: Sandbox = Sandbox()


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
    table = document.get("tool", {}).get("workbench")
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
    return settings


def _explain(error: ValidationError) -> str:
    """Each problem on a line of its own, with the key's path and the nearest valid name."""
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
    nested: dict[str, type[BaseModel]] = {"sources": Source, "references": Reference, "gates": Gates, "sandbox": Sandbox}
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
                    f"{path}.references: {len(reference.columns)} column(s) {reference.columns} refer to {len(to)} column(s) "
                    f"{to} of {reference.source}",
                    hint=hint,
                )
