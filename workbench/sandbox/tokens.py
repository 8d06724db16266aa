"""Tokens as SQL: HMAC-SHA256 of text, a keyed permutation of integers, so that a key stays unique and keeps its type.

An integer is permuted in ten Feistel rounds, as many as NIST's FF1 has: either half is changed by a keyed hash of the other.
Halves of 16 bits have so few values that all hashes of a round fit in a list, and one SHA-256 fills sixteen places of it. So
the hashes of many values are computed once, and a value costs ten look-ups; few values are hashed one by one, to the same end.

Integers of up to 52 bits are permuted in quarters of 13 bits, so that lists do there, too: in each of 24 steps the lowest
quarter changes the other three, and becomes the highest.
"""

from __future__ import annotations

from collections.abc import Sequence

from workbench.errors import ConfigError
from workbench.sandbox.mask import INTEGER_BITS, WIDE, Column, held, hmac_sql, is_text

ROUNDS = 10
MANY = 15_000  # values from which on the lists of all hashes cost less than the hashes of each value
_NARROW = 32  # values of 64-bit columns below 2^32 stay below 2^32
_WIDER = 52  # the others stay below 2^53, where JavaScript and floating point still tell neighbours apart
_QUARTER = 13
_STEPS = 24  # six for each quarter


def token_type(types: Sequence[str], columns: Sequence[Column]) -> str:
    """The type in which a domain's tokens are computed: text, or the narrowest integer type among its columns."""
    if all(is_text(each) or each == "UUID" for each in types):
        return "UUID" if set(types) == {"UUID"} else "VARCHAR"
    order = ["UTINYINT", "TINYINT", "USMALLINT", "SMALLINT", "UINTEGER", "INTEGER", *WIDE]
    if all(each in order for each in types):
        narrow = [each for each in types if each in INTEGER_BITS]
        return min(narrow, key=lambda each: (INTEGER_BITS[each], each)) if narrow else "BIGINT"
    wrong, column = next(
        (each, column) for each, column in zip(types, columns, strict=True) if each not in order and not is_text(each)
    )
    raise ConfigError(
        f"{column[0]}.{column[1]} is {wrong}; tokens are for text, integers and UUIDs",
        hint=f'write {column[1]} = "redact", or another rule, in mask of [tool.workbench.sources.{column[0]}]',
    )


def is_integer(kind: str) -> bool:
    """Whether values of a domain's type are permuted, and not hashed."""
    return kind not in ("VARCHAR", "UUID")


def wide_type(kind: str, types: Sequence[str]) -> str:
    """A type that holds all values of a domain's columns, and their tokens.

    >>> wide_type("INTEGER", ["INTEGER", "BIGINT"]), wide_type("BIGINT", ["BIGINT", "UBIGINT"]), wide_type("UUID", ["UUID"])
    ('BIGINT', 'HUGEINT', 'UUID')
    """
    if not is_integer(kind):
        return kind
    return "HUGEINT" if set(types) & set(WIDE[1:]) else "BIGINT"


def text_token(value: str, kind: str, slot: str) -> str:
    """The token of a text or UUID as an expression; NULL stays NULL."""
    if kind == "UUID":
        return f"CAST(left({hmac_sql(f'CAST({value} AS VARCHAR)', slot)}, 32) AS UUID)"
    return f"'t' || substr({hmac_sql(value, slot)}, 1, 20)"


def token_sql(values: str, kind: str, slot: str, *, most: int = 1 << 127, lists: str = "") -> str:
    """A query that gives ``v`` and its ``token`` for a query of values ``v``.

    Integers are at most ``most``, or -1 - ``most``. Where there are many of them, ``lists`` is a table that :func:`lists_sql`
    made for them; it changes no token.
    """
    if not is_integer(kind):
        return f"SELECT v, {text_token('v', kind, slot)} AS token FROM ({values})"
    bits = INTEGER_BITS.get(kind, _NARROW)
    numbers = f"SELECT v, CASE WHEN v < 0 THEN -1 - v ELSE v END AS n FROM ({values})"
    if most < 1 << bits:
        permuted = _permutation(numbers, bits, slot, lists)
    else:
        beyond = f"{1 << 60} + CAST('0x' || left({hmac_sql('CAST(n AS VARCHAR)', slot)}, 14) AS BIGINT)"
        wider = f"SELECT v, n FROM numbers WHERE n >= {1 << bits} AND n < {1 << _WIDER}"
        parts = [
            _permutation(f"SELECT v, n FROM numbers WHERE n < {1 << bits}", bits, slot, lists),
            f"SELECT v, {1 << _WIDER} + p AS p FROM ({_wide_permutation(wider, slot, lists)})",
            f"SELECT v, {beyond} AS p FROM numbers WHERE n >= {1 << _WIDER}",
        ]
        permuted = f"WITH numbers AS MATERIALIZED ({numbers}) {' UNION ALL '.join(parts)}"
    return f"SELECT v, CASE WHEN v < 0 THEN -1 - p ELSE p END AS token FROM ({permuted})"


