"""Reasons to refuse, on a terminal: all of them, or the page of one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from workbench.promote.refusal import Reason
from workbench.render.listing import Listing

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderableType


@dataclass(frozen=True, slots=True)
class ReasonPage:
    """The page of a reason: laid out on a terminal, as it is written where there is none."""

    reason: Reason

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        from rich.markdown import Markdown
        from rich.text import Text

        text = self.reason.text().rstrip()
        yield Markdown(text, code_theme="ansi_dark") if console.is_terminal else Text(text)


def reasons_view(summaries: Mapping[Reason, str]) -> RenderableType:
    """One line a reason."""
    table = Listing(("reason", "what is refused"), words=frozenset({"what is refused"}))
    for reason, said in summaries.items():
        table.add(reason.value, said.replace("`", ""))
    return table
