"""Deprecated versions as plain values."""

from __future__ import annotations

import datetime as dt
from typing import Any

from workbench.catalog.endings import overdue
from workbench.store.records import DeprecationRecord


def deprecation_json(record: DeprecationRecord, now: dt.datetime) -> dict[str, Any]:
    """What readers of a version are told; ``overdue`` says that its last day is over."""
    return {
        "pipeline": record.pipeline,
        "version": record.version,
        "until": record.until.isoformat(),
        "use": record.instead or None,
        "why": record.why,
        "overdue": overdue(record, now),
    }
