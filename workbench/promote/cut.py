"""One slice: from a mark backward to inputs and parameters, with everything checked on the way."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from workbench.promote.closure import Closure, Reach
from workbench.promote.effects import chain, find_effects
from workbench.promote.guards import find_guards
from workbench.promote.layout import lay_out
from workbench.promote.marks import Marks, Widget, used_widgets
from workbench.promote.mutation import Mutations, find_mutations
from workbench.promote.outputs import Output
from workbench.promote.plan import Plan
from workbench.promote.program import BUILTINS, Key, Program, Statement, walk
from workbench.promote.queries import Queries, misused
from workbench.promote.refusal import Reason, Refusal
from workbench.promote.scope import Use
from workbench.promote.slice import Slice
from workbench.promote.steps import PATH, find_steps


@dataclass(frozen=True, slots=True)
class Cut:
    """A slice, and the names of the sources, outputs and parameters that it uses."""

    slice: Slice
    used: frozenset[str]


@dataclass(slots=True)
class _Found:
    """What is known of one output's slice while it is cut."""

    kept: list[Statement] = field(default_factory=list)
    upstream: dict[int, Output] = field(default_factory=dict)
    widgets: list[Widget] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)


class Cutter:
    """Cuts the outputs of one notebook; what they share is worked out once."""

    def __init__(self, program: Program, marks: Marks, queries: Queries) -> None:
        self.program = program
        self.marks = marks
        self.queries = queries
        self.by_statement = {output.statement.number: output for output in marks.outputs}
        self.mutations: Mutations = find_mutations(program, marks)
        consumed = {id(node) for call in self._calls([*marks.sources, *marks.source_refusals]) for node in ast.walk(call.func)}
        consumed |= {
            id(node) for output in marks.outputs if output.decorator is not None for node in ast.walk(output.decorator)
        }
        sql = self._calls([*queries.tables, *queries.unwrapped, *queries.frame_problems])
        self.sql_names = frozenset(id(node) for call in sql for node in ast.walk(call.func))
        consumed |= self.sql_names
        self.reach = Reach(program, self.mutations.changes, frozenset(consumed), self.mutations.settled)
        self.guards = find_guards(program)
        self.steps = find_steps(program)

    def _calls(self, ids: Iterable[int]) -> list[ast.Call]:
        wanted = set(ids)
        return [
            node for each in self.program.statements for node in walk(each) if id(node) in wanted and isinstance(node, ast.Call)
        ]

    def cut(self, output: Output, general: tuple[Refusal, ...]) -> Cut:
        """The slice of one output. ``general`` are refusals of the whole notebook, which hold for each output."""
        stops = frozenset(self.by_statement) | frozenset(widget.statement.number for widget in self.marks.widgets.values())
        closure = self._closure(output, stops)
        found = _Found(refusals=list(general))
        for number in sorted(closure.statements):
            self._sort(self.program.statements[number], output, found)
        self._check(output, found, closure)
        found.refusals += self._disabled(output)
        plan = Plan(
            self.program,
            self.marks,
            self.reach,
            output,
            tuple(sorted([*found.kept, *(widget.statement for widget in found.widgets)], key=lambda each: each.number)),
            found.upstream,
            self.mutations.changes,
            self.queries,
            self.steps,
        )
        laid, refusals = lay_out(plan)
        used = frozenset([*(read.name for read in laid.inputs), *(parameter.name for parameter in laid.parameters)])
        return Cut(replace(laid, refusals=tuple(sorted({*found.refusals, *refusals}))), used)

    def _closure(self, output: Output, stops: frozenset[int]) -> Closure:
        """What the output needs, and the guards of the cells that give something to it."""
        statement = output.statement
        keys = self.reach.behind(
            statement.key(use.name)
            for use in _uses_within(statement, output.expr)
            if use.context != "store" and id(use.node) not in self.reach.consumed
        )
        roots = [(statement.number, keys)]
        while True:
            closure = self.reach.needs(roots, stops)
            guards = self.guards.of(closure.statements, statement, stops) - {number for number, _ in roots}
            closure.statements |= {number for number, _ in roots[1:]}
            if not guards:
                return closure
            roots += [(number, self.reach.reads(self.program.statements[number])) for number in sorted(guards)]

    def _disabled(self, output: Output) -> list[Refusal]:
        """Disabled cells without which marimo does not run the cell of the mark."""
        notebook, todo, behind = self.program.notebook, [output.statement.cell.index], set[int]()
        while todo:
            index = todo.pop()
            behind.add(index)
            todo += notebook.parents.get(index, frozenset()) - behind
        what = f"the cell is disabled, so that marimo never comes to {output.mark.name}"
        hint = "enable the cell, or move what the output needs to another one"
        return [
            Refusal.at(Reason.DISABLED_CELL, cell, 1, output.mark.name, what, hint)
            for cell in (notebook.cells[index] for index in sorted(behind))
            if cell.disabled
        ]

    def _sort(self, statement: Statement, output: Output, found: _Found) -> None:
        """Say what a needed statement becomes: an input, a parameter, or part of the module."""
        upstream = self.by_statement.get(statement.number)
        widget = next((each for each in self.marks.widgets.values() if each.statement is statement), None)
        if upstream is output:
            return
        if upstream is not None:
            found.upstream[statement.number] = upstream
            found.kept.append(statement)
        elif widget is not None:
            self._parameter(widget, found)
        else:
            found.kept.append(statement)

    def _parameter(self, widget: Widget, found: _Found) -> None:
        if widget.parameter is None:
            assert widget.refusal is not None
            found.refusals.append(widget.refusal)
            return
        name = widget.parameter.name
        other = next(
            (
                each
                for each in self.marks.widgets.values()
                if each is not widget and each.parameter and each.parameter.name == name
            ),
            None,
        )
        if other is not None or len(self.program.definitions[widget.key]) > 1:
            what = f"parameter {name} is declared more than once"
            found.refusals.append(
                widget.statement.refuse(Reason.PARAMETER, None, name, what, "give each parameter a name of its own")
            )
        found.widgets.append(widget)

    def _check(self, output: Output, found: _Found, closure: Closure) -> None:
        """Refuse what the kept statements may not do or leave undecided."""
        refusals = found.refusals
        kept = [each for each in found.kept if each.number not in found.upstream]
        for statement in kept:
            refusals += find_effects(self.program, statement, self.sql_names, frames=statement.number in self.steps.frames)
            refusals += [self.steps.problems[statement.number]] if statement.number in self.steps.problems else []
            refusals += self._marimo(statement)
            refusals += misused(self.queries, statement, statement.node)
        refusals += self._within(output)
        for key, number in closure.missing.items():
            refusals += self._missing(self.program.statements[number], key)
        refusals += self._unbound(output, kept, closure)
        refusals += self.mutations.refuse({*closure.statements, output.statement.number}, kept)
        for statement in [*kept, output.statement]:
            for call in (node for node in walk(statement) if isinstance(node, ast.Call)):
                problem = self.marks.source_refusals.get(id(call)) or self.queries.problems.get(id(call))
                if problem is not None and (statement is not output.statement or _inside(output.expr, call)):
                    refusals.append(problem)

    def _within(self, output: Output) -> list[Refusal]:
        """The same checks on the marked expression alone."""
        keep = {id(node) for node in ast.walk(output.expr)}
        skip = frozenset(id(node) for node in walk(output.statement) if id(node) not in keep)
        effects = list(find_effects(self.program, output.statement, skip | self.sql_names))
        effects += misused(self.queries, output.statement, output.expr)
        for node in ast.walk(output.expr):
            if isinstance(node, ast.NamedExpr):
                what, hint = (
                    f"{node.target.id} is assigned inside the mark",
                    "assign it in a statement of its own, then mark it",
                )
                effects.append(output.statement.refuse(Reason.MARK_PLACE, node, node.target.id, what, hint))
        return effects + [each for node, each in self._marimo_uses(output.statement) if id(node) not in skip]

    def _marimo(self, statement: Statement) -> list[Refusal]:
        return [refusal for _, refusal in self._marimo_uses(statement)]

    def _marimo_uses(self, statement: Statement) -> list[tuple[ast.AST, Refusal]]:
        """What is left of marimo and of our own marks once parameters and sources are put in."""
        found: list[tuple[ast.AST, Refusal]] = []
        for node, widget, around in used_widgets(statement, self.marks.widgets):
            if around is None and widget.parameter is not None:
                what = f"widget {node.id} is used as a whole; only its value can be given to a pipeline"
                found.append((node, statement.refuse(Reason.WIDGET_WHOLE, node, node.id, what, f"use {node.id}.value")))
            elif widget.statement.cell is statement.cell and not statement.by_node[id(node)].late:
                what = f"the value of {node.id} is read in the cell that makes the widget, where marimo has none yet"
                hint = f"move {node.id} to a cell of its own"
                found.append((node, statement.refuse(Reason.WIDGET_SAME_CELL, node, node.id, what, hint)))
        if isinstance(statement.node, (ast.Import, ast.ImportFrom)):
            return found
        longest: set[int] = set()
        for each in walk(statement):
            if not isinstance(each, (ast.Name, ast.Attribute)) or id(each) in longest or id(each) in self.reach.consumed:
                continue
            longest.update(chain(each))
            path = self.program.dotted(statement, each)
            if path is None:
                continue
            top = path.split(".")[0]
            if top == "marimo" and not path.startswith(_HANDLED):
                what = f"{path.replace('marimo', 'mo', 1)} is marimo's, and a pipeline runs without marimo"
                hint = "keep logic and display apart: move the display to a statement of its own"
                found.append((each, statement.refuse(Reason.MARIMO, each, path, what, hint)))
            elif top == "workbench" and path not in _IN_LOGIC and id(each) not in self.steps.places:
                what = f"{path.replace('workbench', 'wb', 1)} is used inside the logic"
                hint = "give it a statement of its own: name = wb.source(…), name = wb.param(…), name = wb.output(…)"
                if path == PATH:
                    hint = "write it as @wb.local(…) directly above a function at the top level of a cell"
                found.append((each, statement.refuse(Reason.MARK_PLACE, each, path, what, hint)))
        return found

    def _missing(self, statement: Statement, key: Key) -> list[Refusal]:
        name = key.rpartition(":")[2]
        if ":" not in key and name in BUILTINS and name not in _FILE_NAMES:
            return []
        if any(name in cell.defs for cell in self.program.notebook.cells):
            return []  # the cell that defines it could not be read, which is refused already
        use = next((use for use in statement.uses if use.name == name), None)
        hint = f"define {name} in a cell"
        if name == "_":
            hint = "write ibis._ instead: marimo keeps `_` to the cell that imports it"
        elif ":" in key:
            hint = f"rename it without the underscore: marimo keeps {name} to the cell that defines it"
        elif name in _FILE_NAMES:
            hint = "take the value as a parameter: it differs between notebook and module"
        return [
            statement.refuse(
                Reason.UNDEFINED_NAME, use.node if use else None, name, f"{name} is not defined for this cell", hint
            )
        ]

    def _unbound(self, output: Output, kept: Sequence[Statement], closure: Closure) -> list[Refusal]:
        """Names that are read before they are bound: global to the notebook, they would be local to the module's function."""
        found = []
        for statement in [*kept, output.statement]:
            uses = statement.uses if statement is not output.statement else _uses_within(statement, output.expr)
            for use in uses:
                key = statement.key(use.name)
                if (
                    use.context == "store"
                    or use.late
                    or key not in self.program.definitions
                    or id(use.node) in self.reach.consumed
                ):
                    continue
                own = key in statement.stores() and statement is not output.statement
                before = self.reach.reaching(statement.number, key)
                # Python falls back to its builtin while the notebook's own is not assigned; in a function it does not.
                maybe = use.name in BUILTINS and not any(self.program.statements[number].kills() for number in before)
                if maybe or (not own and not before):
                    what = f"{use.name} is read before it is assigned"
                    found.append(
                        statement.refuse(
                            Reason.UNDEFINED_NAME,
                            use.node,
                            use.name,
                            what,
                            f"assign {use.name} first, or rename one of the two",
                        )
                    )
        return found


# Ours that the logic may call, and what is refused for a reason of its own.
_IN_LOGIC = ("workbench.require", "workbench.sql", "workbench.estimate")
_HANDLED = ("marimo.stop", "marimo.state", "marimo.cache", "marimo.persistent_cache", "marimo.lru_cache", "marimo.notebook_")
_FILE_NAMES = frozenset(
    {"__file__", "__name__", "__doc__", "__package__", "__spec__", "__loader__", "__builtins__", "__debug__"}
)


def _uses_within(statement: Statement, expr: ast.AST) -> list[Use]:
    inside = {id(node) for node in ast.walk(expr)}
    return [use for use in statement.uses if id(use.node) in inside]


def _inside(expr: ast.AST, node: ast.AST) -> bool:
    return any(each is node for each in ast.walk(expr))
