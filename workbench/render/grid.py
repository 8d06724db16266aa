"""Example rows on a terminal: as many columns as it is wide, and the names of those left out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderableType

WIDEST = 40
SAME = "·"
_GAP = 2
_NUMBER = re.compile(r"[-+]?[0-9.,]+([eE][-+]?[0-9]+)?|NULL|NaN|-?Infinity|·|")

Cell = tuple[Any, str]  # a value and its style


def clean(value: Any, width: int = 200) -> str:
    """A value as one short line: control characters (also those that steer terminals) as escapes.

    >>> clean("a\\x1b[2Jb")
    'a\\\\x1b[2Jb'
    """
    if value is None:
        return "NULL"
    text = re.sub(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ufeff]", lambda found: ascii(found[0])[1:-1], str(value))
    return text if len(text) <= width else text[: width - 1] + "…"


@dataclass(frozen=True, slots=True)
class Grid:
    """Rows whose first cell is a sign; ``kept`` columns after it always stand, the others as far as the terminal is wide."""

    names: tuple[str, ...]
    kept: int
    lines: tuple[tuple[Cell, ...], ...]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        from rich.cells import cell_len
        from rich.table import Table
        from rich.text import Text

        texts = [[clean(value, WIDEST) for value, _ in line] for line in self.lines]
        titles = [" ", *(clean(name, WIDEST) for name in self.names)]
        widths = [max(cell_len(text) for text in column) for column in zip(titles, *texts, strict=True)]
        fits, used = 0, -_GAP
        for width in widths:
            used += width + _GAP
            if used > options.max_width and fits > self.kept + 1:
                break
            fits += 1
        table = Table(box=None, pad_edge=False, padding=(0, _GAP, 0, 0), header_style="dim")
        for i, title in enumerate(titles[:fits]):
            numbers = i > 0 and _aligned([row[i] for row in texts])
            table.add_column(Text(title), justify="right" if numbers else "left", overflow="ellipsis", no_wrap=True)
        for line, row in zip(self.lines, texts, strict=True):
            table.add_row(*(Text(text, style=style) for text, (_, style) in zip(row[:fits], line, strict=False)))
        yield table
        if fits < len(titles):
            left = titles[fits:]
            more = ", ".join(left[:5]) + (", …" if len(left) > 5 else "")
            yield Text(
                f"   and {len(left)} more column{'s' if len(left) > 1 else ''}: {more}",
                style="dim",
                overflow="ellipsis",
                no_wrap=True,
            )


def _aligned(texts: list[str]) -> bool:
    """Whether these are numbers that read better with their ends above each other: all with as many decimals.

    >>> _aligned(["9", "10", "NULL"]), _aligned(["1.25", "10.50"]), _aligned(["0.5", "0.125"]), _aligned(["a"])
    (True, True, False, False)
    """
    decimals = {len(text.partition(".")[2]) for text in texts if text[-1:].isdigit()}
    return len(decimals) <= 1 and all(_NUMBER.fullmatch(text) for text in texts)
