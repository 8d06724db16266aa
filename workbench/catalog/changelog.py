"""The versions of a pipeline, as its CHANGELOG.md and their manifests tell of them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from workbench.catalog.version import read_manifest, version_dir, versions
from workbench.config import Workspace
from workbench.errors import WorkbenchError
from workbench.model import VersionId

FILE = "CHANGELOG.md"
_HEADING = re.compile(r"^## v([0-9]+)\b.*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Told:
    """What is told of one version: its heading, sentences and items; ``change`` is breaking, additive or behaviour-only."""

    number: int
    heading: str
    said: tuple[str, ...] = ()
    items: tuple[str, ...] = ()
    semver: str = ""
    change: str = ""


def told(workspace: Workspace, pipeline: str) -> tuple[Told, ...]:
    """Every version on disk, the newest first; without its words where the file has none."""
    try:
        text = (workspace.promoted / pipeline / FILE).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        text = ""
    sections = entries(text)
    found = []
    for number in reversed(versions(workspace, pipeline)):
        heading, said, items = sections.get(number, (f"v{number}", (), ()))
        try:
            manifest = read_manifest(version_dir(workspace, VersionId(pipeline, number)))
        except WorkbenchError:  # the doctor names it
            manifest = {}
        found.append(Told(number, heading, said, items, str(manifest.get("semver", "")), str(manifest.get("change", ""))))
    return tuple(found)


def entries(text: str) -> dict[int, tuple[str, tuple[str, ...], tuple[str, ...]]]:
    """Version to heading, paragraphs and list items.

    >>> entries("# daily\\n\\n## v2, 2026-01-02, by ann\\n\\nno returns\\n\\n- 3 rows less\\n\\n## v1\\n\\nfirst\\n")[2]
    ('v2, 2026-01-02, by ann', ('no returns',), ('3 rows less',))
    >>> entries("")
    {}
    """
    headings = [*_HEADING.finditer(text)]
    ends = [*(each.start() for each in headings[1:]), len(text)][: len(headings)]
    found = {}
    for heading, end in zip(headings, ends, strict=True):
        lines = [line.strip() for line in text[heading.end() : end].splitlines() if line.strip()]
        items = tuple(line[2:] for line in lines if line.startswith("- "))
        found[int(heading[1])] = (heading[0][3:], tuple(line for line in lines if not line.startswith("- ")), items)
    return found
