"""A checked cut on its way to becoming a slice."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from workbench.promote.closure import Reach
from workbench.promote.marks import Marks
from workbench.promote.outputs import Output
from workbench.promote.program import Key, Program, Statement, walk
from workbench.promote.queries import Queries
from workbench.promote.scope import Use
from workbench.promote.steps import Steps


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
    steps: Steps

    @property
    def root(self) -> Statement:
        """The statement of the mark."""
        return self.output.statement

    def inside(self) -> frozenset[int]:
        """The ids of the nodes of the marked expression: all of the mark's statement that the module takes."""
        return frozenset(id(node) for node in ast.walk(self.output.expr))

    def used_keys(self, statement: Statement) -> set[Key]:
        """The variables that a statement names in the module."""
        if statement.number in self.upstream and statement is not self.root:
            return set()
        inside = self.inside() if statement is self.root else None
        return {
            statement.key(use.name)
            for use in statement.uses
            if id(use.node) not in self.reach.consumed and (inside is None or id(use.node) in inside)
        }

    def runs_sql(self) -> bool:
        """Whether a query of ``mo.sql`` is in the module."""
        inside = self.inside()
        return any(
            id(node) in self.queries.tables and (each is not self.root or id(node) in inside)
            for each in (*self.kept, self.root)
            for node in walk(each)
        )

    def ordered(self) -> list[Statement]:
        """The needed statements by cell: each cell after those that it needs, in the order in which they are used.

        So where a cell stands in the file changes nothing.
        """
        by_cell: dict[int, list[Statement]] = {}
        binds: dict[Key, set[int]] = {}
        for each in self.kept:
            by_cell.setdefault(each.cell.index, []).append(each)
            for key in each.stores():
                binds.setdefault(key, set()).add(each.cell.index)
        inside, root = self.inside(), self.root.cell.index
        done: dict[int, None] = {}
        open_cells: set[int] = set()

        def visit(index: int, uses: list[tuple[Statement, Use]]) -> None:
            open_cells.add(index)
            for statement, use in uses:
                for key in (statement.key(use.name), *sorted(self.reach.latent.get(statement.key(use.name), ()))):
                    for other in sorted(binds.get(key, ())):
                        if other not in done and other not in open_cells:
                            visit(other, [(each, use) for each in by_cell[other] for use in each.uses])
            done[index] = None

        own = [(each, use) for each in by_cell.get(root, []) for use in each.uses]
        visit(root, own + [(self.root, use) for use in self.root.uses if id(use.node) in inside])
        done.pop(root)
        for index in self.program.notebook.order:
            if index in by_cell and index not in done and index != root:
                visit(index, [(each, use) for each in by_cell[index] for use in each.uses])
        return [each for index in [*done, root] for each in by_cell.get(index, [])]
