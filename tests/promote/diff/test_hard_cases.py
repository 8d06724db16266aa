"""Hard cases with answers worked out by hand: types, keys, duplicates, tolerances, names.

Each table is a SELECT over VALUES, so that the whole case can be read in place. ``rows`` is added, removed, changed.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field

import ibis
import pytest

from workbench.promote.diff import TableDiff, diff, narrow


@dataclass(frozen=True)
class Case:
    name: str
    base: str
    candidate: str
    key: tuple[str, ...] = ("id",)
    rows: tuple[int, int, int] = (0, 0, 0)
    columns: dict[str, int] = field(default_factory=dict)
    schema: dict = field(default_factory=dict)
    options: dict = field(default_factory=dict)
    value: tuple[str, str] | None = None  # where a row on either side has just one


def values(names: str, *rows: str) -> str:
    return f"SELECT * FROM (VALUES {', '.join(f'({row})' for row in rows)}) t({names})"


def one(expression: str) -> str:
    return f"SELECT 1 AS id, {expression} AS v"


def pair(
    name: str, base: str, candidate: str, *, differs: bool, types: tuple[str, str] | None = None, **options: object
) -> Case:
    """One row on either side, whose only value differs or not."""
    schema = {"type_changed": {"v": list(types)}} if types else {}
    columns = {"v": 1} if differs else {}
    return Case(name, one(base), one(candidate), ("id",), (0, 0, int(differs)), columns, schema, options, (base, candidate))


def apart(name: str, base: str, candidate: str, types: tuple[str, str]) -> Case:
    """One row on either side, whose types can't be compared."""
    schema = {"type_changed": {"v": list(types)}, "not_compared": ["v"]}
    return Case(name, one(base), one(candidate), schema=schema, value=(base, candidate))


def keys(name: str, base: str, candidate: str, *, match: bool, types: tuple[str, str] | None = None) -> Case:
    """One row on either side, whose keys match or not."""
    lone = (0, 0, 0) if match else (1, 1, 0)
    schema = {"type_changed": {"id": list(types)}} if types else {}
    return Case(name, f"SELECT {base} AS id, 1 AS v", f"SELECT {candidate} AS id, 1 AS v", rows=lone, schema=schema)


