"""What a promotion leaves behind: version directories, a changelog entry, and its row in the store."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from workbench.catalog.compatibility import compatibility, next_version
from workbench.catalog.version import MANIFEST, manifest_sha256, read_manifest, version_dir
from workbench.config import Workspace
from workbench.errors import UsageError
from workbench.model import VersionId
from workbench.promote.evidence import DIFF, Report, diff_text, version_files, write_version
from workbench.promote.notebook import Notebook
from workbench.promote.outcome import Judged, Outcome, Request
from workbench.promote.trial import Tried
from workbench.runtime.files import make_folder, write_atomic
from workbench.store import Store
from workbench.store.records import CandidateRecord

# Beside the files of a version that a gate refused: what the changelog would have said.
CHANGELOG_ENTRY = "changelog.md"


def record(workspace: Workspace, request: Request, outcome: Outcome, *, report: Report, pipeline_toml: str) -> Outcome:
    """Keep a judged promotion. Versions come first, then the row that names them; a crash between leaves a version directory
    that the next promotion of the same notebook takes up again.
    """
    where = notebook_path(workspace, outcome.notebook)
    texts = {
        judged.pipeline: version_files(
            outcome.notebook, where, judged.candidate, judged.proof, judged.tried, report, **_versioned(workspace, judged.tried)
        )
        for judged in outcome.judged
        if judged.candidate is not None and judged.proof is not None and judged.tried is not None
    }
    if outcome.status == "waiting":
        for judged in outcome.judged:
            if judged.candidate is not None:
                _store_version(workspace, request, judged, texts[judged.pipeline], pipeline_toml)
    records = tuple(_candidate_record(workspace, judged, texts.get(judged.pipeline)) for judged in outcome.judged)
    made = [
        VersionId(each.pipeline, each.version)
        for each in outcome.judged
        if outcome.status == "waiting" and each.candidate is not None
    ]
    with Store.open(workspace) as store:
        promotion = store.add_promotion(
            notebook=where,
            notebook_sha256=outcome.notebook.sha256,
            why=request.why,
            who=request.who,
            at=request.at,
            status="waiting" if outcome.status == "waiting" else "refused",
            candidates=records,
            manifests={version: manifest_sha256(workspace, version) for version in made},
        )
    beside = {
        each.pipeline: {DIFF: diff_text(each.tried)}
        for each in outcome.judged
        if each.tried is not None and (each.candidate is None or each.candidate.known)
    }
    if outcome.status == "refused":
        for each in outcome.judged:
            if each.candidate is not None:
                entry = {CHANGELOG_ENTRY: _entry(request, each)}
                beside[each.pipeline] = beside.get(each.pipeline, {}) | texts.get(each.pipeline, {}) | entry
    _keep_evidence(workspace.state / "promotions" / promotion.id, beside)
    return replace(outcome, promotion=promotion.id)


def _versioned(workspace: Workspace, tried: Tried) -> dict[str, Any]:
    """The class of a version and its semantic version, counted on from that of the live one."""
    change = compatibility(tried.live_contract, tried.contract).change
    live = None
    if tried.live is not None:
        live = read_manifest(version_dir(workspace, VersionId(tried.pipeline, tried.live.version))).get("semver", "1.0.0")
    return {"change": change, "semver": next_version(live, change)}


def notebook_path(workspace: Workspace, notebook: Notebook) -> str:
    """Where the notebook is, relative to the workspace."""
    try:
        return notebook.path.resolve().relative_to(workspace.root).as_posix()
    except ValueError:
        raise UsageError(
            f"{notebook.path} is not in the workspace {workspace.root}", hint=f"move it to {workspace.notebooks}"
        ) from None


def _store_version(workspace: Workspace, request: Request, judged: Judged, texts: dict[str, str], pipeline_toml: str) -> None:
    """A version that is there already is taken up as it is; what a killed process left out beside it is made up for."""
    folder = version_dir(workspace, VersionId(judged.pipeline, judged.version))
    make_folder(folder.parent)
    if judged.candidate is None or not judged.candidate.known:
        write_version(folder, texts)
    operations = folder.parent / "pipeline.toml"
    if not operations.exists():
        write_atomic(operations, pipeline_toml)
    add_to_changelog(folder.parent / "CHANGELOG.md", VersionId(judged.pipeline, judged.version), _entry(request, judged))


def add_to_changelog(file: Path, version: VersionId, entry: str) -> None:
    """The newest version on top; the tool writes this file, people read it. Once more changes nothing."""
    title = f"# {version.pipeline}\n\n"
    old = file.read_text(encoding="utf-8").removeprefix(title) if file.exists() else ""
    if not (old.startswith(f"## v{version.number}, ") or f"\n## v{version.number}, " in old):
        write_atomic(file, title + entry + old)


def _entry(request: Request, judged: Judged) -> str:
    why = "\n".join("\\" + line if line.startswith("#") else line for line in request.why.splitlines())
    entry = f"## v{judged.version}, {request.at:%Y-%m-%d}, by {request.who}\n\n{why}\n\n"
    if judged.tried is not None:
        entry += "".join(f"- {line}\n" for line in _changes(judged.tried)) + "\n"
    return entry


def _changes(tried: Tried) -> list[str]:
    """What changed in schema and data, a line each."""
    if tried.logic is None or tried.live is None:
        return [f"{tried.snapshot.rows:,} rows, {len(tried.contract.columns)} columns; {tried.note}"]
    found = compatibility(tried.live_contract, tried.contract)
    rows = tried.logic.rows
    counts = f"{rows.added:,} rows added, {rows.removed:,} removed, {rows.changed:,} changed, {rows.unchanged:,} unchanged"
    lines = [f"{found.change.value}; against v{tried.live.version}: {counts}"]
    lines += [f"{part}: {how}" for part, how in found.changes.items()]
    lines += [
        f"column {name} differs in {column.changed:,} rows" for name, column in tried.logic.columns.items() if column.changed
    ]
    return lines


def _candidate_record(workspace: Workspace, judged: Judged, texts: dict[str, str] | None) -> CandidateRecord:
    folder = version_dir(workspace, VersionId(judged.pipeline, judged.version))
    if judged.candidate is None or judged.candidate.known:
        manifest = read_manifest(folder)
    else:
        manifest = json.loads(texts[MANIFEST]) if texts else {"files": {}}
    hashes: dict[str, str] = manifest["files"]
    evidence = sorted((name, digest) for name, digest in hashes.items() if name.startswith("evidence/"))
    return CandidateRecord(
        pipeline=judged.pipeline,
        version=judged.version,
        snapshot=judged.tried.snapshot.id if judged.tried else "",
        base_version=judged.tried.live.version if judged.tried and judged.tried.live else None,
        new=judged.candidate is not None,
        module_sha256=hashes.get("__init__.py", ""),
        contract_sha256=hashes.get("contract.yaml", ""),
        evidence_sha256=hashlib.sha256(json.dumps(evidence).encode()).hexdigest(),
        gates=judged.gates,
        summary=_summary(judged.tried) | {name: manifest[name] for name in ("semver", "change") if name in manifest},
    )


def _summary(tried: Tried | None) -> dict[str, Any]:
    if tried is None:
        return {}
    base = None if tried.live is None else tried.live.snapshot.id
    summary: dict[str, Any] = {
        "rows": tried.snapshot.rows,
        "base_snapshot": base,
        "note": tried.note,
        "read": dict(tried.states),
    }
    for name, found in (("logic", tried.logic), ("data", tried.data)):
        if found is not None:
            rows = found.rows
            summary[name] = {"added": rows.added, "removed": rows.removed, "changed": rows.changed, "unchanged": rows.unchanged}
    return summary


def _keep_evidence(folder: Path, texts: dict[str, dict[str, str]]) -> None:
    """What no version directory keeps: why a gate refused, and what a recomputed pipeline's data changed."""
    for pipeline, files in texts.items():
        for name, text in files.items():
            place = folder / pipeline / name
            make_folder(place.parent)
            write_atomic(place, text)
