"""CSV files whose lines are not all rows of one table: told with file and line, instead of being read as something else."""

from __future__ import annotations

import csv
import gzip
import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING

from workbench.errors import InfrastructureError, UsageError

if TYPE_CHECKING:
    from ibis.backends.duckdb import Backend

_DELIMITERS = ",;\t|"
_ONE = "give every line as many fields, put texts with delimiters or line ends into quotes, then the same command again"
_NAMES = {",": "a comma", ";": "a semicolon", "\t": "a tab", "|": "a bar"}


@contextmanager
def reading(paths: list[Path]) -> Iterator[None]:
    """What the engine says of a file that it can't take apart, in a line that names the file and the line."""
    import duckdb

    try:
        yield
    except duckdb.InvalidInputException as error:
        text = str(error)
        for path in paths if "unicode" not in text else ():
            _ragged(path)
        found = re.search(r"CSV Error on Line: (\d+)\n(?:Original Line: .*\n)?(.*)", text)
        named = re.search(r"^\s*file = (.*)$", text, re.MULTILINE)
        if found is None:
            raise
        said, hint = found[2].split(" This file")[0].rstrip("."), _ONE
        if "unicode" in said:
            said, hint = "not UTF-8", "write the file as UTF-8, then the same command again"
        raise UsageError(f"{named[1] if named else paths[0]}, line {found[1]}: {said}", hint=hint) from error


def header(con: Backend, path: Path) -> list[str]:
    """The names in the first line, as the file has them; nothing where there is no header or it can't be told.

    Raises ``UsageError`` where the engine would leave lines out above the header, or would take lines with delimiters for
    texts of one column.
    """
    with reading([path]):
        sniffed = "SELECT delimiter, hasheader, skiprows, len(columns) FROM sniff_csv(?, sample_size = -1)"
        (found,) = con.con.execute(sniffed, [str(path)]).fetchall()
    delimiter, named, skipped, columns = found
    if columns == 1:
        _ragged(path)
    lines = _lines(path)
    for number, line in enumerate(lines, start=1):
        if number > skipped:
            break
        if line.strip() and not line.startswith("#"):
            _ragged(path)
            raise UsageError(
                f"{path}, line {number}: {line.strip()[:60]!r} is no row of the table that begins in line {skipped + 1}",
                hint="remove what stands above the header (or mark it with #), or give all lines one delimiter",
            )
    if not named:
        return []
    with _opened(path) as stream:
        return next(csv.reader(stream, delimiter=delimiter or ","), []) if not skipped else []


def _ragged(path: Path) -> None:
    """Raise for the first line that has not as many fields as the first one."""
    first = next((line for line in _lines(path) if line.strip()), "")
    delimiter = max(_DELIMITERS, key=first.count)
    if delimiter not in first:
        return
    with _opened(path) as stream:
        read, before, wanted = csv.reader(stream, delimiter=delimiter), 0, None
        for row in read:
            line, before = before + 1, read.line_num
            if not row or (row[0].startswith("#") and wanted is None):
                continue
            if wanted is None:
                wanted = len(row), line
            elif len(row) != wanted[0]:
                fields = "1 field" if len(row) == 1 else f"{len(row)} fields"
                raise UsageError(
                    f"{path}, line {line}: {fields} where line {wanted[1]} has {wanted[0]} ({_NAMES[delimiter]} between them)",
                    hint=_ONE,
                )


def _lines(path: Path) -> Iterator[str]:
    with _opened(path) as stream:
        yield from stream


@contextmanager
def _opened(path: Path) -> Iterator[IO[str]]:
    """A file as text; empty where it is packed in a way that Python can't read."""
    if path.name.lower().endswith(".zst"):
        yield io.StringIO()
        return
    try:
        packed = path.name.lower().endswith(".gz")
        with (
            gzip.open(path, "rt", newline="", encoding="utf-8-sig", errors="replace")
            if packed
            else path.open(newline="", encoding="utf-8-sig", errors="replace") as stream
        ):
            yield stream
    except OSError as error:
        raise InfrastructureError(
            f"{path} can't be read: {error.strerror or error}", hint="check the file's permissions"
        ) from error
