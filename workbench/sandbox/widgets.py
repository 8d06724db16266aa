"""``wb.param``: a parameter of a pipeline as the marimo widget that fits its type and domain.

While an analyst edits, ``min_delay.value`` is what the widget shows; the promoted module takes a plain argument
``min_delay`` of the same type, default and range.
"""

from __future__ import annotations

import datetime as dt
import html
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any
from weakref import WeakValueDictionary

from workbench.errors import UsageError
from workbench.model import check_mark, check_name
from workbench.parameter import Parameter
from workbench.runtime.stopping import stopping

Scalar = int | float | bool | str | dt.date | dt.time | Decimal
Value = Scalar | list[Any]
_RESERVED_LABEL = "--"  # marimo's dropdown keeps this label for itself
_KINDS = {bool: "bool", str: "str", dt.date: "date", dt.time: "time", dt.datetime: "datetime", Decimal: "decimal"}
_newest: WeakValueDictionary[str, Any] = WeakValueDictionary()


@stopping
def param(
    name: str,
    default: Value,
    *,
    ge: Scalar | None = None,
    le: Scalar | None = None,
    step: int | float | None = None,
    choices: Sequence[Scalar] | Mapping[str, Scalar] | None = None,
    doc: str = "",
) -> Any:
    """A marimo widget whose ``.value`` is the parameter's value.

    A number with both bounds is a slider, other numbers a number field, a bool a switch, a text a text field, a date or
    datetime a field of its own, and ``choices`` a dropdown; a mapping names each choice. Times, decimals and lists, of which
    several items may be chosen, need ``choices``. It starts at ``default``, or at the value that the session was opened with.

    >>> min_delay = param("min_delay", 15, ge=0, le=240, doc="minutes from which a departure is late")
    >>> type(min_delay).__name__, min_delay.value
    ('slider', 15)
    >>> param("min_delay", 500, ge=0, le=240)
    Traceback (most recent call last):
        ...
    workbench.errors.UsageError: parameter min_delay is 500, above its highest value 240
    """
    parameter = declared(name, default, ge=ge, le=le, step=step, choices=choices, doc=doc)
    widget = _widget(parameter, _initial(parameter), _labels(parameter, choices))
    _newest[name] = widget
    return widget


def declared(
    name: str,
    default: Value,
    *,
    ge: Scalar | None = None,
    le: Scalar | None = None,
    step: int | float | None = None,
    choices: Sequence[Scalar] | Mapping[str, Scalar] | None = None,
    doc: str = "",
) -> Parameter:
    """The checked parameter that a call of ``param`` declares; ``UsageError`` names it when it can't stand."""
    check_name("parameter", check_mark("param", name, 'wb.param("min_delay", 15)'))
    allowed: tuple[Scalar, ...] | None = None
    if choices is not None:
        allowed = tuple(choices.values() if isinstance(choices, Mapping) else choices)
        if not allowed or isinstance(choices, str):
            raise UsageError(f"parameter {name}: choices= allows no value", hint="list at least one choice")
        if len(set(allowed)) != len(allowed):
            raise UsageError(f"parameter {name}: a choice is listed twice", hint="list each choice once")
    bounds = [bound for bound in (ge, le) if bound is not None]
    items = default if isinstance(default, list) else [default]
    kind = _kind(name, [*items, *bounds, *(allowed or ())])
    if allowed is None and (kind in ("time", "decimal") or isinstance(default, list)):
        what = "a list" if isinstance(default, list) else f"of type {kind}"
        raise UsageError(f"parameter {name} is {what}, which has no field of its own in a notebook", hint="give it choices=")
    if bounds and kind not in ("int", "float", "date", "datetime"):
        raise UsageError(f"parameter {name}: ge= and le= make no sense for a {kind}", hint="use choices= to limit it")
    if step is not None and (kind not in ("int", "float") or step <= 0 or (kind == "int" and not isinstance(step, int))):
        raise UsageError(
            f"parameter {name}: step={step!r} does not fit type {kind}", hint="give a positive step of that type, or none"
        )
    if ge is not None and le is not None and ge > le:  # type: ignore[operator]  # both are numbers or both are dates, by _kind
        raise UsageError(f"parameter {name}: nothing lies between ge={ge} and le={le}", hint="swap the two bounds")
    if kind == "float":
        default = [_float(item) for item in items] if isinstance(default, list) else _float(default)
        allowed = None if allowed is None else tuple(_float(choice) for choice in allowed)
    parameter = Parameter(name, f"list[{kind}]" if isinstance(default, list) else kind, default, ge, le, step, allowed, doc)
    parameter.check(default)
    for choice in allowed or ():
        (parameter.item or parameter).check(choice)
    return parameter


