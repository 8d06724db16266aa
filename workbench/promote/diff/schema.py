"""The columns of two tables beside each other: what is compared, how, and what is not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from workbench.errors import UnknownName, UsageError
from workbench.promote.diff.kinds import Comparison, Form, compare, shown
from workbench.promote.diff.sql import ident

if TYPE_CHECKING:
    from duckdb.sqltypes import DuckDBPyType


@dataclass(frozen=True, slots=True)
class Column:
    """A column that both tables have and that can be compared."""

    name: str
    base: DuckDBPyType
    candidate: DuckDBPyType
    how: Comparison

    def form(self, side: int) -> str:
        """The form of the base's (0) or the candidate's (1) column, as SQL over that table."""
        return (self.how.base, self.how.candidate)[side](ident(self.name))

    def hashed(self, side: int) -> str:
        """What to hash of this column, as SQL over that table."""
        return self.how.hashed(self.form(side))

    def kind(self, side: int) -> DuckDBPyType:
        return (self.base, self.candidate)[side]

    def shown(self, side: int) -> Form:
        """How a raw value of that side is handed to Python."""
        return shown(self.kind(side))


@dataclass(frozen=True, slots=True)
class Columns:
    """Which columns are the key, which are compared, and what the schemas have apart.

    ``keyed`` is False where no key was given: then ``key`` is empty and rows are compared whole.
    """

    key: tuple[Column, ...]
    values: tuple[Column, ...]
    added: dict[str, DuckDBPyType]
    removed: dict[str, DuckDBPyType]
    type_changed: dict[str, tuple[str, str]]
    not_compared: tuple[str, ...]

    @property
    def keyed(self) -> bool:
        return bool(self.key)

    @property
    def all(self) -> tuple[Column, ...]:
        return (*self.key, *self.values)

    @property
    def grouping(self) -> tuple[Column, ...]:
        """What a row must share with another to be paired with it: the key, or without one all that is compared exactly."""
        return self.key or tuple(column for column in self.values if not column.how.fuzzy)


def line_up(
    base: Mapping[str, DuckDBPyType],
    candidate: Mapping[str, DuckDBPyType],
    *,
    key: Sequence[str] = (),
    tolerant: bool = False,
    ignore_case: bool = False,
) -> Columns:
    """Decide about every column of both tables; nothing is read.

    Raises ``UsageError`` for a key column that one side lacks, that is named twice, or whose types can't be compared.
    """
    for name in key:
        for side, columns in (("base", base), ("candidate", candidate)):
            if name not in columns:
                raise UnknownName.of(f"key column in the {side}", name, columns, hint="name columns that both tables have")
    if len(set(key)) != len(key):
        raise UsageError(f"the key names a column twice: {', '.join(key)}", hint="name each key column once")
    compared: dict[str, Column] = {}
    type_changed: dict[str, tuple[str, str]] = {}
    not_compared = []
    for name, kind in base.items():
        if name not in candidate:
            continue
        other = candidate[name]
        if str(kind) != str(other):
            type_changed[name] = (str(kind), str(other))
        how = compare(kind, other, tolerant=tolerant and name not in key, ignore_case=ignore_case)
        if how is not None:
            compared[name] = Column(name, kind, other, how)
        elif name in key:
            raise UsageError(
                f"key column {name!r} is {kind} in the base and {other} in the candidate: rows can't be matched",
                hint="give both tables one type for it, or choose another key",
            )
        else:
            not_compared.append(name)
    return Columns(
        key=tuple(compared[name] for name in key),
        values=tuple(column for name, column in compared.items() if name not in key),
        added={name: kind for name, kind in candidate.items() if name not in base},
        removed={name: kind for name, kind in base.items() if name not in candidate},
        type_changed=type_changed,
        not_compared=tuple(not_compared),
    )
