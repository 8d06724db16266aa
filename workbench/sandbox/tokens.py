"""Tokens as SQL: HMAC-SHA256 of text, a keyed permutation of integers, so that a key stays unique and keeps its type.

An integer is permuted in ten Feistel rounds, as many as NIST's FF1 has: either half is changed by a keyed hash of the other.
Halves of 16 bits have so few values that all hashes of a round fit in a list, and one SHA-256 fills sixteen places of it. So
the hashes of many values are computed once, and a value costs ten look-ups; few values are hashed one by one, to the same end.
"""

from __future__ import annotations

from collections.abc import Sequence

from workbench.errors import ConfigError
from workbench.sandbox.mask import INTEGER_BITS, WIDE, Column, held, hmac_sql, is_text

ROUNDS = 10
MANY = 15_000  # values from which on the lists of all hashes cost less than the hashes of each value
_NARROW = 32  # values of 64-bit columns below 2^32 stay below 2^32
_WIDER = 52  # the others stay below 2^53, where JavaScript and floating point still tell neighbours apart
_WIDER_ROUNDS = 6  # with halves of 26 bits


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
    made; it changes no token.
    """
    if not is_integer(kind):
        return f"SELECT v, {text_token('v', kind, slot)} AS token FROM ({values})"
    bits = INTEGER_BITS.get(kind, _NARROW)
    numbers = f"SELECT v, CASE WHEN v < 0 THEN -1 - v ELSE v END AS n FROM ({values})"
    permuted = _permutation(numbers, bits, ROUNDS, slot, "", lists)
    token = "p"
    if most >= 1 << bits:
        permuted = _permutation(f"SELECT v, n, p AS q FROM ({permuted})", _WIDER, _WIDER_ROUNDS, slot, f"n >= {1 << bits}")
        beyond = f"{1 << 60} + CAST('0x' || left({hmac_sql('CAST(n AS VARCHAR)', slot)}, 14) AS BIGINT)"
        token = f"CASE WHEN n < {1 << bits} THEN q WHEN n < {1 << _WIDER} THEN {1 << _WIDER} + p ELSE {beyond} END"
    return f"SELECT v, CASE WHEN v < 0 THEN -1 - p ELSE p END AS token FROM (SELECT v, {token} AS p FROM ({permuted}))"


def lists_sql(kind: str, slot: str) -> str:
    """A query of one row: for each round the hashes of all halves, 64 bits a number."""
    bits = INTEGER_BITS.get(kind, _NARROW)
    blocks = max(1, (1 << (bits - bits // 2)) // 16)
    hashes = ", ".join(f"{_hash(f'{number}|', 'x', slot)} AS h{number}" for number in range(ROUNDS))
    words = ", ".join(
        f"list(CAST('0x' || substr(h{number}, 1 + 16 * k, 16) AS UBIGINT) ORDER BY x, k) AS f{number}"
        for number in range(ROUNDS)
    )
    return f"SELECT {words} FROM (SELECT x, {hashes} FROM range({blocks}) r(x)) CROSS JOIN range(4) w(k)"


def _hash(label: str, value: str, slot: str) -> str:
    """A keyed hash of a number: 256 bits as text. The key is derived by HMAC."""
    return f"sha256({held(f'round_{slot}')} || encode('{label}' || {value}))"


def _permutation(numbers: str, bits: int, rounds: int, slot: str, guard: str, lists: str = "") -> str:
    """A keyed permutation ``p`` of the lowest so many bits of ``n``, added to a query; hashed is only where ``guard`` holds."""
    low = bits // 2
    high = bits - low
    both = f"CAST(n % {1 << bits} AS BIGINT)"
    halves = f"{both} >> {low} AS a, {both} & {(1 << low) - 1} AS b"
    query = f"SELECT * FROM (SELECT *, {halves} FROM ({numbers}))" + (f" CROSS JOIN {lists}" if lists else "")
    for number in range(rounds):
        changed, other, width = ("a", "b", high) if number % 2 == 0 else ("b", "a", low)
        if bits == _WIDER:
            drawn = f"CAST('0x' || left({_hash(f'wide {number}|', other, slot)}, 8) AS BIGINT)"
        elif lists:
            drawn = f"CAST((f{number}[({other} >> 2) + 1] >> CAST(48 - 16 * ({other} & 3) AS UBIGINT)) & 65535 AS BIGINT)"
        else:
            digits = f"substr({_hash(f'{number}|', f'({other} >> 4)', slot)}, 1 + 4 * ({other} & 15), 4)"
            drawn = f"CAST('0x' || {digits} AS BIGINT)"
        if guard:
            drawn = f"CASE WHEN {guard} THEN {drawn} ELSE 0 END"
        query = f"SELECT * REPLACE (xor({changed}, {drawn} & {(1 << width) - 1}) AS {changed}) FROM ({query})"
    kept = "v, n, q" if guard else "v, n"
    return f"SELECT {kept}, (a << {low}) | b AS p FROM ({query})"
