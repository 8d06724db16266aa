"""The memory of a warm process in huge pages: a fork, and the end of a child, then handle one page in place of 512.

What a child writes to is still copied by 4 KiB. Which pages that are can be found out in one child and be done ahead in others.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import sys
from array import array
from collections.abc import Iterable, Iterator
from typing import Any

_HUGE = 1 << 21
_PAGE = 1 << 12
_COLLAPSE = 25  # MADV_COLLAPSE, of Linux 6.1 and later
_READ, _WRITE = 22, 23  # MADV_POPULATE_READ and MADV_POPULATE_WRITE, of Linux 5.14 and later
# Of an entry of /proc/self/pagemap: the page is there, it is one of a file, no other process has it.
_THERE, _OF_FILE, _OWN = 1 << 63, 1 << 61, 1 << 56


def collapse() -> int:
    """Put the private memory of this process into huge pages, where Linux has some to give; how many it gave."""
    if sys.platform != "linux":
        return 0
    advise = _madvise()
    with open("/proc/self/maps", encoding="utf-8", errors="replace") as stream:
        wanted = list(places(stream))
    return sum(advise(place, _HUGE, _COLLAPSE) == 0 for place in wanted)


def places(maps: Iterable[str]) -> Iterator[int]:
    """The addresses of whole huge pages in memory that no file is behind, from the lines of ``/proc/self/maps``.

    >>> [hex(place) for place in places(["7f0000100000-7f0000600000 rw-p 00000000 00:00 0"])]
    ['0x7f0000200000', '0x7f0000400000']
    >>> list(places(["7f0000000000-7f0000600000 rw-p 00000000 08:01 7   /lib/libc.so"]))
    []
    """
    for line in maps:
        span, rights, *_, inode, name = [*line.split(maxsplit=5), ""][:6]
        if rights != "rw-p" or inode != "0" or name.strip() not in ("", "[heap]"):
            continue
        start, end = (int(address, 16) for address in span.split("-"))
        yield from range(-(-start // _HUGE) * _HUGE, end // _HUGE * _HUGE, _HUGE)


def mapped() -> list[tuple[int, int, str]]:
    """The memory of this process that children share, but for its stack: from, to, rights."""
    found = []
    with open("/proc/self/maps", encoding="utf-8", errors="replace") as stream:
        for line in stream:
            span, rights, _, _, inode, *name = line.split(maxsplit=5)
            start, end = (int(address, 16) for address in span.split("-"))
            private = rights == "rw-p" and not "".join(name).startswith("[stack]")
            if private or (rights in ("r-xp", "r--p") and inode != "0"):
                found.append((start, end, rights))
    return found


def taken(places: Iterable[tuple[int, int, str]]) -> array[int]:
    """What this process has made its own of these places, and what of their files it has looked at.

    Triples of an address, a number of bytes and the advice that lets another child have them; empty where Linux does not tell.
    """
    found = array("Q")
    with contextlib.suppress(OSError), open("/proc/self/pagemap", "rb", buffering=0) as stream:
        for start, end, rights in places:
            stream.seek(start // _PAGE * 8)
            entries = array("Q", stream.read((end - start) // _PAGE * 8))
            wanted, of = (_THERE | _OWN, _THERE | _OWN | _OF_FILE) if rights == "rw-p" else (_THERE, _THERE)
            begun = None
            for number, entry in enumerate([*entries, 0]):
                if entry & of == wanted:
                    begun = number if begun is None else begun
                elif begun is not None:
                    advice = _WRITE if rights == "rw-p" else _READ
                    found.extend((start + begun * _PAGE, (number - begun) * _PAGE, advice))
                    begun = None
    return found


def touch(known: array[int]) -> None:
    """Have at once, in the child of a process, the pages that ``taken`` told of in another child of it."""
    advise = _madvise()
    for at in range(0, len(known), 3):
        advise(known[at], known[at + 1], known[at + 2])


@functools.cache
def _madvise() -> Any:
    found = ctypes.CDLL(None).madvise
    found.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
    return found
