"""DAGs for Airflow 3: one for each clock, a task for each pipeline, and the production graph's edges between them."""

from __future__ import annotations

import datetime as dt
import json
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
        command=json.dumps(place.command.split()),
        dags=_literal({_dag_id(clock): _dag(clock, where) for clock in clocks}),
    )


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
        "cron": clock.cron,
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
