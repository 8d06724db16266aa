"""A child of the warm process: what it does before it knows its run, and how it takes that up.

Most of what a run costs for being a process of its own is to copy the pages of memory that it writes to. A child that waits
for its run has done so already, where it knows the pages: ``scout`` finds them, in a child that rehearses.
"""

from __future__ import annotations

import contextlib
import faulthandler
import json
import os
import signal
import socket
import sys
from array import array
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn

from workbench.runtime import pages
from workbench.runtime.cells import begin, serve
from workbench.runtime.kernel import adopt_orphans, bound_memory, die_with_parent

PACKET = 1 << 18

Order = tuple[Mapping[str, Any], Sequence[int]]


def settle(foreign: Sequence[int]) -> None:
    """Be a process of its own right after the fork, with its own group and signals and without ``foreign`` descriptors."""
    os.setpgid(0, 0)
    signal.set_wakeup_fd(-1)
    for descriptor in foreign:
        os.close(descriptor)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    die_with_parent()
    adopt_orphans()  # until it ends; then they are the zygote's
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    if "numpy" in sys.modules:  # every child would draw the same numbers
        sys.modules["numpy"].random.seed()


def run(request: Mapping[str, Any], descriptors: Sequence[int]) -> NoReturn:
    """Run the cells that come in; ``descriptors`` are the ends for events, output, errors and, where there is one, the log.

    How many calls are under way here is what a cell that calls itself for ever has left of a thousand, as in a kernel.
    """
    events, out, err, *log = descriptors
    for source, target in ((out, 1), (err, 2)):
        os.dup2(source, target)
        os.close(source)
    faulthandler.enable(file=log[0] if log else 2)
    os.chdir(request["folder"])
    change_environment(request["environment"])
    refused = bound_memory(request["memory_limit"])
    begin().run_until_complete(serve(socket.socket(fileno=events), refused))
    os._exit(0)


def wait(orders: socket.socket, known: array[int]) -> Order:
    """Copy the pages that runs write to, then take the one run that comes; end when nobody can send one any more."""
    begin()
    pages.touch(known)
    packet, descriptors, _, _ = socket.recv_fds(orders, PACKET, 8)
    orders.close()
    if not packet:
        os._exit(0)
    return json.loads(packet), descriptors


def scout(rehearsals: Sequence[Callable[[], None]], told: int) -> NoReturn:
    """Rehearse, and write to ``told`` which pages of the parent's memory this took, as ``pages.touch`` wants them."""
    places = pages.mapped()
    begin()
    for rehearse in rehearsals:
        with contextlib.suppress(Exception):
            rehearse()
    with open(told, "wb") as stream:
        stream.write(pages.taken(places).tobytes())
    os._exit(0)


def change_environment(wanted: Mapping[str, str]) -> None:
    """Let these be all variables of this process; what is right already stays, since each page that is written to is copied."""
    for name in os.environ.keys() - wanted.keys():
        del os.environ[name]
    for name, value in wanted.items():
        if os.environ.get(name) != value:
            os.environ[name] = value
