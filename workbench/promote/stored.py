"""Data that production keeps, by the names that people give it: pipelines, versions, runs and promotions."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from workbench.catalog.shown import last_shown
from workbench.catalog.version import pipelines
from workbench.config import Workspace
from workbench.errors import UnknownName, UsageError
from workbench.model import Snapshot, VersionId
from workbench.runtime.warehouse import Warehouse
from workbench.store import Store
from workbench.store.records import CandidateRecord, Pointer, PromotionRecord, RunRecord, Target

PIPELINE = re.compile(r"[a-z][a-z0-9_]{0,49}(@v?[0-9]+)?")
RUN = re.compile(r"[Rr]-[0-9]+")
PROMOTION = re.compile(r"([Pp]-[0-9]+)(?:#([a-z][a-z0-9_]{0,49}))?")


@dataclass(frozen=True, slots=True)
class Stored:
    """Data of a version."""

    version: VersionId
    snapshot: Snapshot


def is_stored(text: str) -> bool:
    """Whether this names data of a workspace, and not a file or a table elsewhere.

    >>> [is_stored(text) for text in ("daily", "daily@2", "R-3", "P-2", "P-2#daily", "daily.csv")]
    [True, True, True, True, True, False]
    """
    return any(form.fullmatch(text) for form in (PIPELINE, RUN, PROMOTION))


@dataclass(frozen=True, slots=True)
class Shelf:
    """What a workspace keeps; reads only."""

    workspace: Workspace
    warehouse: Warehouse
    store: Store

    def find(self, text: str, other: str) -> Stored:
        """The data that ``text`` names; of a promotion with several outputs, that of the pipeline which ``other`` names.

        * ``daily``: what readers see now;
        * ``daily@2``: what readers see of it, or saw last; where it was never published, what its trial computed;
        * ``R-3``: what readers saw right after the run;
        * ``P-2``, ``P-2#daily``: what the trial of the promotion computed.

        Raises ``UnknownName`` for what does not exist and ``UsageError`` for what has no data, or not that of one pipeline.
        """
        if RUN.fullmatch(text):
            run = self._run(text)
            return self._stored(run.pipeline, self._after(run))
        if PROMOTION.fullmatch(text):
            made = self._candidate(text, other)
            return self._stored(made.pipeline, Pointer(made.version, made.snapshot))
        name = text.partition("@")[0]
        if name not in (known := pipelines(self.workspace)):
            raise UnknownName.of("file or pipeline", name, known, hint="workbench status")
        now = self.warehouse.current().views.get(name)
        if "@" in text:
            version = VersionId.parse(text)
            if now is None or now.version != version.number:
                return self._stored(name, self._last(version))
        if now is None:
            raise UsageError(f"nothing is published of {name}", hint=f"name a version, for example {name}@1")
        return self._stored(name, Pointer(now.version, now.snapshot))

    def before(self, text: str) -> Stored:
        """What readers saw right before a run; raises ``UsageError`` where it moved nobody."""
        run = self._run(text)
        after = self._after(run)
        target = self._moved(run)
        return self._stored(run.pipeline, target.old or after if target is not None else after)

    def _stored(self, pipeline: str, at: Pointer) -> Stored:
        return Stored(VersionId(pipeline, at.version), self.warehouse.snapshot(at.snapshot, pipeline))

    def _run(self, text: str) -> RunRecord:
        found = self.store.run(text.upper())
        if found is None:
            known = [each.id for each in self.store.runs(limit=12)]
            raise UnknownName.of("run", text, known, hint="workbench runs ls")
        return found

    def _moved(self, run: RunRecord) -> Target | None:
        """Where the run moved readers, if it did."""
        done = (each for each in self.store.operations(state="done") if each.run == run.id)
        return next((each.target(run.pipeline) for each in done), None)

    def _after(self, run: RunRecord) -> Pointer:
        """Readers saw the run's own data, or had seen the same before it."""
        target = self._moved(run)
        if target is not None and target.new is not None:
            return target.new
        if run.status != "succeeded" or run.snapshot is None:
            state = "is not finished" if run.status == "running" else f"is {run.status}"
            raise UsageError(f"{run.id} {state}: readers got no data from it", hint=f"workbench runs show {run.id}")
        return Pointer(run.version, run.snapshot)

    def _last(self, version: VersionId) -> Pointer:
        shown = last_shown(self.store, version.pipeline).get(version.number)
        if shown is not None:
            return shown
        made = [
            each
            for promotion in self.store.promotions()
            for each in promotion.candidates
            if (each.pipeline, each.version) == (version.pipeline, version.number)
        ]
        if not made:
            raise UsageError(f"there is no data of {version}", hint="workbench show")
        return Pointer(version.number, made[-1].snapshot)

    def _promotion(self, text: str) -> PromotionRecord:
        found = self.store.promotion(text.upper())
        if found is None:
            raise UnknownName.of("promotion", text, [each.id for each in self.store.promotions()], hint="workbench show")
        return found

    def _candidate(self, text: str, other: str) -> CandidateRecord:
        identity, _, wanted = text.partition("#")
        promotion = self._promotion(identity)
        made = {each.pipeline: each for each in promotion.candidates}
        if wanted and wanted not in made:
            raise UnknownName.of(f"pipeline in {promotion.id}", wanted, made, hint=f"workbench show {promotion.id}")
        meant = [wanted] if wanted else self._meant(other, made)
        if len(meant) != 1:
            raise UsageError(
                f"{promotion.id} has several pipelines: {', '.join(made)}",
                hint=f"name one of them, for example {promotion.id}#{next(iter(meant or made))}",
            )
        if not made[meant[0]].snapshot:
            raise UsageError(f"{promotion.id} has no data of {meant[0]}", hint=f"workbench gates {promotion.id}")
        return made[meant[0]]

    def _meant(self, other: str, made: dict[str, CandidateRecord]) -> Sequence[str]:
        """Which of a promotion's pipelines the other side suggests; several where it leaves that open."""
        if len(made) == 1:
            return list(made)
        if RUN.fullmatch(other):
            named = {self._run(other).pipeline}
        elif found := PROMOTION.fullmatch(other):
            named = {found[2]} if found[2] else {each.pipeline for each in self._promotion(found[1]).candidates}
        else:
            named = {other.partition("@")[0]}
        return [name for name in made if name in named] or list(made)
