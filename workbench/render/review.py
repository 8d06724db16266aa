"""A review of a change: on a terminal, as JSON, as a comment on its pull request, and as JUnit XML."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as Xml

from workbench.model import counted
from workbench.promote.review import Review
from workbench.promote.step import Answer, Step
from workbench.render.diff import summary
from workbench.render.github import difference_blocks
from workbench.render.grid import clean
from workbench.render.markdown import Block, code, details, fit, grid, words

if TYPE_CHECKING:
    from rich.console import RenderableType

STYLES: dict[Answer, str] = {"pass": "green", "warn": "yellow", "fail": "bold red", "skipped": "magenta"}
_SIGNS: dict[Answer, str] = {"pass": "✅", "warn": "⚠️", "fail": "❌", "skipped": "⏭️"}
_SAID: dict[Answer, str] = {
    "pass": "passes",
    "warn": "passes, with warnings",
    "fail": "does not pass",
    "skipped": "is undecided: what was skipped is not shown to be right",
}


def headline(review: Review) -> str:
    """What the review comes to, in a line."""
    tally = ", ".join(
        f"{total} {answer}"
        for answer in ("fail", "skipped", "warn", "pass")
        if (total := sum(step.answer == answer for step in review.steps))
    )
    if not review.steps:
        return "nothing to review: no notebook and no promoted version changed"
    return f"this change {_SAID[review.answer]} ({tally})"


def review_view(review: Review) -> RenderableType:
    """The steps by subject, then the answer."""
    from rich.console import Group
    from rich.text import Text

    parts: list[RenderableType] = []
    for subject, steps in groupby(review.steps, key=lambda step: step.subject):
        parts.append(Text(clean(subject), style="bold"))
        for step in steps:
            line = Text(f"  {step.answer:<8}", style=STYLES[step.answer])
            parts.append(line.append(f"{step.name}: {clean(step.summary, 400)}", style="default"))
            if step.answer in ("fail", "warn"):
                parts += [Text(f"            {clean(text)}") for text in step.lines]
            if step.hint and step.answer != "pass":
                parts.append(Text(f"            next: {clean(step.hint, 400)}", style="dim"))
    for heading, _, found in review.comparisons:
        parts.append(Text(clean(heading), style="bold").append(f": {summary(found)}", style="default"))
    parts.append(Text(headline(review), style=STYLES[review.answer]))
    return Group(*parts)


def review_json(review: Review) -> dict[str, Any]:
    """The review as plain values; comparisons without values of production."""
    return {
        "base": review.changes.base,
        "commit": review.changes.commit,
        "answer": review.answer,
        "notebooks": list(review.notebooks),
        "steps": [
            {
                "subject": step.subject,
                "step": step.name,
                "answer": step.answer,
                "summary": step.summary,
                "lines": list(step.lines),
                "hint": step.hint,
            }
            for step in review.steps
        ],
        "comparisons": [
            {
                "of": heading,
                "between": note,
                **{name: found.to_json()[name] for name in ("identical", "key", "schema", "rows", "columns")},
            }
            for heading, note, found in review.comparisons
        ],
    }


def review_comment(review: Review, *, rows: int = 0) -> str:
    """The review as Markdown of at most 65,000 characters; with ``rows``, values of production stand in it as examples."""
    blocks = [Block(f"### workbench: {words(headline(review))}")]
    if review.steps:
        lines = [
            [f"{_SIGNS[step.answer]} {step.answer}", code(step.subject, 120), words(step.name), words(step.summary)]
            for step in review.steps
            if step.answer != "pass"
        ]
        if lines:
            blocks.append(Block(grid(["", "", "", ""], lines)))
        blocks += _particulars(review)
    blocks += difference_blocks(review.comparisons, rows=rows)
    passed = [
        [code(step.subject, 120), words(step.name), words(step.summary)] for step in review.steps if step.answer == "pass"
    ]
    if passed:
        blocks.append(
            Block(details(f"{_SIGNS['pass']} {counted(len(passed), 'answer')} passed", grid(["", "", ""], passed)), 2)
        )
    blocks.append(Block(f"Compared with {code(review.changes.base)} at {code(review.changes.commit[:12])}."))
    return fit(blocks, elsewhere="`workbench ci --json` says all of it.")


def _particulars(review: Review) -> Iterator[Block]:
    for step in review.steps:
        if step.answer == "pass" or not (step.lines or step.hint):
            continue
        body = [f"- {words(line)}" for line in step.lines[:50]]
        if len(step.lines) > 50:
            body.append(f"- and {len(step.lines) - 50} more")
        if step.hint:
            body.append(f"\nnext: {code(step.hint, 400)}")
        yield Block(details(f"{_SIGNS[step.answer]} {code(step.subject, 120)} {words(step.name)}", "\n".join(body).strip()), 1)


def junit(review: Review) -> str:
    """The review as JUnit XML: a suite a subject, a case a step. Equal reviews give equal text: no times, no host."""
    root = Xml.Element("testsuites", name="workbench ci")
    for subject, group in groupby(review.steps, key=lambda step: step.subject):
        steps = list(group)
        failed, skipped = (sum(step.answer == answer for step in steps) for answer in ("fail", "skipped"))
        figures = {"tests": len(steps), "failures": failed, "skipped": skipped, "errors": 0}
        suite = Xml.SubElement(root, "testsuite", {"name": clean(subject), **{name: str(n) for name, n in figures.items()}})
        for step in steps:
            _case(Xml.SubElement(suite, "testcase", classname=clean(subject), name=clean(step.name)), step)
    Xml.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + Xml.tostring(root, encoding="unicode") + "\n"


def _case(case: Xml.Element, step: Step) -> None:
    text = "\n".join(clean(line, 2000) for line in (step.summary, *step.lines, *([f"next: {step.hint}"] if step.hint else [])))
    if step.answer == "fail":
        Xml.SubElement(case, "failure", message=clean(step.summary, 2000)).text = text
    elif step.answer == "skipped":
        Xml.SubElement(case, "skipped", message=clean(step.summary, 2000))
    else:
        Xml.SubElement(case, "system-out").text = text
