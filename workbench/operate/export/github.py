"""A workflow for GitHub Actions that wakes the scheduler when something may be due."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Sequence
from zoneinfo import ZoneInfo

from workbench.operate.export import AGAIN, Clock, Place, plain

_WORKFLOW = """\
# Written by `workbench export github`. Schedules of GitHub go by UTC: a clock with summer time stands here twice, and whichever
# of the two comes at the wrong hour finds nothing due. GitHub may begin late or leave one out; the scheduler catches up, and
# every 15 minutes it tries again what is to be tried again.
name: workbench

on:
  workflow_dispatch:
  schedule:
{schedule}

concurrency:
  group: workbench
  cancel-in-progress: false

permissions:
  contents: read

jobs:
  scheduler:
    # The warehouse and the store are on the disk of this runner.
    runs-on: [self-hosted, workbench]
    timeout-minutes: {minutes}
    defaults:
      run:
        working-directory: {workspace}
    steps:
      - name: Run what is due
        run: |
          {command} scheduler run --once --json
"""


def workflow(clocks: Sequence[Clock], place: Place) -> str:
    """The text of ``.github/workflows/workbench.yml``."""
    crons = sorted({AGAIN, *(cron for clock in clocks for cron in in_utc(clock.cron, clock.timezone))})
    every = Clock(AGAIN, "UTC", tuple(job for clock in clocks for job in clock.jobs))
    minutes = int(every.deadline.total_seconds() // 60)
    return _WORKFLOW.format(
        schedule="\n".join(f"    - cron: {json.dumps(cron)}" for cron in crons),
        minutes=minutes,
        workspace=json.dumps(place.workspace),
        command=place.command,
    )


def in_utc(cron: str, timezone: str) -> list[str]:
    """Crons in UTC that fire when one of a zone does, or often enough to come soon after, and possibly more often.

    >>> in_utc("0 6 * * *", "Europe/Berlin")
    ['0 4 * * *', '0 5 * * *']
    >>> in_utc("30 6 * * 1-5", "Asia/Kolkata")
    ['0 * * * *']
    """
    minute, hour, *days = plain(cron).split()
    zone = ZoneInfo(timezone)
    offsets = {dt.datetime(2026, month, 1, tzinfo=dt.UTC).astimezone(zone).utcoffset() for month in range(1, 13)}
    shifts = sorted({int((offset or dt.timedelta()).total_seconds()) // 60 for offset in offsets})
    if shifts == [0]:
        return [plain(cron)]
    if not minute.isdecimal():
        return [AGAIN]
    if not hour.isdecimal() or days != ["*", "*", "*"]:
        return sorted({f"{(int(minute) - shift) % 60} * * * *" for shift in shifts})
    moments = {(int(hour) * 60 + int(minute) - shift) % 1440 for shift in shifts}
    return sorted(f"{moment % 60} {moment // 60} * * *" for moment in moments)
