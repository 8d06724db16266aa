"""What could be declared of tables: keys, references, times, masks, units, each with the reason. Nothing is written here."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from workbench.config import Workspace
from workbench.runtime.duck import identifier
from workbench.sandbox import naming, personal
from workbench.sandbox.found import Found
from workbench.sandbox.mask import family, is_number, is_time

MATCHING = 0.8  # of the rows with a value that many at least must find the row that they refer to
LOOKED = 100_000  # rows in which duplicates are looked for before all rows are, and values that look personal
WIDEST = 3  # columns of a key that nobody has declared
TRIED = 8  # columns that such a key is made of
_INEXACT = ("DOUBLE", "FLOAT", "STRUCT", "MAP", "UNION", "BLOB")


@dataclass(frozen=True, slots=True)
class Reference:
    """Columns that name rows of another table by its columns ``to``; ``why`` says who says so."""

    columns: tuple[str, ...]
    source: str
    to: tuple[str, ...]
    why: str
    matching: float = 1.0


@dataclass(frozen=True, slots=True)
class Proposal:
    """What could be declared of one table.

    ``masks`` and ``units`` map columns to their rule or unit, ``why`` maps settings (``key``, ``time``) to reasons, ``reasons``
    columns to why they look personal. ``doubtful`` are references for which the values speak and the names do not.
    """

    name: str
    read: str
    rows: int
    columns: dict[str, str]
    key: tuple[str, ...] = ()
    references: tuple[Reference, ...] = ()
    time: str | None = None
    masks: dict[str, str] = field(default_factory=dict)
    units: dict[str, str] = field(default_factory=dict)
    why: dict[str, str] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)
    doubtful: tuple[Reference, ...] = ()


def propose(workspace: Workspace, found: Sequence[Found], tell: Callable[[str], None] = lambda _: None) -> tuple[Proposal, ...]:
    """One proposal for each table that is not a declared source yet; declared ones may be referred to."""
    declared = workspace.settings.sources
    keys: dict[str, tuple[tuple[str, ...], str]] = {}
    for each in found:
        tell(f"looking for the key of {each.name}")
        mine = declared.get(each.name)
        known = (tuple(mine.key), "declared") if mine is not None and mine.key else None
        keys[each.name] = known or _key(each)
    proposals = []
    for each in found:
        if each.name in declared:
            continue
        tell(f"looking for what {each.name} refers to")
        references, doubtful = _references(each, found, keys)
        proposals.append((each, references, doubtful))
    pruned = {each.name: references for each, references, _ in proposals}
    finished = []
    for each, references, doubtful in proposals:
        tell(f"looking for personal data in {each.name}")
        kept = _without_implied(references, pruned)
        finished.append(_proposal(each, keys, kept, doubtful, found))
    return tuple(finished)


def _proposal(
    table: Found,
    keys: dict[str, tuple[tuple[str, ...], str]],
    references: Sequence[Reference],
    doubtful: Sequence[Reference],
    found: Sequence[Found],
) -> Proposal:
    key, why = keys[table.name]
    reasons = {"key": why}
    times = [column for column, kind in table.columns.items() if is_time(kind) and personal.by_name(column) is None]
    time = naming.event_time(times)
    if time is not None:
        reasons["time"] = "its only time of an event" if len(times) == 1 else "its name says so"
    joined = {column for reference in references for column in reference.columns} | set(key)
    masks, personal_why = _masks(table, joined)
    units = {column: unit for column, kind in table.columns.items() if is_number(kind) and (unit := naming.unit(column))}
    return Proposal(
        table.name, table.read, table.rows, dict(table.columns), key, tuple(references), time, masks, units, reasons,
        personal_why, tuple(doubtful),
    )  # fmt: skip


# Keys


def _key(table: Found) -> tuple[tuple[str, ...], str]:
    """A key that is proven on the data: declared ones first, then the likeliest columns, few before many."""
    for declared in table.keys:
        if all(not table.columns[column].startswith(_INEXACT) for column in declared):
            return declared, "declared in the database"
    if not table.rows:
        return (), "the table is empty"
    short = naming.prefix(list(table.columns))
    places = {
        column: naming.key_order(naming.bare(column, short), position, table.name)
        for position, (column, kind) in enumerate(table.columns.items())
        if not kind.startswith(_INEXACT) and not kind.endswith("]")
    }
    filled = [column for column in sorted(places, key=lambda each: places[each]) if not _nulls(table, column)]
    for column in filled:
        # That all values of some amount or remark differ is mere chance.
        if (
            (places[column][0] < 2 or places[column][1] == 0)
            and not is_time(table.columns[column])
            and _unique(table, (column,))
        ):
            return (column,), "unique and never NULL"
    likely = [column for column in filled if places[column][0] < 2][:TRIED]
    for width in range(2, WIDEST + 1):
        for columns in itertools.combinations(sorted(likely, key=lambda each: places[each][1]), width):
            if _unique(table, columns):
                return columns, "unique and never NULL"
    return (), f"no key of up to {WIDEST} columns was found"


def _nulls(table: Found, column: str) -> bool:
    return bool(table.one(f"SELECT count(*) FROM {table.relation} s WHERE s.{identifier(column)} IS NULL")[0])


def _unique(table: Found, columns: Sequence[str]) -> bool:
    listed = ", ".join(f"s.{identifier(column)}" for column in columns)
    for relation, rows in (
        (f"(SELECT * FROM {table.relation} r LIMIT {LOOKED})", min(LOOKED, table.rows)),
        (table.relation, table.rows),
    ):
        distinct = table.one(f"SELECT count(*) FROM (SELECT DISTINCT {listed} FROM {relation} s) d")[0]
        if distinct != rows:
            return False
        if rows == table.rows:
            return True
    return True


# References


def _references(
    table: Found, found: Sequence[Found], keys: dict[str, tuple[tuple[str, ...], str]]
) -> tuple[list[Reference], list[Reference]]:
    """Declared references, then those for which names and values speak; apart from them, those for which values alone do."""
    by_table = {(each.place, each.table): each for each in found}
    good = []
    for declared in table.references:
        parent = by_table.get((table.place, declared.table))
        if parent is not None:
            good.append(Reference(declared.columns, parent.name, declared.to, "declared in the database"))
    taken = {reference.columns for reference in good}
    doubtful: list[Reference] = []
    candidates = []
    for parent in found:
        key = keys[parent.name][0]
        if not key or parent.place != table.place or not parent.rows or not table.rows:
            continue
        for columns, why in _columns(table, parent, key):
            if columns in taken or (parent is table and columns == key):
                continue
            if columns == keys[table.name][0] and parent.rows <= table.rows and len(columns) == 1 and not why:
                continue
            share, values = _matching(table, columns, parent, key)
            if why and share >= MATCHING and not (columns == keys[table.name][0] and table.rows > parent.rows):
                noted = "" if share == 1 else f", {share:.1%} of the rows find theirs"
                candidates.append(Reference(columns, parent.name, key, f"{why}{noted}", share))
            elif not why and share == 1 and values > 2 and family(parent.columns[key[0]]) in ("text", "UUID"):
                # Small numbers lie within any numbered key.
                doubtful.append(Reference(columns, parent.name, key, f"all {values:,} values are there, the names differ"))
    sizes = {each.name: each.rows for each in found}
    for reference in sorted(candidates, key=lambda each: (-len(each.columns), -each.matching, sizes[each.source], each.source)):
        if reference.columns not in taken:
            taken.add(reference.columns)
            good.append(reference)
    named = {column for reference in good for column in reference.columns}
    return good, [each for each in doubtful if not set(each.columns) & named]


def _columns(table: Found, parent: Found, key: tuple[str, ...]) -> list[tuple[tuple[str, ...], str]]:
    """Columns of a table that may name rows of another by its key, with what their names say ("" is nothing)."""
    mine, theirs = naming.prefix(list(table.columns)), naming.prefix(list(parent.columns))
    choices: list[list[tuple[str, str]]] = []
    for wanted in key:
        kind = family(parent.columns[wanted])
        fitting = [
            (column, naming.suits(column, wanted, parent.name, mine=mine, theirs=theirs, own=parent is table))
            for column, own in table.columns.items()
            if family(own) == kind and not own.startswith(_INEXACT)
        ]
        choices.append([each for each in fitting if each[1]] if len(key) > 1 or parent is table else fitting)
    if any(not each for each in choices):
        return []
    if len(key) == 1:
        return [((column,), why) for column, why in choices[0]]
    # Of a composite key each column must be recognised, so there are few ways.
    ways = [way for way in itertools.product(*choices) if len({column for column, _ in way}) == len(way)]
    return [(tuple(column for column, _ in way), "names match") for way in ways[:4]]


def _matching(table: Found, columns: Sequence[str], parent: Found, key: Sequence[str]) -> tuple[float, int]:
    """The share of rows with a value whose value the other table has, and how many different values there are."""
    own = ", ".join(f"c.{identifier(column)}" for column in columns)
    filled = " AND ".join(f"c.{identifier(column)} IS NOT NULL" for column in columns)
    same = " AND ".join(f"p.{identifier(to)} = d.v{number}" for number, to in enumerate(key))
    names = ", ".join(f"c.{identifier(column)} AS v{number}" for number, column in enumerate(columns))
    counted = f"SELECT {names}, count(*) AS n FROM {table.relation} c WHERE {filled} GROUP BY {own}"
    hit = f"EXISTS (SELECT 1 FROM {parent.relation} p WHERE {same})"
    total, found, values = table.one(
        f"SELECT coalesce(sum(d.n), 0), coalesce(sum(CASE WHEN {hit} THEN d.n ELSE 0 END), 0), count(*) FROM ({counted}) d"
    )
    return (float(found) / float(total) if total else 0.0), int(values)


def _without_implied(references: Sequence[Reference], of: dict[str, list[Reference]]) -> list[Reference]:
    """Without references that a wider one implies: who names a part's supplier names the part."""
    kept = []
    for each in references:
        implied = False
        for wider in references:
            if (
                each.why.startswith("declared")
                or len(wider.columns) <= len(each.columns)
                or not set(each.columns) < set(wider.columns)
            ):
                continue
            over = tuple(wider.to[wider.columns.index(column)] for column in each.columns)
            implied |= any(further.columns == over and further.source == each.source for further in of.get(wider.source, []))
        if not implied:
            kept.append(each)
    return kept


# Personal data


def _masks(table: Found, joined: set[str]) -> tuple[dict[str, str], dict[str, str]]:
    findings: list[Any] = personal.undecided_names(table.name, table.columns, ())
    rest = {column: kind for column, kind in table.columns.items() if column not in {each.column for each in findings}}
    findings += personal.undecided_values(table.ask, f"(SELECT * FROM {table.relation} r LIMIT {LOOKED})", table.name, rest, ())
    masks = {
        each.column: personal.suited("token" if each.column in joined else each.suggestion, table.columns[each.column])
        for each in findings
    }
    return masks, {each.column: each.reason for each in findings}
