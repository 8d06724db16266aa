"""Markdown for comments on GitHub: values that stay values, and a text that fits."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from workbench.render.grid import clean

# GitHub takes 65,536 characters; some are left for whoever wraps the comment.
LIMIT = 65_000
MARKER = "<!-- workbench -->"
_CELL = 80
# Signs that Markdown reads between words: emphasis, links, code, tables, math and addresses. Encoded they are text.
_SIGNS = re.compile(r"[\\`*_~\[\]|$:@{}!^=]|(?<=www)\.")


def code(value: Any, width: int = _CELL) -> str:
    """A value as code that Markdown and HTML leave alone: no mention, link, emoji, reference, emphasis or end of a cell.

    Within ``<code>`` GitHub looks neither for people nor for issues.

    >>> code("@ada | `rm` <b>")
    '<code>&#64;ada &#124; &#96;rm&#96; &lt;b&gt;</code>'
    """
    return f"<code>{encoded(clean(value, width))}</code>"


def encoded(text: str) -> str:
    """A text of one line with every sign encoded that Markdown or HTML could read."""
    return _SIGNS.sub(lambda found: f"&#{ord(found[0])};", escape(text))


def words(text: Any, width: int = 400) -> str:
    """A remark of a person as running text, in which nobody is mentioned and nothing is linked.

    >>> words("for @ada, see #12")
    'for &#64;&#8203;ada, see #&#8203;12'
    """
    said = encoded(clean(text, width)).replace("&#64;", "&#64;&#8203;")
    return re.sub(r"(?<!&)#(?=\d)", "#&#8203;", said)


def grid(header: Sequence[str], rows: Iterable[Sequence[str]], right: Iterable[int] = ()) -> str:
    """A table whose cells are Markdown already; ``right`` are columns of numbers.

    >>> print(grid(["a", "n"], [["x", "1"]], right=[1]))
    | a | n |
    |---|--:|
    | x | 1 |
    """
    numbers = set(right)
    rule = "|".join("--:" if i in numbers else "---" for i in range(len(header)))
    lines = [" | ".join(header), rule, *(" | ".join(row) for row in rows)]
    return "\n".join(f"|{line}|" if i == 1 else f"| {line} |" for i, line in enumerate(lines))


def details(summary: str, body: str, *, opened: bool = False) -> str:
    """A part that is folded away; ``summary`` is Markdown already."""
    return f"<details{' open' if opened else ''}><summary>{summary}</summary>\n\n{body}\n\n</details>"


@dataclass(frozen=True, slots=True)
class Block:
    """A part of a comment. Where a comment would be too long, the blocks of the highest ``weight`` go first, the last of them
    before the others; those of weight 0 stay as long as anything does.
    """

    text: str
    weight: int = 0


def fit(blocks: Sequence[Block], *, limit: int = LIMIT, elsewhere: str = "") -> str:
    """One comment of at most ``limit`` characters, beginning with a mark by which it can be found again.

    ``elsewhere`` (Markdown) says where all of it can be read.

    >>> print(fit([Block("one"), Block("x" * 100, 1), Block("two")], limit=90))
    <!-- workbench -->
    one
    <BLANKLINE>
    two
    <BLANKLINE>
    1 part left out, for GitHub's limit.
    <BLANKLINE>
    """
    kept = dict(enumerate(blocks))
    order = sorted(kept, key=lambda i: (-blocks[i].weight, -i))
    left = 0

    def text() -> str:
        parts = [block.text for block in kept.values()]
        if left:
            parts.append(f"{left} part{'s' if left > 1 else ''} left out, for GitHub's limit. {elsewhere}".rstrip())
        return MARKER + "\n" + "\n\n".join(parts) + "\n"

    for i in order:
        if len(text()) <= limit:
            break
        del kept[i]
        left += 1
    return text()
