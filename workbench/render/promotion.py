"""Promotions on a terminal and as JSON: what was cut, how it was proved, what it changes, what the gates say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from workbench.model import GateResult, Parameter, Verdict, counted
from workbench.moments import happened, iso
from workbench.promote.evidence import diff_evidence
from workbench.promote.outcome import Judged, Outcome
from workbench.render.diff import number, terminal
from workbench.render.listing import Listing
from workbench.render.slicing import refusal_json, refusals_view

if TYPE_CHECKING:
    from workbench.config import Workspace
    from workbench.store.records import CandidateRecord, PromotionRecord

STYLES = {Verdict.PASS: "green", Verdict.WARN: "yellow", Verdict.FAIL: "bold red", Verdict.WAITING: "cyan"}


def outcome_view(outcome: Outcome, *, dry_run: bool, rows: int) -> RenderableType:
    """All that a person needs to judge a promotion, station by station."""
    if outcome.status == "not cut":
        return refusals_view(outcome.slicing.refusals)
    parts: list[RenderableType] = []
    for candidate in outcome.unchanged:
        parts.append(Text(f"{candidate.pipeline}: unchanged, the same as {candidate.pipeline}@{candidate.version}"))
    for judged in outcome.judged:
        parts.append(_judged_view(judged, rows))
    if dry_run and outcome.judged:
        parts.append(Text("dry run: nothing was written"))
    return Group(*parts)


def _judged_view(judged: Judged, rows: int) -> RenderableType:
    title = Text(f"{judged.pipeline}@{judged.version}", style="bold")
    if judged.candidate is None:
        title.append("  code unchanged, recomputed because an input changes", style="dim")
    parts: list[RenderableType] = [title]
    if judged.candidate is not None:
        cut = judged.candidate.cut
        reads = ", ".join(f"{source.name}" + (" (pipeline)" if source.kind == "pipeline" else "") for source in cut.inputs)
        parts.append(Text(f"  reads {reads}; parameters {_parameters(cut.parameters)}"))
    if judged.proof is not None:
        settings = counted(len(judged.proof.checked), "parameter setting")
        said = f"proved at {settings}" if judged.proof.verdict == "equal" else f"{judged.proof.verdict}: {judged.proof.why}"
        parts.append(Text(f"  module equals notebook: {said}"))
    if judged.proof is None and judged.candidate is not None:
        parts.append(Text("  neither proved nor tried"))
    if judged.tried is not None:
        tried = judged.tried
        parts.append(Text(f"  trial on production data: {tried.snapshot.rows:,} rows in {tried.seconds:.1f} s"))
        if tried.logic is None:
            parts.append(Text(f"  no baseline: {tried.note}"))
        else:
            parts.append(
                Text(
                    f"  logic effect: @{tried.live.version if tried.live else 0} against @{tried.version}, same snapshot",
                    style="bold",
                )
            )
            parts.append(Padding(terminal(tried.logic, rows=rows), (0, 0, 0, 4)))
        if tried.data is not None:
            if tried.data.identical:
                parts.append(Text("  data effect: none; readers' data is what the live version computes on this snapshot"))
            else:
                parts.append(
                    Text("  data effect: what readers see now against the live version on this snapshot", style="bold")
                )
                parts.append(Padding(terminal(tried.data, rows=rows), (0, 0, 0, 4)))
    parts.append(Padding(gates_view(judged.gates), (0, 0, 1, 2)))
    return Group(*parts)


# Gates that a reader wants to see when they have something to say; when they pass, one line names them all.
_BRIEF = {"drift", "documented", "privacy", "policy", "impact", "performance", "cost", "shadow"}


def gates_view(gates: Sequence[GateResult]) -> Table:
    """One line a gate; those that matter only when they don't pass share one."""
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    quiet = [gate.gate for gate in gates if gate.gate in _BRIEF and gate.verdict is Verdict.PASS]
    for gate in gates:
        if gate.gate not in quiet:
            table.add_row("gate", gate.gate, Text(gate.verdict.value, style=STYLES[gate.verdict]), Text(gate.summary))
    if quiet:
        table.add_row("gate", "others", Text("pass", style=STYLES[Verdict.PASS]), Text(", ".join(quiet)))
    return table


def outcome_json(outcome: Outcome, outputs: list[dict[str, Any]], *, dry_run: bool) -> dict[str, Any]:
    """The promotion as plain values; ``outputs`` are those of ``workbench check``, which this completes."""
    judged = {each.pipeline: each for each in outcome.judged}
    unchanged = {each.pipeline: each for each in outcome.unchanged}
    for output in outputs:
        name = output["name"]
        if name in unchanged:
            output |= {"version": unchanged[name].version, "changed": False}
        elif name in judged:
            output |= {"changed": True} | _judged_json(judged.pop(name))
    return {
        "promotion": outcome.promotion or None,
        "status": outcome.status,
        "dry_run": dry_run,
        "outputs": outputs,
        "recomputed": [{"name": each.pipeline} | _judged_json(each) for each in judged.values()],
        "refusals": [refusal_json(refusal) for refusal in outcome.slicing.refusals],
    }


def _judged_json(judged: Judged) -> dict[str, Any]:
    document: dict[str, Any] = {"version": judged.version, "gates": [gate_json(gate) for gate in judged.gates]}
    if judged.proof is not None:
        checked = [check.to_json() for check in judged.proof.checked]
        document["equality"] = {"verdict": judged.proof.verdict, "checked": checked, "why": judged.proof.why}
    if judged.tried is not None:
        document["diff"] = diff_evidence(judged.tried)
    return document


def gate_json(gate: GateResult) -> dict[str, Any]:
    """One gate's verdict and evidence."""
    return {"gate": gate.gate, "verdict": gate.verdict.value, "summary": gate.summary, "evidence": gate.evidence}


