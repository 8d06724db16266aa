"""Frames on a socket between a run and the child that runs its cells: four bytes of length, then JSON."""

from __future__ import annotations

import json
import socket
import struct
from typing import Any

_HEAD = struct.Struct("!I")


def send(channel: socket.socket, document: dict[str, Any]) -> None:
    """Send one frame; what JSON or UTF-8 has no room for (NaN, sets, lone surrogates) as a kernel would send it."""
    try:
        text = json.dumps(document, ensure_ascii=False, allow_nan=False)
    except (ValueError, TypeError):
        from jupyter_client.jsonutil import json_clean, json_default

        text = json.dumps(json_clean(document), default=json_default, ensure_ascii=False)
    try:
        data = text.encode()
    except UnicodeEncodeError:
        data = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace").encode()
    channel.sendall(_HEAD.pack(len(data)) + data)


def frames(buffer: bytearray) -> list[dict[str, Any]]:
    """Take the whole frames out of a buffer; the rest stays.

    >>> buffer = bytearray(_HEAD.pack(2) + b"{}" + _HEAD.pack(9) + b"{")
    >>> frames(buffer), len(buffer)
    ([{}], 5)
    """
    found = []
    while len(buffer) >= _HEAD.size:
        (size,) = _HEAD.unpack_from(buffer)
        if len(buffer) < _HEAD.size + size:
            break
        found.append(json.loads(buffer[_HEAD.size : _HEAD.size + size]))
        del buffer[: _HEAD.size + size]
    return found
