"""CSV files whose lines are not all rows of one table are told with their line, never read as something else."""

from __future__ import annotations

import gzip
from pathlib import Path

import ibis
import pytest

from workbench.errors import UsageError
from workbench.promote.diff.files import open_table

FAR = "1,2,3\n" * 4000
REFUSED = {
    "a line of more fields": ("a,b,c\n1,2,3\n4,5,6,7\n", "line 3: 4 fields where line 1 has 3 (a comma between them)"),
    "a line of fewer fields": ("a,b,c\n1,2,3\n4,5\n", "line 3: 2 fields where line 1 has 3"),
    "a total below": ("a;b\n1;2\nTotal\n", "line 3: 1 field where line 1 has 2 (a semicolon between them)"),
    "far below": (f"a,b,c\n{FAR}4,5\n{FAR}", "line 4002: 2 fields where line 1 has 3"),
    "more, far below": (f"a\tb\n{FAR}".replace(",2,3", "\t2") + "4\t5\t6\n", "line 4002: 3 fields where line 1 has 2 (a tab"),
    "line ends within texts": ('a,b\n1,"x\ny"\n2,"z"\n3\n', "line 5: 1 field where line 1 has 2"),
    "every line another": ("a,b,c\n1,2\n3,4,5,6\n7\n", "line 2: 2 fields where line 1 has 3"),
    "a header of another delimiter": ("a,b,c\n1;2;3\n4;5;6\n", "line 2: 1 field where line 1 has 3 (a comma between them)"),
    "texts with commas below a name": ("remark\nhello, world\nfoo, bar\n", "line 1: 'remark' is no row of the table"),
    "a title above": ("Report of May\n\na,b\n1,2\n", "line 1: 'Report of May' is no row of the table that begins in line 3"),
    "not UTF-8": ("a,b\n1,é\n".encode("latin-1"), "line 2: "),
}
READ = {
    "one column of texts": ("name\nx, y\nz\n", ["name"], 2),
    "quoted delimiters": ('a,b\n1,"x, y"\n2,"u\nv"\n', ["a", "b"], 2),
    "comments and blank lines above": ("# of May\n\na,b\n1,2\n", ["a", "b"], 1),
    "a name alone": ("a,b\n", ["a", "b"], 0),
    "nothing": ("", ["column0"], 0),
    "semicolons": ("a;b\n1,5;2\n", ["a", "b"], 1),
}


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
@pytest.mark.parametrize("name", REFUSED)
def test_a_line_that_is_no_row_is_told(tmp_path: Path, name: str, packed: bool) -> None:
    content, said = REFUSED[name]
    with pytest.raises(UsageError) as told:
        open_table(ibis.duckdb.connect(), written(tmp_path, content, packed), "t")
    assert said in told.value.message
    assert "bad.csv" in told.value.message
    assert told.value.hint


@pytest.mark.parametrize("name", READ)
def test_what_can_be_read_is_read(tmp_path: Path, name: str) -> None:
    content, columns, rows = READ[name]
    table = open_table(ibis.duckdb.connect(), written(tmp_path, content, packed=False), "t")
    assert (list(table.columns), table.count().execute()) == (columns, rows)


def test_the_file_is_named_among_several(tmp_path: Path) -> None:
    (tmp_path / "1.csv").write_text("a,b\n1,2\n")
    (tmp_path / "2.csv").write_text("a,b\n1,2\n3\n")
    with pytest.raises(UsageError, match=r"2\.csv, line 3: 1 field where line 1 has 2"):
        open_table(ibis.duckdb.connect(), str(tmp_path / "*.csv"), "t")


def written(folder: Path, content: str | bytes, packed: bool) -> str:
    raw = content if isinstance(content, bytes) else content.encode()
    path = folder / ("bad.csv.gz" if packed else "bad.csv")
    path.write_bytes(gzip.compress(raw) if packed else raw)
    return str(path)
