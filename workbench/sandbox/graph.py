"""Which role each source plays in a sample: pure, from the declarations and the row counts alone."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from workbench.config import Reference, Source
from workbench.errors import ConfigError, UnknownName

SMALL = 10_000  # a source that others refer to is taken whole up to here
TINY = 1_000  # and any other source without references up to here


class Role(StrEnum):
    """How rows of a source come into a sample."""

    ANCHOR = "anchor"  # chosen by the hash of their key
    FOLLOW = "follow"  # chosen with the row that one of their references names
    PARENT = "parent"  # only those that chosen rows refer to
    WHOLE = "whole"  # all of them


@dataclass(frozen=True, slots=True)
class Link:
    """One reference with its target's columns filled in."""

    child: str
    columns: tuple[str, ...]
    parent: str
    to: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.child}({', '.join(self.columns)}) -> {self.parent}({', '.join(self.to)})"


@dataclass(frozen=True, slots=True)
class Step:
    """The role of one source; ``via`` is the reference that its rows follow."""

    source: str
    role: Role
    via: Link | None = None


def links(sources: Mapping[str, Source]) -> tuple[Link, ...]:
    """All declared references; ``ConfigError`` where the target has no key to refer to.

    >>> orders = Source(read="o.parquet", references=[Reference(columns=["customer"], source="customers")])
    >>> [str(link) for link in links({"orders": orders, "customers": Source(read="c.parquet", key=["id"])})]
    ['orders(customer) -> customers(id)']
    """
    found = []
    for name, source in sources.items():
        for reference in source.references:
            found.append(Link(name, tuple(reference.columns), reference.source, _target(name, reference, sources)))
    return tuple(dict.fromkeys(found))


def _target(name: str, reference: Reference, sources: Mapping[str, Source]) -> tuple[str, ...]:
    to = tuple(reference.to or sources[reference.source].key)
    if not to:
        raise ConfigError(
            f"tool.workbench.sources.{name}.references: {reference.source} has no key that could be referred to",
            hint=f"add key = [...] to [tool.workbench.sources.{reference.source}], or to = [...] to the reference",
        )
    return to


def plan_roles(sources: Mapping[str, Source], rows: Mapping[str, int], anchors: Sequence[str] = ()) -> tuple[Step, ...]:
    """The role of every source, sources before those that follow them.

    Declared ``sample`` rules and given anchors stand. Small sources that others refer to are whole. Where nothing says what
    the anchors are, they are the sources that nobody refers to; what hangs together with no anchor gets one of its own.
    """
    for anchor in anchors:
        if anchor not in sources:
            raise UnknownName.of("source", anchor, sources, hint="workbench sandbox create --anchor SOURCE")
    all_links = links(sources)
    roles: dict[str, Role] = {}
    for name, source in sources.items():
        role = _declared(name, source, sources, rows, anchors, all_links)
        if role is not None:
            roles[name] = role
    free = [name for name in sources if name not in roles or roles[name] is Role.FOLLOW]
    steps = [Step(name, role) for name, role in roles.items() if role is Role.WHOLE]
    if Role.ANCHOR not in roles.values():
        heads = [name for name in free if name not in roles and not _referrers(name, all_links)]
        roles |= dict.fromkeys(heads, Role.ANCHOR)
    steps += [Step(name, role) for name, role in roles.items() if role is Role.ANCHOR]
    return _spread(sources, all_links, steps, roles)


def _declared(
    name: str,
    source: Source,
    sources: Mapping[str, Source],
    rows: Mapping[str, int],
    anchors: Sequence[str],
    all_links: Sequence[Link],
) -> Role | None:
    if name in anchors:
        return Role.ANCHOR
    if source.sample is not None:
        # Anchors of the command line take the place of declared ones.
        return None if anchors and source.sample == "anchor" else Role(source.sample)
    if any(reference.source != name for reference in source.references):
        return None
    limit = SMALL if _referrers(name, all_links) else TINY
    return Role.WHOLE if rows[name] <= limit else None


