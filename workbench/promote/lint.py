"""Our own rules for notebooks: what the slicer takes as it stands, and what a reviewer or a reader would ask about.

Each rule is one function that yields findings, named as its rule.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator, Mapping
from types import MappingProxyType

from workbench.errors import quoted
from workbench.promote.finding import Finding, Rule, Severity
from workbench.promote.fix import fix_underscore, underscore_imports
from workbench.promote.marks import IMPORT_HINT, Marks, Widget, read_marks, unimported_marks
from workbench.promote.marks import unimported as unimported_mark
from workbench.promote.outputs import Output
from workbench.promote.program import Program, Statement, assigned, walk
from workbench.promote.slice import Slicing
from workbench.promote.steps import find_steps

_MARKS = ("workbench.output", "workbench.model")


def lint(
    program: Program,
    slicing: Slicing,
    sources: Collection[str],
    promoted: Mapping[str, Collection[str]],
    deprecated: Mapping[str, tuple[str, bool]] = MappingProxyType({}),
    tables: Mapping[str, Collection[str]] | None = None,
) -> tuple[Finding, ...]:
    """The findings of all rules in a notebook that marks something, by line.

    ``promoted`` maps outputs that have a version to the columns of its latest one, ``deprecated`` pipelines whose readers
    should leave what is live to what is said of it and whether its last day is over. ``tables`` maps sources and pipelines
    that checks may refer to to their columns, none where nobody knows them; None where nobody has looked.
    """
    marks = read_marks(program, sources)
    found = [*ibis_underscore(program), *parameters(slicing, marks), *unused_marks(slicing, program, marks)]
    for output in marks.outputs:
        found += outputs(output, promoted.get(output.mark.name, ()))
        found += deprecated_inputs(output, slicing, deprecated)
        if tables is not None:  # what this notebook's outputs are going to have is not known yet
            found += rule_tables(output, {**tables, **dict.fromkeys((each.mark.name for each in marks.outputs), ())})
    found += limits(program, slicing, marks)
    return tuple(sorted(found, key=lambda each: (each.line, each.rule)))


def lint_unmarked(program: Program) -> tuple[Finding, ...] | None:
    """The findings of a notebook that marks nothing; None when it does mark something."""
    for statement in program.statements:
        for node in walk(statement):
            if isinstance(node, (ast.Name, ast.Attribute)) and program.dotted(statement, node) in _MARKS:
                return None
    found = [*ibis_underscore(program), *unimported(program)]
    if any(each.severity is Severity.ERROR for each in found):
        return tuple(sorted(found, key=lambda each: (each.line, each.rule)))
    hint = 'to promote a table, mark it: late = wb.output("daily_orders", table, key=["day"])'
    nothing = Finding(1, None, "workbench", Rule.NO_OUTPUT, Severity.NOTE, "the notebook marks no output", hint)
    return (nothing, *found)


def unimported(program: Program) -> Iterator[Finding]:
    """``wb.output`` in a notebook that never imports ``wb``: nothing is marked, and the cell fails."""
    for statement, func in unimported_marks(program):
        yield _at(statement, func, Rule.UNIMPORTED_MARK, unimported_mark(func), IMPORT_HINT, Severity.ERROR)


def ibis_underscore(program: Program) -> Iterator[Finding]:
    """``from ibis import _`` works in its own cell alone: everywhere else ``_`` is a NameError."""
    found = list(underscore_imports(program))
    fixable = fix_underscore(program.notebook)[1] if found else frozenset()
    for each in found:
        mechanical = each.line in fixable
        message = f"marimo keeps {each.name} to this cell: in every other cell it is not defined"
        hint = "write ibis._ instead" + (f": workbench check --fix {quoted(program.notebook.path)}" if mechanical else "")
        yield _at(each.statement, each.node, Rule.IBIS_UNDERSCORE, message, hint, fixable=mechanical)


def parameters(slicing: Slicing, marks: Marks) -> Iterator[Finding]:
    """A parameter says what it means and which values make sense: people set it in production, the proof tries its ends."""
    needed = {parameter.name for parameter in slicing.parameters}
    for widget in marks.widgets.values():
        parameter = widget.parameter
        if parameter is None or parameter.name not in needed:
            continue
        argument = "doc" if widget.kind == "param" else "label"
        if not parameter.doc.strip():
            hint = f'say what it means, with its unit: {argument}="…"'
            yield _at(widget.statement, widget.call, Rule.PARAMETER_DOC, f"parameter {parameter.name} has no {argument}=", hint)
        if parameter.choices is None and parameter.type != "bool" and (parameter.ge is None or parameter.le is None):
            message = f"parameter {parameter.name} takes {parameter.domain()}, without limit"
            yield _at(widget.statement, widget.call, Rule.PARAMETER_RANGE, message, _range_hint(widget))


def _range_hint(widget: Widget) -> str:
    text = widget.parameter is not None and widget.parameter.type == "str"
    if widget.kind == "param":
        return "give choices=[…]" if text else "give ge= and le=, or choices=[…]"
    return "use a dropdown" if text else "give start= and stop="


def unused_marks(slicing: Slicing, program: Program, marks: Marks) -> Iterator[Finding]:
    """A mark that no output needs: forgotten, or there for a look only. Plain widgets are no marks."""
    unused = set(slicing.unused_marks)
    for statement in program.statements:
        for call, _ in program.calls(statement):
            name = marks.sources.get(id(call))
            if name in unused:
                read = any(_reads(program, statement, key) for key in statement.stores())
                message = f"source {name} is marked, but no output needs it" + ("; only display reads it" if read else "")
                hint = "" if read else f"remove it, or read it where {name} was meant"
                yield _at(statement, call, Rule.UNUSED_MARK, message, hint, Severity.NOTE if read else Severity.WARNING)
    for widget in marks.widgets.values():
        if widget.kind == "param" and widget.parameter is not None and widget.parameter.name in unused:
            name = widget.parameter.name
            message = f"parameter {name} is marked, but no output needs it: no pipeline will have it"
            hint = f"remove it, use {widget.key}.value in an output, or make it a plain mo.ui widget"
            yield _at(widget.statement, widget.call, Rule.UNUSED_MARK, message, hint)


def _reads(program: Program, definition: Statement, key: str) -> bool:
    return any(
        use.context == "load" and statement.key(use.name) == key
        for statement in program.statements
        if statement is not definition
        for use in statement.uses
    )


def outputs(output: Output, promoted: Collection[str]) -> Iterator[Finding]:
    """A table that others read has a key, a description, and a description of each column."""
    mark, statement, call = output.mark, output.statement, output.call
    if not mark.key:
        message = f"output {mark.name} has no key: its rows can't be told apart, so versions are compared by whole rows only"
        yield _at(statement, call, Rule.OUTPUT_KEY, message, 'name the columns that identify a row: key=["…"]')
    if not mark.doc.strip():
        yield _at(statement, call, Rule.OUTPUT_DOC, f"output {mark.name} has no description", 'say what a row is: doc="…"')
    known = [*mark.key, mark.partition_by or ""]
    known += [name for check in mark.checks for name in check.columns]
    silent = [name for name in dict.fromkeys([*known, *promoted]) if name and not mark.columns.get(name, "").strip()]
    if silent:
        hint = f'describe each: columns={{"{silent[0]}": "…"}}; what it is counted in goes into units='
        yield _at(statement, call, Rule.COLUMN_DOC, f"output {mark.name} does not describe {', '.join(silent)}", hint)


def deprecated_inputs(output: Output, slicing: Slicing, deprecated: Mapping[str, tuple[str, bool]]) -> Iterator[Finding]:
    """An output that reads another pipeline, whose readers should leave the version that is live."""
    read = [each.name for cut in slicing.slices if cut.mark.name == output.mark.name for each in cut.inputs]
    for name in read:
        if name in deprecated:
            said, over = deprecated[name]
            severity = Severity.WARNING if over else Severity.NOTE
            hint = f"promote a new version of {name} with it, or read what takes its place"
            message = f"output {output.mark.name} reads {name}: {said}"
            yield _at(output.statement, output.call, Rule.DEPRECATED_INPUT, message, hint, severity)


def rule_tables(output: Output, tables: Mapping[str, Collection[str]]) -> Iterator[Finding]:
    """A check that looks for values in another table needs that table and its column: production would stop there."""
    for check in output.mark.checks:
        if check.rule != "references":
            continue
        name, key = check.args["table"], check.args["key"]
        there: Collection[str] = tables
        missing = "" if name in tables else f"no source or pipeline {name}"
        if name in tables and tables[name] and key not in tables[name]:
            missing, there = f"no column {key} in {name}", tables[name]
        if missing:
            hint = (
                f"there are: {', '.join(sorted(there)[:12])}" if there else "declare the source, or promote the pipeline first"
            )
            message = f"output {output.mark.name}: check {check}: there is {missing}"
            yield _at(output.statement, output.call, Rule.RULE_TABLE, message, hint, Severity.ERROR)


def limits(program: Program, slicing: Slicing, marks: Marks) -> Iterator[Finding]:
    """``limit`` and ``head`` keep rows that nobody chose, unless an order tells all rows apart."""
    taken = {(kept.cell, kept.line) for each in slicing.slices for kept in each.kept}
    frames = find_steps(program).frames
    keys = [set(output.mark.key) for output in marks.outputs if output.mark.key]
    for statement in program.statements:
        if (statement.cell.index, statement.cell.line - 1 + statement.line) not in taken or statement.number in frames:
            continue
        for call, path in program.calls(statement):
            if path is None and isinstance(call.func, ast.Attribute) and call.func.attr in ("limit", "head"):
                order = _order(program, statement, call.func.value)
                if order is not None and any(key <= order for key in keys):
                    continue
                why = "nothing orders the rows before" if order is None else "rows that tie in order_by may swap places"
                message = f".{call.func.attr}() keeps rows that may differ from run to run: {why}"
                hint = "end order_by with columns that tell all rows apart, such as the output's key"
                yield _at(statement, call, Rule.LIMIT_ORDER, message, hint)


def _order(program: Program, statement: Statement, node: ast.expr, depth: int = 3) -> set[str] | None:
    """The columns that a table is ordered by as far as they are named literally; None where it is not ordered."""
    match node:
        case ast.Call(func=ast.Attribute(attr="order_by"), args=args, keywords=keywords):
            named: set[str] = set()
            for each in (inner for arg in [*args, *(keyword.value for keyword in keywords)] for inner in ast.walk(arg)):
                if isinstance(each, ast.Constant) and isinstance(each.value, str):
                    named.add(each.value)
                elif isinstance(each, ast.Attribute):
                    named.add(each.attr)
            return named
        case ast.Call(func=ast.Attribute(value=value, attr="limit" | "head" | "select" | "mutate" | "drop" | "rename")):
            return _order(program, statement, value, depth)
        case ast.Name(id=name) if depth and id(node) in statement.by_node:
            found = [program.statements[number] for number in program.definitions.get(statement.key(name), ())]
            bound = assigned(found[0]) if len(found) == 1 else None
            return _order(program, found[0], bound[1], depth - 1) if bound is not None else None
        case _:
            return None


def _at(
    statement: Statement,
    node: ast.AST,
    rule: Rule,
    message: str,
    hint: str,
    severity: Severity = Severity.WARNING,
    *,
    fixable: bool = False,
) -> Finding:
    line = statement.cell.line + getattr(node, "lineno", statement.line) - 1
    return Finding(line, statement.cell.index, "workbench", rule, severity, message, hint, fixable)
