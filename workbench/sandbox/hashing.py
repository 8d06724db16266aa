"""Which rows a sample chooses: by ``left(md5(seed | source | key), 8) < threshold``, the hash on which engines agree."""

from __future__ import annotations

import math
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from workbench.config import Source
from workbench.errors import ConfigError
from workbench.runtime.duck import identifier, literal
from workbench.sandbox.graph import Link

# Their text differs from engine to engine, so a hash of it would too.
_NO_TEXT = ("DOUBLE", "FLOAT", "STRUCT", "MAP", "UNION")


@dataclass(frozen=True, slots=True)
class Recipe:
    """What to take: a share of the anchors' keys, by the hash under a seed.

    ``where`` limits the anchors by a SQL condition; each stratum of ``strata`` keeps at least ``floor`` rows. ``anchors``
    are those that somebody asked for.

    >>> Recipe(0.02, 7, "2%").chosen("h")
    "left(h, 8) < '051eb852'"
    """

    share: float
    seed: int
    sample: str
    where: str = ""
    strata: tuple[str, ...] = ()
    floor: int = 0
    max_rows: int = 5_000_000
    anchors: tuple[str, ...] = ()

    def again(self, share: float) -> str:
        """The command for another share, in percent.

        >>> Recipe(0.02, 7, "2%", where="month >= 6", anchors=("orders",)).again(0.5)
        "workbench sandbox create --sample 0.5% --seed 7 --anchor orders --where 'month >= 6'"
        """
        said = [f"--sample {share:.3g}% --seed {self.seed}", *(f"--anchor {name}" for name in self.anchors)]
        said += [f"--where {shlex.quote(self.where)}"] if self.where else []
        said += [
            *(f"--strata {shlex.quote(column)}" for column in self.strata),
            *([f"--floor {self.floor}"] if self.floor else []),
        ]
        return f"workbench sandbox create {' '.join(said)}"

    @property
    def plain(self) -> bool:
        """Whether the hash of a key alone decides about a row."""
        return not (self.where or self.floor)

    def chosen(self, hashed: str) -> str:
        """The condition under which a row with this md5 is chosen."""
        if self.share >= 1:
            return "true"
        return f"left({hashed}, 8) < '{min(math.ceil(self.share * 2**32), 2**32 - 1):08x}'"

    @property
    def weight(self) -> str:
        """How many rows of production a chosen row stands for, as SQL."""
        return f"{1 / self.share!r}::DOUBLE"

    def own(self, name: str, source: Source, types: dict[str, str]) -> str:
        """The text by which a row ``s`` is hashed: its key, or without one all columns that have an exact text."""
        inexact = [column for column in source.key if types[column].startswith(_NO_TEXT)]
        if inexact:
            raise ConfigError(
                f"tool.workbench.sources.{name}.key: {inexact[0]} is {types[inexact[0]]}, which has no exact text to hash",
                hint="use a column of integers, text, dates or decimals as key",
            )
        exact = [column for column, kind in types.items() if not kind.startswith(_NO_TEXT) and not kind.endswith("]")]
        if not (source.key or exact):
            raise ConfigError(
                f"tool.workbench.sources.{name}: rows can't be told apart",
                hint=f"add key = [...] to [tool.workbench.sources.{name}]",
            )
        return self._salted(name, [f"CAST(s.{identifier(column)} AS VARCHAR)" for column in source.key or exact])

    def reference(self, link: Link, key: Sequence[str], child: dict[str, str], parent: dict[str, str]) -> str:
        """The text by which the row that ``s`` refers to is hashed; where that is its ``key``, both are chosen together."""
        keyed = sorted(key) == sorted(link.to)
        parts = []
        for theirs in key if keyed else link.to:
            mine = link.columns[link.to.index(theirs)]
            value = f"s.{identifier(mine)}"
            if child[mine] != parent[theirs]:
                value = f"coalesce(CAST(TRY_CAST({value} AS {parent[theirs]}) AS VARCHAR), CAST({value} AS VARCHAR))"
            parts.append(f"CAST({value} AS VARCHAR)")
        return self._salted(link.parent if keyed else f"{link.parent}({','.join(link.to)})", parts)

    def _salted(self, domain: str, parts: Iterable[str]) -> str:
        filled = [f"coalesce({part}, chr(30))" for part in parts]
        return " || chr(31) || ".join([literal(f"{self.seed}|{domain}|"), *filled])


def all_filled(columns: Iterable[str], alias: str) -> str:
    """That none of the columns is NULL."""
    return " AND ".join(f"{alias}.{identifier(column)} IS NOT NULL" for column in columns)


def same(left: str, columns: Iterable[str], right: str, others: Iterable[str]) -> str:
    """That columns of two relations are pairwise equal."""
    pairs = zip(columns, others, strict=True)
    return " AND ".join(f"{left}.{identifier(column)} = {right}.{identifier(other)}" for column, other in pairs)


def refers(link: Link, child: str = "c", parent: str = "p") -> str:
    """That a child refers to a parent."""
    return same(child, link.columns, parent, link.to)
