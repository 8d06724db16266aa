"""How many rows the references of a table to itself pull in: followed on row numbers, as a creation follows them on rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from workbench.runtime.duck import identifier
from workbench.sandbox.graph import Link, Role, Step
from workbench.sandbox.hashing import refers
from workbench.sandbox.production import PRIVATE, Production
from workbench.sandbox.survey import MANY, whole_numbers

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FETCHED = 1_000_000  # rows up to which a server's table is asked which row refers to which
LEVELS = 10_000  # how far a chain is followed: a creation needs a scan for each


@dataclass(frozen=True, slots=True)
class Chains:
    """Of each reference of a table to itself the number of the row that each row refers to, -1 for none."""

    rows: int
    parents: tuple[NDArray[np.int64], ...]

    def reached(self, chosen: int) -> int:
        """How many rows there are when so many are chosen at random, and all that they refer to, step by step.

        >>> import numpy as np
        >>> everyone_before = np.arange(-1, 999)
        >>> 900 < Chains(1000, (everyone_before,)).reached(20) <= 1000
        True
        """
        import numpy as np

        front = np.random.default_rng(0).choice(self.rows, min(chosen, self.rows), replace=False)
        there = np.zeros(self.rows, np.bool_)
        there[front] = True
        for _ in range(LEVELS):
            wanted = np.concatenate([parents[front] for parents in self.parents])
            wanted = wanted[wanted >= 0]
            front = np.unique(wanted[~there[wanted]])
            if not len(front):
                break
            there[front] = True
        return int(np.count_nonzero(there))


def chains(production: Production, steps: Sequence[Step], links: Sequence[Link]) -> dict[str, Chains]:
    """By source; none for those that are whole, that have too many rows to follow, or of which a server can't tell."""
    found = {}
    for step in steps:
        name, rows = step.source, production.rows[step.source]
        mine = [link for link in links if link.child == link.parent == name]
        if not mine or not rows or step.role is Role.WHOLE or rows > (FETCHED if name in production.remotes else MANY):
            continue
        parents = [_parents(production, link) for link in mine]
        if all(each is not None for each in parents):
            found[name] = Chains(rows, tuple(each for each in parents if each is not None))
    return found


def _parents(production: Production, link: Link) -> NDArray[np.int64] | None:
    import numpy as np

    name, remote = link.child, production.remotes.get(link.child)
    columns = ", ".join(f"s.{identifier(column)}" for column in dict.fromkeys((*link.columns, *link.to)))
    relation, number = remote.at.relation if remote else production.relations[name], f"{PRIVATE}number"
    numbered = f"SELECT row_number() OVER () - 1 AS {number}, {columns} FROM {relation} s"
    query = (
        f"WITH {PRIVATE}rows AS MATERIALIZED ({numbered}) SELECT c.{number} AS child, p.{number} AS parent "
        f"FROM {PRIVATE}rows c JOIN {PRIVATE}rows p ON {refers(link)}"
    )
    parents = np.full(production.rows[name], -1, np.int64)
    if remote is None:
        for child, parent in whole_numbers(production.con, query):
            parents[child] = parent
        return parents
    pairs: list[tuple[Any, ...]] | None = remote.ask_perhaps(query)
    if pairs is None:
        return None
    if pairs:
        child, parent = np.array(pairs, np.int64).T
        parents[child] = parent
    return parents
