"""Findings on a terminal, as JSON, and as annotations that GitHub shows beside the lines of a change."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePath
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from workbench.promote.check import Checked
from workbench.promote.finding import Finding, Severity
from workbench.render.slicing import outputs_json, refusal_json, slicing_view

_STYLES = {Severity.ERROR: "bold red", Severity.WARNING: "yellow", Severity.NOTE: "cyan"}
_LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTE: "notice"}


def checked_view(checked: Checked) -> RenderableType:
    """All that ``workbench check`` found in one notebook."""
    parts: list[RenderableType] = []
    if checked.error is not None:
        parts.append(Text(str(checked.path), style="bold"))
        parts.append(Text("  can't be read: ", style="bold red").append(checked.error.message, style="default"))
        parts.append(Text(f"    way out: {checked.error.hint}"))
        return Group(*parts)
    if checked.slicing is None:
        parts.append(Text(str(checked.path), style="bold"))
    else:
        parts.append(slicing_view(checked.slicing, str(checked.path)))
    parts += [Text(f"  mended  line {each.line}: {each.message}", style="green") for each in checked.fixed]
    for finding in checked.findings:
        line = Text("  ")
        line.append(f"{finding.severity.value:<7}", style=_STYLES[finding.severity])
        line.append(f" line {finding.line}: {finding.message} ")
        line.append(f"[{_rule(finding)}]", style="dim")
        parts.append(line)
        if finding.hint:
            parts.append(Text(f"    way out: {finding.hint}"))
    return Group(*parts)


def checked_json(checked: Sequence[Checked]) -> dict[str, Any]:
    """All that was found in several notebooks as plain values."""
    found: dict[str, Any] = {"notebooks": [str(each.path) for each in checked]}
    found["outputs"] = [
        {"notebook": str(each.path), **output} for each in checked if each.slicing for output in outputs_json(each.slicing)
    ]
    found["refusals"] = [{**refusal_json(refusal), "notebook": str(each.path)} for each in checked for refusal in each.refusals]
    found["findings"] = [{**finding.to_json(), "notebook": str(each.path)} for each in checked for finding in each.findings]
    found["fixed"] = [{**finding.to_json(), "notebook": str(each.path)} for each in checked for finding in each.fixed]
    found["errors"] = [
        {"notebook": str(each.path), "message": each.error.message, "hint": each.error.hint} for each in checked if each.error
    ]
    return found


def github_lines(checked: Sequence[Checked]) -> list[str]:
    """Workflow commands of GitHub Actions, one a refusal or finding; see `workflow commands` in its documentation.

    >>> _annotation("error", PurePath("a,b.py"), 3, "clock", "100%\\nsure")
    '::error file=a%2Cb.py,line=3,title=workbench clock::100%25%0Asure'
    """
    lines = []
    for each in checked:
        path = PurePath(each.path)
        if each.error is not None:
            lines.append(_annotation("error", path, 1, "notebook", _told(each.error.message, each.error.hint)))
        for refusal in each.refusals:
            told = _told(refusal.message, refusal.hint, refusal.reason.command)
            lines.append(_annotation("error", path, refusal.line, refusal.reason.value, f"refused: {told}"))
        for finding in each.findings:
            told = _told(finding.message, finding.hint, finding.explain)
            lines.append(_annotation(_LEVELS[finding.severity], path, finding.line, _rule(finding), told))
    return lines


def _annotation(level: str, path: PurePath, line: int, rule: str, message: str) -> str:
    title = _escape_property(f"workbench {rule}")
    return f"::{level} file={_escape_property(path.as_posix())},line={line},title={title}::{_escape(message)}"


def _told(message: str, hint: str, more: str = "") -> str:
    return message + (f"\nway out: {hint}" if hint else "") + (f"\nmore: {more}" if more and more != hint else "")


def _rule(finding: Finding) -> str:
    return finding.rule if finding.source == "workbench" else f"marimo {finding.rule}"


def _escape(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _escape_property(text: str) -> str:
    return _escape(text).replace(":", "%3A").replace(",", "%2C")
