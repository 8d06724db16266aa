"""How many rows of the anchors can be chosen, before any is: what ``--where`` leaves of them, and what ``--floor`` adds."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from workbench.config import Source
from workbench.errors import UsageError
from workbench.runtime.duck import identifier, literal
from workbench.sandbox.graph import Role, Step
from workbench.sandbox.hashing import Recipe, all_filled
from workbench.sandbox.production import Production


@dataclass(frozen=True, slots=True)
class Anchors:
    """By anchor: ``left`` rows that ``--where`` leaves, if it is about that anchor, and ``core`` rows that will be chosen."""

    left: dict[str, int] = field(default_factory=dict)
    core: dict[str, float] = field(default_factory=dict)


def survey_anchors(production: Production, steps: Sequence[Step], recipe: Recipe) -> Anchors:
    """Count what can be chosen; without ``--where`` and ``--floor`` nothing is read for it.

    A condition is counted where the rows are; if a server can't tell, all of its rows count. Raises ``UsageError`` where no
    anchor can answer ``--where``, where its answer would change by itself, or where none of their rows meets it.
    """
    names = [step.source for step in steps if step.role is Role.ANCHOR]
    found = Anchors()
    if not (recipe.where or recipe.floor):
        return found
    _check_steady(production, names, recipe.where)
    refusals = {name: refusal(production, name, recipe.where) for name in names} if recipe.where else {}
    if refusals and all(refusals.values()):
        problem = next(iter(refusals.values()))
        raise UsageError(f"--where {recipe.where!r}: {problem}", hint='for example --where "month >= 6"')
    for name in names:
        where = recipe.where if name in refusals and not refusals[name] else ""
        counts = _counts(production, name, where, recipe)
        if counts is None:
            continue
        if where:
            found.left[name] = sum(counts)
        found.core[name] = sum(max(count * recipe.share, min(recipe.floor, count)) for count in counts)
    if recipe.where and found.left and not any(found.left.get(name, production.rows[name]) for name in names):
        rows = ", ".join(f"{production.rows[name]:,} rows of {name}" for name in names)
        raise UsageError(f"--where {recipe.where!r} is met by none of the {rows}", hint='for example --where "month >= 6"')
    return found


def check_rows(production: Production, given: Sequence[str]) -> None:
    """Of the anchors that somebody asked for one at least has rows, unless nothing has any."""
    if given and any(production.rows.values()) and not any(production.rows[name] for name in given):
        has = "none of them has" if given[1:] else "it has no"
        raise UsageError(
            f"anchor {', '.join(given)} reaches nothing: {has} rows", hint="workbench sandbox create --anchor SOURCE"
        )


def check_anchor(step: Step, rows: int, chosen: int, recipe: Recipe) -> None:
    """An anchor that reaches nothing makes a sandbox without rows; better say so now. ``rows`` may be chosen of it."""
    if step.role is Role.ANCHOR and rows and not chosen:
        those = f"{rows:,} rows that meet --where {recipe.where!r}" if recipe.where else f"{rows:,} rows"
        raise UsageError(
            f"anchor {step.source} reaches nothing: {recipe.sample} of its {those} chose none",
            hint=f"{recipe.again(min(100.0, 3000 / rows))}   (or --floor 50)",
        )


def keyless(production: Production, sources: Mapping[str, Source], steps: Sequence[Step]) -> tuple[str, ...]:
    """What to know of anchors' rows without a key: by its hash they are all one."""
    notes = []
    for name in (step.source for step in steps if step.role is Role.ANCHOR and sources[step.source].key):
        key, remote = sources[name].key, production.remotes.get(name)
        if remote is not None and not any(remote.columns[column].nullable for column in key):
            continue
        ask, relation = (remote.ask, remote.at.relation) if remote else (production.ask, production.relations[name])
        count = int(ask(f"SELECT count(*) FROM {relation} s WHERE NOT ({all_filled(key, 's')})")[0][0])
        if count:
            notes.append(
                f"{count:,} rows of {name} have NULL in their key, {', '.join(key)}; rows alike in it are chosen together"
            )
    return tuple(notes)


def refusal(production: Production, source: str, where: str) -> str:
    """Why a condition can't be asked of a source; nothing when it can."""
    import duckdb

    statement = f"SELECT 1 FROM {production.relations[source]} s WHERE ({where}\n) LIMIT 0"
    try:
        if len(duckdb.extract_statements(statement)) != 1:
            return "it is more than one condition"
        production.ask(statement)
    except duckdb.Error as error:
        return str(error).splitlines()[0]
    return ""


def _check_steady(production: Production, anchors: Sequence[str], where: str) -> None:
    """Equal settings and data give equal rows, so a condition may not ask for the time, for chance, or for anything else."""
    condition = literal(f"SELECT 1 FROM t s WHERE ({where}\n)")
    told = str(production.ask(f"SELECT json_serialize_sql({condition})")[0][0])
    called = [*re.findall(r'"function_name":"(\w+)"', told)]
    unsteady = "SELECT DISTINCT function_name FROM duckdb_functions() WHERE stability <> 'CONSISTENT'"
    moving = {name for (name,) in production.ask(unsteady)} | {"getenv", "getvariable"}
    if '"TABLE_FUNCTION"' in told:
        moving |= {*called}
    columns = {column.lower() for name in anchors for column in production.columns[name]}
    named = {name.lower() for name in re.findall(r'"column_names":\["(\w+)"\]', told)} & (_CLOCKS - columns)
    wrong = [name for name in called if name in moving] or sorted(named)
    if wrong:
        raise UsageError(
            f"--where {where!r}: {wrong[0]} may give something else another time, and a sandbox is to be made again the same",
            hint="""write the value itself, for example --where "day >= DATE '2026-01-01'\"""",
        )


_CLOCKS = {"current_date", "current_time", "current_timestamp", "localtime", "localtimestamp"}


def _counts(production: Production, source: str, where: str, recipe: Recipe) -> list[int] | None:
    """The rows that may be chosen, for each stratum; None where a server can't count them."""
    strata = [identifier(column) for column in recipe.strata if column in production.columns[source]] if recipe.floor else []
    remote = production.remotes.get(source)
    query = f"SELECT count(*) FROM {remote.at.relation if remote else production.relations[source]} s"
    query += (f" WHERE ({where}\n)" if where else "") + (f" GROUP BY {', '.join(strata)}" if strata else "")
    rows = production.ask(query) if remote is None else remote.ask_perhaps(query)
    return None if rows is None else [int(count) for (count,) in rows]
