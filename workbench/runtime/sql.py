"""``wb.sql``: a query over Ibis tables, as one more lazy Ibis table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from workbench.errors import UsageError

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
    given = []
    for name, table in tables.items():
        backend._run_pre_execute_hooks(table)
        compiled = parse(str(backend.compile(table)), backend.dialect)
        given.append(exp.CTE(this=compiled, alias=exp.TableAlias(this=exp.to_identifier(name, quoted=True))))
    own: Any = parsed.args.get("with_") or parsed.args.get("with")
    both = exp.With(expressions=[*given, *(own.expressions if own else [])])
    parsed.set("with_" if "with_" in parsed.arg_types else "with", both)
    return backend.sql(parsed.sql(backend.dialect))


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
    if any(with_.args.get("recursive") for with_ in statements[0].find_all(exp.With)):
        # Ibis takes a query apart and forgets that it was recursive.
        raise UsageError("the query is recursive", hint="unroll it, or compute the table in the warehouse as a source")
    return statements[0]


def tables_of(parsed: Any) -> set[str]:
    """The names of the tables that a query reads, those that it defines itself left out.

    Tables with a schema, files and table functions are named as they are written, so that they match no given table.

    >>> sorted(tables_of(parse("WITH late AS (SELECT * FROM flights) SELECT * FROM late JOIN s.planes USING (tailnum)")))
    ['flights', 's.planes']
    """
    from sqlglot import exp

    own = {cte.alias for cte in parsed.find_all(exp.CTE)}
    found = set()
    for table in parsed.find_all(exp.Table):
        plain = isinstance(table.this, exp.Identifier) and not table.args.get("db") and not table.args.get("catalog")
        if not plain:
            found.add(table.sql("duckdb").split(" AS ")[0])
        elif table.name not in own:
            found.add(table.name)
    return found
