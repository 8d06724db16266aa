"""Masks: which rule applies to which column, and its value as SQL. The key is never part of a statement.

Columns that refer to each other form one *key domain* and get the same token for the same value, so that they still join;
:mod:`workbench.sandbox.tokens` makes it.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from workbench.config import Source
from workbench.errors import ConfigError, GuardRefused
from workbench.runtime import secret
from workbench.runtime.duck import identifier
from workbench.sandbox.graph import Link

KEY_VARIABLE = "WORKBENCH_MASK_KEY"
REDACTED = "redacted"
Column = tuple[str, str]

INTEGER_BITS = {"TINYINT": 7, "SMALLINT": 15, "INTEGER": 31, "UTINYINT": 8, "USMALLINT": 16, "UINTEGER": 32}
WIDE = ("BIGINT", "UBIGINT", "HUGEINT", "UHUGEINT")


class Key:
    """The secret of all masks of one creation; it lives in this process and is written nowhere."""

    def __init__(self, secret: bytes, *, lasting: bool) -> None:
        self._secret = secret
        self.lasting = lasting

    @classmethod
    def find(cls, reference: str = "") -> Key:
        """The key that ``WORKBENCH_MASK_KEY`` holds, else the one that a reference leads to, else a random one.

        A random key is gone with the process. Raises ``UsageError`` where the reference leads to nothing, ``GuardRefused`` for
        a key that is too short.
        """
        given, place = os.environ.get(KEY_VARIABLE), KEY_VARIABLE
        if given is None and reference:
            given, place = secret.resolve(reference), reference
        if given is None:
            return cls(os.urandom(32), lasting=False)
        if len(given.encode()) < 16:
            raise GuardRefused(
                f"{place} has {len(given.encode())} bytes; a key this short can be found by trying",
                hint="python -c 'import secrets; print(secrets.token_hex(32))'   prints one that is long enough",
            )
        return cls(given.encode(), lasting=True)

    def __repr__(self) -> str:
        return "Key(…)"

    def pads(self, domain: str) -> tuple[bytes, bytes]:
        """The two constants of HMAC-SHA256 under this key, the inner one with the domain already appended."""
        block = (hashlib.sha256(self._secret).digest() if len(self._secret) > 64 else self._secret).ljust(64, b"\0")
        return bytes(byte ^ 0x36 for byte in block) + domain.encode() + b"\0", bytes(byte ^ 0x5C for byte in block)

    def derived(self, purpose: str) -> bytes:
        """A key for one purpose, from which this one can't be found."""
        return hmac.new(self._secret, purpose.encode(), hashlib.sha256).digest()


@dataclass(frozen=True, slots=True)
class Rules:
    """The rule of every masked column, and the key domains among those masked by ``token``."""

    rules: dict[Column, str]
    domains: dict[Column, str]
    notes: tuple[str, ...] = ()

    def of(self, source: str) -> dict[str, str]:
        return {column: rule for (name, column), rule in self.rules.items() if name == source and rule != "keep"}

    def decided(self, source: str) -> tuple[str, ...]:
        """Columns about which somebody decided, also to keep them."""
        return tuple(column for name, column in self.rules if name == source)

    def tokens(self) -> dict[str, list[Column]]:
        """Domain name -> its columns."""
        found: dict[str, list[Column]] = {}
        for column, domain in self.domains.items():
            if self.rules.get(column) == "token":
                found.setdefault(domain, []).append(column)
        return found


def decide(sources: Mapping[str, Source], all_links: Sequence[Link]) -> Rules:
    """Apply each declared rule to its key domain; ``ConfigError`` where two rules of one domain can't both stand."""
    groups = _domains(sources, all_links)
    rules: dict[Column, str] = {
        (name, column): rule for name, source in sources.items() for column, rule in source.mask.items()
    }
    notes = []
    for group in groups:
        declared = {column: rules[column] for column in group if column in rules}
        changing = {rule for rule in declared.values() if rule != "keep"}
        if not changing:
            continue
        owner, column = next(each for each, rule in declared.items() if rule != "keep")
        if changing != {"token"}:
            wrong = next(item for item in declared.items() if item[1] not in ("keep", "token"))
            raise ConfigError(
                f"tool.workbench.sources.{wrong[0][0]}.mask: {wrong[1]!r} on {wrong[0][1]} breaks its joins with "
                + _names(column for column in group if column != wrong[0]),
                hint=f'write {wrong[0][1]} = "token" in mask of [tool.workbench.sources.{wrong[0][0]}]',
            )
        for other in group:
            if rules.get(other) == "keep":
                raise ConfigError(
                    f"{owner}.{column} is masked by token, but {other[0]}.{other[1]}, which joins it, is kept clear",
                    hint=f'write {other[1]} = "token" in mask of [tool.workbench.sources.{other[0]}]',
                )
        spread = [other for other in group if other not in rules]
        if spread:
            notes.append(f"the token of {owner}.{column} also masks {_names(spread)}, so that they still join")
        rules |= dict.fromkeys(group, "token")
    domains = {column: f"{group[0][0]}.{group[0][1]}" for group in groups for column in group}
    domains |= {
        column: f"{column[0]}.{column[1]}" for column, rule in rules.items() if column not in domains and rule == "token"
    }
    return Rules(rules, domains, tuple(notes))