def _referrers(name: str, all_links: Sequence[Link]) -> list[str]:
    return [link.child for link in all_links if link.parent == name and link.child != name]


def _spread(
    sources: Mapping[str, Source], all_links: Sequence[Link], steps: list[Step], roles: Mapping[str, Role]
) -> tuple[Step, ...]:
    """Follow references downwards from the anchors; what is left are parents, or anchors of their own."""
    while True:
        placed = {step.source: step.role for step in steps}
        leading = {name for name, role in placed.items() if role in (Role.ANCHOR, Role.FOLLOW)}
        step = next(
            (
                Step(link.child, Role.FOLLOW, link)
                for link in all_links
                if link.child not in placed and link.parent in leading and link.child != link.parent
            ),
            None,
        )
        if step is None:
            left = [name for name in sources if name not in placed]
            stuck = [name for name in left if roles.get(name) is Role.FOLLOW and not _referrers(name, all_links)]
            if stuck:
                raise ConfigError(
                    f"tool.workbench.sources.{stuck[0]}.sample: no reference of it leads to an anchor to follow",
                    hint=f'declare a reference, or write sample = "anchor" in [tool.workbench.sources.{stuck[0]}]',
                )
            # A source is pulled in through those that refer to it, if any of these has rows by itself.
            pulled = _ancestors(placed, all_links)
            alone = [name for name in left if name not in pulled]
            if not alone:
                return (*steps, *(Step(name, Role.PARENT) for name in left))
            heads = [name for name in alone if not any(child in alone for child in _referrers(name, all_links))]
            step = Step((heads or alone)[0], Role.ANCHOR)
        steps.append(step)


def _ancestors(placed: Mapping[str, Role], all_links: Sequence[Link]) -> set[str]:
    found = set(placed)
    while more := {link.parent for link in all_links if link.child in found} - found:
        found |= more
    return found


def estimate(
    steps: Sequence[Step],
    all_links: Sequence[Link],
    rows: Mapping[str, int],
    share: float,
    core: Mapping[str, float] | None = None,
    follow: Mapping[str, Callable[[int], int]] | None = None,
) -> dict[str, int]:
    """Rows that a sample will have, a source: chosen ones by the share, and parents by how often they are referred to.

    ``core`` has the rows of anchors of which another number than the share of all will be chosen; what follows them is as many
    more or fewer. ``follow`` says of a source that refers to itself how many rows so many rows become with all that they
    refer to.

    >>> order = Link("orders", ("customer",), "customers", ("id",))
    >>> steps = [Step("orders", Role.ANCHOR), Step("customers", Role.PARENT)]
    >>> estimate(steps, [order], {"orders": 100_000, "customers": 1_000}, 0.01)
    {'orders': 1000, 'customers': 632}
    >>> estimate(steps, [order], {"orders": 100_000, "customers": 1_000}, 0.01, {"orders": 10})
    {'orders': 10, 'customers': 10}
    """
    shares: dict[str, float] = {}
    for step in steps:  # those that follow come after what they follow
        total, known = rows[step.source], (core or {}).get(step.source)
        if known is not None and total:
            shares[step.source] = known / total
        else:
            follows = shares[step.via.parent] if step.via else share
            shares[step.source] = {Role.WHOLE: 1.0, Role.PARENT: 0.0}.get(step.role, follows)
    found = {name: rows[name] * each for name, each in shares.items()}
    for _ in steps:
        before = dict(found)
        for step in steps:
            name, total = step.source, rows[step.source]
            missed = total - total * shares[name]
            for link in all_links:
                if link.parent == name and link.child != name and link != _via(steps, link.child) and total:
                    missed *= math.exp(-before[link.child] / total)
            found[name] = total - missed
            if follow and name in follow:
                found[name] = max(found[name], follow[name](round(found[name])))
        if found == before:
            break
    return {name: min(rows[name], round(value)) for name, value in found.items()}


def _via(steps: Sequence[Step], child: str) -> Link | None:
    return next(step.via for step in steps if step.source == child)
