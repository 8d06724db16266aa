"""``promoted/<pipeline>/pipeline.toml``: how production runs a pipeline, and when it is due next.

The file is edited by people. The clock is passed in; nothing here reads it.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import functools
import tomllib
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from workbench.config import parse_duration
from workbench.errors import ConfigError, UsageError
from workbench.operate.cron import check, following

if TYPE_CHECKING:
    from workbench.config import Workspace

FILE = "pipeline.toml"
AFTER_INPUTS = "after inputs"
NEVER = "never"


class PipelineConfig(BaseModel):
    """All of ``pipeline.toml``. Durations are text such as ``36h``.

    ``schedule`` is a cron expression, a nickname, "after inputs" (whenever the pipelines that it reads are done), or "never"
    (also None): only when someone runs it. ``retention`` is how long the past is kept: data that readers no longer see, and the
    records of runs; None for ever. ``start`` is where catching up begins, when that is not the first publication.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    owner: str = ""
    schedule: str | None = "0 6 * * *"
    timezone: str = "UTC"
    start: dt.date | None = None
    catch_up: Literal["all", "latest", "none"] = "latest"
    catch_up_limit: int = Field(default=100, ge=1, le=10_000)
    retries: int = Field(default=3, ge=0, le=100)
    retry_delay: str = "1m"
    retry_limit: str = "1h"
    pool: str | None = None
    priority: int = Field(default=0, ge=-1000, le=1000)
    freshness: str | None = "36h"
    retention: str | None = None
    time_limit: str = "1h"
    memory_limit: str | None = None

    @field_validator("schedule")
    @classmethod
    def _cron(cls, value: str | None) -> str | None:
        if value not in (None, AFTER_INPUTS, NEVER):
            check(value)
        return value

    @field_validator("timezone")
    @classmethod
    def _zone(cls, value: str) -> str:
        known_zone(value)
        return value

    @field_validator("start", mode="before")
    @classmethod
    def _quoted(cls, value: object) -> object:
        """A date in quotes, which TOML reads as text, is meant as that date."""
        with contextlib.suppress(ValueError):
            return dt.date.fromisoformat(value) if isinstance(value, str) else value
        raise ValueError(f"{value!r} is no date; write it as YYYY-MM-DD")

    @field_validator("freshness", "retention", "time_limit", "retry_delay", "retry_limit")
    @classmethod
    def _duration(cls, value: str | None) -> str | None:
        if value is not None:
            try:
                parse_duration(value)
            except UsageError as error:
                raise ValueError(f"{error.message}; {error.hint}") from None
        return value

    @field_validator("memory_limit")
    @classmethod
    def _size(cls, value: str | None) -> str | None:
        if value is not None:
            parse_size(value)
        return value

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)

    @property
    def fresh_for(self) -> dt.timedelta | None:
        """How old the data may be; None when nobody promised anything."""
        return None if self.freshness is None else dt.timedelta(seconds=parse_duration(self.freshness))

    @property
    def kept_for(self) -> dt.timedelta | None:
        """How long the past is kept; None for ever."""
        return None if self.retention is None else dt.timedelta(seconds=parse_duration(self.retention))

    @property
    def cron(self) -> str | None:
        """The schedule when it goes by the clock."""
        return None if self.schedule in (None, AFTER_INPUTS, NEVER) else self.schedule

    @property
    def seconds_between(self) -> float:
        """The longest pause before the second attempt."""
        return float(parse_duration(self.retry_delay))

    @property
    def seconds_at_most(self) -> float:
        """The longest pause before any attempt."""
        return float(parse_duration(self.retry_limit))

    @property
    def seconds_limit(self) -> float:
        return float(parse_duration(self.time_limit))

    @property
    def bytes_limit(self) -> int | None:
        return None if self.memory_limit is None else parse_size(self.memory_limit)