def promotion_view(promotion: PromotionRecord, details: Sequence[RenderableType] = ()) -> RenderableType:
    """A stored promotion: who, when, why, and each candidate with its gates."""
    head = Text(f"{promotion.id}  {promotion.status}", style="bold")
    lines: list[RenderableType] = [
        head,
        Text(f"  {promotion.notebook}, by {promotion.who} at {happened(promotion.at)}"),
        Text(f"  why: {promotion.why}"),
    ]
    for candidate in promotion.candidates:
        semver = "  {change}, {semver}".format(**candidate.summary) if "semver" in candidate.summary else ""
        lines.append(
            Text(f"  {candidate.pipeline}@{candidate.version}{semver}{'' if candidate.new else '  recomputed'}", style="bold")
        )
        lines.append(Padding(gates_view(candidate.gates), (0, 0, 0, 4)))
    return Group(*lines, *details)


def promotion_json(promotion: PromotionRecord) -> dict[str, Any]:
    """A stored promotion as plain values."""
    return {
        "promotion": promotion.id,
        "status": promotion.status,
        "notebook": promotion.notebook,
        "notebook_sha256": promotion.notebook_sha256,
        "digest": promotion.digest,
        "who": promotion.who,
        "why": promotion.why,
        "at": iso(promotion.at),
        "candidates": [_candidate_json(candidate) for candidate in promotion.candidates],
    }


def _candidate_json(candidate: CandidateRecord) -> dict[str, Any]:
    return {
        "pipeline": candidate.pipeline,
        "version": candidate.version,
        "base_version": candidate.base_version,
        "new": candidate.new,
        "snapshot": candidate.snapshot,
        "summary": candidate.summary,
        "gates": [gate_json(gate) for gate in candidate.gates],
    }


def _parameters(parameters: Sequence[Parameter]) -> str:
    return ", ".join(f"{each.name}={each.default!r}" for each in parameters) or "none"


def promotion_list(promotions: Sequence[PromotionRecord]) -> RenderableType:
    """One line a promotion, the newest first."""
    if not promotions:
        return Text('no promotion yet; next: workbench promote NOTEBOOK --why "…"')
    titles = ("promotion", "status", "versions", "when (UTC)", "who", "why")
    table = Listing(titles, words=frozenset({"versions", "why"}), cut=frozenset({"who"}))
    for each in promotions:
        versions = ", ".join(f"{candidate.pipeline}@{candidate.version}" for candidate in each.candidates if candidate.new)
        table.add(each.id, each.status, versions, happened(each.at, zone=False), each.who, _first_line(each.why))
    return table


def _first_line(text: str) -> str:
    """The beginning of a remark, for a place that has one line."""
    first, *more = text.splitlines() or [""]
    return first if len(first) <= 80 and not more else first[:79] + "…"


def evidence_view(promotion: PromotionRecord) -> RenderableType:
    """Each gate with its evidence, a line a fact."""
    parts: list[RenderableType] = [Text(f"{promotion.id}  {promotion.status}", style="bold")]
    for candidate in promotion.candidates:
        parts.append(Text(f"{candidate.pipeline}@{candidate.version}", style="bold"))
        for gate in candidate.gates:
            line = Text("  ")
            line.append(f"{gate.verdict.value:<8}", style=STYLES[gate.verdict])
            line.append(f"{gate.gate}: {gate.summary}")
            parts.append(line)
            for name, value in gate.evidence.items():
                # Rules with the rows that break them have a line each, and are shown with the first of those rows.
                facts = value if isinstance(value, list) and any(isinstance(each, dict) for each in value) else [value]
                parts += [Text(f"    {name}: {_short(_one_example(each))}", style="dim") for each in facts]
    return Group(*parts)


def _one_example(value: Any) -> Any:
    """A rule as it is said: how many rows break it comes first, and one of them is enough.

    >>> _said(_one_example({"check": "unique(id)", "violations": 4, "examples": [{"id": 3}, {"id": 9}]}))
    'check unique(id), violations 4, for example id 3'
    """
    if not isinstance(value, dict) or "violations" not in value:
        return value
    rest = {name: each for name, each in value.items() if name != "examples"}
    return rest | ({"for example": value["examples"][0]} if value.get("examples") else {})


_EMPTY: tuple[Any, ...] = (None, "", [], {}, ())


def _short(value: Any) -> str:
    text = _said(value)
    return text if len(text) <= 160 else text[:159] + "…"


def _said(value: Any) -> str:
    """Evidence in words: what is empty is left out of what holds it.

    >>> _said([{"check": "not_null(day)", "examples": [], "violations": 0}, {"how": "data", "rows": None}])
    'check not_null(day), violations 0; how data'
    >>> _said({}), _said(True), _said(0.8066298342541437)
    ('none', 'yes', '0.8066')
    """
    if value in _EMPTY:
        return "none"
    match value:
        case bool():
            return "yes" if value else "no"
        case float():
            return number(value)
        case dict():
            return ", ".join(f"{name} {_said(each)}" for name, each in value.items() if each not in _EMPTY) or "none"
        case list() | tuple():
            return "; ".join(_said(each) for each in value)
    return str(value)


def differences_view(workspace: Workspace, promotion: PromotionRecord, rows: int) -> list[RenderableType]:
    """The stored comparisons of a promotion, logic effect and data effect apart."""
    from workbench.promote.evidence import stored_sections

    parts: list[RenderableType] = []
    for heading, _, found in stored_sections(workspace, promotion):
        parts.append(Text(f"  {heading}", style="bold"))
        parts.append(Padding(terminal(found, rows=rows), (0, 0, 0, 4)))
    return parts
