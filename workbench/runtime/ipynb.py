"""Notebooks as nbformat has them, without what makes it slow: copies of everything, a schema for each output, and a JSON
encoder in Python, since the quick one can't indent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from json.encoder import encode_basestring
from typing import Any

from nbformat.notebooknode import from_dict
from nbformat.v4.nbjson import BytesEncoder
from nbformat.v4.rwbase import strip_transient

_encode = BytesEncoder(ensure_ascii=False).encode
_quoted = encode_basestring  # what that does to a text
_SPLIT = frozenset({"application/javascript", "image/svg+xml"})


def text_of(nb: Any) -> str:
    """The text of a notebook's file, as ``nbformat.v4.writes`` makes it. What is never saved leaves ``nb`` itself."""
    strip_transient(nb)
    found: list[str] = []
    _write({**nb, "cells": [_in_lines(cell) for cell in nb.cells]}, "\n", found.append)
    return "".join(found)


def plain_output(message: Mapping[str, Any]) -> Any:
    """The output that a kernel's message stands for; None when only the schema can tell whether it is one.

    >>> plain_output({"msg_type": "stream", "content": {"name": "stdout", "text": "a"}})
    {'output_type': 'stream', 'name': 'stdout', 'text': 'a'}
    >>> plain_output({"msg_type": "display_data", "content": {"data": {"text/plain": 1}, "metadata": {}}})
    """
    kind, content = message["msg_type"], message["content"]
    if kind == "stream":
        wanted = {"name": content.get("name"), "text": content.get("text")}
        return from_dict({"output_type": kind, **wanted}) if _all_text(wanted) else None
    if kind not in ("display_data", "execute_result"):
        return None
    data, metadata, number = content.get("data"), content.get("metadata"), content.get("execution_count")
    if not (isinstance(metadata, dict) and isinstance(data, dict) and _all_text(data)):
        return None
    made = {"output_type": kind, "metadata": metadata, "data": data}
    if kind == "execute_result":
        if type(number) is not int or number < 0:
            return None
        made["execution_count"] = number
    return from_dict(made)


def _all_text(values: Mapping[str, Any]) -> bool:
    return all(isinstance(value, str) for value in values.values())


def _in_lines(cell: Mapping[str, Any]) -> dict[str, Any]:
    """A cell whose text is lists of lines, as it is in a file; ``cell`` itself stays as it is."""
    split = dict(cell)
    _split(split, "source")
    if "attachments" in split:
        split["attachments"] = {name: _bundle(each) for name, each in split["attachments"].items()}
    if split["cell_type"] == "code":
        split["outputs"] = [_output(each) for each in split["outputs"]]
    return split


def _output(output: Mapping[str, Any]) -> dict[str, Any]:
    split = dict(output)
    if split["output_type"] in ("execute_result", "display_data"):
        if "data" in split:
            split["data"] = _bundle(split["data"])
    elif split["output_type"] == "stream":
        _split(split, "text")
    return split


def _bundle(data: Mapping[str, Any]) -> dict[str, Any]:
    split = dict(data)
    for name in split:
        if name.startswith("text/") or name in _SPLIT:
            _split(split, name)
    return split


def _split(node: dict[str, Any], name: str) -> None:
    if isinstance(node.get(name), str):
        node[name] = node[name].splitlines(True)


def _write(value: Any, margin: str, put: Callable[[str], None]) -> None:
    """Put a value's JSON, sorted and indented by one; ``margin`` is a line break and the indentation of the value itself."""
    inner = margin + " "
    if isinstance(value, dict) and value:
        before = "{"
        for name in sorted(value):
            put(f"{before}{inner}{_quoted(name) if type(name) is str else _encode(name)}: ")
            _write(value[name], inner, put)
            before = ","
        put(margin + "}")
    elif isinstance(value, (list, tuple)) and value:
        before = "["
        for each in value:
            put(before + inner)
            _write(each, inner, put)
            before = ","
        put(margin + "]")
    else:
        put(_quoted(value) if type(value) is str else _encode(value))