ID_V = "id, v"
CASES = [
    # rows and keys
    Case("identical", values(ID_V, "1, 'a'", "2, 'b'", "3, NULL"), values(ID_V, "3, NULL", "1, 'a'", "2, 'b'")),
    Case(
        "a bit of everything",
        values("id, x, y", "1,10,'a'", "2,20,'b'", "3,30,'c'", "4,40,'d'", "5,50,'e'"),
        values("id, x, y", "2,20,'b'", "3,31,'c'", "4,40,'D'", "5,51,'E'", "6,60,'f'"),
        rows=(1, 1, 3),
        columns={"x": 2, "y": 2},
    ),
    Case(
        "two rows swap their values",
        values(ID_V, "1, 10", "2, 20"),
        values(ID_V, "1, 20", "2, 10"),
        rows=(0, 0, 2),
        columns={"v": 2},
    ),
    Case(
        "two columns swap their values",
        values("id, x, y", "1, 10, 20"),
        values("id, x, y", "1, 20, 10"),
        rows=(0, 0, 1),
        columns={"x": 1, "y": 1},
    ),
    Case("candidate empty", values(ID_V, "1, 'a'", "2, 'b'"), values(ID_V, "1, 'a'") + " WHERE FALSE", rows=(0, 2, 0)),
    Case("base empty", values(ID_V, "1, 'a'") + " WHERE FALSE", values(ID_V, "1, 'a'", "2, 'b'"), rows=(2, 0, 0)),
    Case("both empty", values(ID_V, "1, 'a'") + " WHERE FALSE", values(ID_V, "1, 'b'") + " WHERE FALSE"),
    Case("both empty without a key", values(ID_V, "1, 'a'") + " WHERE FALSE", values(ID_V, "1, 'a'") + " WHERE FALSE", key=()),
    Case("only the key", values("id", "1", "2"), values("id", "2", "3"), rows=(1, 1, 0)),
    Case(
        "parts of a composite key must not run together",
        values("a, b, v", "'x', 'yz', 1", "'xy', 'z', 2"),
        values("a, b, v", "'x', 'yz', 1", "'xy', 'z', 2"),
        key=("a", "b"),
    ),
    Case(
        "composite key with NULL parts",
        values("a, b, v", "1,'x',1", "1,NULL,2", "NULL,'x',3", "NULL,NULL,4"),
        values("a, b, v", "1,'x',1", "1,NULL,2", "NULL,'x',30", "NULL,NULL,4"),
        key=("a", "b"),
        rows=(0, 0, 1),
        columns={"v": 1},
    ),
    Case("key in another order of columns", "SELECT 1 AS a, 2 AS b, 3 AS v", "SELECT 3 AS v, 2 AS b, 1 AS a", key=("b", "a")),
    keys("NULL keys match", "NULL::INT", "NULL::INT", match=True),
    keys("a NULL key is not zero", "NULL::INT", "0", match=False),
    keys("a NULL key is not the empty text", "NULL::VARCHAR", "''", match=False),
    keys("NaN keys match", "'nan'::DOUBLE", "'nan'::DOUBLE", match=True),
    keys("minus zero and zero are one key", "-0.0::DOUBLE", "0.0::DOUBLE", match=True),
    keys("NaN is no NULL key", "'nan'::DOUBLE", "NULL::DOUBLE", match=False),
    keys("text keys differ by a trailing space", "'a'", "'a '", match=False),
    keys("text keys differ by case", "'a'", "'A'", match=False),
    keys("text keys differ by Unicode form", "'\u00e9'", "'e\u0301'", match=False),
    Case(
        "key widened",
        "SELECT 1::INT AS id, 'a' AS v",
        "SELECT 1::BIGINT AS id, 'b' AS v",
        rows=(0, 0, 1),
        columns={"v": 1},
        schema={"type_changed": {"id": ["INTEGER", "BIGINT"]}},
    ),
    Case("key of lists", "SELECT [1, 2] AS id, 1 AS v", "SELECT [1, 2] AS id, 2 AS v", rows=(0, 0, 1), columns={"v": 1}),
    Case("keys beyond 2^53", "SELECT 9007199254740993 AS id", "SELECT 9007199254740992 AS id", rows=(1, 1, 0)),
    # duplicates
    Case(
        "one more copy",
        values(ID_V, "1,'a'", "1,'a'", "2,'c'"),
        values(ID_V, "1,'a'", "1,'a'", "1,'a'", "2,'c'"),
        rows=(1, 0, 0),
    ),
    Case(
        "two copies appear, XOR would miss them", values(ID_V, "1,'a'"), values(ID_V, "1,'a'", "2,'b'", "2,'b'"), rows=(2, 0, 0)
    ),
    Case(
        "duplicates do not multiply",
        values(ID_V, "1,'a'", "1,'b'", "1,'c'"),
        values(ID_V, "1,'a'", "1,'b'", "1,'d'"),
        rows=(0, 0, 1),
        columns={"v": 1},
    ),
    Case("duplicates in another order", values(ID_V, "1,'a'", "1,'b'"), values(ID_V, "1,'b'", "1,'a'")),
    Case(
        "fewer copies, one of them changed",
        values(ID_V, "1,'a'", "1,'a'", "1,'b'"),
        values(ID_V, "1,'a'", "1,'x'"),
        rows=(0, 1, 1),
        columns={"v": 1},
    ),
    Case(
        "duplicate NULL keys",
        values(ID_V, "NULL,1", "NULL,2"),
        values(ID_V, "NULL,2", "NULL,3"),
        rows=(0, 0, 1),
        columns={"v": 1},
    ),
    Case(
        "rows as a multiset",
        values("a, n", "'x',1", "'x',1", "'y',2", "'z',3"),
        values("a, n", "'x',1", "'y',2", "'y',2", "'w',3"),
        key=(),
        rows=(2, 2, 0),
    ),
    Case(
        "NULLs and NaNs in rows without a key",
        values("a, b", "NULL,'nan'::DOUBLE"),
        values("a, b", "NULL,'nan'::DOUBLE"),
        key=(),
    ),
    Case("nothing is changed without a key", values("a, b", "1, 1"), values("a, b", "1, 2"), key=(), rows=(1, 1, 0)),
    # NULL, text, numbers
    pair("NULL equals NULL", "NULL::INT", "NULL::INT", differs=False),
    pair("NULL is not zero", "NULL::INT", "0", differs=True),
    pair("NULL is not the empty text", "NULL::VARCHAR", "''", differs=True),
    pair("NULL is not NaN", "NULL::DOUBLE", "'nan'::DOUBLE", differs=True),
    pair("NULL is not false", "NULL::BOOLEAN", "FALSE", differs=True),
    pair("NaN equals NaN", "'nan'::DOUBLE", "'nan'::DOUBLE", differs=False),
    pair("NaN is not infinite", "'nan'::DOUBLE", "'inf'::DOUBLE", differs=True),
    pair("minus zero equals zero", "-0.0::DOUBLE", "0.0::DOUBLE", differs=False),
    pair("infinities compare", "'inf'::DOUBLE", "'-inf'::DOUBLE", differs=True),
    pair("an infinity equals itself", "'inf'::DOUBLE", "'inf'::DOUBLE", differs=False),
    pair("float noise is a difference", "0.3::DOUBLE", "0.1::DOUBLE + 0.2::DOUBLE", differs=True),
    pair("trailing space", "'a'", "'a '", differs=True),
    pair("case", "'a'", "'A'", differs=True),
    pair("case ignored", "'a'", "'A'", differs=False, ignore_case=True),
    pair("case ignored, but not spaces", "'a'", "'A '", differs=True, ignore_case=True),
    pair("Unicode forms differ", "'\u00e9'", "'e\u0301'", differs=True),
    pair("text that looks like NULL", "'NULL'", "NULL::VARCHAR", differs=True),
    pair("integers beyond 2^53", "9007199254740993", "9007199254740992", differs=True),
    pair(
        "wide integers",
        "170141183460469231731687303715884105727::HUGEINT",
        "170141183460469231731687303715884105726::HUGEINT",
        differs=True,
    ),
    pair(
        "decimals stay exact", "0.10000000000000000001::DECIMAL(38,20)", "0.10000000000000000002::DECIMAL(38,20)", differs=True
    ),
    pair("bytes", "'\\x00\\xFF'::BLOB", "'\\x00\\xFE'::BLOB", differs=True),
    pair("intervals differ as they are written", "INTERVAL '1 month'", "INTERVAL '30 days'", differs=True),
    # moments
    pair(
        "nanoseconds are not cut",
        "'2024-01-01 00:00:00.000000001'::TIMESTAMP_NS",
        "'2024-01-01 00:00:00.000000002'::TIMESTAMP_NS",
        differs=True,
    ),
    pair(
        "zones compare as instants",
        "'2024-01-01 12:00:00+02'::TIMESTAMPTZ",
        "'2024-01-01 10:00:00+00'::TIMESTAMPTZ",
        differs=False,
    ),
    pair(
        "an instant an hour later",
        "'2024-01-01 12:00:00+02'::TIMESTAMPTZ",
        "'2024-01-01 12:00:00+01'::TIMESTAMPTZ",
        differs=True,
    ),
    pair("infinite dates", "'infinity'::DATE", "'-infinity'::DATE", differs=True),
    # widenings
    pair("int to bigint", "3::INTEGER", "3::BIGINT", differs=False, types=("INTEGER", "BIGINT")),
    pair("int to bigint, another value", "3::INTEGER", "4::BIGINT", differs=True, types=("INTEGER", "BIGINT")),
    pair("bigint to int, same value", "3::BIGINT", "3::INTEGER", differs=False, types=("BIGINT", "INTEGER")),
    pair("unsigned beside signed", "18446744073709551615::UBIGINT", "-1::BIGINT", differs=True, types=("UBIGINT", "BIGINT")),
    pair("the widest unsigned beside signed", "3::UHUGEINT", "3::HUGEINT", differs=False, types=("UHUGEINT", "HUGEINT")),
    pair("float to double", "0.5::FLOAT", "0.5::DOUBLE", differs=False, types=("FLOAT", "DOUBLE")),
    pair("a float is not the double of the same text", "0.1::FLOAT", "0.1::DOUBLE", differs=True, types=("FLOAT", "DOUBLE")),
    pair("int to double", "3::INTEGER", "3.0::DOUBLE", differs=False, types=("INTEGER", "DOUBLE")),
    pair(
        "bigint to double stays exact", "9007199254740993", "9007199254740992::DOUBLE", differs=True, types=("BIGINT", "DOUBLE")
    ),
    pair(
        "bigint to double, same value",
        "9007199254740992",
        "9007199254740992::DOUBLE",
        differs=False,
        types=("BIGINT", "DOUBLE"),
    ),
    pair("bigint beside NaN", "1::BIGINT", "'nan'::DOUBLE", differs=True, types=("BIGINT", "DOUBLE")),
    pair(
        "decimal scale", "1.50::DECIMAL(10,2)", "1.5000::DECIMAL(12,4)", differs=False, types=("DECIMAL(10,2)", "DECIMAL(12,4)")
    ),
    pair(
        "decimal scale, another value",
        "1.50::DECIMAL(10,2)",
        "1.5001::DECIMAL(12,4)",
        differs=True,
        types=("DECIMAL(10,2)", "DECIMAL(12,4)"),
    ),
    pair(
        "decimals too wide for one type",
        "1.5::DECIMAL(38,2)",
        "1.5::DECIMAL(38,30)",
        differs=False,
        types=("DECIMAL(38,2)", "DECIMAL(38,30)"),
    ),
    pair("int to decimal", "7::INTEGER", "7.00::DECIMAL(10,2)", differs=False, types=("INTEGER", "DECIMAL(10,2)")),
    pair("decimal to double", "0.10::DECIMAL(10,2)", "0.1::DOUBLE", differs=False, types=("DECIMAL(10,2)", "DOUBLE")),
    pair(
        "decimal to double, noise",
        "0.30::DECIMAL(10,2)",
        "0.1::DOUBLE + 0.2::DOUBLE",
        differs=True,
        types=("DECIMAL(10,2)", "DOUBLE"),
    ),
    pair(
        "date to timestamp", "DATE '2024-01-02'", "TIMESTAMP '2024-01-02 00:00:00'", differs=False, types=("DATE", "TIMESTAMP")
    ),
    pair(
        "date to timestamp, another time",
        "DATE '2024-01-02'",
        "TIMESTAMP '2024-01-02 00:00:01'",
        differs=True,
        types=("DATE", "TIMESTAMP"),
    ),
    pair(
        "micro to nanoseconds",
        "TIMESTAMP '2024-01-02 00:00:00.5'",
        "'2024-01-02 00:00:00.5'::TIMESTAMP_NS",
        differs=False,
        types=("TIMESTAMP", "TIMESTAMP_NS"),
    ),
    pair(
        "micro to nanoseconds, one more",
        "TIMESTAMP '2024-01-02'",
        "'2024-01-02 00:00:00.000000001'::TIMESTAMP_NS",
        differs=True,
        types=("TIMESTAMP", "TIMESTAMP_NS"),
    ),
    pair(
        "year 9999 beside nanoseconds",
        "TIMESTAMP '9999-12-31'",
        "'2024-01-02'::TIMESTAMP_NS",
        differs=True,
        types=("TIMESTAMP", "TIMESTAMP_NS"),
    ),
    pair("enum to text", "'a'::ENUM('a', 'b')", "'a'", differs=False, types=("ENUM('a', 'b')", "VARCHAR")),
    pair(
        "enum with more values",
        "'b'::ENUM('a', 'b')",
        "'b'::ENUM('b', 'a', 'c')",
        differs=False,
        types=("ENUM('a', 'b')", "ENUM('b', 'a', 'c')"),
    ),
    apart("number beside text", "1::BIGINT", "'1'", ("BIGINT", "VARCHAR")),
    apart("bool beside number", "TRUE", "1", ("BOOLEAN", "INTEGER")),
    apart(
        "local time beside instant",
        "TIMESTAMP '2024-01-01'",
        "'2024-01-01 00:00:00+00'::TIMESTAMPTZ",
        ("TIMESTAMP", "TIMESTAMP WITH TIME ZONE"),
    ),
    apart("text beside list", "'[1]'", "[1]", ("VARCHAR", "INTEGER[]")),
    apart("structs of other fields", "{'a': 1}", "{'b': 1}", ("STRUCT(a INTEGER)", "STRUCT(b INTEGER)")),
    # nested
    pair("lists in order", "[1, 2]", "[2, 1]", differs=True),
    pair("an empty list is not NULL", "[]::INT[]", "NULL::INT[]", differs=True),
    pair("an empty list is not a list of NULL", "[]::INT[]", "[NULL]::INT[]", differs=True),
    pair("lists of lists", "[[1], [2]]", "[[1, 2]]", differs=True),
    pair("commas within elements", "['a, b']", "['a', 'b']", differs=True),
    pair("a list with the text NULL", "['NULL']", "[NULL]::VARCHAR[]", differs=True),
    pair("NaN and minus zero in lists", "['nan'::DOUBLE, -0.0::DOUBLE]", "['nan'::DOUBLE, 0.0::DOUBLE]", differs=False),
    pair("lists widened", "[1, 2]::INTEGER[]", "[1, 2]::BIGINT[]", differs=False, types=("INTEGER[]", "BIGINT[]")),
    pair("array to list", "[1, 2]::INTEGER[2]", "[1, 2]::INTEGER[]", differs=False, types=("INTEGER[2]", "INTEGER[]")),
    pair("a NULL struct is not a struct of NULLs", "NULL::STRUCT(a INT)", "{'a': NULL::INT}", differs=True),
    pair(
        "structs by field",
        "{'a': 1, 'b': 2}",
        "{'b': 2, 'a': 1}",
        differs=False,
        types=("STRUCT(a INTEGER, b INTEGER)", "STRUCT(b INTEGER, a INTEGER)"),
    ),
    pair("structs, one field differs", "{'a': 1, 'b': 2.0::DOUBLE}", "{'a': 1, 'b': 3.0::DOUBLE}", differs=True),
    pair("minus zero in a struct", "{'a b': -0.0::DOUBLE}", "{'a b': 0.0::DOUBLE}", differs=False),
    pair("maps in any order", "MAP {'a': 1, 'b': 2}", "MAP {'b': 2, 'a': 1}", differs=False),
    pair("maps, another value", "MAP {'a': 1, 'b': 2}", "MAP {'b': 1, 'a': 2}", differs=True),
    pair("lists of maps in any order", "[MAP {'a': 1, 'b': 2}]", "[MAP {'b': 2, 'a': 1}]", differs=False),
    pair("case ignored within lists", "['A']", "['a']", differs=False, ignore_case=True),
    pair("unions by tag", "union_value(k := 1)::UNION(k INT, j INT)", "union_value(j := 1)::UNION(k INT, j INT)", differs=True),
    # tolerance
    pair("within absolute tolerance", "1.0::DOUBLE", "1.5::DOUBLE", differs=False, abs_tol=0.5),
    pair("beyond absolute tolerance", "1.0::DOUBLE", "1.75::DOUBLE", differs=True, abs_tol=0.5),
    pair("within relative tolerance", "1000.0::DOUBLE", "1001.0::DOUBLE", differs=False, rel_tol=0.001),
    pair("relative to the larger", "0.0::DOUBLE", "1e-15::DOUBLE", differs=True, rel_tol=1e-9),
    pair("tolerance leaves integers alone", "1", "2", differs=True, abs_tol=5, rel_tol=5),
    pair("tolerance leaves decimals alone", "1.00::DECIMAL(5,2)", "1.01::DECIMAL(5,2)", differs=True, abs_tol=5),
    pair("no tolerance reaches infinity", "'inf'::DOUBLE", "1.0::DOUBLE", differs=True, rel_tol=1.0),
    pair("no tolerance reaches NaN", "'nan'::DOUBLE", "1.0::DOUBLE", differs=True, abs_tol=1e300),
    pair("no tolerance reaches NULL", "NULL::DOUBLE", "0.0::DOUBLE", differs=True, abs_tol=1e300),
    pair("infinities of either sign under tolerance", "'inf'::DOUBLE", "'-inf'::DOUBLE", differs=True, rel_tol=3),
    pair("a difference too large for a float", "1.7e308::DOUBLE", "-1.7e308::DOUBLE", differs=True, rel_tol=0.5),
    pair(
        "tolerance across widened types", "1.0::FLOAT", "1.25::DOUBLE", differs=False, types=("FLOAT", "DOUBLE"), abs_tol=0.25
    ),
    Case(
        "rounding would hide these",
        values(ID_V, "1, 1.0::DOUBLE", "2, 1e12", "3, 1e-12", "4, 0.0", "5, NULL"),
        values(ID_V, "1, 1.000000000001::DOUBLE", "2, 1000000000000.5", "3, 2e-12", "4, 1e-15", "5, NULL"),
        rows=(0, 0, 2),
        columns={"v": 2},
        options={"rel_tol": 1e-9},
    ),
    Case(
        "copies within tolerance match before the rest pairs up",
        values(ID_V, "1, 1.0::DOUBLE", "1, 2.0"),
        values(ID_V, "1, 2.05::DOUBLE", "1, 10.0"),
        rows=(0, 0, 1),
        columns={"v": 1},
        options={"abs_tol": 0.1},
    ),
    Case(
        "without a key, rows within tolerance are the same",
        values("a, v", "'x', 1.0::DOUBLE", "'y', 1.0"),
        values("a, v", "'x', 1.05::DOUBLE", "'y', 1.5"),
        key=(),
        rows=(1, 1, 0),
        options={"abs_tol": 0.1},
    ),
    # columns and names
    Case("column order is no change", "SELECT 1 AS id, 2 AS x, 3 AS y", "SELECT 3 AS y, 1 AS id, 2 AS x"),
    Case(
        "columns added, removed, renamed",
        values("id, a, b", "1,1,'x'", "2,2,'y'"),
        values("id, b, c", "1,'x',1", "2,'z',2"),
        rows=(0, 0, 1),
        columns={"b": 1},
        schema={"added": ["c"], "removed": ["a"], "renamed": {"a": "c"}},
    ),
    Case(
        "renamed although rows came and went",
        values("id, a", "1, 'p'", "2, 'q'", "3, 'r'"),
        values("id, c", "2, 'q'", "3, 'r'", "4, 's'"),
        rows=(1, 1, 0),
        schema={"added": ["c"], "removed": ["a"], "renamed": {"a": "c"}},
    ),
    Case(
        "same values in other rows are no new name",
        values("id, a", "1, 'p'", "2, 'q'"),
        values("id, c", "1, 'q'", "2, 'p'"),
        schema={"added": ["c"], "removed": ["a"]},
    ),
    Case(
        "NULLs alone are no new name",
        "SELECT 1 AS id, NULL::INT AS a",
        "SELECT 1 AS id, NULL::INT AS c",
        schema={"added": ["c"], "removed": ["a"]},
    ),
    Case(
        "no common columns",
        values("a", "1", "2"),
        values("b", "'x'"),
        key=(),
        rows=(1, 2, 0),
        schema={"added": ["b"], "removed": ["a"]},
    ),
    Case(
        "names by case are other names",
        'SELECT 1 AS id, 2 AS "V"',
        'SELECT 1 AS id, 2 AS "v"',
        schema={"added": ["v"], "removed": ["V"], "renamed": {"V": "v"}},
    ),
    Case(
        "names that a careless tool uses itself",
        values('id, in_a, in_b, x__y, c0, b1, rb1, h, n, "rank", kind, d, s', "1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1"),
        values('id, in_a, in_b, x__y, c0, b1, rb1, h, n, "rank", kind, d, s', "1, 2, 1, 2, 2, 1, 1, 1, 1, 1, 2, 1, 2"),
        rows=(0, 0, 1),
        columns={"in_a": 1, "x__y": 1, "c0": 1, "kind": 1, "s": 1},
    ),
    Case(
        "hostile names",
        """SELECT 1 AS "i d", 1 AS "a""b", 1 AS "c';--", 1 AS "ünï", 1 AS "select", 1 AS "%s{}?$1", 1 AS "\n" """,
        """SELECT 1 AS "i d", 2 AS "a""b", 2 AS "c';--", 2 AS "ünï", 2 AS "select", 2 AS "%s{}?$1", 2 AS "\n" """,
        key=("i d",),
        rows=(0, 0, 1),
        columns={'a"b': 1, "c';--": 1, "ünï": 1, "select": 1, "%s{}?$1": 1, "\n": 1},
    ),
    Case(
        "key of a hostile name",
        'SELECT 1 AS "a""; DROP TABLE base; --", 2 AS v',
        'SELECT 1 AS "a""; DROP TABLE base; --", 2 AS v',
        key=('a"; DROP TABLE base; --',),
    ),
]

