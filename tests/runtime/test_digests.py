from __future__ import annotations

import hashlib
import json
import os
import time
from pathlib import Path

import pytest

from workbench.runtime import files
from workbench.runtime.digests import NAME, Digests


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file that has not changed for a minute."""
    path = tmp_path / "raw.parquet"
    path.write_bytes(b"one")
    return path


def later(monkeypatch: pytest.MonkeyPatch) -> None:
    now = time.time() + 60
    monkeypatch.setattr("workbench.runtime.digests.time.time", lambda: now)


def test_a_file_is_read_once_for_each_state(tmp_path: Path, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    later(monkeypatch)
    first = Digests.read(tmp_path)
    assert first.sha256(file) == hashlib.sha256(b"one").hexdigest()
    first.keep()
    with monkeypatch.context() as nothing_is_read:
        nothing_is_read.setattr(files, "sha256", lambda path: pytest.fail(f"{path} was read again"))
        assert Digests.read(tmp_path).sha256(file) == hashlib.sha256(b"one").hexdigest()
    file.write_bytes(b"two")
    assert Digests.read(tmp_path).sha256(file) == hashlib.sha256(b"two").hexdigest()


def test_a_time_of_change_that_was_set_back_fools_nobody(tmp_path: Path, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    later(monkeypatch)
    known = Digests.read(tmp_path)
    known.sha256(file)
    before = file.stat()
    file.write_bytes(b"two")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert known.sha256(file) == hashlib.sha256(b"two").hexdigest()


def test_a_file_that_has_just_changed_is_not_kept(tmp_path: Path, file: Path) -> None:
    known = Digests.read(tmp_path)
    known.sha256(file)
    known.keep()
    assert not (tmp_path / NAME).exists()


def test_what_is_kept_may_be_damaged_or_lost(tmp_path: Path, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    later(monkeypatch)
    for damaged in ("", "[]", "{", json.dumps({str(file): "x"}), json.dumps({str(file): [1, "x"]})):
        (tmp_path / NAME).write_text(damaged)
        assert Digests.read(tmp_path).sha256(file) == hashlib.sha256(b"one").hexdigest()
    known = Digests.read(tmp_path / "nowhere")
    known.sha256(file)
    known.keep()
    assert not (tmp_path / "nowhere").exists()


def test_files_that_are_gone_are_forgotten(tmp_path: Path, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    later(monkeypatch)
    known = Digests.read(tmp_path)
    known.sha256(file)
    other = file.with_name("other")
    other.write_bytes(b"x")
    known.sha256(other)
    file.unlink()
    known.keep()
    assert list(json.loads((tmp_path / NAME).read_text())) == [str(other)]
