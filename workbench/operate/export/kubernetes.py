"""CronJobs for Kubernetes that wake the scheduler when something may be due."""

from __future__ import annotations

import hashlib
import shlex
from collections.abc import Sequence
from typing import Any

from workbench.operate.export import AGAIN, Clock, Place, names, plain

_HEAD = """\
# Written by `workbench export kubernetes`. Each CronJob only wakes the scheduler, which knows what is due, in which order, and
# what is to be tried again; the volume holds the workspace with its warehouse and its store.
"""


def manifests(clocks: Sequence[Clock], place: Place) -> str:
    """YAML documents, one CronJob for each clock and one that looks after attempts whose time has come."""
    import yaml

    made = [_cron_job(clock, place) for clock in clocks]
    if clocks:
        every = Clock(AGAIN, "UTC", tuple(job for clock in clocks for job in clock.jobs))
        made.append(_cron_job(every, place, name="workbench-again"))
    return _HEAD + "---\n".join(yaml.safe_dump(each, sort_keys=False, width=120) for each in made)


def _cron_job(clock: Clock, place: Place, name: str = "") -> dict[str, Any]:
    # Names have at most 52 characters, since a job's gets eleven more.
    words = f"workbench-{clock.name.replace('_', '-')}"
    digest = hashlib.sha256(words.encode()).hexdigest()[:6]
    memory = max((job.definition.config.bytes_limit or 0 for job in clock.jobs), default=0)
    container: dict[str, Any] = {
        "name": "scheduler",
        "image": place.image,
        "command": [*shlex.split(place.command), "scheduler", "run", "--once", "--json"],
        "workingDir": place.workspace,
        "volumeMounts": [{"name": "workspace", "mountPath": place.workspace}],
    }
    if memory:
        container["resources"] = {"requests": {"memory": str(memory)}}
    return {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": {
            "name": name or (words if len(words) <= 52 else f"{words[:45]}-{digest}").strip("-"),
            "labels": {"app.kubernetes.io/name": "workbench"},
            "annotations": {"workbench/pipelines": names(clock.jobs)},
        },
        "spec": {
            "schedule": plain(clock.cron),
            "timeZone": "Etc/UTC" if clock.timezone == "UTC" else clock.timezone,
            "concurrencyPolicy": "Forbid",
            "startingDeadlineSeconds": 600,
            "successfulJobsHistoryLimit": 3,
            "failedJobsHistoryLimit": 3,
            "jobTemplate": {
                "spec": {
                    "backoffLimit": 0,
                    "activeDeadlineSeconds": int(clock.deadline.total_seconds()),
                    "template": {
                        "spec": {
                            "restartPolicy": "Never",
                            "terminationGracePeriodSeconds": 60,
                            "containers": [container],
                            "volumes": [{"name": "workspace", "persistentVolumeClaim": {"claimName": place.claim}}],
                        }
                    },
                }
            },
        },
    }
