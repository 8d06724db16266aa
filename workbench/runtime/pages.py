"""The memory of a warm process in huge pages: a fork, and the end of a child, then handle one page in place of 512.

What a child writes to is still copied by 4 KiB.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator

_HUGE = 1 << 21
_COLLAPSE = 25  # MADV_COLLAPSE, of Linux 6.1 and later


def collapse() -> int:
    """Put the private memory of this process into huge pages, where Linux has some to give; how many it gave."""
    if sys.platform != "linux":
        return 0
    import ctypes

    advise = ctypes.CDLL(None).madvise
    with open("/proc/self/maps", encoding="utf-8", errors="replace") as stream:
        wanted = list(places(stream))
    return sum(advise(ctypes.c_void_p(place), ctypes.c_size_t(_HUGE), _COLLAPSE) == 0 for place in wanted)


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
