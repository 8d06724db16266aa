"""What kind a value is: whether something may change it behind its name's back."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum

from workbench.promote.known import COPIES, FRESH_FUNCTIONS, PLAIN_BUILTINS, PLAIN_MODULES, STREAMING, STREAMS


class Kind(Enum):
    """From harmless to unknown; of two possible kinds the later one counts."""

    PLAIN = 0  # can't change: tables, columns, numbers, text, tuples of such
    CODE = 1  # functions, classes, modules
    FLAT = 2  # a list, dictionary or set of plain values
    DEEP = 3  # a container of anything
    OBJECT = 4  # an instance of a class of the notebook
    STREAM = 5  # a generator or iterator: reading it uses it up
    UNKNOWN = 6


def join(*kinds: Kind) -> Kind:
    """The kind of a value that is of one of the kinds."""
    return max(kinds, key=lambda kind: kind.value, default=Kind.PLAIN)


def imported(path: str, given: Kind, items: Callable[[], Kind]) -> Kind:
    """The kind of what an imported function gives, for arguments of the kind ``given`` that hold ``items()``.

    >>> imported("builtins.sorted", Kind.PLAIN, lambda: Kind.PLAIN), imported("re.sub", Kind.PLAIN, lambda: Kind.PLAIN)
    (<Kind.FLAT: 2>, <Kind.PLAIN: 0>)
    """
    top, _, rest = path.partition(".")
    if top == "builtins":
        if rest == "getattr":  # a method of what it is given holds that
            return given if given is Kind.PLAIN else Kind.UNKNOWN
        if rest in PLAIN_BUILTINS:
            return items() if rest in ("max", "min", "sum", "tuple") else Kind.PLAIN
        if rest in COPIES:
            return Kind.FLAT if given in (Kind.PLAIN, Kind.FLAT) else Kind.DEEP
        return Kind.STREAM if rest in STREAMS else Kind.UNKNOWN
    if path in FRESH_FUNCTIONS:
        return Kind.FLAT
    if path.startswith(STREAMING):
        return Kind.STREAM
    if path.startswith(("ibis.connect", "ibis.duckdb", "ibis.options")):
        return Kind.UNKNOWN
    if path.startswith(("marimo.ui.", "marimo.sql")):
        return Kind.PLAIN
    if top == "operator":  # it may give back what it is given
        return given if given is Kind.PLAIN else Kind.UNKNOWN
    return Kind.PLAIN if top in PLAIN_MODULES else Kind.UNKNOWN
