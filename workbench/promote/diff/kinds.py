"""Column types: which can be compared, and in what form their values are equal exactly when SQL says so.

A *form* is a SQL expression over a column such that two values are the same for the diff if and only if their forms are
not distinct: ``-0.0`` and ``0.0`` share a form, NaN has one, maps are ordered by key, nanoseconds survive.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import uuid4

from workbench.promote.diff.sql import ident, literal

if TYPE_CHECKING:
    from duckdb.sqltypes import DuckDBPyType

Form = Callable[[str], str]

# A column of the name of a variable would be taken for it, and columns may have any name.
_VARIABLE = f"e{uuid4().hex}_"

# Decimal digits that the widest value of an integer type has.
_DIGITS = {
    "tinyint": 3, "smallint": 5, "integer": 10, "bigint": 19, "hugeint": 39,
    "utinyint": 3, "usmallint": 5, "uinteger": 10, "ubigint": 20, "uhugeint": 39,
}  # fmt: skip
_EXACT_IN_DOUBLE = {"tinyint", "smallint", "integer", "utinyint", "usmallint", "uinteger"}
_FLOATS = {"float", "double"}
_MOMENTS = {"date", "timestamp_s", "timestamp_ms", "timestamp"}
_NESTED = {"list", "array", "struct", "map", "union"}
_SIMPLE = {
    *_DIGITS, *_FLOATS, "boolean", "decimal", "varchar", "blob", "bit", "uuid", "date", "time", "time with time zone",
    "time_ns", "timestamp", "timestamp_s", "timestamp_ms", "timestamp_ns", "timestamp with time zone", "enum",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Comparison:
    """How one column is compared: its form on both sides.

    ``same`` says that both forms are the plain column, ``fuzzy`` that a tolerance applies (forms are DOUBLE), ``nested``
    that DuckDB's ``hash`` is blind to some differences, so that hashes go through text.
    """

    base: Form
    candidate: Form
    same: bool = False
    fuzzy: bool = False
    nested: bool = False

    def hashed(self, form: str) -> str:
        """What to hash for a value that is already in its form."""
        return f"CAST({form} AS VARCHAR)" if self.nested else form


def compare(
    base: DuckDBPyType, candidate: DuckDBPyType, *, tolerant: bool = False, ignore_case: bool = False
) -> Comparison | None:
    """How to compare two types; None when values of one can't be told to equal values of the other.

    Lossless widenings compare in the wider type; a float beside a wide integer or a decimal compares by exact value, never
    by rounding.

    >>> import duckdb
    >>> compare(duckdb.sqltype("BIGINT"), duckdb.sqltype("VARCHAR")) is None
    True
    >>> compare(duckdb.sqltype("INTEGER"), duckdb.sqltype("BIGINT")).base("x")
    'CAST(x AS BIGINT)'
    """
    if "null" in (base.id, candidate.id) or '"NULL"' in (str(base), str(candidate)):
        wide = str(candidate) if base.id == "null" or str(base) == '"NULL"' else str(base)
        wide = "INTEGER" if wide == '"NULL"' else wide
        return Comparison(_cast(wide), _cast(wide), nested=candidate.id in _NESTED or base.id in _NESTED)
    if tolerant and (base.id in _FLOATS or candidate.id in _FLOATS) and _number(base) and _number(candidate):
        plain = base.id == candidate.id == "double"
        return Comparison(_as_is if plain else _cast("DOUBLE"), _as_is if plain else _cast("DOUBLE"), same=plain, fuzzy=True)
    forms = _forms(base, candidate, ignore_case, 0)
    if forms is None:
        return None
    nested = base.id in _NESTED or base.id not in _SIMPLE
    return Comparison(*forms, same=forms[0] is _as_is and forms[1] is _as_is, nested=nested)


def shown(kind: DuckDBPyType) -> Form:
    """A form of a value that Python reads without loss and JSON can hold: number, boolean or text."""
    if kind.id == "timestamp with time zone":
        # Read as UTC whatever zone the session has, and without the zone database.
        return lambda x: (
            f"CASE WHEN isfinite({x}) THEN CAST(make_timestamp(epoch_us({x})) AS VARCHAR) || '+00' "
            f"ELSE CAST({x} AS VARCHAR) END"
        )
    if kind.id in _DIGITS or kind.id in _FLOATS or kind.id == "boolean":
        return _as_is
    return _cast("VARCHAR")


def family(kind: DuckDBPyType) -> str:
    """What a distribution of this type looks like: ``number``, ``time``, ``category`` or ``other``."""
    if _number(kind):
        return "number"
    if kind.id in _MOMENTS or kind.id in ("timestamp_ns", "timestamp with time zone"):
        return "time"
    return "category" if kind.id in ("varchar", "enum", "boolean", "uuid") else "other"


def _as_is(x: str) -> str:
    return x


def _cast(kind: str) -> Form:
    return lambda x: f"CAST({x} AS {kind})"


def _number(kind: DuckDBPyType) -> bool:
    return kind.id in _DIGITS or kind.id in _FLOATS or kind.id == "decimal"


def _forms(base: DuckDBPyType, candidate: DuckDBPyType, ignore_case: bool, depth: int) -> tuple[Form, Form] | None:
    """Forms of both sides, or None; ``depth`` names the variables of nested lambdas."""
    texts = {"varchar", "enum"}
    if base.id in texts and candidate.id in texts:
        if ignore_case:
            return (lambda x: f"lower(CAST({x} AS VARCHAR))",) * 2
        alike = str(base) == str(candidate) and str(base) != "JSON"
        return (_as_is, _as_is) if alike else (_cast("VARCHAR"), _cast("VARCHAR"))
    if _number(base) and _number(candidate):
        if str(base) != str(candidate):
            return _numbers(base, candidate)
        # Inside lists and structs the engine tells -0.0 from 0.0.
        return (_plain_zero, _plain_zero) if depth and base.id in _FLOATS else (_as_is, _as_is)
    moments = {*_MOMENTS, "timestamp_ns"}
    if base.id in moments and candidate.id in moments and base.id != candidate.id:
        if "timestamp_ns" in (base.id, candidate.id):
            return _nanoseconds(base.id), _nanoseconds(candidate.id)
        return _cast("TIMESTAMP"), _cast("TIMESTAMP")
    if base.id in ("list", "array") and candidate.id in ("list", "array"):
        return _lists(base, candidate, ignore_case, depth)
    if base.id != candidate.id:
        return None
    if base.id == "struct":
        return _structs(base, candidate, ignore_case, depth)
    if base.id == "map":
        return _maps(base, candidate, ignore_case, depth)
    if base.id == "union":
        return _unions(base, ignore_case, depth) if str(base) == str(candidate) else None
    if base.id in _SIMPLE:
        return _as_is, _as_is
    if base.id == "variant":
        return None  # its text does not tell 1 from '1', and the engine compares no two types of values
    # INTERVAL among them: the engine holds '1 month' and '30 days' for equal, whoever reads them does not.
    return (_cast("VARCHAR"), _cast("VARCHAR")) if str(base) == str(candidate) else None


def _plain_zero(x: str) -> str:
    return f"CASE WHEN {x} = 0 THEN 0 WHEN isnan({x}) THEN 'nan' ELSE {x} END"


def _numbers(base: DuckDBPyType, candidate: DuckDBPyType) -> tuple[Form, Form] | None:
    kinds = {base.id, candidate.id}
    if kinds <= _FLOATS:
        return _cast("DOUBLE"), _cast("DOUBLE")
    if kinds & _FLOATS:
        other = candidate if base.id in _FLOATS else base
        if other.id in _EXACT_IN_DOUBLE:
            return _cast("DOUBLE"), _cast("DOUBLE")
        scale = 0 if other.id in _DIGITS else dict(other.children)["scale"]
        ours, theirs = _float_text(other, int(str(scale))), _exact_text(other, int(str(scale)))
        return (ours, theirs) if base.id in _FLOATS else (theirs, ours)
    if kinds <= set(_DIGITS):
        wide = _wider_integer(base.id, candidate.id)
        return _cast(wide), _cast(wide)
    whole, scale = (max(pair) for pair in zip(_precision(base), _precision(candidate), strict=True))
    if whole + scale <= 38:
        return _cast(f"DECIMAL({whole + scale},{scale})"), _cast(f"DECIMAL({whole + scale},{scale})")
    return _trimmed, _trimmed


def _wider_integer(one: str, other: str) -> str:
    if one.startswith("u") == other.startswith("u"):
        return max(one, other, key=_DIGITS.__getitem__).upper()
    if "uhugeint" in (one, other):
        return "VARCHAR"
    return "HUGEINT" if {"ubigint", "hugeint"} & {one, other} else "BIGINT"


def _precision(kind: DuckDBPyType) -> tuple[int, int]:
    """Digits before and after the point."""
    if kind.id != "decimal":
        return _DIGITS[kind.id], 0
    size = {name: int(str(value)) for name, value in kind.children}
    return size["precision"] - size["scale"], size["scale"]


def _trimmed(x: str) -> str:
    text = f"CAST({x} AS VARCHAR)"
    return f"CASE WHEN contains({text}, '.') THEN rtrim(rtrim({text}, '0'), '.') ELSE {text} END"


def _exact_text(kind: DuckDBPyType, scale: int) -> Form:
    return _cast("VARCHAR") if kind.id in _DIGITS else lambda x: f"CAST(CAST({x} AS DECIMAL(38,{scale})) AS VARCHAR)"


def _float_text(kind: DuckDBPyType, scale: int) -> Form:
    """The text that an exact number would have, if it equals the float; the float's own text otherwise."""
    if kind.id in _DIGITS:
        return lambda x: (
            f"CASE WHEN isfinite({x}) AND {x} = trunc({x}) AND abs({x}) < 1e38 "
            f"THEN CAST(CAST({x} AS HUGEINT) AS VARCHAR) ELSE CAST({x} AS VARCHAR) END"
        )

    def form(x: str) -> str:
        # A decimal equals the float whose shortest text it is: 0.10 is 0.1, though no binary float is a tenth.
        exact = f"TRY_CAST(CAST({x} AS VARCHAR) AS DECIMAL(38,{scale}))"
        same = f"CAST({exact} AS DOUBLE) = CAST(CAST({x} AS VARCHAR) AS DOUBLE)"
        return f"CASE WHEN {same} THEN CAST({exact} AS VARCHAR) ELSE CAST({x} AS VARCHAR) END"

    return form


