"""System calls that a Linux process gives up for good: those that make connections of which Landlock knows nothing.

Landlock refuses TCP. Multipath TCP reaches the same servers, and other kinds of sockets (SCTP, SMC, vsock) other ones; io_uring
makes sockets without the call that is looked at here. A filter of the kernel (seccomp) refuses all of these.
"""

from __future__ import annotations

import ctypes
import errno
import platform
import struct
import sys

_SET, _FILTER = 22, 2
_GET = 21
_IO_URING = 425
_OTHER_NUMBERS = 0x4000_0000  # from here on x86-64 has the same calls under other numbers
# Of each machine its name for the kernel, and the number of socket(2) there; both have the lower half of a number first.
_MACHINES = {
    "x86_64": (0xC000003E, 41),
    "aarch64": (0xC00000B7, 198),
    "riscv64": (0xC00000F3, 198),
    "loongarch64": (0xC0000102, 198),
}
_UNIX, _INET, _NETLINK, _INET6 = 1, 2, 16, 10
_STREAM, _DATAGRAM = 1, 2
_ANY, _TCP, _UDP = 0, 6, 17

_LOAD, _AND, _EQUAL, _AT_LEAST, _RETURN = 0x20, 0x54, 0x15, 0x35, 0x06
_NUMBER, _MACHINE, _ARGUMENTS = 0, 4, 16  # where the kernel puts them
_ALLOWED, _ERROR = 0x7FFF0000, 0x00050000
Line = tuple[int, int, str, str]


def offered() -> bool:
    """Whether this system has such filters, and its numbers are known."""
    return sys.platform == "linux" and platform.machine() in _MACHINES and _libc().prctl(_GET, 0, 0, 0, 0) >= 0


def only_plain_sockets() -> bool:
    """Leave this process, and what it starts from now on, Unix sockets, TCP, UDP and netlink; False when it could not be done.

    To be called before there is a second thread, and after the process gave up new privileges.
    """
    if not offered():
        return False
    code = _assembled(_program(*_MACHINES[platform.machine()]))
    lines = ctypes.create_string_buffer(code, len(code))
    program = ctypes.create_string_buffer(struct.pack("@HP", len(code) // 8, ctypes.addressof(lines)))
    return int(_libc().prctl(_SET, _FILTER, program, 0, 0)) == 0


def _program(machine: int, socket: int) -> list[str | Line]:
    """What is done with each call: a label, or an operation with its number and where to go on if it holds and if not."""
    return [
        (_LOAD, _MACHINE, "", ""),
        (_EQUAL, machine, "", "unknown"),
        (_LOAD, _NUMBER, "", ""),
        (_AT_LEAST, _OTHER_NUMBERS, "unknown", ""),
        (_EQUAL, _IO_URING, "unknown", ""),
        (_EQUAL, socket, "", "allowed"),
        (_LOAD, _ARGUMENTS, "", ""),
        *((_EQUAL, family, "allowed", "") for family in (_UNIX, _NETLINK)),
        (_EQUAL, _INET, "internet", ""),
        (_EQUAL, _INET6, "internet", "refused"),
        "internet",
        (_LOAD, _ARGUMENTS + 8, "", ""),
        (_AND, 0xF, "", ""),  # without its flags
        (_EQUAL, _STREAM, "protocol", ""),
        (_EQUAL, _DATAGRAM, "protocol", "refused"),
        "protocol",
        (_LOAD, _ARGUMENTS + 16, "", ""),
        *((_EQUAL, protocol, "allowed", "") for protocol in (_ANY, _TCP, _UDP)),
        "refused",
        (_RETURN, _ERROR | errno.EACCES, "", ""),
        "unknown",
        (_RETURN, _ERROR | errno.ENOSYS, "", ""),
        "allowed",
        (_RETURN, _ALLOWED, "", ""),
    ]


def _assembled(program: list[str | Line]) -> bytes:
    """The lines of a program as the kernel reads them, eight bytes each; jumps are counted in lines from the next one on."""
    lines: list[Line] = []
    places: dict[str, int] = {}
    for each in program:
        if isinstance(each, str):
            places[each] = len(lines)
        else:
            lines.append(each)
    code = b""
    for here, (operation, number, then, other) in enumerate(lines):
        yes, no = (places[label] - here - 1 if label else 0 for label in (then, other))
        code += struct.pack("=HBBI", operation, yes, no, number)
    return code


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)
