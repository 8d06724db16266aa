"""A marimo file as cells in the order in which they run.

This is the only module that imports marimo's private modules; what the rest of the slicer knows of marimo is in
:class:`Notebook`.
"""

from __future__ import annotations

import hashlib
import re
import stat
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal

from workbench.errors import NotebookError

Kind = Literal["cell", "setup", "function", "class", "unparsable"]


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell as marimo runs it.

    ``code`` is dedented and without the ``return`` that marimo adds; ``line`` is the 1-based line of the file where it
    begins. ``defs`` and ``refs`` are the names that marimo says the cell defines for and reads from other cells;
    ``tables`` are those that it found in the text of SQL (``sql`` says that there is some). ``star`` marks an ``import *``.
    """

    index: int
    name: str
    line: int
    code: str
    kind: Kind
    defs: frozenset[str] = frozenset()
    refs: frozenset[str] = frozenset()
    star: bool = False
    tables: frozenset[str] = frozenset()
    sql: bool = False

    @property
    def label(self) -> str:
        """What a message calls the cell: its number from 1 in the file, and its name if it has one."""
        return f"cell {self.index + 1}" + ("" if self.name == "_" else f" ({self.name})")


@dataclass(frozen=True, slots=True)
class Native:
    """marimo's own objects: the parsed file, and the compiled cells by index, without those that do not compile."""

    parsed: Any
    compiled: dict[int, Any]


@dataclass(frozen=True, slots=True)
class Notebook:
    """A marimo file, parsed and not run.

    ``order`` are the cells' indexes in marimo's topological order (cells of a cycle are not in it), ``cycles`` the cells
    of each cycle, ``multiple`` the names that more than one cell defines. ``native`` is for marimo's own check alone.
    """

    path: Path
    text: str
    sha256: str
    cells: tuple[Cell, ...]
    order: tuple[int, ...]
    parents: dict[int, frozenset[int]] = field(default_factory=dict)
    cycles: tuple[tuple[int, ...], ...] = ()
    multiple: dict[str, tuple[int, ...]] = field(default_factory=dict)
    native: Native | None = field(default=None, repr=False, compare=False)

    @property
    def title(self) -> str:
        """The path from the folder ``notebooks`` on, else the file's name; the same on every machine."""
        parts = self.path.parts
        return "/".join(parts[parts.index("notebooks") :]) if "notebooks" in parts[:-1] else self.path.name


def read_notebook(path: Path) -> Notebook:
    """The notebook in a file; ``NotebookError`` when there is none, it does not parse or is no marimo notebook."""
    text = _read(path)
    return parse_notebook(text, path)


def parse_notebook(text: str, path: Path) -> Notebook:
    """The notebook that a text is; ``path`` names it in messages."""
    again = f"then: workbench check {path}"
    if not text.strip():
        raise NotebookError(f"{path} is empty", hint=f"write it with marimo: workbench edit {path}")
    try:
        parsed = _deserialize(text, path)
    except SyntaxError as error:
        place = f" line {error.lineno}:" if error.lineno else ":"
        raise NotebookError(f"{path}{place} it does not parse: {error.msg}", hint=f"correct the line, {again}") from None
    except (ValueError, RecursionError) as error:
        raise NotebookError(f"{path} does not parse: {error}", hint=f"correct it, {again}") from None
    if parsed is None:
        raise NotebookError(f"{path} is not a marimo notebook", hint=f"convert it: marimo convert {path} -o NEW.py; {again}")
    cells = _locate(parsed, text)
    return _graph(path, text, cells, parsed)


def _read(path: Path) -> str:
    if path.suffix != ".py":
        raise NotebookError(
            f"{path} is not a Python file",
            hint="a notebook is a marimo file that ends in .py: marimo convert FILE -o notebooks/NEW.py",
        )
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            # Reading a pipe or a device may never end.
            raise NotebookError(f"{path} is no file", hint="workbench check notebooks/NAME.py")
        text = path.read_bytes().decode("utf-8")
    except FileNotFoundError:
        there = [other.name for other in path.parent.glob("*.py") if other.is_file()] if path.parent.is_dir() else []
        near = get_close_matches(path.name, there, 1)
        known = f"did you mean: workbench check {path.parent / near[0]}" if near else None
        hint = known or f"write it with marimo: workbench edit {path}"
        raise NotebookError(f"there is no notebook {path}", hint=hint) from None
    except OSError as error:
        raise NotebookError(f"{path} can't be read: {error.strerror}", hint="workbench check notebooks/NAME.py") from None
    except UnicodeDecodeError:
        raise NotebookError(f"{path} is not UTF-8 text", hint=f"save it as UTF-8, then: workbench check {path}") from None
    if text.startswith("\ufeff"):
        what = f"{path} begins with a byte order mark, which marimo does not read"
        raise NotebookError(what, hint=f"save it as UTF-8 without one, then: workbench check {path}")
    return text