# What the tests of other tools hold, and where careless ones go wrong.
LEARNED = [
    Case(
        "digits of a composite key must not run together",
        values("a, b, v", "12, 3, 'p'", "1, 23, 'q'"),
        values("a, b, v", "1, 23, 'q'", "12, 3, 'p'"),
        key=("a", "b"),
    ),
    Case(
        "parts of a composite key change places",
        values("a, b, v", "1, 2, 'p'"),
        values("a, b, v", "2, 1, 'p'"),
        key=("a", "b"),
        rows=(1, 1, 0),
    ),
    Case(
        "a separator within a key",
        values("a, b, v", "'x-', 'y', 1", "'x', '-y', 2"),
        values("a, b, v", "'x-', 'y', 2", "'x', '-y', 1"),
        key=("a", "b"),
        rows=(0, 0, 2),
        columns={"v": 2},
    ),
    Case(
        "several NULL keys with rows of their own",
        values(ID_V, "NULL::INT, 'a'", "NULL, 'b'", "3, 'c'"),
        values(ID_V, "NULL::INT, 'b'", "NULL, 'a'", "3, 'c'"),
    ),
    Case(
        "one more copy of a NULL key",
        values(ID_V, "NULL::INT, 'a'", "NULL, 'a'", "3, 'c'"),
        values(ID_V, "NULL::INT, 'a'", "NULL, 'a'", "NULL, 'a'", "3, 'c'"),
        rows=(1, 0, 0),
    ),
    Case(
        "copies of a NaN key",
        values(ID_V, "'nan'::DOUBLE, 1", "'nan', 2", "-0.0, 3"),
        values(ID_V, "'nan'::DOUBLE, 2", "'nan', 5", "0.0, 3"),
        rows=(0, 0, 1),
        columns={"v": 1},
    ),
    Case(
        "the same row many times on one side",
        "SELECT 1 AS id, 'a' AS v FROM range(1000)",
        "SELECT 1 AS id, 'a' AS v FROM range(3)",
        rows=(0, 997, 0),
    ),
    Case(
        "every copy changed",
        "SELECT 1 AS id, i AS v FROM range(50) t(i)",
        "SELECT 1 AS id, i + 100 AS v FROM range(60) t(i)",
        rows=(10, 0, 50),
        columns={"v": 50},
    ),
    Case(
        "copies that differ in a NULL",
        values(ID_V, "1, NULL::INT", "1, 1"),
        values(ID_V, "1, NULL::INT", "1, NULL"),
        rows=(0, 0, 1),
        columns={"v": 1},
    ),
    Case(
        "a value moves from one column to the next",
        values("id, a, b", "1, 'x', NULL::VARCHAR"),
        values("id, a, b", "1, NULL::VARCHAR, 'x'"),
        rows=(0, 0, 1),
        columns={"a": 1, "b": 1},
    ),
    Case(
        "NULL on either side of the same row",
        values("id, a, b", "1, NULL::INT, 2", "2, NULL, NULL"),
        values("id, a, b", "1, 1, NULL::INT", "2, NULL, NULL"),
        rows=(0, 0, 1),
        columns={"a": 1, "b": 1},
    ),
    Case(
        "all rows changed in all columns",
        values("id, a, b", "1, 1, 'x'", "2, 2, 'y'"),
        values("id, a, b", "1, 2, 'y'", "2, 1, 'x'"),
        rows=(0, 0, 2),
        columns={"a": 2, "b": 2},
    ),
    Case("no row in common", values(ID_V, "1, 1", "2, 2"), values(ID_V, "3, 1", "4, 2", "5, 3"), rows=(3, 2, 0)),
    Case(
        "one table within the other",
        "SELECT i AS id, i * i AS v FROM range(100) t(i)",
        "SELECT i AS id, i * i AS v FROM range(40, 60) t(i)",
        rows=(0, 80, 0),
    ),
    Case(
        "no rows and other types",
        "SELECT 1::INT AS id WHERE FALSE",
        "SELECT 1::BIGINT AS id WHERE FALSE",
        schema={"type_changed": {"id": ["INTEGER", "BIGINT"]}},
    ),
    Case(
        "no rows where the other has NULLs alone",
        "SELECT NULL::INT AS a, NULL::VARCHAR AS b WHERE FALSE",
        "SELECT NULL::INT AS a, NULL::VARCHAR AS b",
        key=(),
        rows=(1, 0, 0),
    ),
    Case(
        "a column of NULLs gets its first value",
        values(ID_V, "1, NULL::INT", "2, NULL"),
        values(ID_V, "1, NULL::INT", "2, 7"),
        rows=(0, 0, 1),
        columns={"v": 1},
    ),
    Case("a key alone, with copies", values("id", "1", "1", "2"), values("id", "1", "2", "2"), rows=(1, 1, 0)),
    Case(
        "without a key, a changed row is one gone and one come, also among copies",
        values("a, b", "1, 'x'", "1, 'x'", "1, 'y'"),
        values("a, b", "1, 'x'", "1, 'y'", "1, 'z'"),
        key=(),
        rows=(1, 1, 0),
    ),
    Case(
        "without a key, rows that differ in a list alone",
        values("a, b", "1, [1, 2]"),
        values("a, b", "1, [2, 1]"),
        key=(),
        rows=(1, 1, 0),
    ),
    Case(
        "not compared, and another column differs",
        values("id, v, w", "1, 1, 'x'", "2, 2, 'y'"),
        values("id, v, w", "1, 'a', 'x'", "2, 'b', 'z'"),
        rows=(0, 0, 1),
        columns={"w": 1},
        schema={"type_changed": {"v": ["INTEGER", "VARCHAR"]}, "not_compared": ["v"]},
    ),
    Case(
        "two columns swap their names",
        values("id, a, b", "1, 10, 20", "2, 30, 30"),
        values("id, b, a", "1, 10, 20", "2, 30, 30"),
        rows=(0, 0, 1),
        columns={"a": 1, "b": 1},
    ),
    Case(
        "two removed columns hold the same, one is added",
        values("id, a, b", "1, 'x', 'x'", "2, 'y', 'y'"),
        values("id, c", "1, 'x'", "2, 'y'"),
        schema={"added": ["c"], "removed": ["a", "b"], "renamed": {"a": "c"}},
    ),
    Case(
        "a renamed column of floats with NaN",
        values("id, a", "1, 'nan'::DOUBLE", "2, 1.5"),
        values("id, c", "1, 'nan'::DOUBLE", "2, 1.5"),
        schema={"added": ["c"], "removed": ["a"], "renamed": {"a": "c"}},
    ),
    Case(
        "suffixes and words of joining tools as names",
        values(
            'id, v, v_x, v_y, v_left, v_right, v_df1, _merge, "left", "right", "count", "level_0", "index"',
            "1, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11",
        ),
        values(
            'id, v, v_x, v_y, v_left, v_right, v_df1, _merge, "left", "right", "count", "level_0", "index"',
            "1, 0, 2, 2, 3, 5, 5, 7, 7, 8, 10, 10, 11",
        ),
        rows=(0, 0, 1),
        columns={"v_x": 1, "v_right": 1, "_merge": 1, "count": 1},
    ),
    Case(
        "names of one letter and of digits",
        'SELECT 1 AS id, 1 AS "1", 1 AS "_", 1 AS "0x", 1 AS "a.b", 1 AS "a""""b", 1 AS ":p", 1 AS "😀"',
        'SELECT 1 AS id, 2 AS "1", 2 AS "_", 1 AS "0x", 2 AS "a.b", 2 AS "a""""b", 2 AS ":p", 2 AS "😀"',
        rows=(0, 0, 1),
        columns={"1": 1, "_": 1, "a.b": 1, 'a""b': 1, ":p": 1, "😀": 1},
    ),
    Case(
        "names of our own making",
        'SELECT 1 AS id, 1 AS k, 1 AS t1, 1 AS r1, 1 AS x1, 1 AS file_row_number, 1 AS "base", 1 AS place, 1 AS e0',
        'SELECT 1 AS id, 2 AS k, 2 AS t1, 2 AS r1, 2 AS x1, 2 AS file_row_number, 2 AS "base", 2 AS place, 2 AS e0',
        rows=(0, 0, 1),
        columns=dict.fromkeys(["k", "t1", "r1", "x1", "file_row_number", "base", "place", "e0"], 1),
    ),
    keys("keys beyond 2^63", "18446744073709551615::UBIGINT", "18446744073709551614::UBIGINT", match=False),
    keys("a time as key", "TIME '12:00:00'", "TIME '12:00:00'", match=True),
    keys("dates as keys", "DATE '2024-01-01'", "DATE '2024-01-02'", match=False),
    keys("bytes as keys", "'\\x00'::BLOB", "''::BLOB", match=False),
    keys("a decimal key of another scale", "1.50::DECIMAL(5,2)", "1.50::DECIMAL(5,2)", match=True),
    keys(
        "uuids as keys",
        "'00000000-0000-0000-0000-00000000000a'::UUID",
        "'00000000-0000-0000-0000-00000000000A'::UUID",
        match=True,
    ),
    keys("intervals as keys are as written", "INTERVAL '1 day'", "INTERVAL '24 hours'", match=False),
    keys("structs as keys", "{'a': 1, 'b': NULL::INT}", "{'a': 1, 'b': NULL::INT}", match=True),
    keys("a struct of NULL is no NULL key", "{'a': NULL::INT}", "NULL::STRUCT(a INT)", match=False),
    keys("maps as keys in any order", "MAP {'a': 1, 'b': 2}", "MAP {'b': 2, 'a': 1}", match=True),
    keys("an empty list is no NULL key", "[]::INT[]", "NULL::INT[]", match=False),
    keys("infinities as keys", "'inf'::DOUBLE", "'-inf'::DOUBLE", match=False),
    keys("text with a NUL", "chr(0) || 'a'", "chr(0) || 'b'", match=False),
    pair("the smallest of the small integers", "(-128)::TINYINT", "127::TINYINT", differs=True),
    pair("unsigned numbers below zero apart", "1::UTINYINT", "255::UTINYINT", differs=True),
    pair("unsigned beyond a signed difference", "2810428175213635359::UBIGINT", "15807433754238349345::UBIGINT", differs=True),
    pair(
        "the widest unsigned",
        "340282366920938463463374607431768211455::UHUGEINT",
        "340282366920938463463374607431768211454::UHUGEINT",
        differs=True,
    ),
    pair(
        "hugeint beside unsigned bigint",
        "18446744073709551615::UBIGINT",
        "18446744073709551615::HUGEINT",
        differs=False,
        types=("UBIGINT", "HUGEINT"),
    ),
    pair(
        "hugeint beside double",
        "9007199254740993::HUGEINT",
        "9007199254740992::DOUBLE",
        differs=True,
        types=("HUGEINT", "DOUBLE"),
    ),
    pair(
        "a decimal beside a whole number of more digits",
        "12345678901234567890::DECIMAL(20,0)",
        "1234567890123456789::BIGINT",
        differs=True,
        types=("DECIMAL(20,0)", "BIGINT"),
    ),
    pair("the smallest float", "5e-324::DOUBLE", "0.0::DOUBLE", differs=True),
    pair("neighbouring floats", "1.0::DOUBLE", "1.0000000000000002::DOUBLE", differs=True),
    pair(
        "float beside decimal of a third",
        "0.3333333333333333::DOUBLE",
        "0.33::DECIMAL(4,2)",
        differs=True,
        types=("DOUBLE", "DECIMAL(4,2)"),
    ),
    pair("boolean", "TRUE", "FALSE", differs=True),
    pair("text of only spaces is not empty", "' '", "''", differs=True),
    pair("line ends differ", "'a' || chr(10)", "'a' || chr(13) || chr(10)", differs=True),
    pair("tab and space", "'a' || chr(9)", "'a '", differs=True),
    pair("leading space", "' a'", "'a'", differs=True),
    pair("a no-break space is no space", "'a' || chr(160)", "'a '", differs=True),
    pair("look-alikes of other scripts", "'а'", "'a'", differs=True),
    pair("emoji with and without its tone", "'👍'", "'👍🏽'", differs=True),
    pair("text that looks like a number", "'1.0'", "'1'", differs=True),
    pair("a NUL within text", "'a' || chr(0) || 'b'", "'a' || chr(0) || 'c'", differs=True),
    pair("case ignored beyond ASCII", "'ÄÖ'", "'äö'", differs=False, ignore_case=True),
    pair("case ignored in structs", "{'a': 'X'}", "{'a': 'x'}", differs=False, ignore_case=True),
    pair("case of map keys counts", "MAP {'A': 1}", "MAP {'a': 1}", differs=True, ignore_case=True),
    pair("JSON as it is written", "'{\"a\":1}'::JSON", "'{\"a\": 1}'::JSON", differs=True),
    pair("JSON beside text", "'{}'::JSON", "'{}'", differs=False, types=("JSON", "VARCHAR")),
    pair("no bytes are not NULL", "''::BLOB", "NULL::BLOB", differs=True),
    pair(
        "uuids in upper and lower case",
        "'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'::UUID",
        "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::UUID",
        differs=False,
    ),
    pair("bits with a leading zero", "'0101'::BIT", "'00101'::BIT", differs=True),
    pair("bits", "'0101'::BIT", "'0101'::BIT", differs=False),
    pair("times to the microsecond", "TIME '12:00:00'", "TIME '12:00:00.000001'", differs=True),
    pair("midnight at either end of the day", "TIME '00:00:00'", "TIME '24:00:00'", differs=True),
    pair("times to the nanosecond", "'12:00:00.000000001'::TIME_NS", "'12:00:00.000000002'::TIME_NS", differs=True),
    pair("times with a zone", "'12:00:00+02'::TIMETZ", "'12:00:00+01'::TIMETZ", differs=True),
    pair("an interval of hours is not one of days", "INTERVAL '24 hours'", "INTERVAL '1 day'", differs=True),
    pair(
        "an interval equals itself", "INTERVAL '1 month 2 days 3 seconds'", "INTERVAL '1 month 2 days 3 seconds'", differs=False
    ),
    pair("enums", "'a'::ENUM('a', 'b')", "'b'::ENUM('a', 'b')", differs=True),
    pair("enums with quotes in their labels", "'a''b'::ENUM('a''b', 'c')", "'a''b'::ENUM('a''b', 'c')", differs=False),
    pair("enums in lists", "['a'::ENUM('a', 'b')]", "['b'::ENUM('a', 'b')]", differs=True),
    pair(
        "enums in structs beside text",
        "{'x': 'a'::ENUM('a', 'b')}",
        "{'x': 'a'}",
        differs=False,
        types=("STRUCT(x ENUM('a', 'b'))", "STRUCT(x VARCHAR)"),
    ),
    pair(
        "the same tag and value in unions",
        "union_value(k := 1)::UNION(k INT, j VARCHAR)",
        "union_value(k := 1)::UNION(k INT, j VARCHAR)",
        differs=False,
    ),
    pair(
        "unions of text and number",
        "union_value(k := 1)::UNION(k INT, j VARCHAR)",
        "union_value(j := '1')::UNION(k INT, j VARCHAR)",
        differs=True,
    ),
    pair("years before 1", "'0044-03-15 (BC)'::DATE", "'0044-03-15'::DATE", differs=True),
    pair("infinite timestamps", "'infinity'::TIMESTAMP", "'-infinity'::TIMESTAMP", differs=True),
    pair(
        "seconds to microseconds",
        "'2024-01-01 00:00:00'::TIMESTAMP_S",
        "TIMESTAMP '2024-01-01 00:00:00'",
        differs=False,
        types=("TIMESTAMP_S", "TIMESTAMP"),
    ),
    pair(
        "milliseconds to microseconds, one more",
        "'2024-01-01 00:00:00.001'::TIMESTAMP_MS",
        "TIMESTAMP '2024-01-01 00:00:00.001001'",
        differs=True,
        types=("TIMESTAMP_MS", "TIMESTAMP"),
    ),
    pair(
        "an hour that the clock shows twice",
        "'2024-04-07 02:30:00+13'::TIMESTAMPTZ",
        "'2024-04-07 02:30:00+12'::TIMESTAMPTZ",
        differs=True,
    ),
    pair(
        "an instant in two zones a day apart",
        "'2024-01-01 23:00:00-02'::TIMESTAMPTZ",
        "'2024-01-02 01:00:00+00'::TIMESTAMPTZ",
        differs=False,
    ),
    apart("date beside text", "DATE '2024-01-01'", "'2024-01-01'", ("DATE", "VARCHAR")),
    apart("time beside timestamp", "TIME '00:00:00'", "TIMESTAMP '2024-01-01'", ("TIME", "TIMESTAMP")),
    apart("number beside date", "1", "DATE '1970-01-02'", ("INTEGER", "DATE")),
    apart("bytes beside text", "'a'::BLOB", "'a'", ("BLOB", "VARCHAR")),
    apart(
        "uuid beside text",
        "'00000000-0000-0000-0000-00000000000a'::UUID",
        "'00000000-0000-0000-0000-00000000000a'",
        ("UUID", "VARCHAR"),
    ),
    apart("interval beside time", "INTERVAL '1 hour'", "TIME '01:00:00'", ("INTERVAL", "TIME")),
    apart("struct beside number", "{'x': 1}", "1", ("STRUCT(x INTEGER)", "INTEGER")),
    apart("struct beside list", "{'x': 1}", "[1.0::DOUBLE]", ("STRUCT(x INTEGER)", "DOUBLE[]")),
    apart("list beside its element", "[1]", "1", ("INTEGER[]", "INTEGER")),
    apart("maps beside structs", "MAP {'a': 1}", "{'a': 1}", ("MAP(VARCHAR, INTEGER)", "STRUCT(a INTEGER)")),
    apart("a struct that loses a field", "{'a': 1, 'b': 2}", "{'a': 1}", ("STRUCT(a INTEGER, b INTEGER)", "STRUCT(a INTEGER)")),
    apart("lists of incomparable elements", "[1]", "['1']", ("INTEGER[]", "VARCHAR[]")),
    pair("lists of other lengths", "[1, 2]", "[1, 2, 3]", differs=True),
    pair("a NULL within a list, elsewhere", "[1, NULL]", "[NULL, 1]", differs=True),
    pair(
        "arrays of other lengths",
        "[1, 2]::INTEGER[2]",
        "[1, 2, 3]::INTEGER[3]",
        differs=True,
        types=("INTEGER[2]", "INTEGER[3]"),
    ),
    pair("an array beside a shorter list", "[3, 4]::INTEGER[2]", "[3]", differs=True, types=("INTEGER[2]", "INTEGER[]")),
    pair("lists of structs in another order", "[{'t': 'home'}, {'t': 'work'}]", "[{'t': 'work'}, {'t': 'home'}]", differs=True),
    pair("lists within structs within lists", "[{'a': [1, NULL]}]", "[{'a': [1]}]", differs=True),
    pair(
        "structs of the same fields, widened within",
        "{'a': 1::INT, 'b': [2::INT]}",
        "{'b': [2::BIGINT], 'a': 1::BIGINT}",
        differs=False,
        types=("STRUCT(a INTEGER, b INTEGER[])", "STRUCT(b BIGINT[], a BIGINT)"),
    ),
    pair("NaN in structs", "{'a': 'nan'::DOUBLE}", "{'a': 'nan'::DOUBLE}", differs=False),
    pair("NaN is not NULL in a list", "['nan'::DOUBLE]", "[NULL::DOUBLE]", differs=True),
    pair("the text nan is no NaN", "['nan']", "[NULL::VARCHAR]", differs=True),
    pair("quotes within elements", "['a'', ''b']", "['a', 'b']", differs=True),
    pair("brackets within elements", "['[1', '2]']", "['[1, 2]']", differs=True),
    pair("braces within fields", "{'a': '}', 'b': '{'}", "{'a': '', 'b': '}{'}", differs=True),
    pair("an empty map is not NULL", "MAP {}::MAP(VARCHAR, INT)", "NULL::MAP(VARCHAR, INT)", differs=True),
    pair("a map with a NULL value", "MAP {'a': NULL::INT}", "MAP {}::MAP(VARCHAR, INT)", differs=True),
    pair(
        "maps widened",
        "MAP {'a': 1::INT}",
        "MAP {'a': 1::BIGINT}",
        differs=False,
        types=("MAP(VARCHAR, INTEGER)", "MAP(VARCHAR, BIGINT)"),
    ),
    pair("maps of lists", "MAP {'a': [1, 2]}", "MAP {'a': [2, 1]}", differs=True),
    pair("no tolerance within lists", "[1.0::DOUBLE]", "[1.25::DOUBLE]", differs=True, abs_tol=0.5),
    pair("no tolerance within structs", "{'a': 1.0::DOUBLE}", "{'a': 1.25::DOUBLE}", differs=True, abs_tol=0.5),
    pair(
        "no tolerance for moments",
        "TIMESTAMP '2024-01-01 00:00:00'",
        "TIMESTAMP '2024-01-01 00:00:01'",
        differs=True,
        abs_tol=10,
    ),
    pair("exactly at the tolerance", "1.0::DOUBLE", "1.5::DOUBLE", differs=False, abs_tol=0.5, rel_tol=0.0),
    pair("a hair beyond the tolerance", "1.0::DOUBLE", "1.5000000000000002::DOUBLE", differs=True, abs_tol=0.5),
    pair("the larger of both tolerances", "100.0::DOUBLE", "101.0::DOUBLE", differs=False, abs_tol=0.5, rel_tol=0.01),
    pair("relative to negative numbers", "-1000.0::DOUBLE", "-1001.0::DOUBLE", differs=False, rel_tol=0.001),
    pair("either sign of a tiny number", "-1e-12::DOUBLE", "1e-12::DOUBLE", differs=True, rel_tol=0.5),
    pair("NULL on both sides under tolerance", "NULL::DOUBLE", "NULL::DOUBLE", differs=False, abs_tol=1),
    pair("NaN on both sides under tolerance", "'nan'::DOUBLE", "'nan'::DOUBLE", differs=False, rel_tol=1),
    pair("int beside float within tolerance", "1", "1.25::DOUBLE", differs=False, types=("INTEGER", "DOUBLE"), abs_tol=0.25),
    pair("32-bit floats within tolerance", "1.0::FLOAT", "1.0000001::FLOAT", differs=False, rel_tol=1e-6),
    Case(
        "a key of floats knows no tolerance",
        "SELECT 1.0::DOUBLE AS id, 1 AS v",
        "SELECT 1.25::DOUBLE AS id, 1 AS v",
        rows=(1, 1, 0),
        options={"abs_tol": 0.5},
    ),
    Case(
        "within tolerance in one column, not in the other",
        values("id, a, b", "1, 1.0::DOUBLE, 1.0::DOUBLE", "2, 1.0, 1.0"),
        values("id, a, b", "1, 1.25::DOUBLE, 2.0::DOUBLE", "2, 1.25, 1.25"),
        rows=(0, 0, 1),
        columns={"b": 1},
        options={"abs_tol": 0.5},
    ),
    Case(
        "a key in upper and lower case, case ignored",
        values(ID_V, "'A', 1", "'b', 2"),
        values(ID_V, "'a', 1", "'B', 3"),
        rows=(0, 0, 1),
        columns={"v": 1},
        options={"ignore_case": True},
    ),
    Case(
        "keys that become copies when case is ignored",
        values(ID_V, "'A', 1", "'a', 2"),
        values(ID_V, "'a', 1", "'a', 2"),
        options={"ignore_case": True},
    ),
    # keys of two types, and keys of many parts
    keys("an int key beside a double", "3::INTEGER", "3.0::DOUBLE", match=True, types=("INTEGER", "DOUBLE")),
    keys(
        "a key beyond 2^53 beside a double",
        "9007199254740993",
        "9007199254740992::DOUBLE",
        match=False,
        types=("BIGINT", "DOUBLE"),
    ),
    keys("a decimal key beside an int", "3.00::DECIMAL(5,2)", "3::INTEGER", match=True, types=("DECIMAL(5,2)", "INTEGER")),
    keys(
        "a day as key beside its midnight",
        "DATE '2024-01-02'",
        "TIMESTAMP '2024-01-02'",
        match=True,
        types=("DATE", "TIMESTAMP"),
    ),
    keys("an enum key beside text", "'a'::ENUM('a', 'b')", "'a'", match=True, types=("ENUM('a', 'b')", "VARCHAR")),
    keys("list keys widened", "[1, 2]::INTEGER[]", "[1, 2]::BIGINT[]", match=True, types=("INTEGER[]", "BIGINT[]")),
    keys("NaN and minus zero within a list key", "['nan'::DOUBLE, -0.0]", "['nan'::DOUBLE, 0.0]", match=True),
    keys(
        "instants as keys, in two zones",
        "'2024-01-01 12:00:00+02'::TIMESTAMPTZ",
        "'2024-01-01 10:00:00Z'::TIMESTAMPTZ",
        match=True,
    ),
    keys("true and false as keys", "TRUE", "FALSE", match=False),
    Case(
        "one part of a key widened, and a NULL in the other",
        "SELECT 1::SMALLINT AS a, NULL::VARCHAR AS b, 1 AS v",
        "SELECT 1::BIGINT AS a, NULL::VARCHAR AS b, 2 AS v",
        key=("a", "b"),
        rows=(0, 0, 1),
        columns={"v": 1},
        schema={"type_changed": {"a": ["SMALLINT", "BIGINT"]}},
    ),
    Case(
        "a key of seven parts, of which the last tells rows apart",
        "SELECT 1 AS a, 'x' AS b, NULL::INT AS c, 0.0::DOUBLE AS d, TRUE AS e, DATE '2024-01-01' AS f, i AS g, i AS v "
        "FROM range(3) t(i)",
        "SELECT 1 AS a, 'x' AS b, NULL::INT AS c, -0.0::DOUBLE AS d, TRUE AS e, DATE '2024-01-01' AS f, i AS g, i // 2 * 2 "
        "AS v FROM range(1, 4) t(i)",
        key=("a", "b", "c", "d", "e", "f", "g"),
        rows=(1, 1, 1),
        columns={"v": 1},
    ),
    # columns
    Case(
        "nothing in common but the key",
        values("id, a", "1, 'x'", "2, 'y'"),
        values("id, b", "2, 5", "3, 6"),
        rows=(1, 1, 0),
        schema={"added": ["b"], "removed": ["a"]},
    ),
    Case(
        "nothing that can be compared but the key",
        values(ID_V, "1, 1", "2, 2"),
        values(ID_V, "1, 'a'", "1, 'b'"),
        rows=(1, 1, 0),
        schema={"type_changed": {"v": ["INTEGER", "VARCHAR"]}, "not_compared": ["v"]},
    ),
    Case(
        "without a key, rows are those of the common columns",
        values("a, b, c", "1, 'x', 1", "1, 'x', 2", "2, 'y', 3"),
        values("b, a, d", "'x', 1, 0", "'y', 2, 0", "'y', 2, 0"),
        key=(),
        rows=(1, 1, 0),
        schema={"added": ["d"], "removed": ["c"]},
    ),
    Case(
        "a hundred columns, one of them changed",
        "SELECT i AS id, " + ", ".join(f"i * {c} AS c{c}" for c in range(100)) + " FROM range(4) t(i)",
        "SELECT i AS id, " + ", ".join(f"i * {c} + {int(c == 77)} AS c{c}" for c in range(100)) + " FROM range(4) t(i)",
        rows=(0, 0, 4),
        columns={"c77": 4},
    ),
    Case(
        "another type is another column, whatever its values",
        values("id, a", "1, 7::INTEGER"),
        values("id, c", "1, 7::BIGINT"),
        schema={"added": ["c"], "removed": ["a"]},
    ),
    Case(
        "two columns renamed, told apart by their values",
        values("id, a, b", "1, 1, 5", "2, 2, 6"),
        values("id, y, x", "1, 5, 1", "2, 6, 2"),
        schema={"added": ["y", "x"], "removed": ["a", "b"], "renamed": {"a": "x", "b": "y"}},
    ),
    Case(
        "a changed row beside one that only loses a column",
        values("id, a, b", "1, 'x', 'p'", "2, 'y', 'q'", "3, 'z', 'r'"),
        values("id, a", "1, 'x'", "2, 'w'", "4, 'z'"),
        rows=(1, 1, 1),
        columns={"a": 1},
        schema={"removed": ["b"]},
    ),
    apart("NULLs alone are of their type as well", "NULL::INTEGER", "NULL::VARCHAR", ("INTEGER", "VARCHAR")),
    apart(
        "date beside instant",
        "DATE '2024-01-01'",
        "'2024-01-01 00:00:00+00'::TIMESTAMPTZ",
        ("DATE", "TIMESTAMP WITH TIME ZONE"),
    ),
    apart("time beside a time with a zone", "TIME '12:00:00'", "'12:00:00+00'::TIMETZ", ("TIME", "TIME WITH TIME ZONE")),
    apart(
        "structs in a list get a field",
        "[{'x': 1}]",
        "[{'x': 1, 'z': NULL::INT}]",
        ("STRUCT(x INTEGER)[]", "STRUCT(x INTEGER, z INTEGER)[]"),
    ),
    apart("flat list beside a list of lists", "[1, 2]", "[[1, 2]]", ("INTEGER[]", "INTEGER[][]")),
    # numbers
    pair(
        "decimal beside float within tolerance",
        "1.3::DECIMAL(5,2)",
        "1.31::DOUBLE",
        differs=False,
        types=("DECIMAL(5,2)", "DOUBLE"),
        abs_tol=0.02,
    ),
    pair(
        "decimal beside float beyond tolerance",
        "1.3::DECIMAL(5,2)",
        "1.35::DOUBLE",
        differs=True,
        types=("DECIMAL(5,2)", "DOUBLE"),
        abs_tol=0.02,
    ),
    pair(
        "decimal beside NaN under tolerance",
        "1.3::DECIMAL(5,2)",
        "'nan'::DOUBLE",
        differs=True,
        types=("DECIMAL(5,2)", "DOUBLE"),
        abs_tol=9,
    ),
    pair(
        "NULL decimal beside NULL float under tolerance",
        "NULL::DECIMAL(5,2)",
        "NULL::DOUBLE",
        differs=False,
        types=("DECIMAL(5,2)", "DOUBLE"),
        abs_tol=9,
    ),
    pair("zero beside minus zero of a float", "0", "-0.0::DOUBLE", differs=False, types=("INTEGER", "DOUBLE")),
    pair("int beside infinity", "1", "'inf'::DOUBLE", differs=True, types=("INTEGER", "DOUBLE")),
    pair("hugeint beside a float too large for it", "1::HUGEINT", "1e300::DOUBLE", differs=True, types=("HUGEINT", "DOUBLE")),
    pair(
        "a decimal of 38 digits beside a float",
        "100000000000000000000::DECIMAL(38,0)",
        "1e20::DOUBLE",
        differs=False,
        types=("DECIMAL(38,0)", "DOUBLE"),
    ),
    pair(
        "a decimal of 38 digits beside a hugeint",
        "99999999999999999999999999999999999999::DECIMAL(38,0)",
        "99999999999999999999999999999999999998::HUGEINT",
        differs=True,
        types=("DECIMAL(38,0)", "HUGEINT"),
    ),
    pair(
        "one unit of the last place of 38",
        "0.00000000000000000000000000000000000001::DECIMAL(38,38)",
        "0::DECIMAL(38,38)",
        differs=True,
    ),
    pair("minus zero of a decimal", "-0.00::DECIMAL(5,2)", "0.00::DECIMAL(5,2)", differs=False),
    pair(
        "a 32-bit float beside an int that it can't hold",
        "16777216::FLOAT",
        "16777217",
        differs=True,
        types=("FLOAT", "INTEGER"),
    ),
    pair(
        "0.1 as a 32-bit float beside a decimal",
        "0.1::FLOAT",
        "0.1::DECIMAL(2,1)",
        differs=False,
        types=("FLOAT", "DECIMAL(2,1)"),
    ),
    pair("integers of either end under tolerance", "(-128)::TINYINT", "127::TINYINT", differs=True, abs_tol=1000),
    pair("a tolerance larger than both", "1e-300::DOUBLE", "-1e-300::DOUBLE", differs=False, abs_tol=1e-299),
    pair("a relative tolerance of more than all", "5.0::DOUBLE", "-5.0::DOUBLE", differs=False, rel_tol=2),
    pair("the smallest floats under a relative tolerance", "5e-324::DOUBLE", "1e-323::DOUBLE", differs=True, rel_tol=0.25),
    # text
    pair("long texts that differ in the last letter", "repeat('x', 20000) || 'a'", "repeat('x', 20000) || 'b'", differs=True),
    pair("accents are letters, case ignored", "'résumé'", "'RESUME'", differs=True, ignore_case=True),
    pair("a sharp s is not two, case ignored", "'straße'", "'STRASSE'", differs=True, ignore_case=True),
    pair("NULL is not the empty text, case ignored", "NULL::VARCHAR", "''", differs=True, ignore_case=True),
    pair(
        "an enum beside text, case ignored",
        "'a'::ENUM('a', 'b')",
        "'A'",
        differs=False,
        types=("ENUM('a', 'b')", "VARCHAR"),
        ignore_case=True,
    ),
    pair("zero-width characters count", "'a' || chr(8203)", "'a'", differs=True),
    pair("a letter of Hangul and its parts", "'\ud55c'", "'\u1112\u1161\u11ab'", differs=True),
    # moments
    pair(
        "an infinite day beside an infinite moment",
        "'infinity'::DATE",
        "'infinity'::TIMESTAMP",
        differs=False,
        types=("DATE", "TIMESTAMP"),
    ),
    pair(
        "a day beside nanoseconds",
        "DATE '2024-01-01'",
        "'2024-01-01 00:00:00.000000001'::TIMESTAMP_NS",
        differs=True,
        types=("DATE", "TIMESTAMP_NS"),
    ),
    pair("days that no moment can hold", "'5874897-12-31'::DATE", "'5874897-12-30'::DATE", differs=True),
    pair(
        "moments before 1970 to the microsecond",
        "TIMESTAMP '1969-12-31 23:59:59.999999'",
        "TIMESTAMP '1970-01-01 00:00:00'",
        differs=True,
    ),
    pair("an interval back and one on", "INTERVAL '-1 day'", "INTERVAL '1 day'", differs=True),
    # nested
    pair("NaN deep within lists", "[[[0.5, 'nan'::DOUBLE]]]", "[[[0.5, 'nan'::DOUBLE]]]", differs=False),
    pair("a difference deep within lists", "[[[0.5, 'nan'::DOUBLE]]]", "[[['nan'::DOUBLE, 0.5]]]", differs=True),
    pair("an empty list within a list", "[[]]::INT[][]", "[]::INT[][]", differs=True),
    pair(
        "lists of ints beside lists of floats", "[2, 3]", "[2.0, 3.0]::DOUBLE[]", differs=False, types=("INTEGER[]", "DOUBLE[]")
    ),
    pair(
        "lists of decimals of another scale",
        "[1.50]::DECIMAL(5,2)[]",
        "[1.5]::DECIMAL(5,1)[]",
        differs=False,
        types=("DECIMAL(5,2)[]", "DECIMAL(5,1)[]"),
    ),
    pair(
        "lists of days beside lists of moments",
        "[DATE '2024-01-02']",
        "[TIMESTAMP '2024-01-02 00:00:01']",
        differs=True,
        types=("DATE[]", "TIMESTAMP[]"),
    ),
    pair(
        "lists of instants in two zones",
        "['2024-01-01 12:00:00+02'::TIMESTAMPTZ]",
        "['2024-01-01 10:00:00Z'::TIMESTAMPTZ]",
        differs=False,
    ),
    pair(
        "lists of enums beside lists of text",
        "['a'::ENUM('a', 'b')]",
        "['a']",
        differs=False,
        types=("ENUM('a', 'b')[]", "VARCHAR[]"),
    ),
    pair(
        "a list of structs, a field of one differs",
        "[{'t': 'home', 'n': 1}, {'t': 'work', 'n': 2}]",
        "[{'t': 'home', 'n': 1}, {'t': 'work', 'n': 3}]",
        differs=True,
    ),
    pair("a NULL struct within a list", "[NULL::STRUCT(a INT)]", "[{'a': NULL::INT}]", differs=True),
    pair(
        "structs whose fields differ by place in a list",
        "[{'a': 1, 'b': 2}]",
        "[{'b': 2, 'a': 1}]",
        differs=False,
        types=("STRUCT(a INTEGER, b INTEGER)[]", "STRUCT(b INTEGER, a INTEGER)[]"),
    ),
    pair("bytes within lists", "['\\x00'::BLOB]", "['\\x00\\x00'::BLOB]", differs=True),
    pair(
        "minus zero and NaN within maps",
        "MAP {'a': -0.0::DOUBLE, 'b': 'nan'}",
        "MAP {'b': 'nan'::DOUBLE, 'a': 0.0}",
        differs=False,
    ),
    # copies
    Case(
        "copies with NULL and NaN within tolerance, in another order",
        values(ID_V, "1, 1.0::DOUBLE", "1, NULL", "1, 'nan'"),
        values(ID_V, "1, 'nan'::DOUBLE", "1, 1.05", "1, NULL"),
        options={"abs_tol": 0.1},
    ),
    Case(
        "copies agree within tolerance in all columns or in none",
        values("id, a, b", "1, 1.0::DOUBLE, 1.0::DOUBLE", "1, 5.0, 5.0"),
        values("id, a, b", "1, 1.05::DOUBLE, 5.05::DOUBLE", "1, 5.05, 1.05"),
        rows=(0, 0, 2),
        columns={"b": 2},
        options={"abs_tol": 0.1},
    ),
    Case(
        "case ignored, keys that become copies of another count",
        values(ID_V, "'A', 1", "'a', 1"),
        values(ID_V, "'a', 1", "'A', 1", "'a', 1"),
        rows=(1, 0, 0),
        options={"ignore_case": True},
    ),
    Case(
        "copies of rows of NULLs, without a key",
        values("a, b", "NULL::INT, NULL::INT", "NULL, NULL", "1, NULL"),
        values("a, b", "NULL::INT, NULL::INT", "1, NULL", "1, NULL"),
        key=(),
        rows=(1, 1, 0),
    ),
    Case(
        "rows without a key that differ in what can't be compared",
        values("a, b", "1, 1", "2, 2"),
        values("a, b", "1, 'x'", "3, 'y'"),
        key=(),
        rows=(1, 1, 0),
        schema={"type_changed": {"b": ["INTEGER", "VARCHAR"]}, "not_compared": ["b"]},
    ),
]


