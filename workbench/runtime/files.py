"""Files that are either wholly there or not at all, also after a power cut."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import os
import secrets
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

TEMPORARY = ".tmp-"
STALE_SECONDS = 3600.0
_SMALL = 1 << 20


def fsync(path: Path) -> None:
    """Make a file or a folder's list of names durable."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        # Some network file systems can't sync a folder; the rename itself is still atomic there.
        if not (path.is_dir() and error.errno in (errno.EINVAL, errno.ENOTSUP)):
            raise
    finally:
        os.close(descriptor)


def make_folder(path: Path) -> Path:
    """The folder itself, created durably with its parents where missing."""
    if path.is_dir():
        return path
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    path.mkdir(parents=True, exist_ok=True)
    for folder in missing:
        fsync(folder.parent)
    return path


def write_atomic(path: Path, data: bytes | str, *, mode: int = 0o666, durable: bool = True) -> None:
    """Write a whole file: temporary name in the same folder, fsync, rename, fsync of the folder.

    ``mode`` is subject to the umask, as for any new file. Without ``durable`` there is no fsync: no process ever sees half a
    file, but a power cut may leave the old one, or none that is whole.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_atomic(Path(folder, "head"), "abc")
    ...     sorted(file.name for file in Path(folder).iterdir())
    ['head']
    """
    content = data.encode() if isinstance(data, str) else data
    temporary = path.with_name(f"{TEMPORARY}{path.name}-{secrets.token_hex(4)}")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with open(descriptor, "wb") as stream:
            stream.write(content)
            if durable:
                stream.flush()
                os.fsync(stream.fileno())
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
    if durable:
        fsync(path.parent)


def used_again(path: Path, size: int | None = None) -> bool:
    """Whether a file of that size is there; then it counts as written now, so that nobody removes it for its age.

    >>> used_again(Path("nowhere"))
    False
    """
    try:
        if size is not None and path.stat().st_size != size:
            return False
        os.utime(path)
    except FileNotFoundError:
        return False
    return True


def remove_old(path: Path, before: float) -> bool:
    """Delete a file unless it was written, or used again, at or after a moment (seconds since 1970); False when it stays.

    Whoever uses it again meanwhile finds it, or finds it gone and writes it anew.
    """
    aside = path.with_name(f"{TEMPORARY}{path.name}-{secrets.token_hex(4)}")
    try:
        os.rename(path, aside)
    except FileNotFoundError:
        return False
    if aside.stat().st_mtime >= before:
        os.replace(aside, path)
        return False
    aside.unlink()
    return True


def sha256(path: Path) -> str:
    """Digest of a file's bytes, in hexadecimal."""
    with path.open("rb") as stream:
        if os.fstat(stream.fileno()).st_size <= _SMALL:  # which the other would read into many pages of new memory
            return hashlib.sha256(stream.read()).hexdigest()
        return hashlib.file_digest(stream, "sha256").hexdigest()


@contextlib.contextmanager
def working_folder(parent: Path) -> Iterator[Path]:
    """A new folder that disappears at the end, or at the next ``sweep`` when its process was killed."""
    make_folder(parent)
    folder = parent / f"{TEMPORARY}{secrets.token_hex(8)}"
    lock_file = f"{folder}.lock"
    lock = _locked(lock_file)
    try:
        os.mkdir(folder)
        try:
            yield folder
        finally:
            try:
                os.rmdir(folder)
            except OSError:
                shutil.rmtree(folder, ignore_errors=True)
            Path(lock_file).unlink(missing_ok=True)
    finally:
        os.close(lock)


def _locked(place: str) -> int:
    """A new file that this process has locked as a ``FileLock`` does, in less time: every run needs one."""
    while True:
        descriptor = os.open(place, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        if os.fstat(descriptor).st_nlink:
            return descriptor
        os.close(descriptor)  # somebody who swept was quicker, and has removed it


def sweep(parent: Path) -> tuple[Path, ...]:
    """Remove the working folders below ``parent`` whose process is gone, and say which."""
    from filelock import FileLock, Timeout

    removed = []
    for lock_file in sorted(parent.rglob(f"{TEMPORARY}*.lock")):
        lock = FileLock(lock_file)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            continue
        folder = lock_file.with_suffix("")
        shutil.rmtree(folder, ignore_errors=True)
        lock_file.unlink(missing_ok=True)
        lock.release()
        removed.append(folder)
    return tuple(removed)


def remove_stale(folder: Path, *, seconds: float = STALE_SECONDS) -> tuple[Path, ...]:
    """Remove the temporary files below ``folder`` that killed processes left behind, and say which.

    Told by their names and by their age: no file takes an hour to be written and renamed. What is in working folders stays
    until those are swept.
    """
    before, removed = time.time() - seconds, []
    for name in (f"{TEMPORARY}*", ".*.tmp"):
        for path in sorted(folder.rglob(name)):
            inside = any(each.startswith(TEMPORARY) for each in path.relative_to(folder).parts[:-1])
            with contextlib.suppress(OSError):
                if not inside and path.suffix != ".lock" and path.is_file() and path.lstat().st_mtime < before:
                    path.unlink()
                    removed.append(path)
    return tuple(removed)


def sync_tree(folder: Path, *, deep: bool = True) -> None:
    """Make a folder durable: with ``deep`` all files and folders below it too, else its list of names alone."""
    if deep:
        for path in folder.rglob("*"):
            fsync(path)
    fsync(folder)