def known_zone(name: str) -> ZoneInfo:
    """The time zone of a name; ``ValueError`` says which is meant, where that can be told.

    >>> known_zone("Europe/Berlin").key
    'Europe/Berlin'
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        from zoneinfo import available_timezones

        near = get_close_matches(name, available_timezones(), n=1)
        tail = f"; did you mean {near[0]!r}?" if near else "; for example 'Europe/Berlin'"
        raise ValueError(f"there is no time zone {name!r}{tail}") from None


def parse_size(text: str) -> int:
    """Bytes in a size such as ``512MB`` or ``4GB`` (powers of 1000).

    >>> parse_size("4GB")
    4000000000
    """
    units = {"KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
    number, unit = text.strip()[:-2].strip(), text.strip()[-2:].upper()
    if unit not in units or not number.isdigit() or int(number) == 0:
        raise ValueError(f"{text!r} is not a size; write a whole number and MB or GB, for example 4GB")
    return int(number) * units[unit]


def default_pipeline_toml(owner: str) -> str:
    """The file that a first promotion writes, commented for the people who edit it.

    >>> parse_pipeline_toml(default_pipeline_toml('Ann "A" O\\'Hara')).owner
    'Ann "A" O\\'Hara'
    """
    import json

    return f"""\
# How production runs this pipeline. Edit it freely: it is read at every run, and no new version is needed.
owner = {json.dumps(owner, ensure_ascii=False)}

schedule = "0 6 * * *"      # cron: minute hour day month weekday; "@daily" and friends; "after inputs"; "never"
timezone = "UTC"            # the clock that the schedule goes by, for example "Europe/Berlin"

freshness = "36h"           # how old the data may become before `workbench status` calls it stale
# retention = "400d"        # how long `workbench gc` keeps the past: what readers saw, records of runs; without it, for ever

time_limit = "1h"           # a run that takes longer is stopped; readers keep what they have
# memory_limit = "4GB"      # a run that needs more ends with MemoryError; readers keep what they have
"""


def parse_pipeline_toml(text: str, *, where: str = FILE) -> PipelineConfig:
    """The settings that a text holds; ``ConfigError`` names ``where``, the key, and the nearest valid one."""
    hint = f"correct {where}, then: workbench status"
    try:
        return _parsed(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{where} does not parse: {error}", hint=hint) from None
    except ValidationError as error:
        raise ConfigError("\n".join(f"{where}: {line}" for line in _explain(error)), hint=hint) from None


@functools.lru_cache(maxsize=1024)
def _parsed(text: str) -> PipelineConfig:
    """Many pipelines have the same settings, and a service reads them at each run."""
    return PipelineConfig.model_validate(tomllib.loads(text))


def read_config(workspace: Workspace, pipeline: str) -> PipelineConfig:
    """The settings of a pipeline; the defaults where there is no file."""
    file = workspace.promoted / pipeline / FILE
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        return PipelineConfig()
    except UnicodeDecodeError as error:
        raise ConfigError(f"{_shown(file, workspace.root)} is not UTF-8: {error}", hint="save it as UTF-8") from None
    return parse_pipeline_toml(text, where=_shown(file, workspace.root))


def next_due(config: PipelineConfig, now: dt.datetime) -> dt.datetime | None:
    """The first moment after ``now`` at which the pipeline is due, in UTC; None when it has no schedule.

    Wall-clock schedules run once a day also in the nights when clocks are put forward or back.

    >>> berlin = PipelineConfig(schedule="30 2 * * *", timezone="Europe/Berlin")
    >>> first = next_due(berlin, dt.datetime(2026, 10, 24, 12, tzinfo=dt.UTC))
    >>> first.isoformat(), next_due(berlin, first).isoformat()
    ('2026-10-25T00:30:00+00:00', '2026-10-26T01:30:00+00:00')
    """
    return None if config.cron is None else following(config.cron, config.zone, now)


def _shown(file: Path, root: Path) -> str:
    return file.relative_to(root).as_posix()


def _explain(error: ValidationError) -> list[str]:
    lines = []
    for problem in error.errors():
        key = ".".join(str(part) for part in problem["loc"])
        if problem["type"] == "extra_forbidden":
            valid = sorted(PipelineConfig.model_fields)
            near = get_close_matches(key, valid, n=1)
            lines.append(
                f"{key}: no such key; " + (f"did you mean {near[0]!r}?" if near else "the keys are: " + ", ".join(valid))
            )
        else:
            lines.append(f"{key}: {problem['msg'].removeprefix('Value error, ')}")
    return lines
