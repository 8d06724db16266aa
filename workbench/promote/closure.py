"""What a marked output needs: the statements that may decide its value, found by walking the program backward.

A name in a function's body is looked up when the function is called. So a statement that uses a function also reads, where
it stands, whatever the function's body reads: its *latent* reads.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass, field

from workbench.promote.program import Key, Program, Statement


@dataclass(slots=True)
class Closure:
    """The numbers of the needed statements, and the variables for which nothing was found, with who wants them."""

    statements: set[int] = field(default_factory=set)
    missing: dict[Key, int] = field(default_factory=dict)


class Reach:
    """Answers which definitions and changes of a variable may reach a statement.

    ``changes`` are the statements that may change a variable's object in place, by variable; ``consumed`` the ids of names
    that marks use up, such as the ``wb`` of ``wb.source``; ``settled`` the variables that hold plain values, such as tables,
    behind which no code of the notebook runs.
    """

    def __init__(
        self, program: Program, changes: dict[Key, tuple[int, ...]], consumed: frozenset[int], settled: Iterable[Key] = ()
    ) -> None:
        self.program = program
        self.changes = changes
        self.consumed = consumed
        self.latent = _latent(program, frozenset(settled))
        self._reads: dict[int, frozenset[Key]] = {}

    def reads(self, statement: Statement) -> frozenset[Key]:
        """The variables that a statement may read, those behind the functions it uses included."""
        found = self._reads.get(statement.number)
        if found is None:
            augmented = isinstance(statement.node, ast.AugAssign)
            direct = (
                statement.key(use.name)
                for use in statement.uses
                if (use.context != "store" or augmented) and id(use.node) not in self.consumed
            )
            found = self._reads[statement.number] = self.behind(direct)
        return found

    def behind(self, keys: Iterable[Key]) -> frozenset[Key]:
        """The variables and what they read later."""
        direct = frozenset(keys)
        return direct.union(*(self.latent.get(key, frozenset()) for key in direct))

    def needs(self, roots: Iterable[tuple[int, Iterable[Key]]], stops: frozenset[int]) -> Closure:
        """Everything behind the variables that are read at the given statements.

        Statements in ``stops`` are needed themselves, but nothing behind them.
        """
        closure = Closure()
        todo = [(number, key) for number, keys in roots for key in sorted(keys)]
        seen: set[tuple[int, Key]] = set()
        while todo:
            number, key = todo.pop()
            if (number, key) in seen:
                continue
            seen.add((number, key))
            reaching = self.reaching(number, key)
            if not reaching and key not in self.program.definitions:
                closure.missing.setdefault(key, number)
            for found in reaching:
                if found not in closure.statements:
                    closure.statements.add(found)
                    if found not in stops:
                        todo += [(found, read) for read in sorted(self.reads(self.program.statements[found]))]
        return closure

    def reaching(self, number: int, key: Key) -> list[int]:
        """The statements before ``number`` that may have given ``key`` the value or content that it has there."""
        found = []
        for before in reversed(self.program.definitions.get(key, ())):
            if before < number:
                found.append(before)
                if self.program.statements[before].kills():
                    break
        first = min(found, default=0)
        found += [change for change in self.changes.get(key, ()) if first < change < number and change not in found]
        return found


def _latent(program: Program, settled: frozenset[Key]) -> dict[Key, frozenset[Key]]:
    """What a use of each variable may read later, through function bodies behind it.

    Variables in ``settled`` hold plain values, such as tables, that run no code of the notebook.
    """
    direct: dict[Key, set[Key]] = {}
    passes: dict[Key, set[Key]] = {}
    for statement in program.statements:
        late = {statement.key(use.name) for use in statement.uses if use.late and use.context != "store"}
        read = {statement.key(use.name) for use in statement.uses if use.context != "store"}
        for key in statement.stores():
            if key not in settled:
                direct.setdefault(key, set()).update(late)
                passes.setdefault(key, set()).update(read)
    changed = True
    while changed:
        changed = False
        for key, sources in passes.items():
            mine = direct[key]
            size = len(mine)
            for source in sources:
                mine |= direct.get(source, set())
            changed |= len(mine) != size
    return {key: frozenset(names) for key, names in direct.items()}
