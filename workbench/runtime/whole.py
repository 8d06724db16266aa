"""Whether a file of a source is whole: a copy under way, or one that was cut off, is named before its rows count."""

from __future__ import annotations

import csv
import io
import os
import re
from pathlib import Path
from typing import Any

from workbench.errors import InfrastructureError
from workbench.runtime.duck import AGAIN

_COMPRESSED = {".gz": "gzip", ".zst": "zstd"}
_DELIMITERS = ",;\t|"
_ENDS = 12  # bytes: a Parquet file begins with its mark, and ends with the length of what describes it and the mark again
_MARKS = (b"PAR1", b"PARE")
_PIECE = 1 << 20
_NAMED = re.compile(r'^(?: *file = |Error when sniffing file ")(.+?)(?:"\.)?$', re.MULTILINE)


def check_whole(source: str, path: Path) -> None:
    """Raise ``InfrastructureError`` for a Parquet file without its end, and for a compressed CSV file without its own.

    Of the latter DuckDB reads the rows that are there, and says nothing. A file that was found whole is not decompressed again
    by this process before it changes.
    """
    suffix = path.suffix.lower()
    if suffix in _COMPRESSED:
        said = _decompressed(path, _COMPRESSED[suffix])
    else:
        said = "" if suffix in (".csv", ".tsv") else _unfinished(path)
    if said:
        raise InfrastructureError(
            f"source {source!r}: {path.name} is not whole: {said}",
            hint=f"wait until it is (have files written under another name and renamed), {AGAIN}",
        )


def odd_line(path: Path) -> str:
    r"""The first line of a CSV file that has not as many fields as its header, in words; "" where there is none.

    >>> import tempfile
    >>> place = Path(tempfile.mkdtemp()) / "customers.csv"
    >>> _ = place.write_text("id;name\n1;Ada\n2\n")
    >>> odd_line(place)
    'line 3 of customers.csv has 1 field, its header 2'
    """
    try:
        with path.open("rb") as raw, _lines(raw, path) as lines:
            head = lines.readline()
            delimiter = max(_DELIMITERS, key=head.count)
            width = len(next(csv.reader([head], delimiter=delimiter), ()))
            rows = csv.reader(lines, delimiter=delimiter)
            for fields in rows:
                if fields and len(fields) != width:
                    said = f"{len(fields)} field{'' if len(fields) == 1 else 's'}"
                    return f"line {rows.line_num + 1} of {path.name} has {said}, its header {width}"
    except (OSError, csv.Error):
        pass
    return ""


def header(path: Path) -> tuple[str, ...]:
    """The names in the first line of a CSV file; () where it can't be read."""
    try:
        with path.open("rb") as raw, _lines(raw, path) as lines:
            line = lines.readline()
            return tuple(next(csv.reader([line], delimiter=max(_DELIMITERS, key=line.count)), ()))
    except (OSError, csv.Error):
        return ()


def fault(error: Exception) -> tuple[str, str]:
    """What is wrong with the CSV file that an error of DuckDB names, and the way out; "" where it is not told."""
    text = str(error)
    named = _NAMED.search(text.removeprefix("Invalid Input Error: "))
    if named is None:
        return "", ""
    path = Path(named[1])
    if "not utf-8 encoded" in text:
        line = re.search(r"on Line: (\d+)", text)
        return f"{f'line {line[1]}' if line else 'a line'} of {path.name} is not UTF-8", f"write it as UTF-8, {AGAIN}"
    odd = odd_line(path)
    return odd, f"correct that line, {AGAIN}" if odd else ""


def _lines(raw: Any, path: Path) -> io.TextIOWrapper:
    """The text of an open file, decompressed."""
    kind = _COMPRESSED.get(path.suffix.lower())
    if kind is not None:
        import pyarrow as pa

        raw = pa.CompressedInputStream(raw, kind)
    return io.TextIOWrapper(raw, "utf-8-sig", "replace", newline="")


def _decompressed(path: Path, kind: str) -> str:
    """What is wrong with a compressed file; every byte of it is looked at."""
    import pyarrow as pa

    at = path.stat()
    state = (str(path), at.st_dev, at.st_ino, at.st_size, at.st_mtime_ns, at.st_ctime_ns)
    if state in _whole:
        return ""
    try:
        with pa.OSFile(str(path)) as raw, pa.CompressedInputStream(raw, kind) as stream:
            while stream.read(_PIECE):
                pass
    except OSError as error:
        if error.errno is not None:  # the disk's, not the decompressor's
            raise
        return str(error).splitlines()[0]
    if len(_whole) >= KNOWN:
        _whole.clear()
    _whole.add(state)
    return ""


def _unfinished(path: Path) -> str:
    """What is wrong with the ends of a Parquet file."""
    with path.open("rb") as stream:
        size = stream.seek(0, os.SEEK_END)
        if size < _ENDS:
            return f"it has {size} bytes, too few for a Parquet file"
        stream.seek(-8, os.SEEK_END)
        described, mark = int.from_bytes(stream.read(4), "little"), stream.read(4)
    if mark not in _MARKS:
        return "it does not end as a Parquet file does"
    return "" if described + _ENDS <= size else "it is shorter than its end says"


KNOWN = 1000
_whole: set[tuple[object, ...]] = set()