def current_value(name: str) -> Any:
    """What the newest widget made by ``param`` under that name shows; ``KeyError`` when there is none."""
    return _newest[name].value


def _kind(name: str, values: Sequence[Any]) -> str:
    kinds = {type(value) for value in values}
    if kinds == {int}:
        return "int"
    if kinds <= {int, float}:
        return "float"
    for kind, word in _KINDS.items():
        if kinds == {kind}:
            return word
    found = ", ".join(sorted(kind.__name__ for kind in kinds))
    raise UsageError(
        f"parameter {name}: its values are of type {found or 'nothing'}, not all of one type among int, float, "
        "bool, str, date, time, datetime and Decimal",
        hint=f'for example wb.param("{name}", 15, ge=0, le=240)',
    )


def _float(value: Any) -> float:
    return float(value)


def _initial(parameter: Parameter) -> Any:
    from workbench.sandbox import session

    try:
        overrides: Mapping[str, Any] = session.current().parameters
    except UsageError:
        # No sandbox to read from: wb.source says so, with the next command. A widget needs none.
        overrides = {}
    return parameter.check(overrides[parameter.name]) if parameter.name in overrides else parameter.default


def _labels(parameter: Parameter, choices: Sequence[Scalar] | Mapping[str, Scalar] | None) -> dict[str, Any]:
    """What the dropdown shows for each choice."""
    if parameter.choices is None:
        return {}
    names = list(choices) if isinstance(choices, Mapping) else [str(choice) for choice in parameter.choices]
    labels: dict[str, Any] = {}
    for name, choice in zip(names, parameter.choices, strict=True):
        label = str(name) if str(name).strip() not in ("", _RESERVED_LABEL) else repr(name)
        while label in labels:
            label += " "
        labels[label] = choice
    return labels


def _widget(parameter: Parameter, value: Any, labels: dict[str, Any]) -> Any:
    import marimo as mo

    label = f"**{parameter.name}**" + (f" · {html.escape(parameter.doc)}" if parameter.doc else "")
    low, high, step = parameter.ge, parameter.le, parameter.step
    if parameter.item is not None:
        return mo.ui.multiselect(labels, [name for name, choice in labels.items() if choice in value], label=label)
    if parameter.choices is not None:
        shown = next(name for name, choice in labels.items() if choice == value)
        return mo.ui.dropdown(labels, shown, allow_select_none=False, label=label)
    match parameter.type:
        case "bool":
            return mo.ui.switch(value, label=label)
        case "str":
            return mo.ui.text(value, label=label)
        case "date":
            return mo.ui.date(low, high, value, label=label)
        case "datetime":
            return mo.ui.datetime(low, high, value, label=label)
        case kind:
            return _number(kind, low, high, step, value, label)


def _number(kind: str, low: Any, high: Any, step: int | float | None, value: Any, label: str) -> Any:
    import marimo as mo

    if kind == "float":
        low, high = (None if bound is None else float(bound) for bound in (low, high))
    if low is None or high is None or low == high:
        return mo.ui.number(low, high, step or (1 if kind == "int" else None), value, label=label)
    return mo.ui.slider(low, high, step or (1 if kind == "int" else (high - low) / 100), value, label=label, show_value=True)
