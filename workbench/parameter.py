"""Parameters: typed, bounded values that a person may set, and the texts that stand for them.

A text is read by the type that the contract gives a parameter, never guessed from its looks: ``007`` stays ``007`` where text
is wanted, ``no`` is no boolean, ``12:30:00`` no number of seconds.
"""

from __future__ import annotations

import csv
import datetime as dt
import json
import re
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from workbench.errors import UsageError

_REFERENCE = re.compile(r"env:[A-Za-z_][A-Za-z0-9_]*|keyring:[A-Za-z0-9_.@-]+(/[A-Za-z0-9_.@-]+)?")
_INT = re.compile(r"[+-]?[0-9]+")
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_INFINITE = re.compile(r"[+-]?inf")


def is_reference(value: Any) -> bool:
    """Whether a text stands for a secret that only the process of a run looks up: ``env:NAME``, ``keyring:[SERVICE/]NAME``.

    >>> is_reference("env:API_SALT"), is_reference("env:two words"), is_reference(7)
    (True, False, False)
    """
    return isinstance(value, str) and _REFERENCE.fullmatch(value) is not None


def encode(value: Any) -> Any:
    """A value, or a container of values, as JSON has it: moments and decimals as text.

    >>> encode([dt.date(2013, 1, 1), Decimal("1.50"), 3])
    ['2013-01-01', '1.50', 3]
    """
    if isinstance(value, (list, tuple)):
        return [encode(item) for item in value]
    if isinstance(value, dict):
        return {name: encode(item) for name, item in value.items()}
    if isinstance(value, (dt.date, dt.time)):
        return value.isoformat()
    return str(value) if isinstance(value, Decimal) else value


@dataclass(frozen=True, slots=True)
class Parameter:
    """A typed, bounded input of a pipeline that a person may set.

    ``type`` is one of int, float, bool, str, date, time, datetime, decimal, or ``list[T]`` of one of them; bounds and
    ``choices`` hold for each item of a list. ``choices`` are the allowed values, in the order of the widget.
    """

    name: str
    type: str
    default: Any
    ge: Any = None
    le: Any = None
    step: int | float | None = None
    choices: tuple[Any, ...] | None = None
    doc: str = ""

    @property
    def item(self) -> Parameter | None:
        """The parameter that each item of a list is held to; None for what is no list."""
        return replace(self, type=self.type[5:-1]) if self.type.startswith("list[") else None

    def check(self, value: Any) -> Any:
        """The value itself, when its type and range fit; ``UsageError`` otherwise.

        >>> Parameter("min_delay", "int", 15, ge=0, le=240).check(500)
        Traceback (most recent call last):
            ...
        workbench.errors.UsageError: parameter min_delay is 500, above its highest value 240
        """
        hint = f"give {self.name} {self.domain()}"
        item = self.item
        if item is not None:
            if not isinstance(value, (list, tuple)):
                raise UsageError(f"parameter {self.name} is {value!r}, not a value of type {self.type}", hint=hint)
            return [item.check(each) for each in value]
        if not _is(self.type, value):
            raise UsageError(f"parameter {self.name} is {value!r}, not a value of type {self.type}", hint=hint)
        if isinstance(value, (float, Decimal)) and value != value:
            raise UsageError(f"parameter {self.name} is NaN", hint=hint)
        if self.choices is not None and value not in self.choices:
            raise UsageError(f"parameter {self.name} is {value!r}, none of its choices", hint=hint)
        try:
            if self.ge is not None and value < self.ge:
                raise UsageError(f"parameter {self.name} is {value}, below its lowest value {self.ge}", hint=hint)
            if self.le is not None and value > self.le:
                raise UsageError(f"parameter {self.name} is {value}, above its highest value {self.le}", hint=hint)
        except TypeError:
            raise UsageError(f"parameter {self.name}: {value} and its bounds can't be compared", hint=hint) from None
        return float(value) if self.type == "float" else value

    def parse(self, text: str) -> Any:
        """The value that the text of a command line stands for, checked. A list is ``a,b,c`` or JSON.

        >>> Parameter("code", "str", "").parse("007"), Parameter("at", "time", None).parse("12:30:00")
        ('007', datetime.time(12, 30))
        >>> Parameter("codes", "list[str]", []).parse("007,no"), Parameter("codes", "list[str]", []).parse('["a,b"]')
        (['007', 'no'], ['a,b'])
        """
        try:
            item = self.item
            if item is not None:
                return [item.parse(each) for each in _items(text)]
            value = _read(self.type, text)
        except (ValueError, KeyError, ArithmeticError, csv.Error):
            wanted = "true or false" if self.type == "bool" else self.domain()
            raise UsageError(
                f"parameter {self.name}: {text!r} is not a value of type {self.type}", hint=f"give {self.name} {wanted}"
            ) from None
        return self.check(value)

    def decode(self, value: Any) -> Any:
        """A value as ``encode`` left it, as what it is; unchecked.

        >>> Parameter("days", "list[date]", []).decode(["2013-01-01"])
        [datetime.date(2013, 1, 1)]
        """
        item = self.item
        if item is not None and isinstance(value, (list, tuple)):
            return [item.decode(each) for each in value]
        return _read(self.type, value) if isinstance(value, str) and self.type != "str" else value

    def domain(self) -> str:
        """The allowed values in words, such as ``an int from 0 to 240``."""
        item = self.item
        if item is not None:
            return f"a list; each item {item.domain()}"
        if self.choices is not None:
            return "one of " + ", ".join(repr(encode(choice)) for choice in self.choices)
        article = "an" if self.type == "int" else "a"
        match (self.ge, self.le):
            case (None, None):
                return f"{article} {self.type}"
            case (low, None):
                return f"{article} {self.type} of at least {low}"
            case (None, high):
                return f"{article} {self.type} of at most {high}"
            case (low, high):
                return f"{article} {self.type} from {low} to {high}"