def _names(columns: Any) -> str:
    return ", ".join(f"{source}.{column}" for source, column in columns)


def _domains(sources: Mapping[str, Source], all_links: Sequence[Link]) -> list[list[Column]]:
    """Columns that refer to each other, each group beginning with the column that is referred to most."""
    group: dict[Column, set[Column]] = {}
    referred: dict[Column, int] = {}
    for link in all_links:
        for mine, theirs in zip(link.columns, link.to, strict=True):
            left, right = (link.child, mine), (link.parent, theirs)
            merged = group.get(left, {left}) | group.get(right, {right})
            for column in merged:
                group[column] = merged
            referred[right] = referred.get(right, 0) + 1
    distinct = {id(members): members for members in group.values()}
    ordered = [sorted(members, key=lambda column: (-referred.get(column, 0), column)) for members in distinct.values()]
    return sorted(ordered)


def hmac_sql(value: str, slot: str) -> str:
    """HMAC-SHA256 of a text as 64 hexadecimal digits, for :func:`run`."""
    return f"sha256({held('outer')} || unhex(sha256({held(f'inner_{slot}')} || encode({value}))))"


def held(name: str) -> str:
    """What :func:`run` holds under a name while a statement is carried out: ``outer``, ``inner_SLOT`` or ``round_SLOT``."""
    return f"getvariable('__wb_{name}')"


def run(con: Any, statement: str, key: Key, slots: Mapping[str, str]) -> None:
    """Carry out a statement made here; ``slots`` maps each slot to its domain.

    What is derived from the key stands in variables of the connection until the statement is done.
    """
    names = sorted(set(re.findall(r"getvariable\('__wb_(outer|inner_\w+|round_\w+)'\)", statement)))
    try:
        for name in names:
            kind, _, slot = name.partition("_")
            if kind == "round":
                derived = key.derived(f"round|{slots[slot]}")
            else:
                derived = key.pads("")[1] if kind == "outer" else key.pads(slots[slot])[0]
            _hold(con, f"__wb_{name}", derived)
        con.execute(statement)
    finally:
        with contextlib.suppress(Exception):  # where the statement failed, its transaction takes no other
            for name in names:
                con.execute(f"RESET VARIABLE __wb_{name}")


def _hold(con: Any, variable: str, value: bytes) -> None:
    """Set a variable to a value that no statement shows. It comes from memory: a parameter makes DuckDB import pandas."""
    if hasattr(os, "memfd_create"):
        with open(os.memfd_create(variable), "wb", buffering=0) as memory:
            memory.write(value)
            place = f"/proc/self/fd/{memory.fileno()}"
            if os.path.exists(place):
                con.execute(f"SET VARIABLE {variable} = (SELECT content FROM read_blob('{place}'))")
                # The next file has the same name: nothing of this one may have been kept.
                if con.execute(f"SELECT getvariable('{variable}')").fetchone()[0] == value:
                    return
    con.execute(f"SET VARIABLE {variable} = $value", {"value": value})


def is_text(duckdb_type: str) -> bool:
    return duckdb_type == "VARCHAR" or (duckdb_type.startswith("ENUM(") and not duckdb_type.endswith("]"))


def type_of(rule: str, duckdb_type: str) -> str:
    """The type that a column has in a sandbox: its own, but an ENUM under a mask is text, since it names all of its values.

    >>> type_of("token", "ENUM('ada', 'bob')"), type_of("keep", "ENUM('a')"), type_of("redact", "VARCHAR[]")
    ('VARCHAR', "ENUM('a')", 'VARCHAR[]')
    """
    return "VARCHAR" if rule != "keep" and is_text(duckdb_type) else duckdb_type


