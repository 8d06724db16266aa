"""Which tables of a sandbox have to be made anew when production has changed, and which stay as they are."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from workbench.runtime.duck import identifier, literal
from workbench.sandbox.graph import Link, Role, Step
from workbench.sandbox.mask import type_of
from workbench.sandbox.production import PRIVATE, Production
from workbench.sandbox.registry import OrphanCount, SandboxInfo, TableInfo
from workbench.sandbox.remote import find_orphans


@dataclass(frozen=True, slots=True)
class Reuse:
    """What is taken from the sandbox before.

    ``copied`` are its tables that stay as they are, ``staged`` the sources that have to be sampled (those made anew, and those
    that say which of their rows are needed), ``recounted`` the references whose orphans alone may be others.
    """

    base: SandboxInfo
    copied: tuple[str, ...]
    staged: tuple[str, ...]
    recounted: tuple[Link, ...]


def plan(base: SandboxInfo, changed: Collection[str], steps: Sequence[Step], links: Sequence[Link]) -> Reuse:
    """What changed sources leave as it was.

    A changed source changes those that follow it. Its rows, and theirs, decide which rows of other sources are needed, but for
    those that are whole. To know what is needed of a source, all that refer to it have to be sampled.
    """
    roles = {step.source: step.role for step in steps}
    via = {step.source: step.via for step in steps if step.via is not None}
    chosen = set(changed)
    while more := {name for name, link in via.items() if link.parent in chosen} - chosen:
        chosen |= more
    made = set(chosen)
    while more := {link.parent for link in links if link.child in made and roles[link.parent] is not Role.WHOLE} - made:
        made |= more
    # Orphans of what is made anew are counted, so what it refers to is read, too.
    staged = made | {link.parent for link in links if link.child in made}
    while True:
        needing = {name for name in staged if roles[name] is not Role.WHOLE}
        more = {link.child for link in links if link.parent in needing} | {via[name].parent for name in needing if name in via}
        if more <= staged:
            break
        staged |= more
    return Reuse(
        base,
        tuple(name for name in base.tables if name not in made),
        tuple(name for name in base.tables if name in staged),
        tuple(link for link in links if link.parent in changed and link.child not in staged),
    )


def same_columns(production: Production, base: SandboxInfo, changed: Collection[str]) -> bool:
    """Whether changed sources still have the columns and types that the sandbox was made with."""
    import duckdb

    with duckdb.connect(":memory:") as con:
        try:
            con.execute(f"ATTACH {literal(str(base.path))} AS base (READ_ONLY)")
            described = {name: con.execute(f"DESCRIBE base.main.{identifier(name)}").fetchall() for name in base.tables}
        except duckdb.Error:
            return False  # a damaged sandbox is not copied from
    rules = {name: base.tables[name].masked for name in changed}
    now = {
        name: {column: type_of(rules[name].get(column, "keep"), kind) for column, kind in production.columns[name].items()}
        for name in changed
    }
    return all({row[0]: row[1] for row in described[name]} == now[name] for name in changed)


def merged(reuse: Reuse, tables: Mapping[str, TableInfo], production: Production, file: str) -> dict[str, TableInfo]:
    """What is known of all tables: of new ones what was sampled, of copied ones what was known, their orphans counted again."""
    con = production.con
    found = {}
    for name, old in reuse.base.tables.items():
        if name not in reuse.copied:
            found[name] = tables[name]
            continue
        fresh = {(each.columns, each.source): each for each in tables[name].orphans} if name in tables else {}
        found[name] = replace(old, orphans=tuple(fresh.get((each.columns, each.source), each) for each in old.orphans))
    if reuse.recounted:
        con.execute(f"ATTACH {literal(file)} AS made (READ_ONLY)")
    for number, link in enumerate(reuse.recounted):
        table, count = f"stage.{PRIVATE}recounted_{number}", f"{PRIVATE}n"
        nulls = find_orphans(production.remotes, production.relations, con, link, table, count)
        lost = int(con.execute(f"SELECT coalesce(sum({count}), 0) FROM {table}").fetchone()[0])
        places = [f"made.main.{identifier(name)}" for name in (link.child, link.parent)]
        on = " AND ".join(
            f"c.{identifier(mine)} = p.{identifier(theirs)}" for mine, theirs in zip(link.columns, link.to, strict=True)
        )
        filled = " AND ".join(f"c.{identifier(column)} IS NOT NULL" for column in link.columns)
        left = int(
            con.execute(f"SELECT count(*) FROM {places[0]} c ANTI JOIN {places[1]} p ON {on} WHERE {filled}").fetchone()[0]
        )
        again = OrphanCount(link.columns, link.parent, lost, left, nulls)
        found[link.child] = replace(
            found[link.child],
            orphans=tuple(
                again if (each.columns, each.source) == (link.columns, link.parent) else each
                for each in found[link.child].orphans
            ),
        )
    if reuse.recounted:
        con.execute("DETACH made")
    return found
