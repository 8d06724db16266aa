"""One line a thing; where the terminal is too narrow for that, a few lines each, so that nothing is cut off."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderableType
    from rich.text import Text

GAP = 2
# A column of words may become as narrow as its longest word, one that is cut as a few letters; more than that is not asked for.
LONGEST_WORD, FEW = 16, 12


@dataclass(slots=True)
class Listing:
    """Rows below titles. Columns in ``words`` wrap and those in ``cut`` lose their end before anything else gives way."""

    titles: Sequence[str]
    words: frozenset[str] = frozenset()
    cut: frozenset[str] = frozenset()
    numbers: frozenset[str] = frozenset()
    rows: list[tuple[Text, ...]] = field(default_factory=list)

    def add(self, *cells: str | Text) -> None:
        """One row, a cell for each title; text is text, never markup."""
        from rich.text import Text

        self.rows.append(tuple(Text(cell) if isinstance(cell, str) else cell for cell in cells))

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        if self._narrowest() <= options.max_width:
            yield self._table()
        else:
            yield from self._blocks()

    def _narrowest(self) -> int:
        """The width below which a column would lose something."""
        from rich.cells import cell_len

        total = GAP * (len(self.titles) - 1)
        for title, cells in zip(self.titles, zip(*self.rows, strict=True), strict=False):
            texts = [title, *(cell.plain for cell in cells)]
            if title in self.words:
                total += min(max(cell_len(word) for text in texts for word in text.split()), LONGEST_WORD)
            else:
                widest = max(map(cell_len, texts))
                total += min(widest, FEW) if title in self.cut else widest
        return total

    def _table(self) -> RenderableType:
        from rich.table import Table

        table = Table(box=None, pad_edge=False, padding=(0, GAP, 0, 0), header_style="bold")
        for title in self.titles:
            table.add_column(
                title,
                justify="right" if title in self.numbers else "left",
                no_wrap=title not in self.words | self.cut,
                overflow="ellipsis" if title in self.cut else "fold",
            )
        for row in self.rows:
            table.add_row(*row)
        return table

    def _blocks(self) -> Iterator[RenderableType]:
        from rich.table import Table
        from rich.text import Text

        first = next((i for i, title in enumerate(self.titles) if title), 0)
        for row in self.rows:
            head = Text(overflow="fold")
            for i, cell in enumerate(row[: first + 1]):
                if cell.plain:
                    head.append_text(cell).append(" " if i < first else "")
            yield head
            facts = Table(box=None, pad_edge=False, padding=(0, GAP, 0, 0), show_header=False)
            facts.add_column(style="dim", no_wrap=True)
            facts.add_column(overflow="fold")
            for title, cell in zip(self.titles[first + 1 :], row[first + 1 :], strict=True):
                if cell.plain not in ("", "-"):
                    facts.add_row(f"  {title}", cell)
            if facts.row_count:
                yield facts
