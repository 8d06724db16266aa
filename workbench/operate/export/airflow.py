"""DAGs for Airflow 3: one for each clock, a task for each pipeline, and the production graph's edges between them."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Sequence
from typing import Any

from workbench.operate.export import Clock, Job, Place

_HEAD = '''\
"""Written by `workbench export airflow`. Change promoted/PIPELINE/pipeline.toml and write it again instead of editing it.

Each task calls `workbench run` and goes by its exit code: 0 is success, 5 may pass and is tried again, all else fails at once.
{pools}"""

from __future__ import annotations

import datetime as dt
import json
import subprocess
from zoneinfo import ZoneInfo

from airflow.providers.standard.sensors.external_task import ExternalTaskSensor
from airflow.sdk import DAG, CronDataIntervalTimetable, get_current_context, task
from airflow.sdk.exceptions import AirflowException, AirflowFailException

WORKSPACE = {workspace}
COMMAND = {command}

# DAG: its clock, and what it runs. `reads` are tasks of the same DAG, `waits_for` those of others.
DAGS = {dags}


def interval(partitions: str | None, timezone: str, start: dt.datetime, end: dt.datetime) -> list[str]:
    """What a run computes for a data interval; nothing for all data."""
    if partitions is None:
        return []
    if partitions == "date":  # the days that end in it by the schedule's clock, or the day under way
        first, last = (moment.astimezone(ZoneInfo(timezone)).date() for moment in (start, end))
        last = max(last, first + dt.timedelta(days=1))
        return ["--interval", f"{{first}}..{{last}}"]
    first, last = (moment.astimezone(dt.timezone.utc).isoformat() for moment in (start, end))
    return ["--interval", f"{{first}}..{{last}}"]


def run(pipeline: str, partitions: str | None, timezone: str) -> dict:
    """One run of one pipeline; the answer of the command."""
    context = get_current_context()
    span = interval(partitions, timezone, context["data_interval_start"], context["data_interval_end"])
    command = [*COMMAND, "run", pipeline, *span, "--json"]
    done = subprocess.run(command, cwd=WORKSPACE, stdout=subprocess.PIPE, text=True, check=False)
    answer = json.loads(done.stdout) if done.stdout.strip() else {{}}
    if done.returncode == 0:
        return answer
    why = answer.get("error") or "it gave no reason"
    said = f"{{' '.join(command)}}: exit code {{done.returncode}}: {{why}}"
    raise (AirflowException if done.returncode == 5 else AirflowFailException)(said)


def newest_interval(cron: str, timezone: str):
    """For a sensor: where the interval of another DAG begins that has ended last when this one's ends."""

    def start(_, **context) -> dt.datetime:
        from airflow.timetables.interval import CronDataIntervalTimetable as Timetable

        return Timetable(cron, timezone).infer_manual_data_interval(run_after=context["data_interval_end"]).start

    return start

'''
_RUN = """\

for dag_id, clock in DAGS.items():
    with DAG(
        dag_id,
        schedule=CronDataIntervalTimetable(clock["cron"], clock["timezone"]),
        start_date=dt.datetime.fromisoformat(clock["start"]),
        catchup=clock["catch_up"],
        max_active_runs=1,
        tags=["workbench"],
    ) as dag:
        tasks = {{}}
        for pipeline, its in clock["pipelines"].items():
            tasks[pipeline] = {operator}
            for upstream in its["reads"]:
                tasks[upstream] >> tasks[pipeline]
            for other, of in its["waits_for"].items():
                moments = newest_interval(DAGS[of]["cron"], DAGS[of]["timezone"])
                sensor = ExternalTaskSensor(
                    task_id=f"{{pipeline}}_waits_for_{{other}}",
                    external_dag_id=of,
                    external_task_id=other,
                    execution_date_fn=moments,
                    failed_states=["failed", "upstream_failed"],
                    mode="reschedule",
                    timeout=86400,
                )
                sensor >> tasks[pipeline]
    globals()[dag_id] = dag
"""
_TASK = """task(
                task_id=pipeline,
                retries=its["retries"],
                retry_delay=dt.timedelta(seconds=its["retry_delay"]),
                retry_exponential_backoff=True,
                max_retry_delay=dt.timedelta(seconds=its["retry_limit"]),
                execution_timeout=dt.timedelta(seconds=its["time_limit"] + 300),
                pool=its["pool"],
                priority_weight=its["priority"],
            )(run)(pipeline, its["partitions"], clock["timezone"])"""


def dags(clocks: Sequence[Clock], place: Place) -> str:
    """The file of DAGs, for Airflow's folder of DAGs."""
    where = {job.name: _dag_id(clock) for clock in clocks for job in clock.jobs}
    pools = sorted({job.definition.config.pool for clock in clocks for job in clock.jobs if job.definition.config.pool})
    said = "".join(f'It needs a pool, made once: airflow pools set {pool} 1 "".\n' for pool in pools)
    listed = {_dag_id(clock): _dag(clock, where) for clock in clocks}
    head = _HEAD.format(
        pools=said, workspace=json.dumps(place.workspace), command=json.dumps(place.command.split()), dags=_literal(listed)
    )
    return head + _RUN.format(operator=_TASK)


def _literal(value: Any, depth: int = 0) -> str:
    """A value as Python, three levels of it over several lines."""
    if not isinstance(value, dict) or not value or depth > 2:
        return repr(value) if not isinstance(value, str) else json.dumps(value)
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
