"""What ``workbench show --map`` and ``workbench check --map`` share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from workbench.cli.common import console, emit_json
from workbench.errors import UsageError

if TYPE_CHECKING:
    from workbench.promote.mapping import Map

F = TypeVar("F", bound=Callable[..., Any])


def page_option(function: F) -> F:
    """Add ``--html FILE`` to a command; it arrives as the argument ``page``."""
    kind = click.Path(path_type=Path, dir_okay=False)
    return click.option("--html", "page", type=kind, help="With --map: write one self-contained page to FILE.")(function)


def show_maps(maps: Sequence[tuple[str, Map]], title: str, page: Path | None, document: dict[str, Any] | None) -> None:
    """Print maps, write them as a page, or add them to a JSON document."""
    from workbench.render.map import map_html, map_view

    if page is not None:
        from workbench.runtime.files import write_atomic

        if not page.parent.is_dir():
            raise UsageError(f"there is no folder {str(page.parent)!r} for the page", hint=f"mkdir -p {page.parent}")
        write_atomic(page, map_html(maps, title))
    if document is not None:
        emit_json(document | {"maps": [{"title": name, **found.to_json(), "module": found.module} for name, found in maps]})
    elif page is not None:
        click.echo(f"wrote {page}")
    else:
        for name, found in maps:
            console().print(map_view(found, name))
