"""Plans of backfills: the exact intervals, what they will cost as far as anything tells, bound to version and code."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.catalog.contract import Contract, read_contract
from workbench.catalog.version import read_manifest, version_dir
from workbench.config import Workspace
from workbench.errors import GuardRefused, UsageError
from workbench.model import SCHEMA_VERSION, Interval, Snapshot, VersionId, counted
from workbench.operate.intervals import partitions_of
from workbench.operate.request import check_interval, typed_parameters, untouched_version
from workbench.operate.run import may_run_together
from workbench.parameter import encode
from workbench.runtime.distant import rows_of
from workbench.runtime.warehouse import Warehouse
from workbench.store import Store
from workbench.store.records import RunRecord

KIND = "backfill plan"
MOST = 10_000  # intervals


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a backfill is expected to take. None where nothing tells; ``basis`` says what the figures rest on.

    ``seconds`` are of one run after the other.
    """

    rows_in: int | None
    rows: int | None
    bytes: int | None
    seconds: float | None
    basis: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class BackfillPlan:
    """What ``--apply`` carries out and nothing else. ``together`` says whether its intervals may be computed at one time."""

    pipeline: str
    version: int
    code_sha256: str
    contract_sha256: str
    parameters: Mapping[str, Any]
    intervals: tuple[Interval, ...]
    together: bool
    estimate: Estimate

    @property
    def digest(self) -> str:
        """SHA-256 over everything but the estimate."""
        return hashlib.sha256(json.dumps(self._bound(), sort_keys=True).encode()).hexdigest()

    def to_json(self) -> dict[str, Any]:
        """The plan as the file holds it."""
        about = self.estimate
        figures = {"rows_in": about.rows_in, "rows": about.rows, "bytes": about.bytes, "seconds": about.seconds}
        said = {**figures, "basis": list(about.basis)}
        return {"schema_version": SCHEMA_VERSION, "kind": KIND, **self._bound(), "estimate": said, "digest": self.digest}

    def _bound(self) -> dict[str, Any]:
        return {
            "pipeline": self.pipeline,
            "version": self.version,
            "code_sha256": self.code_sha256,
            "contract_sha256": self.contract_sha256,
            "parameters": dict(self.parameters),
            "intervals": [{"start": each.start.isoformat(), "end": each.end.isoformat()} for each in self.intervals],
            "together": self.together,
        }


def split(span: Interval, step: dt.timedelta) -> tuple[Interval, ...]:
    """A span in steps from its start; the last one is shorter where they don't fit.

    >>> [str(each) for each in split(Interval.parse("2024-01-01..2024-01-04"), dt.timedelta(days=2))]
    ['2024-01-01..2024-01-03', '2024-01-03..2024-01-04']
    """
    count = math.ceil((span.end - span.start) / step)
    if count > MOST:
        raise UsageError(f"that is {count:,} intervals, more than {MOST:,}", hint="give a longer --step, for example 7d")
    return tuple(Interval(span.start + step * n, min(span.start + step * (n + 1), span.end)) for n in range(count))


def _holds_midnight(interval: Interval) -> bool:
    day = dt.timedelta(days=1)
    midnight = dt.datetime.combine(interval.start, dt.time(), dt.UTC)
    return interval.start == midnight or midnight + day < interval.end


def plan_backfill(
    workspace: Workspace, pipeline: str, span: Interval, step: dt.timedelta, parameters: Mapping[str, Any]
) -> BackfillPlan:
    """What a backfill would run; changes nothing."""
    warehouse = Warehouse.open(workspace)
    with Store.open(workspace, read_only=True) as store:
        version = untouched_version(store, warehouse, pipeline)
    contract = read_contract(version_dir(workspace, version))
    check_interval(contract)
    intervals = split(span, step)
    for each in intervals:
        if partitions_of(contract) == "date" and not _holds_midnight(each):
            raise UsageError(
                f"{version} is by day, and no day begins in {each}", hint="give whole days, and for example --step 1d"
            )
    hashes = read_manifest(version_dir(workspace, version))["files"]
    return BackfillPlan(
        pipeline=pipeline,
        version=version.number,
        code_sha256=hashes["__init__.py"],
        contract_sha256=hashes["contract.yaml"],
        parameters=encode(typed_parameters(contract, parameters)),
        intervals=intervals,
        together=may_run_together(contract) and contract.allowed_lateness is None,
        estimate=_estimate(workspace, warehouse, version, contract, span, len(intervals)),
    )


def read_plan(file: Path) -> BackfillPlan:
    """The plan that a file holds; ``UsageError`` when it is none, ``GuardRefused`` when it was changed since it was made."""
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UsageError(f"there is no file {file}", hint="workbench backfill PIPELINE --from … --to … --plan FILE") from None
    except OSError as error:
        raise UsageError(f"{file} can't be read: {error.strerror}", hint="workbench backfill --help") from None
    except ValueError:
        raise UsageError(f"{file} is not a plan of a backfill", hint="workbench backfill --help") from None
    return from_json(found, where=str(file))