def _deserialize(text: str, path: Path) -> Any:
    """marimo's own reading of the file, or None when it is another kind of Python file."""
    import ast
    import tempfile
    import warnings

    from marimo._ast.load import get_notebook_status
    from marimo._ast.parse import MarimoFileError

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SyntaxWarning)
        ast.parse(text)
        # marimo reads files only; one of our own holds exactly the text that was hashed.
        with tempfile.TemporaryDirectory(prefix="workbench-") as folder:
            file = Path(folder) / "notebook.py"
            file.write_text(text, encoding="utf-8", newline="")
            try:
                status = get_notebook_status(str(file))
            except MarimoFileError:
                return None
    if status.notebook is None or status.status in ("invalid", "empty"):
        return None
    return status.notebook


def _locate(parsed: Any, text: str) -> list[Cell]:
    from marimo._schemas.serialization import ClassCell, FunctionCell, SetupCell, UnparsableCell

    kinds: tuple[tuple[type, Kind], ...] = (
        (SetupCell, "setup"), (FunctionCell, "function"), (ClassCell, "class"), (UnparsableCell, "unparsable"),
    )  # fmt: skip
    lines = split_lines(text)
    # marimo numbers lines after it has stripped the file's leading white space.
    start = text[: len(text) - len(text.lstrip())].count("\n")
    cells = []
    for index, cell in enumerate(parsed.cells):
        kind: Kind = next((name for type_, name in kinds if isinstance(cell, type_)), "cell")
        code = cell.code.replace("\u00a0", " ")
        start = _first_line(lines, split_lines(code), max(start, 0), cell.lineno)
        cells.append(Cell(index, cell.name or "_", start + 1, code, kind))
        start += code.count("\n")
    return cells


def _first_line(lines: list[str], code: list[str], start: int, fallback: int) -> int:
    """The 0-based line at or after ``start`` where the code stands in the file."""
    wanted = [line.strip() for line in code]
    if not any(wanted):
        return max(start, fallback - 1)
    for line in range(start, len(lines) - len(wanted) + 1):
        found = (lines[line + offset].replace("\u00a0", " ").strip() for offset in range(len(wanted)))
        if all(one == other for one, other in zip(found, wanted, strict=True)):
            return line
    return max(start, fallback - 1)


def split_lines(text: str) -> list[str]:
    r"""Lines as Python counts them: form feeds and Unicode separators do not end one."""
    return re.split(r"\r\n|\r|\n", text)


def _graph(path: Path, text: str, cells: list[Cell], parsed: Any) -> Notebook:
    import warnings

    from marimo._ast.compiler import compile_cell
    from marimo._ast.errors import ImportStarError
    from marimo._runtime.dataflow import DirectedGraph, topological_sort
    from marimo._types.ids import CellId_t

    graph = DirectedGraph()
    known = []
    every: dict[int, Any] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for cell in cells:
            defs: frozenset[str] = frozenset()
            refs: frozenset[str] = frozenset()
            tables: frozenset[str] = frozenset()
            kind, star, sql = cell.kind, False, False
            if kind != "unparsable":
                try:
                    compiled = compile_cell(cell.code, CellId_t(str(cell.index)))
                    graph.register_cell(CellId_t(str(cell.index)), compiled)
                    every[cell.index] = compiled
                    defs, refs = frozenset(compiled.defs), frozenset(compiled.refs)
                    tables = frozenset(str(name) for name in compiled.sql_refs)
                    sql = compiled.language == "sql"
                except ImportStarError:
                    star = True
                except (SyntaxError, ValueError):
                    kind = "unparsable"
                except RecursionError:
                    what = f"{path}, {cell.label}, line {cell.line}: an expression is nested too deeply for marimo to read"
                    raise NotebookError(what, hint=f"split it into several, then: workbench check {path}") from None
            known.append(Cell(cell.index, cell.name, cell.line, cell.code, kind, defs, refs, star, tables, sql))
    order = tuple(int(cell) for cell in topological_sort(graph, list(graph.cells)))
    parents = {int(cell): frozenset(int(parent) for parent in graph.parents[cell]) for cell in graph.cells}
    cycles = sorted({tuple(sorted({int(cell) for edge in cycle for cell in edge})) for cycle in graph.cycles})
    multiple = {
        str(name): tuple(sorted(int(cell) for cell in graph.get_defining_cells(name)))
        for name in sorted(graph.get_multiply_defined())
    }
    digest = hashlib.sha256(text.encode("utf-8")).hexdigest()
    return Notebook(path, text, digest, tuple(known), order, parents, tuple(cycles), multiple, Native(parsed, every))
