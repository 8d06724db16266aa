"""Comments for a pull request: they fit, they are the same twice, and no value of theirs does anything."""

from __future__ import annotations

import html
import re

import ibis
import pytest
from markdown_it import MarkdownIt

from tests.conftest import Shop
from workbench.promote.diff import diff
from workbench.promote.diff.result import TableDiff
from workbench.render.github import comment
from workbench.render.markdown import LIMIT, Block, code, fit, words

HOSTILE = [
    "@ada please",
    "a | b || c",
    "`rm -rf`",
    "```\n# own",
    "</details><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "[click](https://example.org) ![x](https://example.org/x.png)",
    "https://example.org www.example.org a@example.org",
    "**bold** _it_ ~~no~~ $x^2$",
    "see #12 and org/repo#3",
    "\\| \\` &#64;ada &lt;b&gt;",
    "\u202eright to left \x1b[2J",
]


def rendered(text: str) -> str:
    """GitHub's flavour: tables, strikethrough, bare links, and HTML as it is written."""
    return str(MarkdownIt("gfm-like", {"html": True, "linkify": False}).render(text))


@pytest.fixture(scope="module")
def hostile() -> TableDiff:
    con = ibis.duckdb.connect()
    names = {"id": list(range(len(HOSTILE))), "a|b`": ["x"] * len(HOSTILE), "gone @bob": HOSTILE}
    base = con.create_table("base", names)
    candidate = con.create_table("candidate", {"id": names["id"], "a|b`": HOSTILE, "new</td>": HOSTILE})
    return diff(base, candidate, key=["id"], samples=20)


def test_every_value_arrives_as_it_is_and_does_nothing(hostile: TableDiff) -> None:
    page = rendered(comment("@team/all <b>", [("h @ada #1", "n `x` | y", hostile)], rows=20))
    assert not re.search(r"<(script|img|a|b|em|s|del)\b", page)
    outside = re.sub(r"<code>.*?</code>", "", page, flags=re.DOTALL)
    assert not re.search(r"(?<!\w)[@＠]\w", html.unescape(outside)), "people are mentioned outside of code alone"
    cells = [html.unescape(cell) for cell in re.findall(r"<code>(.*?)</code>", page, flags=re.DOTALL)]
    for value in HOSTILE[:3] + HOSTILE[4:11]:
        assert value in cells
    assert "<code>a|b`</code>" in page
    assert page.count("<table>") == page.count("</table>") == 2
    for table in page.split("<table>")[1:]:
        rows = [row.count("<td") + row.count("<th") for row in table.split("</table>")[0].split("<tr>")[1:]]
        assert len(set(rows)) == 1, "no value adds a cell"


def test_the_same_comparison_gives_the_same_comment(hostile: TableDiff) -> None:
    assert comment("t", [("", "", hostile)]) == comment("t", [("", "", hostile)])


def test_a_comment_fits_whatever_it_has_to_say(hostile: TableDiff) -> None:
    wide = diff(
        ibis.memtable({f"c{'x' * 60}{i}": list(range(50)) for i in range(200)}),
        ibis.memtable({f"c{'x' * 60}{i}": [n * 2 + i for n in range(50)] for i in range(200)}),
        key=[f"c{'x' * 60}0"],
        samples=50,
        distributions=False,
    )
    for sections in ([("", "", wide)], [(f"part {i}", "note", wide) for i in range(60)]):
        text = comment("t", sections, rows=50)
        assert len(text) <= LIMIT
        assert text.startswith("<!-- workbench -->\n### ")
        assert text.count("<details") == text.count("</details>")
    assert "left out, for GitHub's limit" in text
    assert text.index("part 0") < text.index("part 1")


def test_details_go_before_what_is_said_first() -> None:
    blocks = [Block("head"), Block("columns" * 20, 1), Block("rows" * 20, 2), Block("end")]
    text = fit(blocks, limit=240)
    assert "columns" in text
    assert "rowsrows" not in text
    assert text.index("head") < text.index("columns") < text.index("end") < text.index("1 part left out")


def test_code_and_words_hold_nothing_that_markdown_reads() -> None:
    for value in HOSTILE:
        for text in (code(value), words(value)):
            assert not re.search(r"[|`*_\[\]~\\$]|https?:", text)


def test_a_promotion_is_told_for_reviewers(two_versions: Shop) -> None:
    ran = two_versions.run("show", "P-2", "--format", "github")
    assert ran.code == 0
    assert ran.out.startswith("<!-- workbench -->\n### P-2: <code>daily&#95;sales&#64;2</code> is approved\n")
    assert "<code>notebooks/sales.py</code> by ada&#64;&#8203;example.org: because" in ran.out
    assert "| ✅ pass | <code>equality</code> |" in ran.out
    assert "daily&#95;sales&#64;&#8203;2, logic effect" in ran.out
    assert ran.out.endswith("next: `workbench publish P-2`\n")
    assert two_versions.run("diff", "P-2", "--format", "github").out.count("logic effect") == 2
    assert two_versions.run("show", "--format", "github").code == 2
    assert two_versions.run("show", "P-2", "--format", "json").json == two_versions.run("show", "P-2", "--json").json
