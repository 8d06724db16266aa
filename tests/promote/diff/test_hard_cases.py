"""Hard cases with answers worked out by hand: types, keys, duplicates, tolerances, names.

Each table is a SELECT over VALUES, so that the whole case can be read in place. ``rows`` is added, removed, changed.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field

import ibis
import pytest

from workbench.errors import UsageError
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
    return Case(name, one(base), one(candidate), rows=(0, 0, int(differs)), columns=columns, schema=schema, options=options)


def apart(name: str, base: str, candidate: str, types: tuple[str, str]) -> Case:
    """One row on either side, whose types can't be compared."""
    return Case(name, one(base), one(candidate), schema={"type_changed": {"v": list(types)}, "not_compared": ["v"]})


def keys(name: str, base: str, candidate: str, *, match: bool) -> Case:
    """One row on either side, whose keys match or not."""
    lone = (0, 0, 0) if match else (1, 1, 0)
    return Case(name, f"SELECT {base} AS id, 1 AS v", f"SELECT {candidate} AS id, 1 AS v", rows=lone)


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


@pytest.fixture(params=["by value", "narrowed", "expression", "two connections"])
def place(request):
    return request.param


# Arrow, as Ibis reads it, does not carry these types from one connection to another: refused, never compared wrongly.
NOT_CARRIED = {"the widest unsigned beside signed", "enum with more values", "enum to text", "unions by tag"}


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_case(case, place, monkeypatch):
    if place == "narrowed":
        monkeypatch.setattr(narrow, "SMALL", -1)
    if place == "two connections" and case.name in NOT_CARRIED:
        with pytest.raises(UsageError, match="can't be compared"):
            compared(case, place)
        return
    found = compared(case, place)
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
    assert found.identical == (case.rows == (0, 0, 0) and not case.schema)
    assert len(found.samples.added) == min(5, case.rows[0]) or not set(found.columns) | set(case.key)
    assert TableDiff.from_json(document) == found


def compared(case: Case, place: str) -> TableDiff:
    con = ibis.duckdb.connect()
    con.raw_sql("SET TimeZone = 'Pacific/Auckland'")
    con.raw_sql(f"CREATE TABLE base AS {case.base}")
    other = ibis.duckdb.connect() if place == "two connections" else con
    other.raw_sql(f"CREATE TABLE candidate AS {case.candidate}")
    base, candidate = con.table("base"), other.table("candidate")
    if place == "expression":
        base, candidate = base.filter(ibis.literal(True)), candidate.limit(1_000_000)
    return diff(base, candidate, key=case.key, **case.options)
