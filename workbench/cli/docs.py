"""``workbench docs``."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterable
from pathlib import Path

import click

from workbench.cli.common import emit_json, json_option
from workbench.config import find_workspace
from workbench.errors import LockHeld, UsageError

MARK = b'<meta name="generator" content="workbench docs build">'


@click.group()
def docs() -> None:
    """The catalog as a web site of plain files."""


@docs.command()
@click.option(
    "--to",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("site"),
    show_default=True,
    help="The folder to write.",
)
@json_option
def build(to: Path, as_json: bool) -> None:
    """Write a static site of all sources and pipelines: an index to search, a page for each with its lineage drawn.

    It works from the file system and loads nothing from elsewhere. The folder is replaced as a whole; one that this command did
    not write is left alone.

    \b
    Examples:
      workbench docs build
      workbench docs build --to public/catalog
    """
    from filelock import FileLock, Timeout

    from workbench.catalog.changelog import told
    from workbench.catalog.dictionary import dictionary
    from workbench.catalog.links import Walks
    from workbench.catalog.trace import live_graph
    from workbench.render.site import pages
    from workbench.runtime.files import make_folder
    from workbench.sandbox.columns import source_columns

    workspace, target = find_workspace(), to.resolve()
    _refuse_foreign(to, target)
    entries = dictionary(workspace, source_columns(workspace))
    site = pages(workspace.root.name, entries, Walks.of(live_graph(workspace)), lambda name: told(workspace, name))
    try:
        with FileLock(make_folder(workspace.state) / "docs.lock", timeout=10):
            count = replace_folder(target, site)
    except Timeout:
        raise LockHeld("another process builds the site", hint="wait for it to end, then type the same command again") from None
    if as_json:
        emit_json({"to": str(to), "pages": count})
    else:
        click.echo(f"{count} page{'' if count == 1 else 's'}; next: open {to / 'index.html'}")


def _refuse_foreign(to: Path, target: Path) -> None:
    """Refuse a folder that holds something else: it would be replaced."""
    if not target.exists() or not any(target.iterdir()):
        return
    index = target / "index.html"
    if not index.is_file() or MARK not in index.read_bytes()[:2000]:
        raise UsageError(
            f"{to} holds something that workbench docs build did not write", hint="workbench docs build --to a-new-folder"
        )


def replace_folder(target: Path, pages: Iterable[tuple[str, str]]) -> int:
    """Put a folder of files where another one may be; how many files. What is there stays until all are written."""
    new, old = (target.with_name(f".tmp-{target.name}-{which}") for which in ("new", "old"))
    if old.exists() and not target.exists():  # killed between the two renames
        old.rename(target)
    for left in (new, old):
        shutil.rmtree(left, ignore_errors=True)
    count = 0
    try:
        new.mkdir(parents=True)
        for place, text in pages:
            file = new / place
            file.parent.mkdir(exist_ok=True)
            file.write_text(text, encoding="utf-8")
            count += 1
        if target.exists():
            target.rename(old)
        try:
            new.rename(target)
        except BaseException:
            with contextlib.suppress(OSError):
                os.rename(old, target)
            raise
    finally:
        shutil.rmtree(new, ignore_errors=True)
    shutil.rmtree(old, ignore_errors=True)
    return count
