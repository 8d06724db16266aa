"""Small tables for the record of a run: plain text for terminals, escaped HTML for notebooks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

LONGEST = 60


def broken_by(rows: int) -> str:
    """How many rows break a check, in words.

    >>> broken_by(1), broken_by(2000)
    ('1 row breaks it', '2,000 rows break it')
    """
    return "1 row breaks it" if rows == 1 else f"{rows:,} rows break it"


@dataclass(frozen=True, slots=True)
class Shown:
    """A titled table of values; numbers are set right, long text is cut.

    >>> Shown("two days", ("day", "rows"), (("2013-07-01", 12), ("2013-07-02", 1234)))
    two days
    day          rows
    ----------  -----
    2013-07-01     12
    2013-07-02  1,234
    """

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]

    def __repr__(self) -> str:
        cells = [[text(value) for value in row] for row in self.rows]
        widths = [max(len(line[i]) for line in [list(self.header), *cells]) for i in range(len(self.header))]
        right = [_all_numbers(self.rows, i) for i in range(len(self.header))]

        def line(row: Sequence[str]) -> str:
            return "  ".join(
                text.rjust(w) if r else text.ljust(w) for text, w, r in zip(row, widths, right, strict=True)
            ).rstrip()

        ruled = [line(self.header), "  ".join("-" * width for width in widths), *(line(row) for row in cells)]
        return "\n".join([*([self.title] if self.title else []), *(ruled if self.header else [])])

    def _repr_html_(self) -> str:
        right = [' style="text-align:right"' if _all_numbers(self.rows, i) else "" for i in range(len(self.header))]
        head = "".join(f"<th{how}>{escape(name)}</th>" for name, how in zip(self.header, right, strict=True))
        body = "".join(
            "<tr>" + "".join(f"<td{how}>{escape(text(value))}</td>" for value, how in zip(row, right, strict=True)) + "</tr>"
            for row in self.rows
        )
        title = f"<p>{escape(self.title)}</p>" if self.title else ""
        return title + (f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>" if self.header else "")


def _all_numbers(rows: Sequence[Sequence[Any]], column: int) -> bool:
    values = [row[column] for row in rows if row[column] is not None]
    return bool(values) and all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in values)


def text(value: Any, longest: int = LONGEST) -> str:
    """A value in a few characters, told apart from others: NULL is no text, true no number.

    >>> text(None), text(True), text(12345), text(0.12345678), text("a  long text", 6)
    ('NULL', 'true', '12,345', '0.123457', 'a lon…')
    """
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:.6g}"
    words = " ".join(str(value).split())
    return words if len(words) <= longest else words[: longest - 1] + "…"


class Inputs(dict[str, Any]):
    """A table for each argument of the version's function; shown as a list of what was read."""

    shown = Shown("", (), ())

    def __repr__(self) -> str:
        return repr(self.shown)

    def _repr_html_(self) -> str:
        return self.shown._repr_html_()
