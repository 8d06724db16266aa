"""Whether promoted versions are what the tool wrote: never changed since, made of their notebook, on record."""

from __future__ import annotations

import re
from collections.abc import Iterator

from workbench.catalog.version import changed_files, pipelines, read_manifest, version_dir, versions
from workbench.config import Workspace
from workbench.errors import WorkbenchError, quoted
from workbench.model import VersionId, counted
from workbench.promote.candidate import candidates
from workbench.promote.changes import Changes
from workbench.promote.notebook import read_notebook
from workbench.promote.slice import slice_notebook
from workbench.promote.step import Step
from workbench.store import Store
from workbench.store.ledger import HEAD

_FILE = re.compile(r"([a-z][a-z0-9_]{0,49})/v([1-9][0-9]{0,8})/(.+)")


def verify_versions(workspace: Workspace, changes: Changes) -> Iterator[Step]:
    """A step for each version that a change touches, one for all others, and one for the ledger.

    A version that was there before may not differ at all. A new one must agree with its own hashes and, where its notebook is
    still the one that it came from, with the module that is cut out of it now; and the ledger's head must have moved.
    """
    folder = workspace.promoted.relative_to(workspace.root).as_posix()
    touched = _by_version(folder, [*changes.changed, *changes.removed])
    before = set(_by_version(folder, changes.listed_before(folder)))
    there = {VersionId(name, number) for name in pipelines(workspace) for number in versions(workspace, name)}
    with Store.open(workspace, read_only=True) as store:
        records = {version: store.version(version) for version in there}
        problems = store.verify_ledger() if store.promotions() else ()
    wrong = {}
    for version in sorted(there):
        known = records[version]
        try:
            wrong[version] = changed_files(workspace, version, expected_manifest=known.manifest_sha256 if known else None)
        except WorkbenchError:
            wrong[version] = ("manifest.json",)
    for version in sorted(set(touched) & before):
        yield _changed(changes, f"{folder}/{version.pipeline}/v{version.number}", touched[version])
    new = sorted(there - before)
    for version in new:
        yield _new(workspace, f"{folder}/{version.pipeline}/v{version.number}", version, wrong[version])
    others = sorted(there - set(new) - set(touched))
    damaged = [f"{folder}/{each.pipeline}/v{each.number}/{wrong[each][0]}" for each in others if wrong[each]]
    if damaged:
        yield Step(folder, "hashes", "fail", f"not what was promoted: {counted(len(damaged), 'version')}", tuple(damaged))
    elif others:
        yield Step(folder, "hashes", "pass", f"{counted(len(others), 'version')} from before, as promoted")
    if problems:
        yield Step(folder, "ledger", "fail", problems[0].message, (), "workbench doctor")
    elif new:
        yield _ledger(changes, folder)


def _by_version(folder: str, names: list[str] | tuple[str, ...]) -> dict[VersionId, list[str]]:
    found: dict[VersionId, list[str]] = {}
    for name in names:
        part = _FILE.fullmatch(name.removeprefix(f"{folder}/"))
        if part is not None and "__pycache__" not in part[3]:
            found.setdefault(VersionId(part[1], int(part[2])), []).append(part[3])
    return found


def _changed(changes: Changes, folder: str, files: list[str]) -> Step:
    said = f"was changed: {', '.join(sorted(files)[:5])}; a version never changes, a new one is promoted"
    return Step(folder, "hashes", "fail", said, tuple(sorted(files)), f"git checkout {changes.commit[:12]} -- {folder}")


def _new(workspace: Workspace, folder: str, version: VersionId, wrong: tuple[str, ...]) -> Step:
    if wrong:
        said = f"is not as it was promoted: {', '.join(wrong[:5])}"
        return Step(folder, "hashes", "fail", said, wrong, 'workbench promote NOTEBOOK --why "…" makes a new version')
    manifest = read_manifest(version_dir(workspace, version))
    notebook = manifest.get("notebook", {})
    path = workspace.root / str(notebook.get("path", ""))
    try:
        read = read_notebook(path)
        if read.sha256 != notebook.get("sha256"):
            return Step(folder, "hashes", "warn", f"hashes agree; {notebook['path']} was changed since it was promoted")
        slicing = slice_notebook(read, workspace.settings.sources)
        slices = [cut for cut in slicing.slices if cut.mark.name == version.pipeline and not cut.refusals]
        cut = candidates(workspace, read, slices)
    except WorkbenchError as error:
        return Step(folder, "hashes", "warn", f"hashes agree; its notebook can't be read: {error.message}")
    if not cut or cut[0].module.sha256 != manifest["hashes"]["code"] or cut[0].identity != manifest["identity"]:
        said = f"is not what {notebook['path']} gives: written by hand, or by another version of the tool"
        return Step(folder, "origin", "fail", said, (), f'workbench promote {quoted(notebook["path"])} --why "…"')
    return Step(folder, "origin", "pass", f"hashes agree, and {notebook['path']} gives the same module")


def _ledger(changes: Changes, folder: str) -> Step:
    name = f"{folder}/{HEAD}"
    before, now = changes.before(name), changes.root / name
    if not now.is_file() or now.read_text(encoding="utf-8", errors="replace") == before:
        said = f"there are new versions, but {HEAD} is as it was: nobody promoted them, or it was not committed along"
        return Step(folder, "ledger", "fail", said, (), f"git add {name}")
    return Step(folder, "ledger", "pass", f"{HEAD} moved with the new versions")
