"""A notebook's text with other initial values of its widgets, for the runs that prove equality."""

from __future__ import annotations

import ast
import datetime as dt
from collections.abc import Mapping
from typing import Any

from workbench.errors import UnknownName, quoted
from workbench.promote.guards import waits_for_button
from workbench.promote.literals import NotLiteral, value
from workbench.promote.marks import Widget, constant, read_widgets
from workbench.promote.notebook import Notebook, split_lines
from workbench.promote.program import Program, Statement, read_program
from workbench.promote.widgets import SIGNATURES, arguments_of, option_name


def with_values(notebook: Notebook, values: Mapping[str, Any]) -> str:
    """The notebook's text with ``value=`` of the named ``mo.ui`` widgets replaced.

    ``values`` are by parameter name. Those declared with ``wb.param`` are left alone: the session overrides them. Values
    are checked against the widget's domain. Run buttons count as pressed: ``mo.stop(not button.value)`` becomes ``pass``.
    """
    program = read_program(notebook)
    widgets = {widget.parameter.name: widget for widget in read_widgets(program).values() if widget.parameter is not None}
    original = split_lines(notebook.text)
    lines = list(original)
    changes = [(each, each.start, each.end, "pass") for each in program.statements if waits_for_button(program, each)]
    for name, new in values.items():
        if name not in widgets:
            raise UnknownName.of("parameter", name, widgets, hint=f"workbench check {quoted(notebook.path)}")
        widget = widgets[name]
        if widget.kind != "param" and widget.parameter is not None:
            changes.append(_change(program, widget, widget.parameter.check(new)))
    for statement, start, end, text in sorted(changes, key=lambda change: (change[0].number, change[1]), reverse=True):
        _replace(lines, original, statement, start, end, text)
    newline = "\r\n" if "\r\n" in notebook.text else "\n"
    return newline.join(lines)


def _change(program: Program, widget: Widget, new: Any) -> tuple[Statement, int, int, str]:
    call, statement = widget.call, widget.statement
    given = arguments_of(call, SIGNATURES[widget.kind])
    text = _literal(program, widget, given, new)
    if "value" in given:
        return statement, *statement.text.span(given["value"]), text
    _, end = statement.text.span(call)
    inside = statement.text.code[: end - 1].rstrip()
    comma = "" if inside.endswith(("(", ",")) else ", "
    return statement, len(inside), len(inside), f"{comma}value={text}"


def _literal(program: Program, widget: Widget, given: dict[str, ast.expr], new: Any) -> str:
    if widget.kind in ("dropdown", "radio", "multiselect"):
        try:
            named = constant(program, widget.statement, given["options"])
            options = value(named, lambda node: program.dotted(widget.statement, node))
        except NotLiteral:
            options = [new]
        names = [_option(widget.kind, options, each) for each in (new if isinstance(new, list) else [new])]
        return repr(names if isinstance(new, list) else names[0])
    return repr(new.isoformat() if isinstance(new, dt.date) else new)


def _option(kind: str, options: Any, new: Any) -> Any:
    if isinstance(options, dict):
        return next(key for key, option in options.items() if option == new and type(option) is type(new))
    return option_name(kind, new)


def _replace(lines: list[str], original: list[str], statement: Statement, start: int, end: int, text: str) -> None:
    """Replace a part of a cell's code in the lines of the file, where a cell's lines are indented.

    Changes come from the end of the file, so that what is before them stands where it stood in ``original``.
    """
    first, last = statement.text.line(start), statement.text.line(max(start, end - 1))
    top, bottom = statement.cell.line - 2 + first, statement.cell.line - 2 + last
    before = lines[top][: _indent(original[top], statement, first) + start - statement.text.starts[first - 1]]
    after = lines[bottom][_indent(original[bottom], statement, last) + end - statement.text.starts[last - 1] :]
    lines[top : bottom + 1] = [before + text + after] + [""] * (bottom - top)


def _indent(line: str, statement: Statement, number: int) -> int:
    code = statement.text.lines[number - 1]
    return (len(line) - len(line.lstrip())) - (len(code) - len(code.lstrip()))
