"""Shared nouns: frozen values that travel between stations, with small verbs and no input or output."""

from __future__ import annotations

import datetime as dt
import keyword
import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal

from workbench.errors import UsageError
from workbench.moments import iso
from workbench.parameter import Parameter as Parameter

SCHEMA_VERSION = 1
# How a run's rows meet those that readers have: they take the place of all or of a partition's, or are merged by key.
STRATEGIES = ("replace", "upsert", "append")
NAME = re.compile(r"[a-z][a-z0-9_]{0,49}")
# Names that SQL or the warehouse itself uses; a view of that name could not be read unquoted.
RESERVED = frozenset(
    "all alter analyse analyze and any array as asc between by case cast check collate column constraint create cross "
    "current_date current_time current_timestamp default delete desc describe distinct do drop else end except exists "
    "false fetch for foreign from full grant group having in index inner insert intersect interval into is join key "
    "lateral left like limit main natural not null offset on only or order outer pivot placing primary qualify "
    "references returning right select set show some summarize table then to trailing true union unique unpivot update "
    "user using values variadic view when where window with workbench".split()
)


def counted(number: float, noun: str, verb: str = "") -> str:
    """A number with its noun, and with a verb, if one follows.

    >>> counted(1, "row"), counted(1200, "row"), counted(1, "row", "differ"), counted(2, "row", "differ"), counted(1.5, "day")
    ('1 row', '1,200 rows', '1 row differs', '2 rows differ', '1.5 days')
    """
    one = number == 1
    shown = f"{number:g}" if isinstance(number, float) else f"{number:,}"
    return f"{shown} {noun}{'' if one else 's'}" + (f" {verb}{'s' if one else ''}" if verb else "")


def printable(text: str) -> str:
    """A text on one line, its control characters written out.

    >>> printable("a\\nb"), printable("größe ⚑")
    ('a\\\\nb', 'größe ⚑')
    """
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)


def check_name(kind: str, name: str) -> str:
    """The name itself, when it can name a pipeline, source or parameter everywhere.

    That is: a lower-case Python identifier of at most 50 ASCII characters that is a keyword of neither Python nor SQL, so
    that it is at once a folder, a view, a function and an argument.

    >>> check_name("output", "late_departures")
    'late_departures'
    >>> check_name("output", "../etc")
    Traceback (most recent call last):
        ...
    workbench.errors.UsageError: output name '../etc' is not allowed: a letter, then letters, digits or _, lower case, up to 50
    """
    if NAME.fullmatch(name) is None:
        why = "a letter, then letters, digits or _, lower case, up to 50"
    elif keyword.iskeyword(name) or keyword.issoftkeyword(name) or name in RESERVED:
        why = "it is a keyword of Python or SQL"
    else:
        return name
    raise UsageError(
        f"{kind} name {name[:60]!r} is not allowed: {why}", hint=f"rename the {kind}, for example to 'daily_orders'"
    )


def check_mark(verb: str, name: object, example: str) -> str:
    """The name that a mark in a notebook is given, when it is a text.

    >>> check_mark("source", 5, 'wb.source("orders")')
    Traceback (most recent call last):
        ...
    workbench.errors.UsageError: wb.source: its name is 5, not a text
    """
    if isinstance(name, str):
        return name
    raise UsageError(f"wb.{verb}: its name is {name!r}, not a text", hint=f"for example {example}")


class Verdict(StrEnum):
    """What a gate says."""

    PASS = "pass"
    WARN = "warn"
    FAIL = "fail"
    WAITING = "waiting"


@dataclass(frozen=True, slots=True, order=True)
class VersionId:
    """One version of one pipeline.

    >>> str(VersionId.parse("orders_daily@3"))
    'orders_daily@3'
    """

    pipeline: str
    number: int

    @classmethod
    def parse(cls, text: str) -> VersionId:
        match = re.fullmatch(r"([a-z][a-z0-9_]{0,49})@v?([1-9][0-9]{0,8})", text)
        if match is None:
            raise UsageError(f"{text!r} is not a version", hint="write it as PIPELINE@NUMBER, for example orders_daily@3")
        return cls(match[1], int(match[2]))

    def __str__(self) -> str:
        return f"{self.pipeline}@{self.number}"


@dataclass(frozen=True, slots=True)
class Input:
    """One table that a pipeline reads.

    ``argument`` is the name of the module's argument, ``name`` that of the source or pipeline, ``kind`` "source" or
    "pipeline", and ``columns`` those that the slice names as literals (for early checks; not a full lineage).
    """

    argument: str
    name: str
    kind: str
    columns: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Check:
    """One promise about the data of an output.

    ``rule`` is one of not_null, unique, between, one_of, matches, holds, references, fresh and row_count; ``columns`` are
    those that it reads and ``args`` its literal arguments, such as ``{"low": 0, "high": 1}``. ``on_failure`` is "fail", or
    "quarantine" for rows that are held back while the others are published.
    """

    rule: str
    columns: tuple[str, ...] = ()
    args: dict[str, Any] = field(default_factory=dict)
    on_failure: str = "fail"

    def __str__(self) -> str:
        if self.rule == "holds":
            return f"holds({self.args['predicate']})"
        values = [*self.columns, *(f"{name}={value}" for name, value in self.args.items())]
        return f"{self.rule}({', '.join(values)})"