def lists_sql(kind: str, slot: str, *, most: int = 1 << 127) -> str:
    """A query of one row: for each round the hashes of all halves, and for each step those of all quarters."""
    bits = INTEGER_BITS.get(kind, _NARROW)
    halves = _listed(max(1, (1 << (bits - bits // 2)) // 16), ROUNDS, "f", slot)
    if most < 1 << bits:
        return halves
    return f"SELECT * FROM ({halves}) CROSS JOIN ({_listed((1 << _QUARTER) // 4, _STEPS, 'w', slot)})"


def _listed(blocks: int, rounds: int, letter: str, slot: str) -> str:
    """All hashes of so many blocks, four numbers of 64 bits each, as one list a round; those of quarters as they are used."""
    hashes = ", ".join(f"{_hash(f'{_LABELS[letter]}{number}|', 'x', slot)} AS h{number}" for number in range(rounds))
    words = ", ".join(
        f"list({_WORDS[letter].format(f'h{number}', '1 + 16 * k')} ORDER BY x, k) AS {letter}{number}"
        for number in range(rounds)
    )
    return f"SELECT {words} FROM (SELECT x, {hashes} FROM range({blocks}) r(x)) CROSS JOIN range(4) w(k)"


_LABELS = {"f": "", "w": "wide "}
_WORDS = {"f": "CAST('0x' || substr({}, {}, 16) AS UBIGINT)", "w": "CAST('0x' || substr({}, {}, 10) AS BIGINT) >> 1"}


def _hash(label: str, value: str, slot: str) -> str:
    """A keyed hash of a number: 256 bits as text. The key is derived by HMAC."""
    return f"sha256({held(f'round_{slot}')} || encode('{label}' || {value}))"


def _permutation(numbers: str, bits: int, slot: str, lists: str) -> str:
    """A keyed permutation ``p`` of numbers ``n`` of so many bits, beside their ``v``."""
    low = bits // 2
    high = bits - low
    both = "CAST(n AS BIGINT)"
    query = f"SELECT *, {both} >> {low} AS a, {both} & {(1 << low) - 1} AS b FROM ({numbers})"
    query += f" CROSS JOIN {lists}" if lists else ""
    for number in range(ROUNDS):
        changed, other, width = ("a", "b", high) if number % 2 == 0 else ("b", "a", low)
        if lists:
            drawn = f"CAST((f{number}[({other} >> 2) + 1] >> CAST(48 - 16 * ({other} & 3) AS UBIGINT)) & 65535 AS BIGINT)"
        else:
            digits = f"substr({_hash(f'{number}|', f'({other} >> 4)', slot)}, 1 + 4 * ({other} & 15), 4)"
            drawn = f"CAST('0x' || {digits} AS BIGINT)"
        query = f"SELECT * REPLACE (xor({changed}, {drawn} & {(1 << width) - 1}) AS {changed}) FROM ({query})"
    return f"SELECT v, (a << {low}) | b AS p FROM ({query})"


def _wide_permutation(numbers: str, slot: str, lists: str) -> str:
    """The same of numbers of four quarters: each step changes the upper three by the lowest, then moves that to the top."""
    query = f"SELECT v, CAST(n AS BIGINT) AS p{', l.*' if lists else ''} FROM ({numbers})"
    query += f" CROSS JOIN {lists} l" if lists else ""
    quarter, rest = (1 << _QUARTER) - 1, _WIDER - _QUARTER
    for number in range(_STEPS):
        lowest = f"(p & {quarter})"
        if lists:
            drawn = f"w{number}[{lowest} + 1]"
        else:
            drawn = _WORDS["w"].format(_hash(f"{_LABELS['w']}{number}|", f"({lowest} >> 2)", slot), "1 + 16 * (p & 3)")
        query = f"SELECT * REPLACE (xor(p >> {_QUARTER}, {drawn}) | ({lowest} << {rest}) AS p) FROM ({query})"
    return f"SELECT v, p FROM ({query})"
