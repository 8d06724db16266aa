"""Reasons to refuse and rules of findings, on a terminal: all of them, or the page of one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from workbench.promote.finding import Rule, said_of_rules
from workbench.promote.refusal import Reason, summaries
from workbench.render.listing import Listing

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderableType


@dataclass(frozen=True, slots=True)
class ReasonPage:
    """The page of a reason or a rule: laid out on a terminal, as it is written where there is none."""

    reason: Reason | Rule

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        from rich.markdown import Markdown
        from rich.text import Text

        text = self.reason.text().rstrip()
        yield Markdown(text, code_theme="ansi_dark") if console.is_terminal else Text(text)


def reason_json(reason: Reason | Rule) -> dict[str, Any]:
    """The same as plain values."""
    if isinstance(reason, Reason):
        return {"reason": reason.value, "text": reason.text()}
    return {"rule": reason.value, "severity": said_of_rules()[reason][0].value, "text": reason.text()}


def reasons_view() -> RenderableType:
    """One line each."""
    table = Listing(("name", "is", "what"), words=frozenset({"what"}))
    listed = reasons_json()
    for each in listed["reasons"]:
        table.add(each["reason"], "refused", each["what"].replace("`", ""))
    for each in listed["findings"]:
        table.add(each["rule"], each["severity"], each["what"].replace("`", ""))
    return table


def reasons_json() -> dict[str, Any]:
    """The same as plain values."""
    return {
        "reasons": [{"reason": reason.value, "what": what} for reason, what in summaries().items()],
        "findings": [
            {"rule": rule.value, "severity": severity.value, "what": said.partition(". ")[0].removesuffix(".")}
            for rule, (severity, said) in said_of_rules().items()
        ],
    }
