"""What of the warehouse is still needed, by whom and until when; and what may go.

Data that readers see, that a decision is open about, or that something under way may read is never removed. What readers saw
before, and what a run read or wrote, stays for as long as ``retention`` of the pipeline says: for ever where it says nothing.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from workbench.catalog.environment import ENVIRONMENTS
from workbench.catalog.job import RESULT
from workbench.config import Workspace
from workbench.model import VersionId
from workbench.operate.schedule import read_config
from workbench.operate.settle import is_lost
from workbench.runtime.warehouse import Warehouse
from workbench.store import Store, backfills, beside, endings
from workbench.store.records import OperationRecord, PromotionRecord, RunRecord

# What another scheduler's papermill has staged and nobody took over, old trials, environments that nobody uses.
ABANDONED = dt.timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Pin:
    """A reason to keep a snapshot; None stands for ever."""

    snapshot: str
    why: str
    until: dt.datetime | None = None

    def holds(self, now: dt.datetime) -> bool:
        return self.until is None or self.until > now


@dataclass(slots=True)
class Needs:
    """Who needs what at one moment; ``retention`` is looked up once a pipeline."""

    workspace: Workspace
    store: Store
    warehouse: Warehouse
    now: dt.datetime
    grace: dt.timedelta
    _retention: dict[str, dt.timedelta | None] = field(default_factory=dict)

    def retention(self, pipeline: str) -> dt.timedelta | None:
        """How long a pipeline's past is kept; None for ever. ``ConfigError`` when its pipeline.toml can't be read."""
        if pipeline not in self._retention:
            self._retention[pipeline] = read_config(self.workspace, pipeline).kept_for
        return self._retention[pipeline]

    def until(self, pipeline: str, moment: dt.datetime) -> dt.datetime | None:
        """Until when what a pipeline left behind at a moment is kept."""
        kept = self.retention(pipeline)
        return None if kept is None else moment + max(kept, self.grace)

    def pins(self) -> dict[str, tuple[Pin, ...]]:
        """All reasons by snapshot, also those that hold no more; the strongest first."""
        found: dict[str, list[Pin]] = {}
        for source in (self._seen_now, self._open, self._past, self._runs, self._staged):
            for pin in source():
                found.setdefault(pin.snapshot, []).append(pin)
        return {snapshot: tuple(pins) for snapshot, pins in found.items()}

    def over(self) -> tuple[RunRecord, ...]:
        """The runs whose time is over: neither what readers see nor the newest of their pipeline."""
        shown = {view.snapshot for view in self.warehouse.current().views.values()}
        busy = {each.pipeline for each in backfills.find(self.store, active=True)}
        newest: set[str] = set()
        found = []
        for run in self.store.runs():
            last = run.pipeline not in newest
            newest.add(run.pipeline)
            if last or run.pipeline in busy or run.status == "running" or run.snapshot in shown or "expired" in run.facts:
                continue
            until = self.until(run.pipeline, run.finished or run.started)
            if until is not None and until <= self.now:
                found.append(run)
        return tuple(reversed(found))

    def _seen_now(self) -> Iterator[Pin]:
        for name, view in self.warehouse.current().views.items():
            yield Pin(view.snapshot, f"readers of {name} see it")
        for name, snapshots in beside.kept(self.store).items():
            yield from (Pin(each, f"a candidate of {name} is beside production") for each in snapshots)
        for name, record in endings.demotions(self.store).items():
            yield Pin(record.snapshot, f"{name} is demoted, and may come back to it")

    def _open(self) -> Iterator[Pin]:
        decided: set[str] = set()
        for promotion in reversed(self.store.promotions()):
            made = {each.pipeline for each in promotion.candidates}
            waived = promotion.status == "refused" and not made & decided
            decided |= made
            if promotion.status in ("waiting", "approved") or waived:
                yield from _of_promotion(promotion, f"{promotion.id} is {promotion.status}")

    def _past(self) -> Iterator[Pin]:
        """What readers saw: until the retention after they were moved away."""
        since = self._under_way_since()
        deprecated = endings.deprecations(self.store)
        moves: dict[str, list[OperationRecord]] = {}
        for operation in self.store.operations(state="done"):
            for target in operation.targets:
                moves.setdefault(target.pipeline, []).append(operation)
        for name, mine in moves.items():
            brought = _brought(name, mine)
            last: dict[int, str] = {}
            for index, operation in enumerate(mine):
                moved = operation.target(name)
                if moved is None or moved.new is None:
                    continue
                last[moved.new.version] = moved.new.snapshot
                left = mine[index + 1].at if index + 1 < len(mine) else None
                if left is None:
                    yield Pin(moved.new.snapshot, f"readers of {name} saw it last")
                elif since is not None and left >= since:
                    yield Pin(moved.new.snapshot, "something under way may read it")
                else:
                    moment = max(left + self.grace, self.until(name, left) or left)
                    kept = None if self.retention(name) is None else moment
                    yield Pin(moved.new.snapshot, f"readers of {name} saw it until {left:%Y-%m-%d}", kept)
            for target in () if brought is None else brought.targets:
                if target.old is not None:
                    yield Pin(target.old.snapshot, f"a rollback of {name} would go to it")
            for number, snapshot in last.items():
                record = deprecated.get(VersionId(name, number))
                if record is not None and record.until >= self.now.date():
                    yield Pin(snapshot, f"{name}@{number} may be read until {record.until}")
        for promotion in self.store.promotions():
            if promotion.status not in ("refused", "waiting", "approved"):
                yield from _of_promotion(promotion, f"{promotion.id} was judged on it", self)

    def _runs(self) -> Iterator[Pin]:
        """What runs wrote and read, for as long as they are on record."""
        over = {run.id for run in self.over()}
        for run in self.store.runs():
            if run.snapshot is None or run.status == "running" or "expired" in run.facts:
                continue
            until = self.until(run.pipeline, run.finished or run.started) if run.id in over else None
            if run.status == "succeeded":
                yield Pin(run.snapshot, f"{run.id} wrote it", until)
            read = [each["state"] for each in run.facts.get("inputs", ()) if each["kind"] == "pipeline"]
            for snapshot in (*read, *filter(None, [run.facts.get("base")])):
                yield Pin(snapshot, f"{run.id} read it", until)

    def _staged(self) -> Iterator[Pin]:
        """What runs that are not on record have staged: those of another scheduler, until somebody takes them over."""
        for folder, _ in self.strangers(fresh=True):
            try:
                result = json.loads((folder / RESULT).read_text(encoding="utf-8"))
            except (OSError, ValueError):
                continue
            for name in ("snapshot", "base"):
                if isinstance(result.get(name), str):
                    yield Pin(result[name], f"{folder.name} has staged it, and nobody took it over yet")

    def strangers(self, *, fresh: bool) -> Iterator[tuple[Path, dt.datetime]]:
        """The folders of what is no run on record, with their last change: those of a week, or older ones.

        Trials beside production are among them unless a decision is open about what they tried, or readers see it.
        """
        known = {run.id for run in self.store.runs()} | self._trials()
        for folder in sorted(self.workspace.runs.glob("*")):
            if folder.is_dir() and folder.name not in known and not folder.name.startswith("."):
                changed = max(_changed(path) for path in (folder, *folder.iterdir()))
                if (self.now - changed <= max(ABANDONED, self.grace)) is fresh:
                    yield folder, changed

    def built(self) -> Iterator[Path]:
        """The environments that were made to reproduce runs, and that nobody used for a week."""
        for folder in sorted((self.workspace.state / ENVIRONMENTS).glob("*")):
            if folder.is_dir() and not folder.name.startswith(".") and self.now - _changed(folder) > max(ABANDONED, self.grace):
                yield folder

    def _trials(self) -> set[str]:
        """The trials beside production that somebody may still ask for."""
        undecided = {each.id for each in self.store.promotions() if each.status in ("waiting", "approved")}
        shown = {(name, view.version) for name, view in self.warehouse.current().views.items()}
        return {
            trial.id
            for record in beside.find(self.store)
            for trial in beside.trials(self.store, record.number)
            if record.state == "running" or record.promotion in undecided or (trial.pipeline, trial.version) in shown
        }

    def _under_way_since(self) -> dt.datetime | None:
        """When the oldest of what is under way began: it may read whatever was live since."""
        begun = [run.started for run in self.store.runs(status="running") if not is_lost(run)]
        begun += [each.at for each in backfills.find(self.store, active=True)]
        return min(begun, default=None)


def _of_promotion(promotion: PromotionRecord, why: str, needs: Needs | None = None) -> Iterator[Pin]:
    for each in promotion.candidates:
        until = None if needs is None else needs.until(each.pipeline, promotion.at)
        read: Mapping[str, str] = each.summary.get("read", {})
        for snapshot in (each.snapshot, each.summary.get("base_snapshot"), *read.values()):
            if snapshot:
                yield Pin(snapshot, why, until)


def _brought(pipeline: str, moves: list[OperationRecord]) -> OperationRecord | None:
    """The publication that brought the version that readers of a pipeline see: what a rollback undoes, as a whole."""
    last = moves[-1].target(pipeline)
    for operation in reversed(moves):
        moved = operation.target(pipeline)
        if operation.kind != "publish" or last is None or last.new is None or moved is None or moved.new is None:
            continue
        if moved.new.version == last.new.version and (moved.old is None or moved.old.version != last.new.version):
            return operation
    return None


def _changed(path: Path) -> dt.datetime:
    return dt.datetime.fromtimestamp(path.stat().st_mtime, dt.UTC)