def _is(kind: str, value: Any) -> bool:
    match kind:
        case "int":
            return isinstance(value, int) and not isinstance(value, bool)
        case "float":
            return isinstance(value, (int, float)) and not isinstance(value, bool)
        case "date":
            return isinstance(value, dt.date) and not isinstance(value, dt.datetime)
    wanted = {"bool": bool, "str": str, "time": dt.time, "datetime": dt.datetime, "decimal": Decimal}[kind]
    return isinstance(value, wanted)


def _read(kind: str, text: str) -> Any:
    """What a text stands for in a type; ``ValueError``, ``KeyError`` or ``ArithmeticError`` when it stands for nothing."""
    match kind:
        case "int":
            return int(_fits(_INT, text))
        case "float":
            return float(text) if _INFINITE.fullmatch(text) else float(_fits(_NUMBER, text))
        case "decimal":
            return Decimal(_fits(_NUMBER, text))
        case "bool":
            return {"true": True, "false": False}[text.lower()]
        case "date":
            return dt.date.fromisoformat(text)
        case "time":
            return dt.time.fromisoformat(text)
        case "datetime":
            return dt.datetime.fromisoformat(text)
        case "str":
            return text
    raise KeyError(kind)


def _fits(pattern: re.Pattern[str], text: str) -> str:
    if pattern.fullmatch(text) is None:
        raise ValueError(text)
    return text


def _items(text: str) -> list[str]:
    if not text.strip():
        return []
    if not text.lstrip().startswith("["):
        return next(csv.reader([text], strict=True))
    # Numbers stay the text that they were written as; each item is read by the list's type.
    found = json.loads(text, parse_int=str, parse_float=str, parse_constant=str)
    if not all(isinstance(each, (str, bool)) for each in found):
        raise ValueError(text)
    return [each if isinstance(each, str) else str(each).lower() for each in found]
