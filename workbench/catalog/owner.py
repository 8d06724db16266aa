"""Who answers for a pipeline, and who may decide about it."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from fnmatch import fnmatchcase

from workbench.config import Approval, Workspace
from workbench.errors import ConfigError


def owner(workspace: Workspace, pipeline: str) -> str:
    """The owner whom a pipeline's ``pipeline.toml`` names; empty where it names none or is not there yet."""
    file = workspace.promoted / pipeline / "pipeline.toml"
    if not file.is_file():
        return ""
    try:
        found = tomllib.loads(file.read_text(encoding="utf-8")).get("owner", "")
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        shown = file.relative_to(workspace.root)
        raise ConfigError(f"{shown} is no TOML: {error}", hint=f"correct {shown}, then: workbench doctor") from None
    return found if isinstance(found, str) else ""


def approvers(rules: Approval, pipeline: str, owner: str) -> frozenset[str] | None:
    """The people who may approve a pipeline, in lower case; None stands for anybody.

    >>> rules = Approval(approvers={"*": ["owner"], "tax_*": ["@law", "cy@example.org"]}, teams={"law": ["bo@example.org"]})
    >>> sorted(approvers(rules, "tax_2026", "ann@example.org"))
    ['bo@example.org', 'cy@example.org']
    >>> sorted(approvers(rules, "daily_sales", "ann@example.org"))
    ['ann@example.org']
    """
    named: list[str] | None = None
    for pattern, names in rules.approvers.items():
        if fnmatchcase(pipeline, pattern):
            named = names
    return None if named is None else frozenset(_people(rules, named, owner))


def _people(rules: Approval, names: Iterable[str], owner: str) -> Iterable[str]:
    for name in names:
        if name.startswith("@"):
            yield from (person.casefold() for person in rules.teams.get(name[1:], []))
        elif name != "owner":
            yield name.casefold()
        elif owner:
            yield owner.casefold()