def together(cases: list[Case]) -> Case:
    """Cases of one value as one table: a column for each, which has its value in a row of its own and NULL in all others."""

    def rows(side: int) -> str:
        picked = (f'SELECT {i} AS id, {case.value[side]} AS "{case.name}"' for i, case in enumerate(cases) if case.value)
        return " UNION ALL BY NAME ".join(picked)

    return Case(
        f"{len(cases)} values with {cases[0].options}",
        rows(0),
        rows(1),
        rows=(0, 0, sum(case.rows[2] for case in cases)),
        columns={case.name: 1 for case in cases if case.columns},
        schema={
            "type_changed": {case.name: case.schema["type_changed"]["v"] for case in cases if case.schema},
            "not_compared": [case.name for case in cases if "not_compared" in case.schema],
        },
        options=cases[0].options,
    )


def batches(cases: list[Case]) -> list[Case]:
    """The same cases, those of one value together where their options are the same."""
    found: dict[str, list[Case]] = {}
    for case in cases:
        if case.value is not None:
            found.setdefault(str(case.options), []).append(case)
    return [case for case in cases if case.value is None] + [together(each) for each in found.values()]


PLACES = ("by value", "narrowed", "expression", "two connections")
# Between them the two take every way that a value can go.
BOTH_WAYS = ("narrowed", "two connections")
EACH = [
    (case, place) for cases, places in ((CASES, PLACES), (batches(LEARNED), BOTH_WAYS)) for case in cases for place in places
]


