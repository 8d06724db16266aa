"""Where each kept statement goes in the module, under which names, and with which edits."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from workbench.model import Input
from workbench.promote.closure import Reach
from workbench.promote.columns import named_columns
from workbench.promote.edits import Edit, Line, blank_above, comment_behind, comments_above, lines_of
from workbench.promote.literals import is_literal
from workbench.promote.marks import Marks, Output, assigned, used_widgets
from workbench.promote.naming import Names, builtins_used, choose, plain
from workbench.promote.note import note_above
from workbench.promote.packaging import check_installed, find_file, is_local, pack
from workbench.promote.program import Key, Program, Statement, walk
from workbench.promote.queries import Queries
from workbench.promote.refusal import Reason, Refusal
from workbench.promote.scope import Use
from workbench.promote.slice import Dropped, Import, Kept, Place, Slice


@dataclass(frozen=True, slots=True)
class Plan:
    """A checked cut: the needed statements, those of widgets included, in running order.

    ``upstream`` are the outputs that become inputs, by statement.
    """

    program: Program
    marks: Marks
    reach: Reach
    output: Output
    kept: tuple[Statement, ...]
    upstream: dict[int, Output]
    changes: dict[Key, tuple[int, ...]]
    queries: Queries


def lay_out(plan: Plan) -> tuple[Slice, list[Refusal]]:
    """The slice of a plan, and what its names make impossible."""
    return _Layout(plan).slice()


class _Layout:
    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.program, self.marks, self.output = plan.program, plan.marks, plan.output
        self.root = plan.output.statement
        self.refusals: list[Refusal] = []
        self.inside = {id(node) for node in ast.walk(plan.output.expr)}
        every = self._ordered()
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
        kept = [self._keep(each) for each in (*constants, *code, *body) if not self._vanishes(each)]
        kept.append(self._return())
        imports, helpers = self._imports()
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
        return Slice(
            mark=self.output.mark,
            cell=self.root.cell.index,
            inputs=inputs,
            parameters=tuple(self.parameters),
            cells=tuple(cells),
            imports=imports,
            kept=tuple(kept),
            dropped=self._dropped(imports),
            note=note_above(self.program, self.root.cell),
            helpers=helpers,
        ), self.refusals

    # Order: the cells that the mark needs, each after those that it needs itself, in the order in which they are used. So
    # where a cell stands in the file changes nothing.

    def _ordered(self) -> list[Statement]:
        by_cell: dict[int, list[Statement]] = {}
        binds: dict[Key, set[int]] = {}
        for each in self.plan.kept:
            by_cell.setdefault(each.cell.index, []).append(each)
            for key in each.stores():
                binds.setdefault(key, set()).add(each.cell.index)
        done: dict[int, None] = {}
        open_cells: set[int] = set()

        def visit(index: int, uses: list[tuple[Statement, Use]]) -> None:
            open_cells.add(index)
            for statement, use in uses:
                for key in (statement.key(use.name), *sorted(self.plan.reach.latent.get(statement.key(use.name), ()))):
                    for other in sorted(binds.get(key, ())):
                        if other not in done and other not in open_cells:
                            visit(other, [(each, use) for each in by_cell[other] for use in each.uses])
            done[index] = None

        own = [(each, use) for each in by_cell.get(self.root.cell.index, []) for use in each.uses]
        visit(self.root.cell.index, own + [(self.root, use) for use in self.root.uses if id(use.node) in self.inside])
        done.pop(self.root.cell.index)
        for index in self.program.notebook.order:
            if index in by_cell and index not in done and index != self.root.cell.index:
                visit(index, [(each, use) for each in by_cell[index] for use in each.uses])
        return [each for index in [*done, self.root.cell.index] for each in by_cell.get(index, [])]

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
            for call in sorted(calls, key=lambda node: (node.lineno, node.col_offset)):  # type: ignore[attr-defined]
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
            taken=builtins | hidden | imported | ({"wb"} if self._runs_sql() else set()),
        )
        return names

    def _clash(self, statement: Statement, node: ast.AST | None, name: str, other: str) -> None:
        what = f"parameter {name} has the same name as {other}"
        self.refusals.append(statement.refuse(Reason.NAME_CLASH, node, name, what, "rename one of the two"))

    # Text

    def _keep(self, statement: Statement) -> Kept:
        floor = self._floor(statement)
        start = comments_above(statement, floor)
        edits = self._edits(statement)
        lines = lines_of(statement, start, statement.end, edits)
        return self._kept(statement, self._place(statement), lines, start)

    def _place(self, statement: Statement) -> Place:
        return "module" if statement.stores() and set(statement.stores()) <= self.at_module else "body"

    def _kept(self, statement: Statement, place: Place, lines: list[Line], start: int) -> Kept:
        comment = comment_behind(statement)
        if comment:
            last = lines[-1]
            lines = [*lines[:-1], Line(f"{last.text}  {comment}", last.origin, last.raw)]
        first = statement.cell.line - 1 + statement.line
        end = statement.cell.line - 1 + statement.text.line(max(statement.start, statement.end - 1))
        return Kept(place, statement.cell.index, first, end, tuple(lines), blank_above(statement, start))

    def _floor(self, statement: Statement) -> int:
        """The last line of the statement before it in the cell."""
        before = self.program.statements[statement.number - 1] if statement.number else None
        if before is None or before.cell is not statement.cell:
            return 0
        return before.text.line(max(before.start, before.end - 1))

    def _return(self) -> Kept:
        expr, start = self.output.expr, comments_above(self.root, self._floor(self.root))
        above = lines_of(self.root, start, self.root.start, ()) if start < self.root.start else []
        above = [line for line in above if line.text.strip()]
        lines = lines_of(self.root, *self.root.text.span(expr), self._edits(self.root))
        if len(lines) == 1:
            lines = [Line(f"return {lines[0].text}", lines[0].origin)]
        else:
            lines = [Line("return (", lines[0].origin), *lines, Line(")", lines[-1].origin)]
        return self._kept(self.root, "return", [*above, *lines], start)

    def _edits(self, statement: Statement) -> list[Edit]:
        """The replacements that make a statement of the notebook one of the module."""
        text, edits, taken = statement.text, [], set(self.plan.reach.consumed)
        if statement.number in self.plan.upstream and statement is not self.root:
            output = self.plan.upstream[statement.number]
            edits.append(Edit(*text.span(output.call), self.names.inputs[output.mark.name]))
            taken.update(id(node) for node in ast.walk(output.call))
        for node in walk(statement):
            if id(node) in self.marks.sources and self.marks.sources[id(node)] in self.names.inputs:
                edits.append(Edit(*text.span(node), self.names.inputs[self.marks.sources[id(node)]]))
        for output in self.marks.outputs:
            if output.decorator is not None and any(
                each is output.decorator for each in getattr(statement.node, "decorator_list", ())
            ):
                start, end = text.span(output.decorator)
                edits.append(Edit(text.code.rindex("@", 0, start), text.starts[text.line(end)], ""))
        edits += self._queries(statement)
        for name, widget, around in used_widgets(statement, self.marks.widgets):
            if id(name) not in taken and around is not None and widget.parameter is not None:
                taken.add(id(name))
                edits += self._placed(statement, around, name.id, widget.parameter.name, value=True)
        for use in statement.uses:
            final = self.names.variables.get(statement.key(use.name), use.name)
            if (
                id(use.node) not in taken
                and not isinstance(use.node, ast.Call)
                and final != use.name
                and (statement is not self.root or id(use.node) in self.inside)
            ):
                edits += self._rename(statement, use, final)
        return edits

    def _queries(self, statement: Statement) -> Iterator[Edit]:
        """``mo.sql`` as ``wb.sql``, and the ``ibis.memtable`` around its result gone."""
        text = statement.text
        for node in walk(statement):
            if id(node) in self.plan.queries.unwrapped:
                (first, last), (start, end) = text.span(node), text.span(self.plan.queries.unwrapped[id(node)])
                yield from (Edit(first, start, ""), Edit(end, last, ""))
            elif id(node) in self.plan.queries.tables and isinstance(node, ast.Call):
                tables = self.plan.queries.tables[id(node)]
                given = ", ".join(f"{name}={self.names.variables.get(statement.key(name), name)}" for name in tables)
                (first, last), (start, end) = (
                    text.span(node),
                    text.span([*node.args, *(each.value for each in node.keywords)][0]),
                )
                yield from (Edit(first, start, "wb.sql("), Edit(end, last, f", {given})"))

    def _runs_sql(self) -> bool:
        return any(
            id(node) in self.plan.queries.tables and (each is not self.root or id(node) in self.inside)
            for each in (*self.statements, self.root)
            for node in walk(each)
        )

    def _rename(self, statement: Statement, use: Use, final: str) -> list[Edit]:
        if isinstance(use.node, ast.Name):
            return self._placed(statement, use.node, use.name, final, value=False)
        if isinstance(use.node, (ast.FunctionDef, ast.ClassDef)):
            start = statement.text.offset(use.node.lineno, use.node.col_offset)
            match = re.compile(r"(?:def|class)\s+").match(statement.text.code, start)
            if match:
                return [Edit(match.end(), match.end() + len(use.name), final)]
        what = f"{use.name} would have to be renamed to {final} where that can't be done"
        self.refusals.append(
            statement.refuse(Reason.NAME_CLASH, use.node, use.name, what, f"rename {use.name} in the notebook")
        )
        return []

    def _placed(self, statement: Statement, node: ast.expr, name: str, final: str, *, value: bool) -> list[Edit]:
        """The edit at a node; inside an f-string the position is checked, for old Pythons report it wrongly."""
        code = statement.text.code
        pattern = re.compile(rf"{re.escape(name)}\s*\.\s*value" if value else re.escape(name))
        start, end = statement.text.span(node)
        if pattern.fullmatch(code, start, end):
            if not re.match(r"\s*=(?!=)\s*[}!:]", code[end:]):
                return [Edit(start, end, final)]
        else:
            found = self._in_f_string(statement, node, pattern)
            if found:
                return [Edit(*span, final) for span in found]
        what = f"{name} stands where it can't be replaced for certain"
        self.refusals.append(
            statement.refuse(Reason.NAME_CLASH, node, name, what, f"assign it to a name first: value = {name}.value")
        )
        return []

    def _in_f_string(self, statement: Statement, node: ast.expr, pattern: re.Pattern[str]) -> list[tuple[int, int]]:
        holder = next(
            (
                each
                for each in walk(statement)
                if isinstance(each, ast.JoinedStr) and any(child is node for child in ast.walk(each))
            ),
            None,
        )
        if holder is None:
            return []
        start, end = statement.text.span(holder)
        whole = re.compile(rf"(?<![\w.]){pattern.pattern}\b")
        text = [match.span() for match in whole.finditer(statement.text.code, start, end)]
        same = sum(ast.dump(child) == ast.dump(node) for child in ast.walk(holder))
        return text if len(text) == same else []

    def _imports(self) -> tuple[tuple[Import, ...], tuple[tuple[str, str], ...]]:
        """The imports that the module needs, those of the workspace's own files relative, and these files."""
        found, wanted, notebook = [], [], self.program.notebook
        needed = {key for each in [*self.statements, self.root] for key in self._used_keys(each)}
        for each in self.imports:
            from_ = isinstance(each.node, ast.ImportFrom)
            module = (each.node.module or "") if isinstance(each.node, ast.ImportFrom) else ""
            for alias in each.node.names if isinstance(each.node, (ast.Import, ast.ImportFrom)) else ():
                key = each.key(alias.asname or alias.name.partition(".")[0])
                if key not in needed or not self._imported_for_real(key):
                    continue
                bound = self.names.variables.get(key, plain(key))
                default = alias.name if from_ else alias.name.partition(".")[0]
                asname = bound if alias.asname or bound != default else None
                place = (each.cell.index, each.cell.line + each.line - 1)
                top = module if from_ else alias.name
                if getattr(each.node, "level", 0) or is_local(notebook, top):
                    wanted.append((each, top, alias.name if from_ else None))
                    found.append(self._local_import(each, top, alias.name if from_ else None, asname, place))
                    continue
                refusal = check_installed(each, top)
                self.refusals += [refusal] if refusal else []
                found.append(Import(top, alias.name if from_ else None, asname, 0, *place))
        if self._runs_sql():
            found.append(Import("workbench", None, "wb", 0, self.root.cell.index, 0))
        packed = pack(notebook, wanted)
        self.refusals += packed.refusals
        self.refusals += self._inner_imports()
        return tuple(dict.fromkeys(found)), tuple(sorted(packed.files.items()))

    def _local_import(
        self, each: Statement, module: str, member: str | None, asname: str | None, place: tuple[int, int]
    ) -> Import:
        if member is not None:
            return Import(module, member, asname, 1, *place)
        package, _, last = module.rpartition(".")
        if package and asname is None:
            what = f"import {module} can't be made relative to the version"
            self.refusals.append(
                each.refuse(Reason.UNPACKAGED_IMPORT, None, module, what, f"write: from {package} import {last}")
            )
        return Import(package, last, None if asname == last else asname, 1, *place)

    def _inner_imports(self) -> Iterator[Refusal]:
        """Imports inside functions: of installed packages they stand, of files of the workspace they can't be rewritten."""
        for each in (*self.statements, self.root):
            for node in walk(each):
                if isinstance(node, (ast.Import, ast.ImportFrom)):
                    for name in [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]:
                        if getattr(node, "level", 0) or find_file(self.program.notebook, name) is not None:
                            what = f"{name} is imported inside a function, where it can't be packaged along"
                            yield each.refuse(
                                Reason.UNPACKAGED_IMPORT, node, name, what, "import it at the top level of a cell"
                            )
                        elif (refusal := check_installed(each, name)) is not None:
                            yield refusal

    def _used_keys(self, statement: Statement) -> set[Key]:
        skip = set(self.plan.reach.consumed)
        if statement.number in self.plan.upstream and statement is not self.root:
            return set()
        return {
            statement.key(use.name)
            for use in statement.uses
            if id(use.node) not in skip and (statement is not self.root or id(use.node) in self.inside)
        }

    def _imported_for_real(self, key: Key) -> bool:
        imported = self.program.imports.get(key)
        return imported is None or not imported.path.startswith("marimo")

    def _dropped(self, imports: tuple[Import, ...]) -> tuple[Dropped, ...]:
        from workbench.promote.dropped import explain

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
