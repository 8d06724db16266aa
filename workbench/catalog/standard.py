"""The whole contract of a version as one document of the Open Data Contract Standard.

What a version promises of its data is its ``contract.yaml``, which only a promotion changes. Owner, service levels and
retention are about how production runs it, stand in ``pipeline.toml``, and may change without one. Tools that read the
standard want both in one document.
"""

from __future__ import annotations

import re
from typing import Any

from workbench.catalog.contract import FILE
from workbench.catalog.version import version_dir
from workbench.config import Workspace
from workbench.errors import UnknownName
from workbench.model import VersionId

_UNITS = {"s": "s", "m": "min", "h": "h", "d": "d", "w": "d"}
_SPAN = re.compile(r"(\d+)([smhdw])")


def whole(
    workspace: Workspace,
    version: VersionId,
    *,
    owner: str = "",
    freshness: str | None = None,
    retention: str | None = None,
    schedule: str | None = None,
    timezone: str = "UTC",
) -> dict[str, Any]:
    """The document: ``contract.yaml`` of the version, with a ``team`` and ``slaProperties`` where they are known.

    ``freshness`` and ``retention`` are durations such as ``36h``, ``schedule`` a cron expression. ``UnknownName`` when the
    workspace has no such version.
    """
    import yaml

    file = version_dir(workspace, version) / FILE
    if not file.is_file():
        there = sorted(each.parent.name for each in (workspace.promoted / version.pipeline).glob(f"v*/{FILE}"))
        known = [f"{version.pipeline}@{name[1:]}" for name in there]
        raise UnknownName.of("version", str(version), known, hint="workbench catalog")
    document: dict[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))
    levels = [level(name, span) for name, span in (("latency", freshness), ("retention", retention)) if span is not None]
    if schedule is not None:
        levels.append(
            {"property": "frequency", "value": schedule, "description": timezone, "scheduler": "cron", "schedule": schedule}
        )
    custom = document.pop("customProperties", [])
    if owner:
        document["team"] = {"name": version.pipeline, "members": [{"username": owner, "role": "Owner"}]}
    if levels:
        document["slaProperties"] = levels
    return {**document, "customProperties": custom}


def level(name: str, span: str) -> dict[str, Any]:
    """A service level in the standard's form.

    >>> level("latency", "36h")
    {'property': 'latency', 'value': 36, 'unit': 'h'}
    """
    matched = _SPAN.fullmatch(span.strip())
    if matched is None:
        return {"property": name, "value": span}
    number, unit = int(matched[1]), matched[2]
    return {"property": name, "value": number * (7 if unit == "w" else 1), "unit": _UNITS[unit]}
