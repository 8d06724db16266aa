"""``wb.local``: a declared step on data frames, for what Ibis can't say; a pure function from tables to one table.

The step runs where it is called, on rows that fit into memory, in the notebook, the proof, the trial and every run alike.
"""

from __future__ import annotations

import functools
import hashlib
import inspect
import itertools
import weakref
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, cast

from workbench.errors import UsageError
from workbench.runtime.frames import FRAMES, Frames, to_arrow, to_frame, too_many

if TYPE_CHECKING:
    import ibis.expr.operations as ops
    import ibis.expr.schema as sch
    import ibis.expr.types as ir
    import pyarrow as pa

MOST_ROWS = 1_000_000

# What each step's result was computed from; and results in use, so that equal ones are one table.
_inputs: weakref.WeakKeyDictionary[ops.Node, tuple[ops.Node, ...]] = weakref.WeakKeyDictionary()
_results: weakref.WeakValueDictionary[str, ops.Node] = weakref.WeakValueDictionary()


def local(
    *, schema: Mapping[str, str], frames: Frames = "pandas", max_rows: int = MOST_ROWS
) -> Callable[[Callable[..., Any]], Callable[..., ir.Table]]:
    """Declare a function of data frames as a step from Ibis tables to an Ibis table.

    Arguments that are Ibis tables reach the function as ``frames`` ("pandas", "polars" or "pyarrow") of at most ``max_rows``
    rows, ordered as their ``order_by`` says and else by all columns; other arguments as they are. It returns a frame with
    exactly the columns of ``schema``; NaN of pandas is NULL. The same frames must give the same result: no files, no network,
    no clock, no random numbers without a seed.

    >>> import ibis
    >>> @local(schema={"n": "int64", "before": "int64"})
    ... def shifted(rows):
    ...     return rows.assign(before=rows["n"].shift(1))
    >>> shifted(ibis.memtable({"n": [3, 1]})).to_pyarrow().to_pylist()
    [{'n': 1, 'before': None}, {'n': 3, 'before': 1}]

    Raises ``UsageError`` for a result of another schema, ``GuardRefused`` for more rows than ``max_rows``.
    """
    declared = read_schema(schema)
    if frames not in FRAMES:
        raise UsageError(f"wb.local: frames={frames!r} is none of {', '.join(FRAMES)}", hint='frames="pandas"')
    if isinstance(max_rows, bool) or not isinstance(max_rows, int) or max_rows < 1:
        raise UsageError(f"wb.local: max_rows={max_rows!r} is no number of rows", hint=f"max_rows={MOST_ROWS:_}")

    def declare(function: Callable[..., Any]) -> Callable[..., ir.Table]:
        signature, who = inspect.signature(function), f"local step {function.__name__}"
        for name, parameter in signature.parameters.items():
            if _table_given(parameter.default, who, name):
                raise UsageError(f"{who}: {name} is a table by default", hint="give each table where the step is called")

        @functools.wraps(function)
        def step(*args: Any, **kwargs: Any) -> ir.Table:
            given = signature.bind(*args, **kwargs)
            named = [*zip(_positions(signature), args, strict=False), *kwargs.items()]
            passed = {id(value): name for name, value in named if _table_given(value, who, name)}
            tables = [value for _, value in named if id(value) in passed]
            if any(_unbound(table) for table in tables):
                return _shape(function.__name__, declared, tables, given)

            def frame(value: Any) -> Any:
                name = passed.get(id(value))
                return value if name is None else to_frame(value, frames, max_rows, f"{who}: {name}")

            found = function(*map(frame, args), **{name: frame(value) for name, value in kwargs.items()})
            arrow = to_arrow(found, declared, who)
            if arrow.num_rows > max_rows:
                raise too_many(f"{who}: its result", max_rows)
            return _table(function.__name__, declared, arrow, tables)

        return step

    return declare


