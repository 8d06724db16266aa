"""The two sides of a comparison as people type them, as tables of one session."""

from __future__ import annotations

import contextlib
import re
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.errors import NotAWorkspace, UsageError
from workbench.promote.diff.files import FORMS, open_table
from workbench.promote.server import Servers, is_server
from workbench.promote.stored import RUN, Shelf, Stored, is_stored
from workbench.runtime.address import without_password
from workbench.runtime.duck import session

if TYPE_CHECKING:
    import ibis.expr.types as ir
    from ibis.backends.duckdb import Backend

    from workbench.promote.diff.thin import Held, Thinned


@dataclass(frozen=True, slots=True)
class Opened:
    """Both sides as tables of one session.

    ``names`` are the sides for people, without passwords and folders, and ``typed`` as they were typed, without passwords;
    ``key`` is that of the contract, where a side is a pipeline's and both sides have its columns. ``held`` are the sides on
    servers where nothing was pulled yet: their tables have no rows.
    """

    base: ir.Table
    candidate: ir.Table
    names: tuple[str, str]
    typed: tuple[str, str]
    key: tuple[str, ...]
    held: tuple[Held | None, Held | None] = (None, None)

    def thinned(self, key: Sequence[str]) -> Thinned:
        """What is left to compare of both once checksums have told which rows are equal; all rows where they can't tell."""
        from workbench.promote.diff.thin import Thinned, in_duckdb, thinned

        tables = (self.base, self.candidate)
        one, other = (held or in_duckdb(table) for held, table in zip(self.held, tables, strict=True))
        found = thinned(one, other, key)
        if found is not None:
            return found
        base, candidate = (held.within("TRUE") if held else table for held, table in zip(self.held, tables, strict=True))
        return Thinned(base, candidate, 0)


def name_of(text: str) -> str:
    """A side for people: without the folders of this machine.

    >>> name_of("exports/may.parquet"), name_of("duckdb:data/shop.duckdb#main.orders")
    ('may.parquet', 'shop.duckdb#main.orders')
    """
    if is_server(text):
        return without_password(text)
    file, separator, table = text.removeprefix("duckdb:").partition("#")
    return Path(file).name + separator + table


def is_run(text: str) -> bool:
    """Whether this names a run, which can be compared with what was before it."""
    return RUN.fullmatch(text) is not None and not _is_file(text)


def _is_file(text: str) -> bool:
    try:
        return Path(text).exists()
    except (OSError, ValueError):
        return False  # longer than a name can be, or with a NUL


@contextlib.contextmanager
def opened(base: str, candidate: str | None, progress: Callable[[str], None], *, thin: bool = False) -> Iterator[Opened]:
    """Open both sides, read-only; without ``candidate``, ``base`` names a run, and what was before it is the base.

    With ``thin`` what lies on a server stays there, until ``Opened.thinned``.

    Raises ``UsageError`` for what does not exist or can't be read, ``InfrastructureError`` for what does not answer.
    """
    with tempfile.TemporaryDirectory(prefix="workbench-diff-") as spill, contextlib.ExitStack() as stack:
        con = session(Path(spill))
        stack.callback(con.disconnect)
        servers = Servers()
        stack.callback(servers.close)
        texts = (base, base if candidate is None else candidate)
        kept = [is_stored(text) and not _is_file(text) for text in texts]
        shelf = stack.enter_context(_shelf(texts[kept.index(True)])) if any(kept) else None
        tables: list[ir.Table] = []
        held: list[Held | None] = [None, None]
        key: tuple[str, ...] = ()
        for which, text in enumerate(texts):
            progress(f"reading {name_of(text)}")
            if shelf is not None and kept[which]:
                found = shelf.before(text) if candidate is None and which == 0 else shelf.find(text, texts[1 - which])
                tables.append(shelf.warehouse.read(con, found.snapshot))
                key = key or _key(shelf, found)
            elif thin and is_server(text):
                empty, held[which] = servers.held(con, text, ("base", "candidate")[which])
                tables.append(empty)
            else:
                tables.append(_elsewhere(con, servers, text, ("base", "candidate")[which]))
        names = (f"before {texts[0]}" if candidate is None else name_of(texts[0]), name_of(texts[1]))
        typed = (names[0] if candidate is None else without_password(texts[0]), without_password(texts[1]))
        both = set(tables[0].columns) & set(tables[1].columns)
        key = key if set(key) <= both else ()
        yield Opened(tables[0], tables[1], names, typed, key, (held[0], held[1]))


@contextlib.contextmanager
def _shelf(text: str) -> Iterator[Shelf]:
    from workbench.config import find_workspace
    from workbench.runtime.warehouse import Warehouse
    from workbench.store import Store

    try:
        workspace = find_workspace()
    except NotAWorkspace:
        raise UsageError(
            f"there is no file {text!r} here, and this folder is no workspace with pipelines", hint=FORMS
        ) from None
    with Store.open(workspace, read_only=True) as store:
        yield Shelf(workspace, Warehouse.open(workspace), store)


def _key(shelf: Shelf, found: Stored) -> tuple[str, ...]:
    from workbench.catalog.contract import read_contract
    from workbench.catalog.version import version_dir

    return read_contract(version_dir(shelf.workspace, found.version)).key


def _elsewhere(con: Backend, servers: Servers, text: str, name: str) -> ir.Table:
    if is_server(text):
        return servers.pull(con, text, name)
    scheme = re.match(r"([a-z][a-z0-9+.-]*)://", text, re.IGNORECASE)
    if scheme is not None:
        # The address is not repeated: it may hold a password.
        raise UsageError(f"addresses of {scheme[1].lower()}:// are not read here", hint=FORMS)
    try:
        return open_table(con, text, name)
    except OSError as error:
        raise UsageError(f"{text[:80]!r} can't be read: {error.strerror}", hint=FORMS) from error
