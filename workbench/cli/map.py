"""What ``workbench show --map`` and ``workbench check --map`` share."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from workbench.cli.common import console, emit_json
from workbench.cli.output import check_folder, write_file

if TYPE_CHECKING:
    from workbench.promote.mapping import Map

MAP_PAGE = "With --map: write one self-contained page to FILE."


def show_maps(maps: Sequence[tuple[str, Map]], title: str, page: Path | None, document: dict[str, Any] | None) -> None:
    """Print maps, write them as a page, or add them to a JSON document."""
    from workbench.render.map import map_html, map_view

    if page is not None:
        check_folder(page)
        write_file(page, map_html(maps, title))
    if document is not None:
        emit_json(document | {"maps": [{"title": name, **found.to_json(), "module": found.module} for name, found in maps]})
    elif page is not None:
        click.echo(f"wrote {page}")
    else:
        for name, found in maps:
            console().print(map_view(found, name))
