"""Telling a collector of lineage what runs and publications do: events of OpenLineage to a file or an address.

Off unless the workspace asks. Nothing here may stand in the way of production: whatever fails, a warning is printed on standard
error, and the run or publication goes on.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from workbench.catalog.contract import Contract, read_contract
from workbench.catalog.openlineage import Happening, event
from workbench.catalog.version import version_dir
from workbench.config import Workspace
from workbench.errors import UsageError
from workbench.model import VersionId
from workbench.runtime import files
from workbench.store.records import RunRecord, Target

if TYPE_CHECKING:
    from openlineage.client.event_v2 import RunEvent
    from openlineage.client.transport.transport import Transport

INSTALL = "pip install 'ibis-workbench[lineage]'"
# How a run is or has ended, in the words of the standard.
_KINDS = {"running": "START", "succeeded": "COMPLETE", "degraded": "FAIL", "failed": "FAIL", "killed": "ABORT"}


def run_told(workspace: Workspace, contract: Contract, run: RunRecord) -> None:
    """Tell that a run began, or how it ended, as its status says."""
    if not workspace.settings.openlineage.on:
        return
    with _warned():
        done = run.status == "succeeded"
        what = Happening(
            _KINDS[run.status],
            "RUN",
            f"{run.id} {run.started.isoformat()}",
            run.finished or run.started,
            run.error,
            run.interval,
            run.snapshot if done else None,
            run.rows if done else None,
        )
        _send(workspace, [event(workspace, VersionId(run.pipeline, run.version), contract, what)])


@contextlib.contextmanager
def move_told(workspace: Workspace, targets: Sequence[Target], at: dt.datetime, task: str = "PUBLISH") -> Iterator[None]:
    """Tell that readers of pipelines are about to be moved, and that they were, or why not; ``task`` is PUBLISH or DEMOTE."""
    if not workspace.settings.openlineage.on:
        yield
        return
    _tell_move(workspace, targets, at, task, "START")
    try:
        yield
    except Exception as error:
        _tell_move(workspace, targets, at, task, "FAIL", str(error))
        raise
    _tell_move(workspace, targets, at, task, "COMPLETE")


def _tell_move(workspace: Workspace, targets: Sequence[Target], at: dt.datetime, task: str, kind: str, error: str = "") -> None:
    with _warned():
        events = []
        for each in targets:
            told = each.new or each.old
            if told is not None:
                version, done = VersionId(each.pipeline, told.version), kind == "COMPLETE"
                shown = each.new.snapshot if done and each.new is not None else None
                dropped = done and each.new is None
                what = Happening(kind, task, f"{version} {at.isoformat()}", at, error, snapshot=shown, dropped=dropped)
                events.append(event(workspace, version, read_contract(version_dir(workspace, version)), what))
        _send(workspace, events)


def _send(workspace: Workspace, events: Sequence[RunEvent]) -> None:
    transport = _transport(workspace)
    for each in events:
        transport.emit(each)


def _transport(workspace: Workspace) -> Transport:
    settings = workspace.settings.openlineage
    if settings.file:
        from openlineage.client.transport.file import FileConfig, FileTransport

        place = workspace.root / settings.file
        files.make_folder(place.parent)
        return FileTransport(FileConfig(str(place), append=True))
    from openlineage.client.transport.http import ApiKeyTokenProvider, HttpConfig, HttpTransport, TokenProvider

    key = settings.api_key.removeprefix("env:")
    if key and not os.environ.get(key):
        raise UsageError(f"the variable {key} is not set", hint=f"export {key}=…")
    token = ApiKeyTokenProvider({"api_key": os.environ[key]}) if key else TokenProvider({})
    # A run waits for its collector once, and not for long.
    return HttpTransport(HttpConfig(settings.url, timeout=settings.timeout_seconds, auth=token, retry={"total": 0}))


@contextlib.contextmanager
def _warned() -> Iterator[None]:
    try:
        yield
    except ImportError as error:
        _warn(f"{error}; next: {INSTALL}")
    except Exception as error:  # a collector that is away must not stop production
        _warn(f"{type(error).__name__}: {error}")


def _warn(why: str) -> None:
    print(f"warning: lineage was not told to OpenLineage: {' '.join(why.split())}", file=sys.stderr, flush=True)
