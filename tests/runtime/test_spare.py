"""The child that waits for the next run: it serves one, as that run asks, and nothing stands or falls with it."""

from __future__ import annotations

import ctypes
import mmap
import os
import resource
import signal
import subprocess
import sys
import time
from array import array
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from workbench.runtime import pages
from workbench.runtime.environment import kernel_environment
from workbench.runtime.forked import Child, NoZygote, Zygote
from workbench.runtime.zygote import MOST_LOST, RUNS_BEFORE_SPARE, _readable

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="children are forked on Linux only")
WHO = "import os; print(os.getpid(), os.getcwd(), os.environ.get('OWN'), 'left' in globals(), sep='|'); left = 1"


@pytest.fixture(scope="module")
def shared() -> Iterator[Zygote]:
    zygote = Zygote((), kernel_environment())
    yield zygote
    zygote.close()


@pytest.fixture
def zygote(shared: Zygote, tmp_path: Path) -> Zygote:
    """A warm process that keeps a spare."""
    for _ in range(RUNS_BEFORE_SPARE):
        said(shared, tmp_path, "1")
    until(lambda: children(shared))
    return shared


def said(zygote: Zygote, folder: Path, code: str, own: str = "") -> str:
    """What a run of one cell prints."""
    return heard(zygote.fork(folder, kernel_environment() | ({"OWN": own} if own else {}), None, None), code)


def heard(child: Child, code: str) -> str:
    try:
        messages = list(child.run(code, lambda: None))
    finally:
        child.close()
    return "".join(each["content"]["text"] for each in messages if each.get("msg_type") == "stream")


def children(zygote: Zygote) -> list[int]:
    found = Path(f"/proc/{zygote.pid}/task/{zygote.pid}/children").read_text()
    return [int(pid) for pid in found.split() if state(int(pid)) not in ("Z", "")]


def state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return ""


def until(done: Callable[[], object]) -> None:
    for _ in range(3000):
        if done():
            return
        time.sleep(0.01)
    raise AssertionError("it took more than 30 s")


def test_a_spare_serves_one_run_in_its_folder_with_its_variables(zygote, tmp_path):
    seen = []
    for number in range(3):
        folder = tmp_path / str(number)
        folder.mkdir()
        (spare,) = until(lambda: len(children(zygote)) == 1) or children(zygote)
        pid, at, own, left = said(zygote, folder, WHO, own=f"n{number}").strip().split("|")
        assert (int(pid), at, own, left) == (spare, str(folder), f"n{number}", "False")
        seen.append(pid)
    assert len(set(seen)) == 3
    assert said(zygote, tmp_path, WHO).split("|")[2] == "None"


def test_runs_at_the_same_time_are_different_processes_and_hold_no_descriptor_of_each_other(zygote, tmp_path):
    both = [zygote.fork(tmp_path, kernel_environment(), None, None) for _ in range(3)]
    held = "import os; print(len([fd for fd in os.listdir('/proc/self/fd')]))"
    assert len({heard(child, held) for child in both}) == 1
    assert len({child.pid for child in both}) == 3


def test_a_spare_that_was_killed_is_done_without(zygote, tmp_path):
    for number in range(MOST_LOST + 1):
        until(lambda last=number == MOST_LOST: last or len(children(zygote)) == 1)
        for spare in children(zygote):
            os.kill(spare, signal.SIGKILL)
            until(lambda killed=spare: state(killed) in ("Z", ""))
        assert said(zygote, tmp_path, "print('on')") == "on\n"


def test_a_spare_that_dies_while_it_takes_a_run_is_told_as_the_end_of_that_run(shared, tmp_path):
    zygote = Zygote((), kernel_environment())
    try:
        for _ in range(RUNS_BEFORE_SPARE):
            said(zygote, tmp_path, "1")
        until(lambda: len(children(zygote)) == 1)
        (spare,) = children(zygote)
        os.kill(spare, signal.SIGSTOP)
        child = zygote.fork(tmp_path, kernel_environment(), None, None)
        assert child.pid == spare
        os.kill(spare, signal.SIGKILL)
        assert not any("reply" in each for each in child.run("1", lambda: None))
        assert child.returncode == -signal.SIGKILL
        child.close()
        until(lambda: len(children(zygote)) == 1)
        (spare,) = children(zygote)
    finally:
        zygote.close()
    assert state(spare) == ""
    with pytest.raises(NoZygote):
        zygote.fork(tmp_path, kernel_environment(), None, None)


def test_pages_that_one_child_wrote_to_are_another_s_own_before_it_writes():
    memory = mmap.mmap(-1, 16 * mmap.PAGESIZE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    memory.write(b"x" * len(memory))
    start = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    wanted = {start + page * mmap.PAGESIZE for page in (3, 4, 9)}

    def writes() -> array[int]:
        places = pages.mapped()
        for page in (3, 4, 9):
            memory[page * mmap.PAGESIZE] = ord("y")
        return pages.taken(places)

    def touches() -> array[int]:
        places = pages.mapped()
        assert not wanted & own(pages.taken(places))
        pages.touch(wrote)
        assert set(memory[:]) == {ord("x")}
        return pages.taken(places)

    wrote = in_a_child(writes)
    here = {start + page * mmap.PAGESIZE for page in range(16)}
    assert here & own(wrote) == wanted
    assert here & own(in_a_child(touches)) == wanted


def in_a_child(body: Callable[[], array[int]]) -> array[int]:
    """What a function gives in a child of this process."""
    told, tell = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            with open(tell, "wb") as stream:
                stream.write(body().tobytes())
        finally:
            os._exit(0)
    os.close(tell)
    with open(told, "rb") as stream:
        found = array("Q", stream.read())
    os.waitpid(pid, 0)
    return found


def own(triples: array[int]) -> set[int]:
    """The addresses of the pages that are to be written to."""
    each = zip(triples[::3], triples[1::3], triples[2::3], strict=True)
    return {page for at, size, advice in each if advice == 23 for page in range(at, at + size, mmap.PAGESIZE)}


def test_a_warm_process_whose_starter_was_killed_before_it_had_read_all_ends_without_a_word():
    script = (
        "import socket\nfrom workbench.runtime.zygote import Warm\n"
        "theirs, ours = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)\n"
        "ours.send(b'ready')\ntheirs.close()\nWarm(ours).serve()\n"
    )
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=60)
    assert (ended.returncode, ended.stderr) == (0, "")


def test_channels_are_watched_whatever_their_numbers():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    read, write = os.pipe()
    large = os.dup2(read, 1500)  # more than select() can take
    try:
        assert _readable([large], 0) == []
        os.write(write, b"x")
        assert _readable([large], None) == [large]
        os.read(large, 1)
        os.close(write)
        assert _readable([large], None) == [large]
    finally:
        os.close(read)
        os.close(large)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
