"""The page of an executed notebook shows everything and runs nothing."""

from __future__ import annotations

import json
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.render.record import ATTRIBUTES, TAGS, page, sanitised


def cell(status: str = "completed", *outputs: object, source: str = "x") -> dict[str, object]:
    return {
        "cell_type": "code",
        "source": source,
        "outputs": list(outputs),
        "metadata": {"papermill": {"status": status, "duration": 1}},
    }


def shown(*cells: object) -> str:
    return page(json.dumps({"cells": list(cells)}), title="R-1 <daily>")


@pytest.mark.parametrize(
    "attack",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "<a href='javascript:alert(1)'>x</a>",
        "<svg><script>alert(1)</script></svg>",
        "<iframe srcdoc='<script>alert(1)</script>'></iframe>",
        "<td style='background:url(http://example.org)'>x</td>",
        "<table background='http://example.org'><tr><td>x",
        "<style>@import 'http://example.org'</style>",
        "<form action='http://example.org'><button>x</button></form>",
        "<math><mtext></p><img src onerror=alert(1)>",
        "<scr<script>ipt>alert(1)</script>",
    ],
)
def test_html_of_a_cell_can_do_nothing(attack):
    html = shown(cell("completed", {"output_type": "display_data", "data": {"text/html": attack}}))
    body = html.partition("<body>")[2]
    for word in ("<script", "onerror", "javascript:", "<img", "<svg", "<iframe", "<form", "<style", "http:", "background"):
        assert word not in body
    assert "default-src 'none'" in html


class _Seen(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, list[tuple[str, str | None]]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, attrs))


@given(st.text(alphabet="<>/='\"& abtrdscriptylehf:()!-?x\n", max_size=60))
def test_whatever_comes_in_only_known_tags_come_out(text):
    seen = _Seen()
    seen.feed(sanitised(text))
    seen.close()
    for tag, attrs in seen.tags:
        assert tag in TAGS
        assert all(name in ATTRIBUTES for name, _ in attrs)


def test_a_table_survives():
    table = (
        '<table><thead><tr><th style="text-align:right">n</th></tr></thead><tbody><tr><td>1 &lt; 2</td></tr></tbody></table>'
    )
    assert sanitised(table) == table


def test_the_failed_cell_can_be_jumped_to_and_later_ones_are_pale():
    error = {"output_type": "error", "ename": "E", "evalue": "v", "traceback": ["\x1b[31mline <1>\x1b[39m", "E: v"]}
    html = shown(cell(), cell("failed", error), cell("pending"))
    assert '<section class="failed" id="failed">' in html
    assert "line &lt;1&gt;\nE: v" in html
    assert "\x1b" not in html
    assert html.count('class="pending"') == 1


def test_source_streams_and_markdown_are_escaped():
    html = shown(
        {"cell_type": "markdown", "source": "# <b>\n\n| | |\n|---|---|\n| a\\|b | `<i>` |\n\ntext", "metadata": {}},
        cell("completed", {"output_type": "stream", "name": "stdout", "text": ["<u>", "x"]}, source="1 < 2"),
    )
    assert "<h1>&lt;b&gt;</h1><table><tr><td>a|b</td><td><code>&lt;i&gt;</code></td></tr></table><p>text</p>" in html
    assert "&lt;u&gt;x" in html
    assert "1 &lt; 2" in html
    assert "<title>R-1 &lt;daily&gt;</title>" in html


def test_only_real_pictures_are_shown():
    picture = {"output_type": "display_data", "data": {"image/png": "aGk=\n", "text/plain": "p"}}
    broken = {"output_type": "display_data", "data": {"image/png": '"><script>', "text/plain": "plain"}}
    assert 'src="data:image/png;base64,aGk="' in shown(cell("completed", picture))
    assert "<pre>plain</pre>" in shown(cell("completed", broken))
