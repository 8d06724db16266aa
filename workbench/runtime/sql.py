"""``wb.sql``: a query over Ibis tables, as one more lazy Ibis table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from workbench.errors import UsageError
from workbench.runtime.needs import note_query

if TYPE_CHECKING:
    import ibis.expr.types as ir


def sql(query: str, /, **tables: ir.Table) -> ir.Table:
    """The result of a ``SELECT`` over the given tables, which it names as they are named here.

    Nothing runs until the result is asked for::

        wb.sql("SELECT origin, count(*) AS n FROM flights GROUP BY origin", flights=flights)

    Raises ``UsageError`` for a query that is no single ``SELECT`` or reads any other table.
    """
    from sqlglot import exp

    if not tables:
        raise UsageError("wb.sql was given no table", hint='for example wb.sql("SELECT * FROM flights", flights=flights)')
    # Rows in memory belong to no database, and go to that of the others.
    found = {id(backend): backend for table in tables.values() for backend in table._find_backends()[0]}
    if len(found) > 1:
        raise UsageError("wb.sql was given tables of different databases", hint="read them all with wb.source")
    backend = next(iter(found.values()), None) or next(iter(tables.values())).get_backend()
    parsed = parse(query, backend.dialect)
    unknown = tables_of(parsed) - set(tables)
    if unknown:
        raise UsageError(
            f"wb.sql reads {sorted(unknown)[0]!r}, which it was not given", hint=f"add {sorted(unknown)[0]}=… to the call"
        )
    said, given = names_said(parsed), []
    for name, table in tables.items():
        backend._run_pre_execute_hooks(table)
        compiled = parse(str(backend.compile(table)), backend.dialect)
        given.append(exp.CTE(this=compiled, alias=exp.TableAlias(this=exp.to_identifier(name, quoted=True))))
    if _with(parsed) is not None:
        # Its own names come before those given, and Ibis forgets of an outermost WITH that it was recursive.
        parsed = exp.select("*").from_(exp.Subquery(this=parsed, alias=exp.TableAlias(this=exp.to_identifier("found"))))
    parsed.set("with_" if "with_" in parsed.arg_types else "with", exp.With(expressions=given))
    made = backend.sql(parsed.sql(backend.dialect))
    for table in tables.values():
        readable = (column for column in table.columns if said is None or column.casefold() in said)
        note_query(made.op(), table.op(), readable)
    return made


def parse(query: str, dialect: Any = "duckdb") -> Any:
    """The syntax tree of one ``SELECT``; ``UsageError`` for anything else.

    >>> parse("DROP TABLE flights")
    Traceback (most recent call last):
        ...
    workbench.errors.UsageError: the query is no single SELECT
    """
    import sqlglot
    from sqlglot import exp

    try:
        statements = sqlglot.parse(query, read=dialect)
    except sqlglot.errors.SqlglotError as error:
        raise UsageError(f"the query does not parse: {str(error).splitlines()[0]}", hint="correct the query") from None
    if len(statements) != 1 or not isinstance(statements[0], exp.Query):
        raise UsageError("the query is no single SELECT", hint="write one SELECT; pipelines change nothing in the database")
    return statements[0]


def tables_of(parsed: Any) -> set[str]:
    """The names of the tables that a query reads, those that it defines itself left out.

    Tables with a schema, files and table functions are named as they are written, so that they match no given table.

    >>> sorted(tables_of(parse("WITH late AS (SELECT * FROM flights) SELECT * FROM late JOIN s.planes USING (tailnum)")))
    ['flights', 's.planes']
    """
    from sqlglot import exp

    found = set()
    for table in parsed.find_all(exp.Table):
        plain = isinstance(table.this, exp.Identifier) and not table.args.get("db") and not table.args.get("catalog")
        if not plain:
            found.add(table.sql("duckdb").split(" AS ")[0])
        elif not _defined_within(table):
            found.add(table.name)
    return found


def names_said(parsed: Any) -> set[str] | None:
    """All names in a query, casefolded; None where it may read columns that it does not name.

    >>> sorted(names_said(parse("SELECT max(f.Delay) AS late, count(*) FROM flights f")))
    ['delay', 'f', 'flights', 'late']
    >>> names_said(parse("SELECT f FROM flights f")), names_said(parse("SELECT COLUMNS('d.*') FROM flights"))
    (None, None)
    """
    from sqlglot import exp

    plain = (
        exp.Select, exp.From, exp.Join, exp.Table, exp.TableAlias, exp.Identifier, exp.Column, exp.Alias, exp.Literal,
        exp.Boolean, exp.Null, exp.Paren, exp.Where, exp.Group, exp.Having, exp.Order, exp.Ordered, exp.Limit, exp.Offset,
        exp.With, exp.CTE, exp.Subquery, exp.SetOperation, exp.Func, exp.Binary, exp.Unary, exp.Between, exp.In, exp.Window,
        exp.WindowSpec, exp.Distinct, exp.DataType, exp.DataTypeParam, exp.Interval, exp.Var, exp.Filter, exp.WithinGroup,
        exp.Tuple, exp.Qualify, exp.Bracket, exp.Lambda,
    )  # fmt: skip
    tables = {each.alias_or_name.casefold() for each in parsed.find_all(exp.Table, exp.Subquery, exp.CTE)}
    found = set()
    for node in parsed.walk():
        counted = isinstance(node, exp.Star) and isinstance(node.parent, exp.Count)
        hidden = isinstance(node, exp.Columns) or (isinstance(node, exp.Join) and node.method)
        # A table that is named like a column is a row of it.
        row = isinstance(node, exp.Column) and (isinstance(node.this, exp.Star) or node.name.casefold() in tables)
        if not (counted or isinstance(node, plain)) or hidden or row:
            return None
        if isinstance(node, exp.Identifier):
            found.add(node.name.casefold())
    return found


def _with(query: Any) -> Any:
    return query.args.get("with_") or query.args.get("with")


def _defined_within(table: Any) -> bool:
    """Whether a ``WITH`` around the table defines it: one names what comes after it, and itself where it is recursive."""
    from sqlglot import exp

    node, cte = table, None
    while node.parent is not None:
        node, names = node.parent, []
        if isinstance(node, exp.CTE):
            cte = cte or node
        elif isinstance(node, exp.With):
            every = [each.alias.lower() for each in node.expressions]
            place = next((index for index, each in enumerate(node.expressions) if each is cte), len(every))
            names = every if node.args.get("recursive") else every[:place]
            node, cte = node.parent, None  # what this WITH belongs to is no longer inside of it
        elif isinstance(node, exp.Query) and (own := _with(node)) is not None:
            names = [each.alias.lower() for each in own.expressions]
        if table.name.lower() in names:
            return True
    return False
