"""Landlock: a Linux process gives up access to files and TCP ports for good, and with it all that it starts.

Three system calls by their numbers (the same on every architecture of Linux), through ``ctypes``. What a kernel does not
know yet is left out: files from version 1 of Landlock's interface on, TCP ports from 4, signals and abstract sockets from 6.
"""

from __future__ import annotations

import ctypes
import errno
import os
import stat
import struct
import sys
from dataclasses import dataclass

from workbench.errors import InfrastructureError
from workbench.runtime import seccomp

_CREATE, _ADD, _RESTRICT = 444, 445, 446
_VERSION = 1
_PATH, _PORT = 1, 2
_NO_NEW_PRIVILEGES = 38
_CAPABILITIES = 0x20080522  # the version of their interface
_OVER_FILES = 1 << 0 | 1 << 1 | 1 << 3 | 1 << 4  # CHOWN, DAC_OVERRIDE, FOWNER, FSETID
NETWORK, SIGNALS = 4, 6  # from which version on these can be restricted

_EXECUTE, _WRITE, _READ, _LIST, _REMOVE_DIR, _REMOVE, _CHAR, _MAKE_DIR, _MAKE, _SOCKET, _FIFO, _BLOCK, _SYMLINK = (
    1 << bit for bit in range(13)
)
_REFER, _TRUNCATE, _IOCTL = 1 << 13, 1 << 14, 1 << 15
_BIND, _CONNECT = 1, 2
_OF_FILES = _EXECUTE | _WRITE | _READ | _TRUNCATE | _IOCTL
_CHANGE = (
    _READ | _LIST | _WRITE | _TRUNCATE | _REFER | _REMOVE | _REMOVE_DIR | _MAKE | _MAKE_DIR | _SYMLINK | _SOCKET | _FIFO
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Rules:
    """What stays possible, as absolute paths of files and folders (with all below them); anything else is refused.

    ``run`` may be read and executed, ``read`` read, ``names`` listed but not read, ``write`` read and changed, ``devices`` read
    and written. A process may listen on the TCP ports ``listen`` and connect to none, nor to anything by a kind of socket that
    is neither TCP, UDP nor Unix. Paths that do not exist are left out.
    """

    run: tuple[str, ...] = ()
    read: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    write: tuple[str, ...] = ()
    devices: tuple[str, ...] = ()
    listen: tuple[int, ...] = ()


def version() -> int:
    """The version of Landlock's interface that this kernel offers; 0 where there is none, or where it may not be used."""
    if sys.platform != "linux":
        return 0
    found = _libc().syscall(_CREATE, None, ctypes.c_size_t(0), ctypes.c_uint32(_VERSION))
    return max(0, int(found))


def restrict(rules: Rules) -> int:
    """Confine this thread, and what it starts from now on, to the rules; there is no way back.

    A process of root also loses what root may do to the machine and to other processes, and keeps what it may do to files.
    Returns the version by which they are enforced, 0 when the kernel offers none and nothing was done. To be called before
    there is a second thread. Raises ``InfrastructureError`` when the kernel offers Landlock and refuses the rules.
    """
    offered = version()
    if not offered:
        return 0
    files = (1 << 13) - 1
    for bit, since in ((_REFER, 2), (_TRUNCATE, 3), (_IOCTL, 5)):
        files |= bit if offered >= since else 0
    ports = _BIND | _CONNECT if offered >= NETWORK else 0
    attributes = struct.pack("=QQQ", files, ports, 3 if offered >= SIGNALS else 0)
    size = 8 if offered < NETWORK else 16 if offered < SIGNALS else 24
    ruleset = _call(_CREATE, ctypes.create_string_buffer(attributes, 24), ctypes.c_size_t(size), ctypes.c_uint32(0))
    try:
        allowed = (
            (rules.run, _EXECUTE | _READ | _LIST),
            (rules.read, _READ | _LIST),
            (rules.names, _LIST),
            (rules.write, _CHANGE),
            (rules.devices, _READ | _WRITE | _TRUNCATE | _IOCTL | _LIST),
        )
        for paths, access in allowed:
            for path in paths:
                _allow(ruleset, path, access & files)
        for port in rules.listen if ports else ():
            _add(ruleset, _PORT, struct.pack("=QQ", _BIND, port))
        if _libc().prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0):
            raise _refused()
        _drop_capabilities()
        if ports and seccomp.offered() and not seccomp.only_plain_sockets():
            raise _refused()
        _call(_RESTRICT, ctypes.c_int(ruleset), ctypes.c_uint32(0))
    finally:
        os.close(ruleset)
    return offered


def _drop_capabilities() -> None:
    """Root may read the variables of any process, Landlock or not; programs started later get nothing back."""
    header = ctypes.create_string_buffer(struct.pack("=Ii", _CAPABILITIES, 0), 8)
    held = ctypes.create_string_buffer(24)
    if _libc().capget(header, held):
        raise _refused()
    effective, permitted, inheritable = struct.unpack("=3I12x", held.raw)
    kept = struct.pack("=6I", *(each & _OVER_FILES for each in (effective, permitted, inheritable)), 0, 0, 0)
    if _libc().capset(header, ctypes.create_string_buffer(kept, 24)):
        raise _refused()


def _allow(ruleset: int, path: str, access: int) -> None:
    try:
        opened = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:  # not there, or not to be reached even now
        return
    try:
        if not stat.S_ISDIR(os.fstat(opened).st_mode):
            access &= _OF_FILES
        if access:
            _add(ruleset, _PATH, struct.pack("=Qi", access, opened))
    finally:
        os.close(opened)


def _add(ruleset: int, kind: int, attributes: bytes) -> None:
    buffer = ctypes.create_string_buffer(attributes, len(attributes))
    _call(_ADD, ctypes.c_int(ruleset), ctypes.c_int(kind), buffer, ctypes.c_uint32(0))


def _call(number: int, *arguments: object) -> int:
    found = int(_libc().syscall(number, *arguments))
    if found < 0:
        raise _refused()
    return found


def _refused() -> InfrastructureError:
    code = ctypes.get_errno()
    return InfrastructureError(
        f"this process could not be confined: {os.strerror(code)} ({errno.errorcode.get(code, code)})", hint="workbench doctor"
    )


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)
