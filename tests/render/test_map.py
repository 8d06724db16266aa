"""A notebook beside its module, as a page: what is left out is struck through with the reason, and every text is escaped."""

from __future__ import annotations

import re
from typing import Any

from workbench.promote.mapping import Map, MappedCell
from workbench.promote.module import MappedLine
from workbench.promote.slice import Dropped
from workbench.render.map import map_html

EVIL = "</td><img src=x onerror=alert(1)>"


def test_the_page_strikes_out_what_is_dropped_and_says_why(waiting: Any, tmp_path: Any) -> None:
    page = tmp_path / "map.html"
    assert waiting.run("show", "P-1", "--map", "--html", str(page)).code == 0
    html = page.read_text(encoding="utf-8")
    assert "daily_sales@1" in html
    assert "region_totals@1" in html
    struck = re.findall(r'<td class="dropped">(\s*)<s>(.*?)</s>', html)
    assert ("", "mo.md(f&#34;smallest amount: {min_amount.value}&#34;)") in struck
    assert all(not code.startswith(" ") for _, code in struck)
    assert "becomes parameter min_amount" in html
    assert "left out: output region_totals, a pipeline of its own" in html
    assert re.search(r"<td>paid = orders\.filter.*?</td>\s*<td class=\"number\">\d+</td>", html)
    assert "<script" not in html
    assert "default-src 'none'" in html


def test_every_text_of_a_map_is_escaped() -> None:
    found = Map(
        "late",
        EVIL,
        (MappedCell(0, EVIL, 1, (EVIL, EVIL, "kept = 1")),),
        (Dropped(0, 1, 2, EVIL),),
        (MappedLine(2, 0, 3),),
        f"# {EVIL}\nkept = 1\n",
    )
    html = map_html([(EVIL, found)], EVIL)
    assert "<img" not in html
    assert html.count("&lt;img") >= 8


def test_a_map_of_nothing_says_so() -> None:
    assert "There is no module to show." in map_html([], "P-1")
