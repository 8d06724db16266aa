"""Promises held against data, for the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from workbench.catalog.profile import examples
from workbench.catalog.promises import Judged, Rule
from workbench.model import counted

if TYPE_CHECKING:
    from rich.console import RenderableType

_OF_TABLE = ("row_count", "fresh")  # rules that no single row keeps or breaks


def judged_view(found: Sequence[Judged], where: str, *, blocks: bool) -> RenderableType:
    """A line a rule below each version; what is broken has its count and a few rows."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    styles = {"pass": "green", "warn": "yellow", "fail": "bold red"}
    parts: list[RenderableType] = []
    for each in found:
        parts.append(Text(f"{each.version}  {each.rows:,} rows in {where}", style="bold"))
        table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
        for fixed in (True, True, False, False):
            table.add_column(no_wrap=fixed, overflow="fold")
        for rule in each.rules:
            said = verdict(rule, blocks=blocks)
            table.add_row(Text(said, style=styles[said]), rule.kind, Text(rule.rule), Text(_said(rule)))
        parts.append(table)
    return Group(*parts)


def verdict(rule: Rule, *, blocks: bool) -> str:
    """What a rule says: a broken one only warns where nothing is blocked, or where its rows were released.

    >>> verdict(Rule("key", "unique(id)", 2), blocks=True)
    'fail'
    """
    if rule.ok:
        return "pass"
    return "fail" if blocks and not rule.held_back else "warn"


def _said(rule: Rule) -> str:
    """What stands beside a verdict.

    >>> _said(Rule("check", "row_count(10, None)", 1)), _said(Rule("check", "not_null(day)", 2))
    ('the table as a whole does not keep it', '2 rows break it')
    """
    if rule.ok or rule.note:
        return rule.note
    if rule.rule.partition("(")[0] in _OF_TABLE:
        return "the table as a whole does not keep it"
    released = ", which were released" if rule.held_back else ""
    return f"{counted(rule.violations, 'row', 'break')} it{released}{examples(rule.examples)}"
