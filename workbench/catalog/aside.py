"""What runs beside a pipeline, or was taken away from its chosen readers, in a line for whoever looks at production."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from workbench.model import counted
from workbench.store import Store, beside
from workbench.store.beside import BesideRecord


@dataclass(frozen=True, slots=True)
class Aside:
    """A canary or a shadow of a pipeline in words. An ``alert`` asks somebody to decide."""

    kind: str
    promotion: str
    text: str
    alert: bool = False


def asides(store: Store) -> dict[str, Aside]:
    """The newest canary or shadow of each pipeline, by name, where it runs or wants a decision."""
    found: dict[str, Aside] = {}
    for record in beside.find(store):
        for name in record.data:
            found.pop(name, None)
            said = _said(store, record, name)
            if said is not None:
                found[name] = said
    return found


def beside_said(payload: Mapping[str, Any]) -> str:
    """What an entry of the ledger tells of canaries and shadows, in a few words.

    >>> beside_said({"beside": [{"promotion": "P-7", "what": "begun", "share": 500, "readers": ["bi"]}]})
    'canary of P-7 begun: 5% of readers, bi'
    >>> beside_said({"what": "begun", "promotion": "P-7", "runs": 5})
    'begun, 5 runs'
    """
    told = []
    for each in payload.get("beside", ()):
        readers = [f"{each['share'] / 100:g}% of readers"] if each.get("share") else []
        readers += each.get("readers", ())
        parts = [each["outcome"]] if each["what"] == "ended" else [f"by {each['trial']}"] if each.get("trial") else readers
        told.append(f"canary of {each['promotion']} {each['what']}{': ' * bool(parts)}{', '.join(parts)}")
    if not told:
        runs = payload.get("runs")
        more = counted(runs, "run") if runs is not None else str(payload.get("outcome", ""))
        told.append(f"{payload.get('what', '')}, {more}")
    return "; ".join(told)


def _said(store: Store, record: BesideRecord, pipeline: str) -> Aside | None:
    promotion = store.promotion(record.promotion)
    is_open = promotion is not None and promotion.status in ("waiting", "approved")
    what, trials = f"{record.kind} of {record.promotion}", beside.trials(store, record.number)
    if record.state == "running":
        version = f"v{record.data[pipeline].version}"
        mine = [each for each in trials if each.pipeline == pipeline]
        held = sum(each.counts and not each.breach for each in mine)
        seen = (
            f"{version}, which {held} of {counted(len(mine), 'trial')} held"
            if mine
            else f"{version}, which no run was compared with yet"
        )
        if not is_open and promotion is not None:
            again = f"{record.promotion} is {promotion.status}; next: workbench canary check"
            return Aside(record.kind, record.promotion, f"{what}: {version}, but {again}", alert=True)
        return Aside(record.kind, record.promotion, f"{what}: {seen}")
    broken = record.kind == "shadow" and any(each.breach for each in trials)
    if is_open and (record.outcome in ("breach", "overtaken") or broken):
        verb = "was withdrawn" if record.kind == "canary" else "ended"
        again = f"next: workbench {record.kind} status {record.promotion}"
        return Aside(record.kind, record.promotion, f"{what} {verb}: {record.reason}; {again}", alert=True)
    return None
