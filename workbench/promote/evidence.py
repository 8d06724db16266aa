"""Version directories: the module with its contract, run notebook, manifest and evidence, written once and never changed.

Nothing in a version directory tells the time, a person or a place of this machine: the same notebook on the same data gives
the same bytes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from workbench.catalog.compatibility import Change
from workbench.catalog.contract import to_yaml
from workbench.catalog.environment import environment, environment_sha256
from workbench.catalog.others import referred
from workbench.catalog.version import version_dir
from workbench.config import Workspace
from workbench.errors import InfrastructureError
from workbench.model import SCHEMA_VERSION, VersionId
from workbench.promote.candidate import Candidate
from workbench.promote.diff import TableDiff
from workbench.promote.equality import Equality
from workbench.promote.mapping import Map, build_map
from workbench.promote.notebook import Notebook
from workbench.promote.run_notebook import build as build_run_notebook
from workbench.promote.trial import Tried
from workbench.runtime import files
from workbench.store.records import CandidateRecord, PromotionRecord

DIFF = "evidence/diff.json"
MAP = "evidence/map.json"
Report = Callable[[str, list[tuple[str, str, TableDiff]]], str]


def version_files(
    notebook: Notebook,
    notebook_path: str,
    candidate: Candidate,
    proof: Equality,
    tried: Tried,
    report: Report,
    *,
    change: Change,
    semver: str,
) -> dict[str, str]:
    """Every file of a version directory: relative path to text. ``manifest.json`` comes last and has the others' hashes."""
    contract = tried.contract
    texts = {
        "__init__.py": candidate.module.text,
        **candidate.module.files,
        "contract.yaml": to_yaml(contract),
        "run.ipynb": build_run_notebook(contract),
        "evidence/equality.json": _json(
            {"pipeline": proof.pipeline, "verdict": proof.verdict, "checked": [check.to_json() for check in proof.checked]}
        ),
        DIFF: diff_text(tried),
        MAP: _json(build_map(candidate.cut, candidate.module, notebook).to_json()),
        "evidence/diff.html": report(f"{candidate.pipeline}@{candidate.version}", sections(tried)),
    }
    hashes = {name: _sha256(text) for name, text in sorted(texts.items())}
    inputs = {each.name for each in contract.inputs}
    manifest = {
        "schema_version": SCHEMA_VERSION,
        "pipeline": candidate.pipeline,
        "version": candidate.version,
        "semver": semver,
        "change": change.value,
        "identity": candidate.identity,
        "notebook": {"path": notebook_path, "sha256": notebook.sha256},
        "cells": [
            {"cell": cell.index, "name": cell.name, "line": cell.line}
            for cell in notebook.cells
            if cell.index in candidate.cut.cells
        ],
        "lineage": {
            "inputs": [{**asdict(each), "types": dict(tried.input_types.get(each.name, {}))} for each in contract.inputs],
            "referred": [
                {"name": name, "types": dict(types)} for name, types in tried.input_types.items() if name not in inputs
            ],
            "columns": [asdict(edge) for edge in sorted({*tried.lineage, *referred(contract)})],
        },
        "hashes": {
            "code": candidate.module.sha256,
            "logic": candidate.module.logic_sha256,
            "expression": tried.expression,
            "contract": hashes["contract.yaml"],
            "environment": environment_sha256(),
        },
        "environment": environment(),
        "files": hashes,
    }
    return {**texts, "manifest.json": _json(manifest)}


def sections(tried: Tried) -> list[tuple[str, str, TableDiff]]:
    """The comparisons of a trial with their titles, for a report."""
    found = []
    if tried.logic is not None and tried.live is not None:
        note = f"{tried.pipeline}@{tried.live.version} and @{tried.version}, both on the same snapshot of production"
        found.append(("Logic effect", note, tried.logic))
    if tried.data is not None and tried.live is not None:
        note = f"what readers see now and {tried.pipeline}@{tried.live.version} on the same snapshot of production"
        found.append(("Data effect", note, tried.data))
    return found


def diff_evidence(tried: Tried) -> dict[str, Any]:
    """Both comparisons as plain JSON values; null where there was nothing to compare with, and why."""
    return {
        "schema_version": SCHEMA_VERSION,
        "rows": tried.snapshot.rows,
        "logic": None if tried.logic is None else tried.logic.to_json(),
        "data": None if tried.data is None else tried.data.to_json(),
        "note": tried.note,
    }


def diff_text(tried: Tried) -> str:
    """Both comparisons as the text of ``diff.json``."""
    return _json(diff_evidence(tried))


def stored_evidence(workspace: Workspace, promotion: PromotionRecord, candidate: CandidateRecord) -> dict[str, Any] | None:
    """The comparisons as they were stored: with the version, or with the promotion where it made none."""
    file = _kept(workspace, promotion, candidate, DIFF)
    document: dict[str, Any] | None = None if file is None else json.loads(file.read_text(encoding="utf-8"))
    return document


def stored_sections(
    workspace: Workspace, promotion: PromotionRecord, pipeline: str | None = None
) -> list[tuple[str, str, TableDiff]]:
    """The stored comparisons of a promotion, or of one of its pipelines, titled; logic effect apart from data effect."""
    titles = {
        "logic": ("logic effect", "live version and candidate on the same snapshot of production"),
        "data": ("data effect", "what readers saw and the live version on the same snapshot of production"),
    }
    found = []
    for candidate in promotion.candidates:
        document = stored_evidence(workspace, promotion, candidate) or {}
        for which, (title, note) in titles.items():
            if document.get(which) and pipeline in (None, candidate.pipeline):
                heading = f"{candidate.pipeline}@{candidate.version}, {title}"
                found.append((heading, note, TableDiff.from_json(document[which])))
    return found


def stored_map(workspace: Workspace, promotion: PromotionRecord, candidate: CandidateRecord) -> Map | None:
    """The notebook of that time beside the module; None where no module was made."""
    file = _kept(workspace, promotion, candidate, MAP)
    if file is None:
        return None
    module = (file.parents[1] / "__init__.py").read_text(encoding="utf-8")
    return Map.from_json(json.loads(file.read_text(encoding="utf-8")), module)


def _kept(workspace: Workspace, promotion: PromotionRecord, candidate: CandidateRecord, name: str) -> Path | None:
    stored = version_dir(workspace, VersionId(candidate.pipeline, candidate.version))
    beside = workspace.state / "promotions" / promotion.id / candidate.pipeline
    places = (beside / name, stored / name) if candidate.new else (beside / name,)
    return next((file for file in places if file.is_file()), None)


def write_version(folder: Path, texts: dict[str, str]) -> None:
    """Write a version directory as a whole: under a temporary name, synced, then renamed. Fails when it exists."""
    with files.working_folder(folder.parent) as temporary:
        for name, text in texts.items():
            place = temporary / name
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text, encoding="utf-8", newline="\n")
        files.sync_tree(temporary)
        try:
            temporary.rename(folder)
        except OSError as error:
            if not folder.exists():
                raise
            raise InfrastructureError(
                f"{folder.parent.name}@{folder.name[1:]} was made by another promotion meanwhile",
                hint="type the same command again",
            ) from error
    files.fsync(folder.parent)


def _json(document: dict[str, Any]) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False, default=str, allow_nan=False) + "\n"


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
