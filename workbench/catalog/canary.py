"""What chosen readers see beside the others, as changes of one atomic step: begun, widened, brought up to date, ended."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from workbench.runtime.canary import Canary
from workbench.runtime.views import Current
from workbench.store import Store, beside
from workbench.store.beside import BesideRecord, Intent, Outcome
from workbench.store.records import OperationKind, Pointer, Target


@dataclass(frozen=True, slots=True)
class Change:
    """What an operation does to canaries: by promotion what its readers see from then on (None: no more), and the record."""

    canaries: Mapping[str, Canary | None] = field(default_factory=dict)
    intents: tuple[Intent, ...] = ()

    def applied(self, current: Current) -> dict[str, Canary] | None:
        """All canaries afterwards; None when none of them changes."""
        if not self.canaries:
            return None
        return {name: canary for name, canary in {**current.canaries, **self.canaries}.items() if canary is not None}

    def and_also(self, other: Change) -> Change:
        """Both changes; of one promotion this one alone."""
        mine = {each.record.number for each in self.intents}
        intents = (*self.intents, *(each for each in other.intents if each.record.number not in mine))
        return Change({**other.canaries, **self.canaries}, intents)


def seen_by(record: BesideRecord) -> Canary:
    """What the readers of a canary see, as the warehouse says it."""
    data = {name: (at.version, at.snapshot) for name, at in sorted(record.data.items())}
    return Canary(record.promotion, record.share, record.readers, data)


def shown(record: BesideRecord, what: str, **more: object) -> Change:
    """Show the readers of a canary its data; ``record`` says who they are, ``what`` is what happens, in a word."""
    data = {name: {"version": at.version, "snapshot": at.snapshot} for name, at in sorted(record.data.items())}
    said = {"what": what, "share": record.share, "readers": list(record.readers), "data": data, **more}
    running = replace(record, state="running")
    stored = replace(record, state="beginning") if record.number == 0 else record
    return Change({record.promotion: seen_by(record)}, (Intent(stored, beside.changed(running), said),))


def ended(record: BesideRecord, outcome: Outcome, reason: str, at: dt.datetime) -> Change:
    """Take a canary's views away."""
    last = replace(record, state="ended", outcome=outcome, reason=reason, ended=at)
    said = {"what": "ended", "outcome": outcome, "reason": reason}
    return Change({record.promotion: None}, (Intent(record, beside.changed(last), said),))


def ended_by(
    store: Store, current: Current, kind: OperationKind, targets: Sequence[Target], promotion: str | None, at: dt.datetime
) -> Change:
    """The canaries that an operation ends, since it shows all readers the same, or another version than they were judged by."""
    change = Change()
    for canary in current.canaries.values():
        mine = [each for each in targets if each.pipeline in canary.data]
        moved = [each for each in mine if kind == "demote" or _version(each.old) != _version(each.new)]
        brought = kind == "publish" and promotion == canary.promotion
        if not moved and not brought:
            continue
        reason = "" if brought else f"readers of {moved[0].pipeline} were moved to {_named(moved[0].new)}"
        reason = f"{moved[0].pipeline} was demoted" if kind == "demote" else reason
        outcome: Outcome = "promoted" if brought else "overtaken"
        found = beside.running(store, promotion=canary.promotion)
        change = change.and_also(ended(found[0], outcome, reason, at) if found else Change({canary.promotion: None}))
    return change


def _version(at: Pointer | None) -> int | None:
    return None if at is None else at.version


def _named(at: Pointer | None) -> str:
    return "nothing" if at is None else f"v{at.version}"
