"""Between Ibis tables and data frames, with nothing left to chance: rows in one order, and exactly the declared types."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, cast

from workbench.errors import GuardRefused, UsageError
from workbench.runtime.distant import narrowed

if TYPE_CHECKING:
    import ibis.expr.schema as sch
    import ibis.expr.types as ir
    import pyarrow as pa

Frames = Literal["pandas", "polars", "pyarrow"]
FRAMES: tuple[Frames, ...] = ("pandas", "polars", "pyarrow")


def to_frame(table: ir.Table, frames: Frames, max_rows: int, who: str) -> Any:
    """All rows of a table in memory, in a fixed order; ``who`` names the table in the error when it has too many.

    The order is that of the table's own ``order_by``, ties broken by the other columns; without one, that of all columns.
    """
    rows = narrowed(_ordered(table).limit(max_rows + 1))
    match frames:
        case "polars":
            frame: Any = rows.to_polars()
        case "pyarrow":
            frame = rows.to_pyarrow()
        case _:
            frame = rows.to_pandas()
    if len(frame) > max_rows:
        raise too_many(who, max_rows)
    return frame


def too_many(who: str, max_rows: int) -> GuardRefused:
    """The error of a table with more rows than a local step holds in memory."""
    hint = "filter or aggregate it in Ibis first, or raise max_rows= of @wb.local, with memory for it"
    return GuardRefused(f"{who} has more than {max_rows:,} rows", hint=hint)


def _ordered(table: ir.Table) -> ir.Table:
    import ibis.expr.operations as ops

    node = table.op()
    columns = [
        name
        for name, kind in table.schema().items()
        if kind.is_primitive() or kind.is_temporal() or kind.is_string() or kind.is_decimal() or kind.is_uuid()
    ]
    if isinstance(node, ops.Sort):
        ties = (ops.SortKey(ops.Field(node.parent, name)) for name in columns)
        return cast("ir.Table", ops.Sort(node.parent, (*node.keys, *ties)).to_expr())
    # The rows of a limit are in the order that chose them.
    return table if isinstance(node, ops.Limit) or not columns else table.order_by(columns)


def to_arrow(frame: Any, schema: sch.Schema, who: str) -> pa.Table:
    """A data frame as a table of exactly this schema; ``UsageError`` names the column that does not fit.

    NaN in a pandas frame is NULL. Values are never rounded, cut or parsed.

    >>> import ibis, pandas as pd
    >>> to_arrow(pd.DataFrame({"n": [1.0, None]}), ibis.schema({"n": "int64"}), "step").to_pylist()
    [{'n': 1}, {'n': None}]
    """
    import pyarrow as pa

    names, columns = _columns(frame, who)
    missing = [name for name in schema if name not in names]
    extra = [name for name in names if name not in schema]
    if missing or extra or len(set(names)) < len(names):
        index = [str(name) for name in getattr(getattr(frame, "index", None), "names", None) or () if name in missing]
        wrong = [f"lacks {', '.join(missing)}"] if missing else []
        wrong += [f"has {', '.join(map(repr, extra))}, which schema= does not declare"] if extra else []
        wrong = wrong or ["has two columns of one name"]
        hint = (
            f"{', '.join(index)} is the frame's index: return frame.reset_index()"
            if index
            else "return the columns of schema=, no more and no fewer"
        )
        raise UsageError(f"{who} returned a table that {' and '.join(wrong)}", hint=hint)
    wanted = schema.to_pyarrow()
    arrays = [_array(columns[name], wanted.field(name), who) for name in schema]
    return pa.Table.from_arrays(arrays, schema=wanted).combine_chunks()


def _columns(frame: Any, who: str) -> tuple[list[str], dict[str, Any]]:
    """The names of a frame's columns, and each column as Arrow sees it."""
    import pyarrow as pa

    if isinstance(frame, pa.RecordBatch):
        frame = pa.Table.from_batches([frame])
    top = type(frame).__module__.partition(".")[0]
    if top == "polars" and hasattr(frame, "collect"):
        frame = frame.collect()
    if top == "polars" and hasattr(frame, "to_arrow") and hasattr(frame, "columns"):
        frame = frame.to_arrow()
    if isinstance(frame, pa.Table):
        return frame.column_names, dict(zip(frame.column_names, frame.columns, strict=True))
    if top == "pandas" and hasattr(frame, "columns"):
        names = [str(name) for name in frame.columns]
        try:
            return names, {name: pa.Array.from_pandas(frame.iloc[:, position]) for position, name in enumerate(names)}
        except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError) as error:
            raise UsageError(
                f"{who} returned a column with values of several types: {error}", hint="make each column one type"
            ) from None
    hint = "return a pandas, polars or pyarrow table; without a data frame, leave @wb.local out and stay in Ibis"
    raise UsageError(f"{who} returned {'nothing' if frame is None else f'a {type(frame).__name__}'}", hint=hint)


def _array(values: Any, field: pa.Field, who: str) -> Any:
    import pyarrow as pa

    kind, given = field.type, values.type
    place = f"{who}: column {field.name}"
    if pa.types.is_dictionary(given):
        values, given = values.cast(given.value_type), given.value_type
    if not (pa.types.is_null(given) or _family(given) == _family(kind)):
        hint = f'convert the column, or declare it as what it is: schema={{"{field.name}": …}}'
        raise UsageError(f"{place} is declared {kind}, and holds {given}", hint=hint)
    try:
        if pa.types.is_decimal(kind) and pa.types.is_integer(given):
            values = values.cast(pa.decimal128(38, kind.scale))
        cast = values.cast(kind)
        if pa.types.is_date(kind) and pa.types.is_timestamp(given) and not cast.cast(given).equals(values):
            raise pa.ArrowInvalid("a time of day would be lost")
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise UsageError(f"{place} is declared {kind}: {error}", hint="round or convert it in the function") from None
    if not field.nullable and cast.null_count:
        raise UsageError(f"{place} is declared without NULL, and holds {cast.null_count}", hint="fill or drop them")
    return cast


def _family(kind: pa.DataType) -> str:
    """Types between which a value keeps its meaning."""
    import pyarrow as pa

    types = pa.types
    if types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind):
        return "number"
    if types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind):
        return "text"
    if types.is_binary(kind) or types.is_large_binary(kind) or types.is_binary_view(kind):
        return "bytes"
    if types.is_date(kind) or (types.is_timestamp(kind) and kind.tz is None):
        return "day"
    if types.is_timestamp(kind):
        return "moment"
    if types.is_list(kind) or types.is_large_list(kind):
        return f"list of {_family(kind.value_type)}"
    return str(kind).partition("[")[0]