def value_sql(rule: str, column: str, duckdb_type: str, cluster: str, slot: str) -> str:
    """A masked column of a table ``s`` as SQL, NULL staying NULL; ``cluster`` tells entities apart. No tokens."""
    name = f"s.{identifier(column)}"
    word, _, argument = rule.partition(":")
    match word:
        case "keep":
            return name
        case "redact" if is_text(duckdb_type):
            return f"CASE WHEN {name} IS NULL THEN NULL ELSE '{REDACTED}' END"
        case "redact":
            return f"CAST(NULL AS {duckdb_type})"
        case "generalise":
            return _generalised(name, argument, duckdb_type, column)
        case "shift_dates" if is_time(duckdb_type):
            # From -n to -1 and from 1 to n: a date that stays where it is would stand in clear.
            drawn = f"(CAST('0x' || left({hmac_sql(cluster, slot)}, 12) AS BIGINT) % {2 * int(argument)})"
            days = f"({drawn} - CASE WHEN {drawn} < {argument} THEN {argument} ELSE {int(argument) - 1} END)"
            return _moved(name, f"CAST({name} + to_days(CAST({days} AS INTEGER)) AS {duckdb_type})")
        case "noise" if is_number(duckdb_type):
            hashed = hmac_sql(f"{cluster} || CAST({name} AS VARCHAR)", slot)
            unit = f"(CAST('0x' || left({hashed}, 13) AS BIGINT) / {float(1 << 52)})"
            change = f"{float(argument[:-1]) / 100} * (2 * {unit} - 1)"
            more, less = (f"{name} * (1 {sign} {change})" for sign in "+-")
            if duckdb_type in (*INTEGER_BITS, *WIDE):
                more, less = f"round({more})", f"round({less})"
            # What would be too large for the type becomes smaller by as much.
            return f"coalesce(TRY_CAST({more} AS {duckdb_type}), CAST({less} AS {duckdb_type}))"
        case _:
            raise ConfigError(
                f"{word} does not fit {column}, which is {duckdb_type}", hint=f'write {column} = "redact", or another mask'
            )


def _moved(name: str, moment: str) -> str:
    """A moment made of another one: an infinity, which names no day, stays; what no timestamp can hold becomes NULL."""
    return f"coalesce(TRY({moment}), CASE WHEN NOT isfinite({name}) THEN {name} END)"


def _generalised(name: str, argument: str, duckdb_type: str, column: str) -> str:
    number = re.fullmatch(r"[0-9.]+", argument) is not None
    if is_time(duckdb_type) and not number:
        # Without the sum the engine would cut the column's bounds first, and stop where those are infinite.
        return _moved(name, f"CAST(date_trunc('{argument}', {name} + to_days(0)) AS {duckdb_type})")
    if is_text(duckdb_type) and number and "." not in argument:
        return f"left(CAST({name} AS VARCHAR), {argument})"
    if is_number(duckdb_type) and number:
        low, high = (f"{cut}({name} / {argument}) * {argument}" for cut in ("floor", "ceil"))
        return f"coalesce(TRY_CAST({low} AS {duckdb_type}), CAST({high} AS {duckdb_type}))"
    raise ConfigError(
        f"generalise:{argument} does not fit {column}, which is {duckdb_type}",
        hint="dates take year, quarter, month, week, day or hour; numbers a width; text a number of first letters",
    )


def is_time(duckdb_type: str) -> bool:
    return duckdb_type == "DATE" or (duckdb_type.startswith("TIMESTAMP") and not duckdb_type.endswith("]"))


def is_number(duckdb_type: str) -> bool:
    decimal = duckdb_type.startswith("DECIMAL") and not duckdb_type.endswith("]")
    return decimal or duckdb_type in (*INTEGER_BITS, *WIDE, "DOUBLE", "FLOAT")


def family(duckdb_type: str) -> str:
    """Types whose values can be equal.

    >>> family("DECIMAL(9,2)"), family("ENUM('a')"), family("TIMESTAMP WITH TIME ZONE"), family("UUID")
    ('number', 'text', 'time', 'UUID')
    """
    if is_text(duckdb_type):
        return "text"
    return "number" if is_number(duckdb_type) else "time" if is_time(duckdb_type) else duckdb_type
