"""Where each kept statement goes in the module, under which names, and with which edits."""

from __future__ import annotations

import ast

from workbench.model import Input
from workbench.promote.columns import named_columns
from workbench.promote.dropped import explain
from workbench.promote.imports import find_imports
from workbench.promote.literals import is_literal
from workbench.promote.marks import used_widgets
from workbench.promote.naming import Names, builtins_used, choose, plain
from workbench.promote.note import note_above
from workbench.promote.plan import Plan
from workbench.promote.program import Key, Statement, assigned, walk
from workbench.promote.refusal import Reason, Refusal
from workbench.promote.rewrite import Rewriter
from workbench.promote.slice import Dropped, Import, Place, Slice


def lay_out(plan: Plan) -> tuple[Slice, list[Refusal]]:
    """The slice of a plan, and what its names make impossible."""
    return _Layout(plan).slice()


class _Layout:
    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.program, self.marks, self.output = plan.program, plan.marks, plan.output
        self.root = plan.root
        self.refusals: list[Refusal] = []
        self.inside = plan.inside()
        every = plan.ordered()
        widgets = {widget.statement.number: widget for widget in plan.marks.widgets.values()}
        ordered = [each for each in every if each.number not in widgets]
        self.imports = [each for each in ordered if isinstance(each.node, (ast.Import, ast.ImportFrom))]
        self.statements = [each for each in ordered if not isinstance(each.node, (ast.Import, ast.ImportFrom))]
        self.at_module = self._at_module()
        self.inputs = self._inputs()
        used = {name for each in (*self.statements, self.root) for name in self._used_parameters(each)}
        declared = [widgets[each.number].parameter for each in every if each.number in widgets]
        self.parameters = [parameter for parameter in declared if parameter is not None and parameter.name in used]
        self.aliases = self._aliases()
        self.names = self._names()

    def slice(self) -> tuple[Slice, list[Refusal]]:
        constants = [each for each in self.statements if self._place(each) == "module" and assigned(each)]
        code = [each for each in self.statements if self._place(each) == "module" and not assigned(each)]
        body = [each for each in self.statements if self._place(each) == "body"]
        rewriter = Rewriter(self.plan, self.names)
        kept = [rewriter.keep(each, self._place(each)) for each in (*constants, *code, *body) if not self._vanishes(each)]
        kept.append(rewriter.marked())
        imports = find_imports(self.plan, self.names, self.imports, [*self.statements, self.root])
        cells = sorted({each.cell.index for each in (*self.statements, *self.imports, self.root)})
        inputs = tuple(
            Input(
                self.names.inputs[name],
                name,
                kind,
                named_columns(self.program, self.marks, [*self.statements, self.root], name, kind),
            )
            for name, kind in self.inputs
        )
        cut = Slice(
            mark=self.output.mark,
            cell=self.root.cell.index,
            inputs=inputs,
            parameters=tuple(self.parameters),
            cells=tuple(cells),
            imports=imports.names,
            kept=tuple(kept),
            dropped=self._dropped(imports.names),
            note=note_above(self.program, self.root.cell),
            helpers=imports.helpers,
        )
        return cut, [*self.refusals, *rewriter.refusals, *imports.refusals]

    def _at_module(self) -> frozenset[Key]:
        """The variables that stand at the module's top level: literal constants, and functions of nothing but such."""
        bound: dict[Key, list[Statement]] = {}
        for each in self.statements:
            for key in each.stores():
                bound.setdefault(key, []).append(each)
        chosen = {
            key
            for key, (first, *others) in bound.items()
            if not others and len(first.stores()) == 1 and self._movable(first) and not self.plan.changes.get(key)
        }
        imported = {key for each in self.imports for key in each.stores()}
        while True:
            bad = {
                key
                for key in chosen
                for read in self.plan.reach.reads(bound[key][0])
                if read != key and read not in chosen and read not in imported and read in self.program.definitions
            }
            if not bad:
                return frozenset(chosen)
            chosen -= bad

    def _movable(self, statement: Statement) -> bool:
        if any(id(node) in self.marks.sources for node in walk(statement)) or any(used_widgets(statement, self.marks.widgets)):
            return False
        if isinstance(statement.node, (ast.FunctionDef, ast.ClassDef)):
            return True
        found = assigned(statement)
        return found is not None and (is_literal(found[1]) or isinstance(found[1], ast.Lambda))

    def _inputs(self) -> list[tuple[str, str]]:
        """Sources and upstream outputs in the order of their first use."""
        found: dict[str, str] = {}
        for each in [*self.statements, self.root]:
            if each.number in self.plan.upstream:
                found.setdefault(self.plan.upstream[each.number].mark.name, "pipeline")
                continue
            calls = [
                node
                for node in walk(each)
                if id(node) in self.marks.sources and (each is not self.root or id(node) in self.inside)
            ]
            for call in sorted(calls, key=lambda node: (node.lineno, node.col_offset)):  # type: ignore[attr-defined]  # calls have a place
                found.setdefault(self.marks.sources[id(call)], "source")
        return list(found.items())

    def _used_parameters(self, statement: Statement) -> list[str]:
        return [
            widget.parameter.name
            for node, widget, _ in used_widgets(statement, self.marks.widgets)
            if widget.parameter is not None and (statement is not self.root or id(node) in self.inside)
        ]

    def _aliases(self) -> dict[Key, str]:
        """Variables that only repeat an argument of their own name: ``flights = wb.source("flights")``."""
        found: dict[Key, str] = {}
        for each in self.statements:
            pair = assigned(each)
            if pair is None or len(self._binders(each.key(pair[0]))) > 1:
                continue
            name, expr = pair
            if each.number in self.plan.upstream:
                same = self.plan.upstream[each.number].mark.name == name
            elif isinstance(expr, ast.Attribute) and isinstance(expr.value, ast.Name):
                widget = self.marks.widgets.get(each.key(expr.value.id))
                same = (
                    expr.attr == "value"
                    and widget is not None
                    and widget.parameter is not None
                    and widget.parameter.name == name
                )
            else:
                same = self.marks.sources.get(id(expr)) == name
            if same and name not in found.values():
                found[each.key(name)] = name
        return found

    def _binders(self, key: Key) -> list[Statement]:
        return [each for each in self.statements if key in each.stores()]

    def _vanishes(self, statement: Statement) -> bool:
        stores = statement.stores()
        return len(stores) == 1 and stores[0] in self.aliases and assigned(statement) is not None

    def _names(self) -> Names:
        hidden: set[str] = set()
        for each in [*self.statements, self.root]:
            for call in (node for node in walk(each) if id(node) in self.marks.sources):
                hidden.update(*(use.inner for use in each.uses if any(use.node is node for node in ast.walk(call))))
            for node, widget, _ in used_widgets(each, self.marks.widgets):
                if widget.parameter is not None and widget.parameter.name in each.by_node[id(node)].inner:
                    self._clash(each, node, widget.parameter.name, "an argument or name of the function around it")
        builtins = builtins_used(self.program, [*self.statements, self.root])
        parameters = [parameter.name for parameter in self.parameters]
        for name in builtins & set(parameters):
            self._clash(self.root, None, name, "a builtin of Python that the output uses")
        imported = {plain(key) for each in self.imports for key in each.stores()} | {"ibis"}
        for name in imported & set(parameters):
            self._clash(self.root, None, name, "an import that the output uses")
        names = choose(
            self.output.mark.name,
            [each for each in self.statements if each is not self.root],
            inputs=self.inputs,
            parameters=parameters,
            aliases=self.aliases,
            at_module=self.at_module,
            taken=builtins | hidden | imported | ({"wb"} if self.plan.runs_sql() else set()),
        )
        return names

    def _clash(self, statement: Statement, node: ast.AST | None, name: str, other: str) -> None:
        what = f"parameter {name} has the same name as {other}"
        self.refusals.append(statement.refuse(Reason.NAME_CLASH, node, name, what, "rename one of the two"))

    def _place(self, statement: Statement) -> Place:
        return "module" if statement.stores() and set(statement.stores()) <= self.at_module else "body"

    def _dropped(self, imports: tuple[Import, ...]) -> tuple[Dropped, ...]:
        kept = {each.number for each in self.statements if not self._vanishes(each)} | {self.root.number}
        imported = {(each.cell, each.line) for each in imports}
        found = []
        for each in self.program.statements:
            first = each.cell.line - 1 + each.line
            if each.number in kept or (each.cell.index, first) in imported:
                continue
            end = each.cell.line - 1 + each.text.line(max(each.start, each.end - 1))
            found.append(
                Dropped(each.cell.index, first, end, explain(self.program, self.marks, self.output, each, self.aliases))
            )
        return tuple(sorted(found, key=lambda each: each.line))
