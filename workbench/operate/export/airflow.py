"""DAGs for Airflow 3: one for each clock, a task for each pipeline, and the production graph's edges between them."""

from __future__ import annotations

import datetime as dt
import json
import re
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from workbench.operate.export import Clock, Job, Place

TEMPLATE = Path(__file__).with_name("airflow.py.j2")


def dags(clocks: Sequence[Clock], place: Place) -> str:
    """The file of DAGs, for Airflow's folder of DAGs."""
    from jinja2 import Environment, StrictUndefined

    # Airflow's own templates stand in the file, so ours have other brackets. It is Python, and every value a literal of it.
    environment = Environment(  # noqa: S701  not HTML
        variable_start_string="<<",
        variable_end_string=">>",
        block_start_string="<%",
        block_end_string="%>",
        trim_blocks=True,
        keep_trailing_newline=True,
        undefined=StrictUndefined,
    )
    where = {job.name: _dag_id(clock) for clock in clocks for job in clock.jobs}
    return environment.from_string(TEMPLATE.read_text(encoding="utf-8")).render(
        papermill=place.operator == "papermill",
        pools=sorted({job.definition.config.pool for clock in clocks for job in clock.jobs if job.definition.config.pool}),
        workspace=json.dumps(place.workspace),
        command=json.dumps(shlex.split(place.command)),
        dags=_literal({_dag_id(clock): _dag(clock, where) for clock in clocks}),
    )


def spelled(cron: str) -> str | None:
    """A schedule as Airflow's parser has it; None for one that it can't say.

    It puts the L of a last weekday first, knows no last working day, mixes no nth weekdays with others or with days, and takes
    days that begin with a star for days beside weekdays where others take them for days that are such weekdays too.

    >>> spelled("0 6 * * 1-5"), spelled("0 0 * * 5L,1L"), spelled("0 0 L * *")
    ('0 6 * * 1-5', '0 0 * * L5,L1', '0 0 L * *')
    >>> spelled("0 0 LW * *"), spelled("0 0 * * 1,5#2"), spelled("0 0 */2 * 1")
    (None, None, None)
    """
    *time, days, month, weekdays = cron.split()
    parts = [re.sub(r"^(\d)L$", r"L\1", each) for each in weekdays.split(",")]
    nth = {"#" in each or each.startswith("L") for each in parts}
    both, starred = "*" not in (days, weekdays), days.startswith("*") or weekdays.startswith("*")
    if "LW" in days or len(nth) > 1 or (both and (starred or True in nth)):
        return None
    return " ".join([*time, days, month, ",".join(parts)])


def _literal(value: Any, depth: int = 0) -> str:
    """A value as Python, four levels of it over several lines."""
    if not isinstance(value, dict) or not value or depth > 3:
        return json.dumps(value) if isinstance(value, str) else repr(value)
    space = "    " * depth
    lines = (f"{space}    {json.dumps(name)}: {_literal(item, depth + 1)},\n" for name, item in value.items())
    return "{\n" + "".join(lines) + space + "}"


def _dag_id(clock: Clock) -> str:
    return f"workbench_{clock.name}"


def _dag(clock: Clock, where: dict[str, str]) -> dict[str, Any]:
    starts = [job.definition.first() or job.definition.since for job in clock.jobs]
    return {
        "cron": spelled(clock.cron),
        "timezone": clock.timezone,
        "start": min(starts).astimezone(dt.UTC).isoformat(),
        "catch_up": any(job.definition.config.catch_up == "all" for job in clock.jobs),
        "pipelines": {job.name: _task(job, clock, where) for job in clock.jobs},
    }


def _task(job: Job, clock: Clock, where: dict[str, str]) -> dict[str, Any]:
    config, mine = job.definition.config, _dag_id(clock)
    return {
        "version": job.version,
        "partitions": job.definition.partitions,
        "reads": [name for name in job.reads if where.get(name) == mine],
        "waits_for": {name: where[name] for name in job.reads if where.get(name, mine) != mine},
        "retries": config.retries,
        "retry_delay": config.seconds_between,
        "retry_limit": config.seconds_at_most,
        "time_limit": config.seconds_limit,
        "pool": config.pool or "default_pool",
        "priority": max(1, 1 + config.priority),
    }