@pytest.fixture(scope="module")
def connections():
    """Two sessions, made once; none of their settings is changed by a comparison."""
    made = [ibis.duckdb.connect(threads=1), ibis.duckdb.connect(threads=1)]
    made[0].raw_sql("SET TimeZone = 'Pacific/Auckland'")
    yield made
    for con in made:
        con.disconnect()


@pytest.mark.parametrize(("case", "place"), EACH, ids=[f"{case.name}, {place}" for case, place in EACH])
def test_case(case, place, connections, monkeypatch):
    if place == "narrowed":
        monkeypatch.setattr(narrow, "SMALL", -1)
    found = compared(case, place, connections)
    document = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert tuple(document["rows"][kind] for kind in ("added", "removed", "changed")) == case.rows
    assert {name: column["changed"] for name, column in document["columns"].items()} == case.columns
    assert document["schema"] == {
        "added": [],
        "removed": [],
        "type_changed": {},
        "not_compared": [],
        "renamed": {},
        **case.schema,
    }
    assert document["rows"]["unchanged"] == document["rows"]["base"] - case.rows[1] - case.rows[2]
    assert document["rows"]["candidate"] == document["rows"]["unchanged"] + case.rows[0] + case.rows[2]
    assert found.identical == (case.rows == (0, 0, 0) and not any(case.schema.values()))
    assert len(found.samples.added) == min(5, case.rows[0]) or not set(found.columns) | set(case.key)
    assert TableDiff.from_json(document) == found


def compared(case: Case, place: str, connections: list) -> TableDiff:
    con, other = connections[0], connections[place == "two connections"]
    con.raw_sql(f"CREATE OR REPLACE TABLE base AS {case.base}")
    other.raw_sql(f"CREATE OR REPLACE TABLE candidate AS {case.candidate}")
    base, candidate = con.table("base"), other.table("candidate")
    if place == "expression":
        base, candidate = base.filter(ibis.literal(True)), candidate.limit(1_000_000)
    return diff(base, candidate, key=case.key, **case.options)
