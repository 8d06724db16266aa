"""What each version of a pipeline changed, on a terminal and as plain values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from workbench.catalog.changelog import Told

if TYPE_CHECKING:
    from rich.console import RenderableType


def changelog_view(versions: Sequence[Told], live: int | None) -> RenderableType:
    """A paragraph a version: its heading, what it is, why, and what changed."""
    from rich.console import Group
    from rich.padding import Padding
    from rich.text import Text

    parts: list[RenderableType] = []
    for each in versions:
        marks = ", ".join(word for word in (each.semver, each.change, "live" if each.number == live else "") if word)
        parts.append(Text(each.heading, style="bold").append(f"  {marks}" if marks else "", style="dim"))
        parts += [Padding(Text(said), (0, 0, 0, 2)) for said in each.said]
        parts += [Padding(Text(f"- {item}"), (0, 0, 0, 2)) for item in each.items]
        parts.append(Text(""))
    return Group(*parts[:-1])


def changelog_json(
    pipeline: str, versions: Sequence[Told], live: int | None, leaving: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """The same; ``leaving`` are the versions among them that readers should leave."""
    return {
        "pipeline": pipeline,
        "live": live,
        "versions": [
            {
                "version": each.number,
                "heading": each.heading,
                "semver": each.semver,
                "change": each.change,
                "said": list(each.said),
                "items": list(each.items),
            }
            for each in versions
        ],
        "deprecated": [*leaving],
    }
