"""A contract card as HTML. Every value is escaped; colour never says anything that words do not."""

from __future__ import annotations

from typing import Any

from workbench.model import CheckResult, counted
from workbench.render.card_facts import Facts
from workbench.render.card_live import live_part
from workbench.render.card_notebook import Given
from workbench.render.card_text import style, template, text

REFUSALS = 3
_PARTS = {
    "sandbox": "These rows are old.",
    "rows": "The table can't be computed.",
    "checks": "Key and checks could not be looked at.",
    "live": "No comparison with the live version.",
    "notebook": "The notebook's parameters could not be read.",
    "support": "Whether its figures hold on a sample could not be looked at.",
}


def card_html(facts: Facts) -> str:
    """The card, with its style sheet, as HTML to put anywhere."""
    mark, live = facts.mark, facts.live
    known = live or "live" in facts.problems or "rows" in facts.problems
    nothing_live = "" if known else "Nothing is published under this name yet, so there is nothing to compare with."
    parameters = [_parameter(given) for given in facts.parameters]
    columns, results = _columns(facts), facts.checks or ()
    return template("card.html.j2").render(
        css=style(),
        name=mark.name,
        state=_state(facts),
        doc=mark.doc,
        problems=[{"what": _PARTS[part], "why": why} for part, why in facts.problems.items()],
        refusals=[{"what": each.message, "hint": each.hint} for each in facts.refusals[:REFUSALS]],
        more_refusals=_more(len(facts.refusals) - REFUSALS),
        facts=_facts(facts),
        care=[{"figures": each.figures, "why": each.why} for each in facts.unreliable],
        live=None if live is None else live_part(live, facts.schema),
        nothing_live=nothing_live,
        columns=columns,
        columns_said=counted(len(columns), "column"),
        units=any(column["unit"] for column in columns),
        parameters=parameters,
        parameters_said=", ".join(f"{each['name']} = {each['value']}" for each in parameters),
        checks=[_check(result, mark.key) for result in results],
        checks_open=any(not result.ok for result in results),
        checks_said=_said(results),
    )


def _more(number: int) -> str:
    return "" if number <= 0 else f"and {counted(number, 'other reason')}: workbench check"


def _state(facts: Facts) -> dict[str, str]:
    """The card in one badge."""
    if "rows" in facts.problems:
        return {"tone": "bad", "sign": "✕", "text": "fails"}
    if facts.broken:
        return {
            "tone": "bad",
            "sign": "✕",
            "text": "1 promise broken" if facts.broken == 1 else f"{facts.broken} promises broken",
        }
    if facts.refusals:
        return {"tone": "bad", "sign": "✕", "text": "can't be promoted yet"}
    if facts.live is None:
        if facts.problems:
            return {"tone": "warn", "sign": "!", "text": "not all could be checked"}
        return {"tone": "new", "sign": "+", "text": "not live yet"}
    if facts.live.diff.identical:
        return {"tone": "good", "sign": "=", "text": f"same as live @{facts.live.version.number}"}
    return {"tone": "warn", "sign": "≠", "text": f"differs from live @{facts.live.version.number}"}


def _facts(facts: Facts) -> list[dict[str, str]]:
    mark, found = facts.mark, []
    if facts.rows is not None:
        found.append({"tone": "note", "sign": "", "text": f"{counted(facts.rows, 'row')} in sandbox {facts.sandbox}"})
    if facts.key is not None:
        named = ", ".join(mark.key)
        broken = [result for result in facts.key if not result.ok]
        if not mark.key:
            found.append({"tone": "warn", "sign": "!", "text": "no key: its rows can't be told apart"})
        elif not broken:
            found.append({"tone": "good", "sign": "✓", "text": f"key {named}: unique, never NULL"})
        for result in broken:
            what = "repeat a key" if result.check.rule == "unique" else "have a NULL in the key"
            found.append({"tone": "bad", "sign": "✕", "text": f"key {named}: {counted(result.violations, 'row')} {what}"})
    if facts.checks:
        tone, sign = ("good", "✓") if all(result.ok for result in facts.checks) else ("bad", "✕")
        found.append({"tone": tone, "sign": sign, "text": _said(facts.checks)})
    if mark.partition_by is not None and facts.partitions is not None:
        found.append({"tone": "note", "sign": "", "text": f"{counted(facts.partitions, 'partition')} by {mark.partition_by}"})
    return found


def _said(results: tuple[CheckResult, ...]) -> str:
    broken = sum(not result.ok for result in results)
    if broken:
        return f"{broken} of {counted(len(results), 'check')} broken"
    return f"{counted(len(results), 'check')} hold{'s' if len(results) == 1 else ''}"


def _check(result: CheckResult, key: tuple[str, ...]) -> dict[str, str]:
    said = (
        "holds"
        if result.ok
        else "broken"
        if result.check.rule in ("row_count", "fresh")
        else f"broken by {counted(result.violations, 'row')}"
    )
    told = {*key, *result.check.columns}
    example = ", ".join(
        f"{name} = {text(value)}" for row in result.examples[:1] for name, value in row.items() if name in told or not told
    )
    tone, sign = ("good", "✓") if result.ok else ("bad", "✕")
    return {"text": str(result.check), "tone": tone, "sign": sign, "said": said, "example": example}


def _columns(facts: Facts) -> list[dict[str, Any]]:
    mark = facts.mark

    def roles(name: str) -> list[str]:
        return ["key"] * (name in mark.key) + ["partition"] * (name == mark.partition_by)

    return [
        {"name": name, "type": kind, "unit": mark.units.get(name, ""), "doc": mark.columns.get(name, ""), "roles": roles(name)}
        for name, kind in facts.schema.items()
    ]


def _parameter(given: Given) -> dict[str, Any]:
    parameter = given.parameter
    return {
        "name": parameter.name,
        "value": text(given.value),
        "moved": given.value != parameter.default,
        "default": text(parameter.default),
        "domain": parameter.domain(),
        "doc": parameter.doc,
    }