def from_json(found: Any, *, where: str) -> BackfillPlan:
    """The plan as ``to_json`` wrote it; ``where`` names it in errors."""
    try:
        if found["kind"] != KIND:
            raise KeyError("kind")
        about = found["estimate"]
        plan = BackfillPlan(
            pipeline=found["pipeline"],
            version=int(found["version"]),
            code_sha256=found["code_sha256"],
            contract_sha256=found["contract_sha256"],
            parameters=dict(found["parameters"]),
            intervals=tuple(
                Interval(dt.datetime.fromisoformat(each["start"]), dt.datetime.fromisoformat(each["end"]))
                for each in found["intervals"]
            ),
            together=bool(found["together"]),
            estimate=Estimate(about["rows_in"], about["rows"], about["bytes"], about["seconds"], tuple(about["basis"])),
        )
        told = str(found["digest"])
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError):
        raise UsageError(f"{where} is not a plan of a backfill", hint="workbench backfill --help") from None
    if told != plan.digest or not plan.intervals:
        raise GuardRefused(
            f"{where} was changed since it was made", hint=f"workbench backfill {plan.pipeline} --from … --to … --plan FILE"
        )
    return plan


def refuse_other_code(workspace: Workspace, plan: BackfillPlan) -> None:
    """Raise ``GuardRefused`` when another version or other code is live than the plan was made for."""
    with Store.open(workspace, read_only=True) as store:
        version = untouched_version(store, Warehouse.open(workspace), plan.pipeline)
    hashes = read_manifest(version_dir(workspace, version))["files"]
    live = (version.number, hashes["__init__.py"], hashes["contract.yaml"])
    if live != (plan.version, plan.code_sha256, plan.contract_sha256):
        raise GuardRefused(
            f"the plan is for {plan.pipeline}@{plan.version}, and {version} is live"
            if version.number != plan.version
            else f"the code of {version} is not that of the plan",
            hint=f"workbench backfill {plan.pipeline} --from … --to … --plan FILE",
        )


def _estimate(
    workspace: Workspace, warehouse: Warehouse, version: VersionId, contract: Contract, span: Interval, count: int
) -> Estimate:
    live = warehouse.live([version.pipeline])[version.pipeline].snapshot
    with Store.open(workspace, read_only=True) as store:
        past = [
            each
            for each in store.runs(version.pipeline, status="succeeded", limit=200)
            if each.version == version.number and each.interval is not None and "seconds" in each.facts
        ]
    basis: list[str] = []
    rows = _rows_of_runs(past, span, basis)
    if rows is None:
        rows = _rows_of_partitions(live, span, basis)
    size = None if rows is None or not live.rows else round(rows * live.bytes / live.rows)
    seconds = None
    if past:
        seconds = round(count * sum(each.facts["seconds"] for each in past) / len(past), 1)
    else:
        basis.append("no basis for the time: no run of this version for an interval has succeeded yet")
    return Estimate(_rows_in(workspace, warehouse, contract, span, basis), rows, size, seconds, tuple(basis))


def _rows_of_runs(past: Sequence[RunRecord], span: Interval, basis: list[str]) -> int | None:
    days = sum(each.interval.days for each in past if each.interval is not None)
    if not days:
        return None
    basis.append(f"rows and time: {counted(len(past), 'run')} of this version over {counted(days, 'day')}")
    return round(sum(int(each.facts.get("rows_out", 0)) for each in past) / days * span.days)


def _rows_of_partitions(live: Snapshot, span: Interval, basis: list[str]) -> int | None:
    moments = sorted(dt.datetime.fromisoformat(file.partition) for file in live.files if file.partition is not None)
    if not moments:
        basis.append("no basis for rows: readers see no partition")
        return None
    days = max(1.0, (moments[-1] - moments[0]) / dt.timedelta(days=1) + 1)
    basis.append(f"rows: {live.rows:,} that readers see over {counted(days, 'day')}")
    return round(live.rows / days * span.days)


def _rows_in(workspace: Workspace, warehouse: Warehouse, contract: Contract, span: Interval, basis: list[str]) -> int | None:
    """Rows of the sources that lie in the span, counted; None when no source says when its rows happened."""
    timed = [
        (each.name, column)
        for each in contract.inputs
        if each.kind == "source" and (column := workspace.source(each.name).time) is not None
    ]
    if not timed:
        basis.append("no basis for rows read: no source declares time")
        return None
    con, total = warehouse.connect(), 0
    try:
        for name, column in timed:
            table = warehouse.source(con, name)
            moment = table[column].cast("timestamp('UTC')")
            inside = table.filter((moment >= span.start) & (moment < span.end)).count()
            there = rows_of(table, column, span)
            total += int(inside.to_pyarrow().as_py()) if there is None else there
    finally:
        con.disconnect()
    basis.append(f"rows read: counted in {', '.join(name for name, _ in timed)}")
    return total
