"""What ``[tool.workbench]`` may say: each table as a strict, frozen model."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator

from workbench.errors import UsageError

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


def _span(text: str) -> int:
    """As :func:`parse_duration`, in the words of a setting."""
    try:
        return parse_duration(text)
    except UsageError as error:
        raise ValueError(f"{error.message}; {error.hint}") from None


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
    ``quasi_identifiers`` are columns that together may single a person out. ``freshness`` is how old the newest ``time`` may
    become, as 36h or 1d; without ``time``, how long ago its files last changed.
    """

    read: str
    key: list[str] = []
    references: list[Reference] = []
    sample: Literal["anchor", "follow", "whole"] | None = None
    mask: dict[str, MaskRule] = {}
    time: str | None = None
    freshness: str | None = None
    doc: str = ""
    owner: str = ""
    units: dict[str, str] = {}
    quasi_identifiers: list[str] = []

    @model_validator(mode="after")
    def _fresh(self) -> Source:
        """A span of time; and a server does not say when a table last changed."""
        if self.freshness is not None and _span(self.freshness) == 0:
            raise ValueError(f"freshness {self.freshness!r} is never kept; write how old the newest row may become, as 1d")
        if self.freshness is not None and self.time is None and self.read.startswith(("postgres://", "postgresql://", "env:")):
            raise ValueError("freshness of a table in a PostgreSQL needs time, the column that says how new a row is")
        return self


class Gates(_Strict):
    """Thresholds of the gates. Shares are 0..1, seconds are wall-clock.

    ``drift_tolerance`` is a population stability index, ``slowdown_tolerance`` how many times as long as the live version a
    candidate may take, ``output_bytes_budget`` what its data may take on disk, ``shadow_runs`` beside how many runs of the live
    version it has to hold before it is published, ``overdue_inputs`` what becomes of one that reads a deprecated version whose
    last day is over.
    """

    row_count_tolerance: float = Field(default=0.25, ge=0)
    changed_share_tolerance: float = Field(default=0.25, ge=0)
    runtime_budget_seconds: float = Field(default=300.0, gt=0)
    drift_tolerance: float = Field(default=0.25, gt=0)
    slowdown_tolerance: float = Field(default=3.0, ge=1)
    output_bytes_budget: int = Field(default=10 * 2**30, gt=0)
    undocumented_columns: Literal["allow", "warn", "refuse"] = "warn"
    shadow_runs: int = Field(default=0, ge=0, le=1000)
    overdue_inputs: Literal["warn", "refuse"] = "warn"


class Approval(_Strict):
    """Who may approve what.

    ``approvers`` maps patterns of pipeline names to names, to teams (``@data``, listed in ``teams``) and to ``owner``, whom the
    pipeline's ``pipeline.toml`` names; the last pattern that matches counts, as in a CODEOWNERS file. Where none does, anybody
    may approve; authors their own promotions only with ``self_approval``.
    """

    self_approval: bool = False
    approvers: dict[str, list[str]] = {}
    teams: dict[str, list[str]] = {}


class Sandbox(_Strict):
    """Defaults of ``workbench sandbox create``; and how far a column may differ beyond sampling noise, 0..1.

    ``mask_key`` is where the key of the masks is, as ``keyring:SERVICE/NAME``; the variable ``WORKBENCH_MASK_KEY`` wins.
    """

    sample: str = "1%"
    seed: int = 7
    ttl: str = "14d"
    parity_threshold: float = Field(default=0.05, ge=0, le=1)
    mask_key: str = Field(default="", pattern=r"^(keyring:[A-Za-z0-9_.@-]+(/[A-Za-z0-9_.@-]+)?)?$")

    @field_validator("sample")
    @classmethod
    def _share(cls, value: str) -> str:
        parse_share(value)
        return value

    @field_validator("ttl")
    @classmethod
    def _duration(cls, value: str) -> str:
        _span(value)
        return value


class Scheduler(_Strict):
    """How this workspace's pipelines run side by side.

    ``lease`` is how long a run may go without a sign of life before another process takes over, ``jobs`` how many runs a
    scheduler has under way at once, ``pools`` how many of the pipelines that name a pool.
    """

    lease: str = "30s"
    jobs: int = Field(default=2, ge=1, le=64)
    pools: dict[str, Annotated[int, Field(ge=1)]] = {}

    @field_validator("lease")
    @classmethod
    def _duration(cls, value: str) -> str:
        if _span(value) == 0:
            raise ValueError("a lease of no time is never held; write for example 30s")
        return value


class OpenLineage(_Strict):
    """Where events of OpenLineage go: a ``file`` in the workspace, or the ``url`` of a collector. Off while neither is set.

    A file gets one event a line. ``namespace`` is that of jobs and datasets, ``api_key`` where a bearer token is, as
    ``env:NAME``, and ``timeout_seconds`` how long a run waits for the collector.
    """

    file: str = ""
    url: str = Field(default="", pattern=r"^(https?://[^\s/@]+(/\S*)?)?$")
    namespace: str = Field(default="workbench", min_length=1)
    api_key: str = Field(default="", pattern=r"^(env:[A-Za-z_][A-Za-z0-9_]*)?$")
    timeout_seconds: float = Field(default=2.0, gt=0, le=60)

    @property
    def on(self) -> bool:
        return bool(self.file or self.url)

    @field_validator("file")
    @classmethod
    def _inside(cls, value: str) -> str:
        place = PurePosixPath(value)
        if value and (place.is_absolute() or ".." in place.parts or place == PurePosixPath()):
            raise ValueError(f"{value!r} is not a place inside the workspace")
        return value

    @model_validator(mode="after")
    def _one(self) -> OpenLineage:
        if self.file and self.url:
            raise ValueError("events go to a file or to a url, not to both")
        return self


class Settings(_Strict):
    """All of ``[tool.workbench]``.

    ``policies`` are globs of policy files; ``declassified`` maps ``PIPELINE.COLUMN`` to the reason why a column that is
    computed from personal ones names nobody.
    """

    warehouse: str = "duckdb:warehouse"
    store: str = "sqlite:.workbench/store.db"
    sources: dict[str, Source] = {}
    gates: Gates = Gates()
    approval: Approval = Approval()
    policies: list[str] = []
    declassified: dict[str, Annotated[str, Field(min_length=1)]] = {}
    sandbox: Sandbox = Sandbox()
    scheduler: Scheduler = Scheduler()
    openlineage: OpenLineage = OpenLineage()
