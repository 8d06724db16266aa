"""Waiving a gate: a second person lets a refused promotion pass, with a reason, on the record."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from pathlib import Path

from workbench.catalog.version import MANIFEST, manifest_sha256, version_dir
from workbench.config import Workspace
from workbench.errors import GuardRefused, UnknownName, UsageError, WorkbenchError, quoted
from workbench.model import VersionId
from workbench.promote.approval import refuse_changed_notebook, refuse_waiver
from workbench.promote.evidence import write_version
from workbench.promote.later import LATER, waive_later
from workbench.promote.record import CHANGELOG_ENTRY, add_to_changelog
from workbench.runtime.files import make_folder, write_atomic
from workbench.store import Store, waivers
from workbench.store.records import CandidateRecord, PromotionRecord, promotion_digest

# A module that is not proved equal to its notebook is not what anybody looked at.
NEVER = ("equality",)


def waive(
    workspace: Workspace, promotion: PromotionRecord, gate: str, *, who: str, why: str, at: dt.datetime, pipeline_toml: str
) -> PromotionRecord:
    """Let the failures of one gate pass as warnings, and return the promotion as it is then.

    When no other gate fails, the versions are written as they were judged and the promotion waits for approval.

    Raises ``GuardRefused`` for the proof of equality, for somebody who may not approve the promotion, and for what was changed
    since; ``UnknownName`` for a gate that does not fail, ``WorkbenchError`` for a promotion that no gate refused.
    """
    if not why.strip():
        raise UsageError("a waiver needs a reason", hint=f'workbench waive {promotion.id} {gate} --why "…"')
    if gate in LATER and promotion.status in ("waiting", "approved"):
        return waive_later(workspace, promotion, gate, who=who, why=why, at=at)
    if promotion.status != "refused":
        hint = f"workbench show {promotion.id}"
        raise WorkbenchError(f"{promotion.id} is {promotion.status}; no gate refuses it", hint=hint)
    failing = waivers.failing(promotion)
    if gate not in failing:
        raise UnknownName.of("failing gate", gate, failing, hint=f"workbench gates {promotion.id}")
    if gate in NEVER:
        raise GuardRefused(
            "the proof that module and notebook are equal can't be waived", hint=f"workbench gates {promotion.id}"
        )
    refuse_waiver(workspace, promotion, gate, who)
    refuse_changed_notebook(workspace, promotion)
    if any(result.evidence.get("computed") is False for each in promotion.candidates for result in each.gates):
        raise GuardRefused(
            f"{promotion.id} was refused before anything was computed, so that there is nothing to let pass",
            hint=f'workbench promote {quoted(promotion.notebook)} --allow-breaking --why "…"',
        )
    last = failing == (gate,)
    if last:
        _write_versions(workspace, promotion, pipeline_toml)
    made = [VersionId(each.pipeline, each.version) for each in promotion.candidates if each.new and last]
    with Store.open(workspace) as store:
        manifests = {version: manifest_sha256(workspace, version) for version in made}
        return waivers.keep(store, promotion, gate, who=who, why=why, at=at, manifests=manifests)


def _write_versions(workspace: Workspace, promotion: PromotionRecord, pipeline_toml: str) -> None:
    """The version directories as they were judged; a process that was killed in between left some of them."""
    if promotion.digest != promotion_digest(promotion.notebook_sha256, promotion.candidates):
        raise GuardRefused(f"the record of {promotion.id} was changed after it was made", hint="workbench doctor")
    new = [candidate for candidate in promotion.candidates if candidate.new]
    texts = {candidate.pipeline: _kept(workspace, promotion, candidate) for candidate in new}
    for candidate in new:
        version = VersionId(candidate.pipeline, candidate.version)
        folder = version_dir(workspace, version)
        files = texts[candidate.pipeline]
        entry = files.pop(CHANGELOG_ENTRY)
        make_folder(folder.parent)
        if not folder.exists():
            write_version(folder, files)
        elif (folder / MANIFEST).read_text(encoding="utf-8") != files[MANIFEST]:
            raise GuardRefused(
                f"{version} was made by another promotion meanwhile",
                hint=f'workbench promote {quoted(promotion.notebook)} --why "…"',
            )
        operations = folder.parent / "pipeline.toml"
        if not operations.exists():
            write_atomic(operations, pipeline_toml)
        add_to_changelog(folder.parent / "CHANGELOG.md", version, entry)


def _kept(workspace: Workspace, promotion: PromotionRecord, candidate: CandidateRecord) -> dict[str, str]:
    """The files of a refused version, when they are what the gates judged."""
    place = workspace.state / "promotions" / promotion.id / candidate.pipeline
    hint = f'workbench promote {quoted(promotion.notebook)} --why "…"'
    try:
        manifest = json.loads((place / MANIFEST).read_text(encoding="utf-8"))
        names = (*manifest["files"], MANIFEST, CHANGELOG_ENTRY)
        texts = {name: (place / Path(name)).read_text(encoding="utf-8") for name in names}
    except (OSError, ValueError, KeyError):
        raise GuardRefused(f"what {promotion.id} made of {candidate.pipeline} is no longer there", hint=hint) from None
    hashes = {name: hashlib.sha256(texts[name].encode()).hexdigest() for name in manifest["files"]}
    evidence = sorted((name, digest) for name, digest in hashes.items() if name.startswith("evidence/"))
    bound = (candidate.module_sha256, candidate.contract_sha256, candidate.evidence_sha256)
    judged = (hashes["__init__.py"], hashes["contract.yaml"], hashlib.sha256(json.dumps(evidence).encode()).hexdigest())
    if hashes != manifest["files"] or bound != judged:
        raise GuardRefused(f"what {promotion.id} made of {candidate.pipeline} was changed since it was judged", hint=hint)
    return texts
