"""The text of the module's statements: the notebook's own, with names, marks and widgets replaced in place."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from workbench.promote.edits import Edit, Line, blank_above, comment_behind, comments_above, lines_of
from workbench.promote.marks import used_widgets
from workbench.promote.naming import Names
from workbench.promote.plan import Plan
from workbench.promote.program import Statement, walk
from workbench.promote.refusal import Reason, Refusal
from workbench.promote.scope import Use
from workbench.promote.slice import Kept, Place


class Rewriter:
    """Rewrites the statements of one slice; ``refusals`` collects what can't be replaced for certain."""

    def __init__(self, plan: Plan, names: Names) -> None:
        self.plan, self.names = plan, names
        self.program, self.marks, self.output, self.root = plan.program, plan.marks, plan.output, plan.root
        self.inside = plan.inside()
        self.refusals: list[Refusal] = []

    def keep(self, statement: Statement, place: Place) -> Kept:
        """A statement as it stands in the module, with the comments directly above and behind it."""
        floor = self._floor(statement)
        start = comments_above(statement, floor)
        edits = self._edits(statement)
        lines = lines_of(statement, start, statement.end, edits)
        return self._kept(statement, place, lines, start)

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

    def marked(self) -> Kept:
        """The marked expression, returned."""
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
