"""A condition on changed rows, as people type it: over key columns and ``base_x``, ``candidate_x`` and ``delta_x``."""

from __future__ import annotations

from workbench.errors import UnknownName, UsageError
from workbench.promote.diff.schema import Columns

_INTEGERS = {"tinyint", "smallint", "integer", "bigint", "utinyint", "usmallint", "uinteger", "ubigint"}
# What a condition may call, by sqlglot's names and, where it has none, by DuckDB's: what looks at values and nothing else.
_CALLS = frozenset(
    "And Or Xor Not Case If Cast TryCast Coalesce Nullif Greatest Least Abs Sign Round Floor Ceil Sqrt Ln Log Pow Mod Lower "
    "Upper Length Substring Trim Left Right Concat StartsWith EndsWith Contains StrPosition RegexpLike RegexpFullMatch Extract "
    "DateTrunc TimestampTrunc DateDiff DateAdd DateSub Date Year Month Day Hour Minute DayOfWeek IsNan IsInf".split()
)
_NAMED = frozenset(["isfinite", "regexp_matches", "len", "strlen", "prefix", "suffix", "datesub"])
HINT = 'for example --where "delta_price > 100" or --where "base_state = \'open\'"'


def condition(text: str, columns: Columns) -> str:
    """The condition as SQL over the table of differing rows (see ``rows``).

    ``delta_x`` is candidate minus base. Every name is checked and replaced by a column of ours; raises ``UsageError`` for
    what is no single condition on one row.
    """
    import sqlglot
    from sqlglot import expressions as exp
    from sqlglot.errors import SqlglotError

    try:
        parsed = sqlglot.parse(text, dialect="duckdb")
    except SqlglotError:
        parsed = []
    tree = parsed[0] if len(parsed) == 1 else None
    allowed = isinstance(tree, exp.Condition) and not isinstance(tree, exp.Subquery)
    if (
        tree is None
        or not allowed
        or tree.find(exp.Query, exp.AggFunc, exp.Window, exp.Star, exp.Command, exp.Placeholder, exp.Parameter)
    ):
        raise UsageError(f"{text!r} is not a condition on a changed row", hint=HINT)
    known = names(columns)

    for call in tree.find_all(exp.Func):
        known_call = type(call).__name__ in _CALLS or (isinstance(call, exp.Anonymous) and call.name.lower() in _NAMED)
        if not known_call:
            called = call.name if isinstance(call, exp.Anonymous) else call.sql_name()
            raise UsageError(f"--where may not call {called.lower()}: a condition looks at the values of a row", hint=HINT)

    def place(node: exp.Expression) -> exp.Expression:
        if not isinstance(node, exp.Column):
            return node
        if node.name not in known or node.table:
            raise UnknownName.of("name for --where", node.sql(dialect="duckdb"), known, hint=HINT)
        return exp.paren(sqlglot.parse_one(known[node.name], dialect="duckdb"))

    return str(tree.transform(place).sql(dialect="duckdb"))


def names(columns: Columns) -> dict[str, str]:
    """What a condition may name, and the SQL that it stands for. A name that would mean two things means neither."""
    found: dict[str, str] = {}
    twice = set()
    for i, column in enumerate(columns.all):
        base, candidate = (f"{letter}{i}" if column.how.same else f"r{letter}{i}" for letter in "bc")
        if i < len(columns.key):
            own = {column.name: base}
        else:
            # Wide enough for the difference of any two: unsigned numbers have none below zero in their own type.
            wide = [
                f"CAST({raw} AS HUGEINT)" if kind.id in _INTEGERS else raw
                for raw, kind in ((base, column.base), (candidate, column.candidate))
            ]
            own = {
                f"base_{column.name}": base,
                f"candidate_{column.name}": candidate,
                f"delta_{column.name}": f"{wide[1]} - {wide[0]}",
            }
        twice |= own.keys() & found.keys()
        found |= own
    return {name: sql for name, sql in found.items() if name not in twice}
