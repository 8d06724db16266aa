"""Personal columns about which nobody has decided stop a creation: all of them at once, with masks that they can have."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from workbench.config import Source
from workbench.runtime.duck import identifier
from workbench.sandbox import personal
from workbench.sandbox.discover import LOOKED
from workbench.sandbox.mask import Rules
from workbench.sandbox.personal import Finding
from workbench.sandbox.production import Production
from workbench.sandbox.sample import Sampling


def refuse_names(sources: Mapping[str, Source], production: Production, rules: Rules) -> None:
    """Raise ``GuardRefused`` when a column's name looks personal, before anything is sampled.

    What the values of other columns say is told as well, so that nobody decides in two rounds: of files all values are looked
    through, on a server those of the first rows.
    """
    named = [each for name in sources for each in personal.undecided_names(name, production.columns[name], rules.decided(name))]
    if not named:
        return
    found = []
    for name in sources:
        mine = [each for each in named if each.source == name]
        remote = production.remotes.get(name)
        ask = remote.ask if remote else production.ask
        relation = f"(SELECT * FROM {remote.at.relation} r LIMIT {LOOKED})" if remote else production.relations[name]
        decided = (*rules.decided(name), *(each.column for each in mine))
        found += [*mine, *personal.undecided_values(ask, relation, name, production.columns[name], decided)]
    personal.refuse(_suited(found, sources, production, rules), sources)


def refuse_values(sampling: Sampling, rules: Rules) -> None:
    """Raise ``GuardRefused`` when values of the sample look personal."""
    production, found = sampling.production, []
    for name in sampling.sources:
        staged = f"stage.{identifier(name)}"
        found += personal.undecided_values(production.ask, staged, name, production.columns[name], rules.decided(name))
    personal.refuse(_suited(found, sampling.sources, production, rules), sampling.sources)


def _suited(found: list[Finding], sources: Mapping[str, Source], production: Production, rules: Rules) -> Iterator[Finding]:
    """Suggestions that fit: a key, and what joins another column, can only have tokens."""
    for each in found:
        joins = (each.source, each.column) in rules.domains or each.column in sources[each.source].key
        kind = production.columns[each.source][each.column]
        yield replace(each, suggestion=personal.suited("token" if joins else each.suggestion, kind))
