"""Version directories on disk: ``promoted/<pipeline>/v<N>/``, immutable, each bound by the hashes in its manifest."""

from __future__ import annotations

import hashlib
import json
import re
import sys
from importlib.machinery import ModuleSpec
from importlib.util import module_from_spec
from pathlib import Path
from typing import Any

from workbench.config import Workspace
from workbench.errors import ConfigError
from workbench.model import NAME, Edge, VersionId

MANIFEST = "manifest.json"
_FOLDER = re.compile(r"v([1-9][0-9]{0,8})")


def version_dir(workspace: Workspace, version: VersionId) -> Path:
    """Where a version is kept."""
    return workspace.promoted / version.pipeline / f"v{version.number}"


def pipelines(workspace: Workspace) -> tuple[str, ...]:
    """Every pipeline that has a version on disk, by name."""
    if not workspace.promoted.is_dir():
        return ()
    return tuple(
        sorted(folder.name for folder in workspace.promoted.iterdir() if NAME.fullmatch(folder.name) and _numbers(folder))
    )


def versions(workspace: Workspace, pipeline: str) -> tuple[int, ...]:
    """The numbers of a pipeline's versions on disk, ascending."""
    return _numbers(workspace.promoted / pipeline)


def latest_version(workspace: Workspace, pipeline: str) -> int:
    """The highest version number on disk, or 0."""
    return max(versions(workspace, pipeline), default=0)


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest of a version directory; ``ConfigError`` when it is missing or no manifest."""
    file = folder / MANIFEST
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
        document["files"].items()
    except FileNotFoundError:
        raise ConfigError(f"{file} is missing", hint=f"git checkout {folder}") from None
    except (ValueError, TypeError, KeyError, AttributeError):
        raise ConfigError(f"{file} is not a manifest", hint=f"git checkout {folder}") from None
    found: dict[str, Any] = document
    return found


def read_lineage(folder: Path) -> tuple[Edge, ...]:
    """What the columns of a version rest on, as its manifest says."""
    return tuple(Edge(**edge) for edge in read_manifest(folder).get("lineage", {}).get("columns", ()))


def manifest_sha256(workspace: Workspace, version: VersionId) -> str:
    """SHA-256 of the manifest's bytes, which binds every file of the version."""
    return hashlib.sha256((version_dir(workspace, version) / MANIFEST).read_bytes()).hexdigest()


def changed_files(workspace: Workspace, version: VersionId, *, expected_manifest: str | None = None) -> tuple[str, ...]:
    """The files of a version that are missing, added or not as the manifest says; relative to its directory.

    With ``expected_manifest`` (a SHA-256) the manifest itself is held against it. Compiled ``__pycache__`` does not count.
    """
    folder = version_dir(workspace, version)
    if not folder.is_dir():
        return (".",)
    files: dict[str, str] = read_manifest(folder)["files"]
    there = {
        path.relative_to(folder).as_posix(): path
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and path.name != MANIFEST
    }
    wrong = [name for name, digest in files.items() if name not in there or _sha256(there[name]) != digest]
    wrong += [name for name in there if name not in files]
    if expected_manifest is not None and manifest_sha256(workspace, version) != expected_manifest:
        wrong.append(MANIFEST)
    return tuple(sorted(wrong))


def importable(workspace: Workspace) -> None:
    """Have ``promoted.<pipeline>.v<N>`` be the versions of this workspace.

    Left to itself Python takes the first that its path leads to: another workspace's, where that is installed for editing.
    """
    places = [str(workspace.promoted)]
    there = sys.modules.get("promoted")
    if list(getattr(there, "__path__", ())) != places:
        if there is not None:
            for name in [name for name in sys.modules if name.partition(".")[0] == "promoted"]:
                del sys.modules[name]
        spec = ModuleSpec("promoted", None, is_package=True)
        spec.submodule_search_locations = places
        sys.modules["promoted"] = module_from_spec(spec)


def _numbers(folder: Path) -> tuple[int, ...]:
    if not folder.is_dir():
        return ()
    found = (_FOLDER.fullmatch(place.name) for place in folder.iterdir() if place.is_dir())
    return tuple(sorted(int(match[1]) for match in found if match))


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