def _nanoseconds(kind: str) -> Form:
    """Microseconds and the nanoseconds beyond them; a TIMESTAMP_NS alone could not hold the years 1 to 9999."""
    if kind != "timestamp_ns":
        return lambda x: f"CASE WHEN {x} IS NOT NULL THEN struct_pack(us := CAST({x} AS TIMESTAMP), ns := 0::BIGINT) END"
    return lambda x: (
        f"CASE WHEN {x} IS NOT NULL THEN struct_pack(us := CAST({x} AS TIMESTAMP), "
        f"ns := CASE WHEN isfinite({x}) THEN epoch_ns({x}) - epoch_us(CAST({x} AS TIMESTAMP)) * 1000 ELSE 0 END) END"
    )


def _lists(base: DuckDBPyType, candidate: DuckDBPyType, ignore_case: bool, depth: int) -> tuple[Form, Form] | None:
    inner = _forms(_child(base, "child"), _child(candidate, "child"), ignore_case, depth + 1)
    if inner is None:
        return None

    def form(kind: DuckDBPyType, element: Form) -> Form:
        # As a list, since the engine can't choose between arrays (CASE).
        flat: Form = _as_is if kind.id == "list" else _cast(f"{_child(kind, 'child')}[]")
        if element is _as_is and str(_child(base, "child")) == str(_child(candidate, "child")):
            return flat
        return lambda x: f"list_transform({flat(x)}, lambda {_VARIABLE}{depth}: {element(f'{_VARIABLE}{depth}')})"

    return form(base, inner[0]), form(candidate, inner[1])


