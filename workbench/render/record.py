"""An executed notebook as one page that runs no script and loads nothing."""

from __future__ import annotations

import base64
import binascii
import json
import re
from html import escape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

# What tables and plain text need; everything else is dropped, the text in it kept.
TAGS = frozenset(
    "table thead tbody tfoot tr th td caption p div span br hr b i em strong code pre ul ol li dl dt dd "
    "h1 h2 h3 h4 h5 h6 sub sup".split()
)
SILENT = frozenset({"script", "style", "template", "iframe", "object", "svg", "math", "title", "textarea", "noscript"})
EMPTY = frozenset({"br", "hr"})
ATTRIBUTES = {
    "colspan": re.compile(r"[0-9]{1,3}"),
    "rowspan": re.compile(r"[0-9]{1,3}"),
    "style": re.compile(r"text-align: ?(left|right|center);?"),
}
ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


def page(notebook: str, *, title: str) -> str:
    """The notebook (its JSON text) as HTML; the failed cell, if any, has the id ``failed``."""
    cells = "".join(_cell(cell) for cell in json.loads(notebook)["cells"])
    style = Path(__file__).with_suffix(".css").read_text(encoding="utf-8")
    policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{style}</style></head><body>{cells}</body></html>\n"
    )


def sanitised(html: str) -> str:
    """HTML reduced to tables and text: no script, no style sheet, no link, no picture from elsewhere.

    >>> sanitised('<td onclick="x" style="text-align:right">1</td><script>alert(1)</script><a href="javascript:x">see</a>')
    '<td style="text-align:right">1</td>see'
    """
    parser = _Sanitiser()
    parser.feed(html)
    parser.close()
    return "".join(parser.parts) + "".join(f"</{tag}>" for tag in reversed(parser.open))


class _Sanitiser(HTMLParser):
    """Keeps allowed tags and attributes, escapes all text, and closes what was left open."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self.open: list[str] = []
        self.silent = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in SILENT:
            self.silent += 1
        if self.silent or tag not in TAGS:
            return
        kept = "".join(
            f' {name}="{escape(value)}"'
            for name, value in attrs
            if value is not None and name in ATTRIBUTES and ATTRIBUTES[name].fullmatch(value)
        )
        self.parts.append(f"<{tag}{kept}>")
        if tag not in EMPTY:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in SILENT:
            self.silent = max(0, self.silent - 1)
        elif not self.silent and tag in self.open:
            while self.open:
                last = self.open.pop()
                self.parts.append(f"</{last}>")
                if last == tag:
                    return

    def handle_data(self, data: str) -> None:
        if not self.silent:
            self.parts.append(escape(data))


def _cell(cell: dict[str, Any]) -> str:
    source = _text(cell.get("source", ""))
    if "papermill-error-cell-tag" in cell.get("metadata", {}).get("tags", []):
        return ""
    if cell.get("cell_type") != "code":
        return _markdown(source)
    told = cell.get("metadata", {}).get("papermill", {})
    status = str(told.get("status") or "")
    seconds = told.get("duration")
    said = status + (f", {seconds:.2f} s" if isinstance(seconds, (int, float)) else "")
    name = ' id="failed"' if status == "failed" else ""
    outputs = "".join(_output(output) for output in cell.get("outputs", ()))
    known = status if status in ("failed", "pending") else "cell"
    shown = f'<pre class="source">{escape(source)}</pre><div class="status">{escape(said)}</div>{outputs}'
    return f'<section class="{known}"{name}>{shown}</section>'


def _output(output: dict[str, Any]) -> str:
    match output.get("output_type"):
        case "stream":
            return f"<pre>{_plain(output.get('text', ''))}</pre>"
        case "error":
            lines = "\n".join(output.get("traceback", ()))
            return f'<pre class="error">{_plain(lines)}</pre>'
    data = output.get("data", {})
    if "text/html" in data:
        return f"<div>{sanitised(_text(data['text/html']))}</div>"
    for kind in ("image/png", "image/jpeg"):
        if kind in data and _is_base64(_text(data[kind])):
            return f'<img alt="" src="data:{kind};base64,{_text(data[kind]).strip()}">'
    return f"<pre>{_plain(data.get('text/plain', ''))}</pre>"


def _markdown(source: str) -> str:
    """Headings, tables and paragraphs, as run notebooks have them."""
    parts = []
    for block in re.split(r"\n\s*\n", source.strip()):
        heading = re.fullmatch(r"(#{1,6}) (.*)", block)
        lines = block.splitlines()
        if heading:
            level = len(heading[1])
            parts.append(f"<h{level}>{_inline(heading[2])}</h{level}>")
        elif len(lines) > 1 and re.fullmatch(r"\|[-| :]+\|", lines[1]):
            rows = [re.split(r"(?<!\\)\|", line.strip().strip("|")) for line in (lines[0], *lines[2:])]
            cells = [
                "".join(f"<td>{_inline(_unescaped(cell))}</td>" for cell in row) for row in rows if any(map(str.strip, row))
            ]
            parts.append("<table>" + "".join(f"<tr>{row}</tr>" for row in cells) + "</table>")
        else:
            parts.append(f"<p>{_inline(block)}</p>")
    return "".join(parts)


def _unescaped(cell: str) -> str:
    return cell.strip().replace("\\|", "|")


def _inline(text: str) -> str:
    return re.sub(r"`([^`]*)`", r"<code>\1</code>", escape(text))


def _plain(text: Any) -> str:
    return escape(ANSI.sub("", _text(text)))


def _text(value: Any) -> str:
    return "".join(value) if isinstance(value, list) else str(value)


def _is_base64(text: str) -> bool:
    try:
        base64.b64decode(text.replace("\n", "").strip(), validate=True)
    except (binascii.Error, ValueError):
        return False
    return True
