"""Widgets as parameters: what a plain ``mo.ui`` widget or ``wb.param`` with a literal domain says, read without running it."""

from __future__ import annotations

import ast
import datetime as dt
import math
from typing import Any

from workbench.errors import UsageError
from workbench.model import Parameter
from workbench.promote.literals import Dotted, NotLiteral, arguments, value

# The widgets of marimo that have one plain value, with the names of their positional arguments.
SIGNATURES: dict[str, tuple[str, ...]] = {
    "slider": ("start", "stop", "step", "value", "debounce", "disabled", "orientation", "show_value", "include_input", "steps"),
    "number": ("start", "stop", "step", "value", "debounce"),
    "checkbox": ("value",),
    "switch": ("value",),
    "text": ("value", "placeholder", "kind", "max_length", "disabled", "debounce"),
    "text_area": ("value", "placeholder", "max_length", "disabled", "debounce", "rows"),
    "dropdown": ("options", "value", "allow_select_none", "searchable"),
    "radio": ("options", "value", "inline"),
    "multiselect": ("options", "value"),
    "date": ("start", "stop", "value"),
}
_DOMAIN = frozenset({"start", "stop", "step", "steps", "value", "options", "allow_select_none", "max_length", "max_selections"})
PARAM = ("name", "default")
_PARAM_KEYWORDS = frozenset({"ge", "le", "step", "choices", "doc"})


class BadWidget(Exception):
    """A widget can't be a parameter."""

    def __init__(self, why: str, node: ast.AST | None = None, hint: str = "") -> None:
        super().__init__(why)
        self.why = why
        self.node = node
        self.hint = hint


def from_widget(name: str, kind: str, call: ast.Call, dotted: Dotted) -> Parameter:
    """The parameter that ``NAME = mo.ui.KIND(...)`` stands for; ``BadWidget`` when its domain is not literal."""
    given = _literals(arguments_of(call, SIGNATURES[kind]), dotted, _DOMAIN)
    doc = given.get("label", "")
    doc = doc if isinstance(doc, str) else ""
    if given.get("on_change") is not None:
        raise BadWidget("on_change runs code that the pipeline would not run", call)
    match kind:
        case "slider" | "number":
            return _number(name, given, doc)
        case "checkbox" | "switch":
            return Parameter(name, "bool", bool(given.get("value", False)), doc=doc)
        case "text" | "text_area":
            return _checked(Parameter(name, "str", given.get("value", ""), doc=doc))
        case "date":
            return _date(name, given, doc)
        case "multiselect":
            return _choices(name, given, doc)
        case _:
            return _choice(name, kind, given, doc)


def from_param(call: ast.Call, dotted: Dotted) -> Parameter:
    """The parameter that ``wb.param(name, default, …)`` declares."""
    from workbench.sandbox.widgets import declared

    given = _literals(arguments_of(call, PARAM), dotted, frozenset({*PARAM, *_PARAM_KEYWORDS}))
    for needed in PARAM:
        if needed not in given:
            raise BadWidget(f"wb.param needs a {needed}", call)
    unknown = sorted(set(given) - _PARAM_KEYWORDS - set(PARAM))
    if unknown:
        raise BadWidget(f"wb.param knows no {unknown[0]}; it takes {', '.join(sorted(_PARAM_KEYWORDS))}", call)
    try:
        return _finite(declared(given.pop("name"), given.pop("default"), **given))
    except UsageError as error:
        raise BadWidget(error.message, call, error.hint) from None
    except (TypeError, AttributeError) as error:
        raise BadWidget(f"its arguments do not fit: {error}", call) from None


def arguments_of(call: ast.Call, names: tuple[str, ...]) -> dict[str, ast.expr]:
    """The arguments of a widget by name; ``BadWidget`` when they can't be told."""
    try:
        return arguments(call, names)
    except NotLiteral as error:
        raise BadWidget("its arguments are not written out one by one", error.node) from None


