"""Files that a command writes beside what it prints."""

from __future__ import annotations

from pathlib import Path

from workbench.errors import UsageError


def check_folder(path: Path | None) -> None:
    """Refuse, before any work, a file whose folder does not exist."""
    if path is not None and not path.parent.is_dir():
        raise UsageError(f"there is no folder {str(path.parent)!r}", hint=f"mkdir -p {path.parent}")


def write_file(path: Path, text: str) -> None:
    """Write a whole file, or say why it can't be written."""
    from workbench.runtime.files import write_atomic

    try:
        write_atomic(path, text)
    except FileNotFoundError as error:
        raise UsageError(f"{path} can't be written: {error.strerror}", hint="name a file in a folder of your own") from error