def read_schema(schema: Mapping[str, str]) -> sch.Schema:
    """The Ibis schema of declared columns; ``UsageError`` names the column whose type is none.

    >>> read_schema({"day": "date", "n": "int46"})
    Traceback (most recent call last):
        ...
    workbench.errors.UsageError: wb.local: column n has the type 'int46', which is none of Ibis
    """
    import ibis

    hint = 'for example schema={"day": "date", "n": "int64", "mean": "float64", "name": "string"}'
    if not isinstance(schema, Mapping) or not schema:
        raise UsageError("wb.local: schema= does not map columns to their types", hint=hint)
    found = {}
    for name, kind in schema.items():
        if not isinstance(name, str) or not name:
            raise UsageError(f"wb.local: {name!r} is no name of a column", hint=hint)
        try:
            found[name] = ibis.dtype(kind)
        except Exception:  # Ibis parses types with a parser that has errors of its own
            raise UsageError(f"wb.local: column {name} has the type {kind!r}, which is none of Ibis", hint=hint) from None
        if not _storable(found[name]):
            raise UsageError(f"wb.local: column {name} has the type {kind}, which frames do not share", hint=hint)
    return ibis.schema(found)


def inputs_of(node: ops.Node) -> tuple[ops.Node, ...]:
    """What a table that a local step gave was computed from; () for every other table."""
    return _inputs.get(node, ())


def holds_rows(table: ir.Table) -> bool:
    """Whether rows that a local step computed are part of an expression, so that it says nothing about other rows."""
    import ibis.expr.operations as ops

    return any(inputs_of(node) for node in table.op().find(ops.InMemoryTable))


def _storable(kind: Any) -> bool:
    if kind.is_array():
        return _storable(kind.value_type)
    return bool(
        kind.is_numeric() or kind.is_boolean() or kind.is_string() or kind.is_binary() or kind.is_date() or kind.is_time()
        or kind.is_timestamp()
    )  # fmt: skip


def _positions(signature: inspect.Signature) -> Iterator[str]:
    """Names for positional arguments; those of ``*args`` all have its name."""
    for name, parameter in signature.parameters.items():
        if parameter.kind is inspect.Parameter.VAR_POSITIONAL:
            yield from itertools.repeat(name)
        yield name


def _table_given(value: Any, who: str, name: str) -> bool:
    """Whether an argument is a table; ``UsageError`` for any other expression, and for one inside something else."""
    import ibis.expr.types as ir

    if isinstance(value, (list, tuple, dict, set)) and _holds_expression(value):
        what = f"{who}: {name} holds a table or column inside a {type(value).__name__}"
        raise UsageError(what, hint="give each table as an argument of its own")
    if isinstance(value, ir.Expr) and not isinstance(value, ir.Table):
        what = f"{who}: {name} is a {type(value).__name__}, not a table"
        raise UsageError(what, hint="give it a table: table.select(column), or table.aggregate(name=value)")
    return isinstance(value, ir.Table)


def _holds_expression(value: Any) -> bool:
    import ibis.expr.types as ir

    if isinstance(value, (list, tuple, dict, set)):
        return any(_holds_expression(each) for each in (value.values() if isinstance(value, dict) else value))
    return isinstance(value, ir.Expr)


def _unbound(table: ir.Table) -> bool:
    import ibis.expr.operations as ops

    return bool(table.op().find(ops.UnboundTable))


def _shape(name: str, schema: sch.Schema, tables: list[ir.Table], given: inspect.BoundArguments) -> ir.Table:
    """A table that stands for the result where there are no rows: a module whose expression is only being compiled."""
    import ibis
    import ibis.expr.types as ir

    plain = [repr(value) for value in given.arguments.values() if not isinstance(value, ir.Table)]
    parts = [*(str(ibis.to_sql(table, dialect="duckdb")) for table in tables), *plain]
    digest = hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]
    found = ibis.table(schema, name=f"local_{name}_{digest}")
    _inputs[found.op()] = tuple(table.op() for table in tables)
    return cast("ir.Table", found)


def _table(name: str, schema: sch.Schema, arrow: pa.Table, tables: list[ir.Table]) -> ir.Table:
    """A table in memory, named by its content: equal results are one table, and compile to the same query."""
    import ibis.expr.operations as ops
    from ibis.formats.pyarrow import PyArrowTableProxy

    named = f"local_{name}_{_digest(arrow)}"
    node = _results.get(named)
    if node is None:
        node = _results[named] = ops.InMemoryTable(name=named, schema=schema, data=PyArrowTableProxy(arrow))
    before = _inputs.get(node, ())
    _inputs[node] = tuple(dict.fromkeys([*before, *(table.op() for table in tables)]))
    return cast("ir.Table", node.to_expr())


def _digest(table: pa.Table) -> str:
    import pyarrow as pa

    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return hashlib.sha256(sink.getvalue()).hexdigest()[:16]