def _literals(given: dict[str, ast.expr], dotted: Dotted, needed: frozenset[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, node in given.items():
        try:
            found[name] = value(node, dotted)
        except (NotLiteral, TypeError):
            if name in needed:
                raise BadWidget(f"{name}= is not a literal, so its domain depends on data or code", node) from None
            found[name] = node if name == "on_change" else None
    return found


def _number(name: str, given: dict[str, Any], doc: str) -> Parameter:
    start, stop, step, default = (given.get(each) for each in ("start", "stop", "step", "value"))
    steps = given.get("steps")
    if steps is not None:
        default = steps[0] if default is None and steps else default
        return _checked(Parameter(name, _type([*steps, default]), default, choices=tuple(steps), doc=doc))
    default = start if default is None else default
    default = stop if default is None else default
    if default is None:
        raise BadWidget("it starts without a value; give value=")
    kind = _type([each for each in (start, stop, step, default) if each is not None])
    return _checked(Parameter(name, kind, default, start, stop, step, doc=doc))


def _date(name: str, given: dict[str, Any], doc: str) -> Parameter:
    try:
        start, stop, default = (_day(given.get(each)) for each in ("start", "stop", "value"))
    except ValueError:
        raise BadWidget("its dates are not of the form YYYY-MM-DD") from None
    if default is None:
        raise BadWidget("it starts at today's date, which changes; give value=")
    return _checked(Parameter(name, "date", default, start, stop, doc=doc))


def _day(given: Any) -> dt.date | None:
    if isinstance(given, str):
        return dt.date.fromisoformat(given)
    if given is not None and not isinstance(given, dt.date):
        raise ValueError(given)
    return given.date() if isinstance(given, dt.datetime) else given


def _choice(name: str, kind: str, given: dict[str, Any], doc: str) -> Parameter:
    options, default = given.get("options"), given.get("value")
    named = _named(kind, options)
    if default is None and given.get("allow_select_none") is False:
        default = next(iter(named))
    if default is None:
        raise BadWidget("it starts with nothing chosen; give value=")
    if given.get("allow_select_none"):
        raise BadWidget("it may have nothing chosen (allow_select_none), which no typed parameter can be")
    key = default if isinstance(options, dict) else option_name(kind, default)
    if key not in named:
        raise BadWidget(f"its value {default!r} is none of its options")
    choices = tuple(named.values())
    return _checked(Parameter(name, _type(list(choices)), named[key], choices=choices, doc=doc))


def _choices(name: str, given: dict[str, Any], doc: str) -> Parameter:
    if given.get("max_selections") is not None:
        raise BadWidget("max_selections= bounds how many are chosen, which no typed parameter can say")
    options, chosen = given.get("options"), given.get("value")
    named = _named("multiselect", options)
    if chosen is not None and not isinstance(chosen, (list, tuple)):
        raise BadWidget("value= is not a list written out")
    keys = [each if isinstance(options, dict) else option_name("multiselect", each) for each in chosen or ()]
    unknown = [key for key in keys if key not in named]
    if unknown:
        raise BadWidget(f"its value {unknown[0]!r} is none of its options")
    choices = tuple(named.values())
    return _checked(Parameter(name, f"list[{_type(list(choices))}]", [named[key] for key in keys], choices=choices, doc=doc))


def _named(kind: str, options: Any) -> dict[Any, Any]:
    """The options by what marimo calls them."""
    if not isinstance(options, (list, tuple, dict)) or not options:
        raise BadWidget("options= is not a list or dictionary written out")
    return options if isinstance(options, dict) else {option_name(kind, option): option for option in options}


def option_name(kind: str, option: Any) -> Any:
    """What marimo calls an option of a list: a radio keeps it, the others write it out unless it is a text."""
    return option if kind == "radio" or isinstance(option, str) else repr(option)


def _type(values: list[Any]) -> str:
    kinds = {type(each) for each in values}
    if kinds <= {int}:
        return "int"
    if kinds <= {int, float}:
        return "float"
    for kind, name in ((bool, "bool"), (str, "str"), (dt.date, "date")):
        if kinds == {kind}:
            return name
    raise BadWidget("its values are not all of one type among int, float, bool, str and date")


def _checked(parameter: Parameter) -> Parameter:
    try:
        parameter.check(parameter.default)
    except UsageError as error:
        raise BadWidget(error.message) from None
    return _finite(parameter)


def _finite(parameter: Parameter) -> Parameter:
    """The parameter, when its numbers are such that JSON and Python can write them down."""
    values = (parameter.default, parameter.ge, parameter.le, *(parameter.choices or ()))
    for each in values:
        if isinstance(each, float) and not math.isfinite(each):
            raise BadWidget(f"{each} is no finite number", hint="give a number that the logic can reach: ge= and le= bound it")
    return parameter