@dataclass(frozen=True, slots=True)
class OutputMark:
    """What a ``wb.output`` or ``@wb.model`` call says, read without running the notebook.

    ``columns`` maps columns to what they mean, and ``units`` to what they are counted in.
    """

    name: str
    key: tuple[str, ...] = ()
    doc: str = ""
    columns: dict[str, str] = field(default_factory=dict)
    checks: tuple[Check, ...] = ()
    partition_by: str | None = None
    units: dict[str, str] = field(default_factory=dict)
    strategy: str = "replace"
    allowed_lateness: str | None = None


LineageRole = Literal["value", "filter", "join", "group", "order", "rule"]


@dataclass(frozen=True, slots=True, order=True)
class Edge:
    """``column`` of an output rests on ``input_column`` of an input; column ``*`` stands for which rows there are.

    With the role "rule" its values are only looked for there, by a check of the contract: nothing is computed from them.
    ``input_column`` may be a path into a struct (``place.city``); a name with dots of its own stands in double quotes there.
    """

    column: str
    role: LineageRole
    input: str
    input_column: str


def column_path(name: str, *fields: str) -> str:
    """A column, or a field in it, as edges name it.

    >>> column_path("place", "city"), column_path("e.mail")
    ('place.city', '"e.mail"')
    """
    quoted = '"' + name.replace('"', '""') + '"' if "." in name or name.startswith('"') else name
    return ".".join((quoted, *fields))


def top_column(path: str) -> str:
    """The column that a path leads into.

    >>> top_column("place.city"), top_column('"e.mail"'), top_column('"a ""b.c"" d".e')
    ('place', 'e.mail', 'a "b.c" d')
    """
    quoted = re.match(r'"((?:[^"]|"")+)"(?:\.|$)', path)
    return path.partition(".")[0] if quoted is None else quoted[1].replace('""', '"')


@dataclass(frozen=True, slots=True)
class Interval:
    """A half-open span ``[start, end)`` of logical time, in UTC.

    >>> Interval.parse("2013-07-01..2013-07-08").days
    7.0
    """

    start: dt.datetime
    end: dt.datetime

    @classmethod
    def parse(cls, text: str) -> Interval:
        first, separator, second = text.partition("..")
        try:
            start, end = (dt.datetime.fromisoformat(part) for part in (first, second))
        except ValueError:
            separator = ""
        if not separator:
            raise UsageError(
                f"{text!r} is not an interval",
                hint="write it as START..END, end not included, for example 2013-07-01..2013-07-08",
            )
        start, end = (
            moment.replace(tzinfo=dt.UTC) if moment.tzinfo is None else moment.astimezone(dt.UTC) for moment in (start, end)
        )
        if end <= start:
            raise UsageError(f"interval {text!r} is empty: its end is not after its start", hint="swap the two moments")
        return cls(start, end)

    @property
    def days(self) -> float:
        """Length in days."""
        return (self.end - self.start) / dt.timedelta(days=1)

    def __str__(self) -> str:
        return f"{_moment(self.start)}..{_moment(self.end)}"


def _moment(moment: dt.datetime) -> str:
    if (moment.hour, moment.minute, moment.second, moment.microsecond) == (0, 0, 0, 0):
        return moment.date().isoformat()
    return iso(moment)


@dataclass(frozen=True, slots=True)
class DataFile:
    """One immutable Parquet file of a snapshot.

    ``path`` is relative to the warehouse folder, ``partition`` the value of the partition column as text (None where the
    output is not partitioned), ``sha256`` the digest of the file's bytes.
    """

    path: str
    rows: int
    bytes: int
    sha256: str
    partition: str | None = None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The data of one version at one moment: a list of immutable files.

    ``id`` is derived from the pipeline, the version and the files' digests, so equal data of one version has one id.
    ``columns`` maps each column to its type as DuckDB writes it.
    """

    id: str
    pipeline: str
    version: int
    columns: dict[str, str]
    files: tuple[DataFile, ...]
    partition_by: str | None = None

    @property
    def rows(self) -> int:
        return sum(file.rows for file in self.files)

    @property
    def bytes(self) -> int:
        return sum(file.bytes for file in self.files)


@dataclass(frozen=True, slots=True)
class CheckResult:
    """How one check fared on one table: violating rows and a few of them."""

    check: Check
    violations: int
    examples: tuple[dict[str, Any], ...] = ()

    @property
    def ok(self) -> bool:
        return self.violations == 0


@dataclass(frozen=True, slots=True)
class GateResult:
    """What one gate says of one candidate, and on what evidence (plain JSON values)."""

    gate: str
    verdict: Verdict
    summary: str
    evidence: dict[str, Any] = field(default_factory=dict)