def _structs(base: DuckDBPyType, candidate: DuckDBPyType, ignore_case: bool, depth: int) -> tuple[Form, Form] | None:
    ours, theirs = dict(_fields(base)), dict(_fields(candidate))
    if "" in ours or ours.keys() != theirs.keys():
        return (_cast("VARCHAR"), _cast("VARCHAR")) if str(base) == str(candidate) else None
    inner = {name: _forms(kind, theirs[name], ignore_case, depth + 1) for name, kind in ours.items()}
    if any(forms is None for forms in inner.values()):
        return None
    if str(base) == str(candidate) and all(forms == (_as_is, _as_is) for forms in inner.values()):
        return _as_is, _as_is

    return _fieldwise(inner, "struct_extract")


def _unions(kind: DuckDBPyType, ignore_case: bool, depth: int) -> tuple[Form, Form] | None:
    """Which member has a value, and all members: text would not tell a member's NULL from the text ``NULL``."""
    inner = {name: _forms(child, child, ignore_case, depth + 1) for name, child in _fields(kind) if name}
    if any(forms is None for forms in inner.values()):
        return None
    return _fieldwise(inner, "union_extract", lambda x: f"{_VARIABLE} := CAST(union_tag({x}) AS VARCHAR)")


def _fieldwise(inner: Mapping[str, tuple[Form, Form] | None], extract: str, also: Form | None = None) -> tuple[Form, Form]:
    def form(side: int) -> Form:
        def build(x: str) -> str:
            values = [
                f"{ident(name)} := {forms[side](f'{extract}({x}, {literal(name)})')}"
                for name, forms in inner.items()
                if forms is not None
            ]
            return f"CASE WHEN {x} IS NOT NULL THEN struct_pack({', '.join([*values, *([also(x)] if also else [])])}) END"

        return build

    return form(0), form(1)


def _maps(base: DuckDBPyType, candidate: DuckDBPyType, ignore_case: bool, depth: int) -> tuple[Form, Form] | None:
    keys = _forms(_child(base, "key"), _child(candidate, "key"), False, depth + 1)
    values = _forms(_child(base, "value"), _child(candidate, "value"), ignore_case, depth + 1)
    if keys is None or values is None:
        return None

    def form(side: int) -> Form:
        entry = f"{_VARIABLE}{depth}"
        pair = f"struct_pack(k := {keys[side](f'{entry}.key')}, v := {values[side](f'{entry}.value')})"
        return lambda x: f"list_sort(list_transform(map_entries({x}), lambda {entry}: {pair}))"

    return form(0), form(1)


def _fields(kind: DuckDBPyType) -> list[tuple[str, DuckDBPyType]]:
    from duckdb.sqltypes import DuckDBPyType

    return [(name, child) for name, child in kind.children if isinstance(child, DuckDBPyType)]


def _child(kind: DuckDBPyType, role: str) -> DuckDBPyType:
    return dict(_fields(kind))[role]
