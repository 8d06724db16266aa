"""Files for other schedulers, made from the pipelines of a workspace. Pure: what is exported goes in, text comes out.

Airflow gets a task for each pipeline and interval. cron, GitHub Actions and Kubernetes only wake our scheduler at the moments
at which something may be due; it knows what is, in which order, and what is to be tried again.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from workbench.operate.cron import cron_of
from workbench.operate.plan import Definition

AGAIN = "*/15 * * * *"  # when attempts whose time has come are looked after


@dataclass(frozen=True, slots=True)
class Place:
    """Where the workspace is for whoever runs the files, and how the command is called there.

    ``image`` and ``claim`` are for Kubernetes, ``operator`` ("command" or "papermill") for Airflow.
    """

    workspace: str
    command: str = "workbench"
    image: str = "registry.example.org/workbench:latest"
    claim: str = "workbench"
    operator: str = "command"


@dataclass(frozen=True, slots=True)
class Job:
    """One pipeline as it is exported: its definition, with the live version."""

    definition: Definition
    version: int

    @property
    def name(self) -> str:
        return self.definition.pipeline

    @property
    def reads(self) -> tuple[str, ...]:
        return self.definition.upstream


@dataclass(frozen=True, slots=True)
class Clock:
    """A schedule in its time zone, and the pipelines that go by it."""

    cron: str
    timezone: str
    jobs: tuple[Job, ...]

    @property
    def name(self) -> str:
        """A name for files and tasks, unique among the clocks of a workspace.

        >>> Clock("0 6 * * 1-5", "Europe/Berlin", ()).name
        '0_6_any_any_1to5_europe_berlin'
        """
        signs = {"*": "any", "/": "by", "-": "to", ",": "and", " ": "_", "#": "nth"}
        words = "".join(signs.get(sign, sign) for sign in self.cron)
        zone = "".join(sign if sign.isalnum() else "plus" if sign == "+" else "_" for sign in self.timezone)
        return f"{words}_{zone}".lower()

    @property
    def deadline(self) -> dt.timedelta:
        """Long enough for every pipeline to take as long as it may, one after the other."""
        return dt.timedelta(seconds=sum(job.definition.config.seconds_limit for job in self.jobs) + 600)


def clocks(definitions: Mapping[str, Definition], versions: Mapping[str, int]) -> tuple[Clock, ...]:
    """The clocks of all pipelines that have a schedule, by name; upstream stands before downstream in each."""
    found: dict[tuple[str, str], list[Job]] = {}
    for name, mine in definitions.items():
        if mine.config.cron is not None and not mine.problem:
            key = (" ".join(cron_of(mine.config.cron).upper().split()), mine.config.timezone)
            found.setdefault(key, []).append(Job(mine, versions[name]))
    made = [Clock(cron, timezone, tuple(jobs)) for (cron, timezone), jobs in found.items()]
    return tuple(sorted(made, key=lambda each: each.name))


def plain(cron: str) -> str:
    """A schedule in numbers that every cron reads alike: whenever the one fires the other does, and where they know no last or
    nth days, more often.

    >>> plain("0 6 * * 1-5"), plain("5/25 0 L JAN MON,5#2,7"), plain("0 0 LW */2 *")
    ('0 6 * * 1-5', '5,30,55 0 28-31 1 0,1,5', '0 0 26-31 */2 *')
    """
    fields = zip(("MINUTE", "HOUR", "DAY", "MONTH", "DOW"), cron.upper().split(), strict=True)
    return " ".join(_plain(name, text) for name, text in fields)


def _plain(name: str, text: str) -> str:
    from cronsim.cronsim import CronSim, Field

    if re.fullmatch(r"(\*|\d+-\d+)(/\d+)?|\d+(,\d+)*", text) and not (name == "DOW" and "7" in text):
        return text
    found: set[int] = set()
    for each in Field[name].parse(text):
        if each == CronSim.LAST:
            found |= {28, 29, 30, 31}
        elif each == CronSim.LAST_WEEKDAY:
            found |= {26, 27, 28, 29, 30, 31}  # February may end with a weekend
        else:
            found.add(each[0] if isinstance(each, tuple) else each)
    if name == "DOW":
        found = {each % 7 for each in found}
    whole = found == set(range(min(found), max(found) + 1)) and len(found) > 2
    return f"{min(found)}-{max(found)}" if whole else ",".join(map(str, sorted(found)))


def names(jobs: Sequence[Job]) -> str:
    """The pipelines of some jobs, in few words."""
    shown = ", ".join(job.name for job in jobs[:8])
    return shown if len(jobs) <= 8 else f"{shown} and {len(jobs) - 8} more"
