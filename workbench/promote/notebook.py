"""A marimo file as cells in the order in which they run.

This is the only module that imports marimo's private modules; what the rest of the slicer knows of marimo is in
:class:`Notebook`, and what marimo's own check says of one comes from :func:`diagnose`.
"""

from __future__ import annotations

import hashlib
import re
import stat
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal

from workbench.errors import NotebookError, quoted

_DEFINITION = re.compile(r"^(async\s+def\b|def\b|class\b|@)", re.MULTILINE)
Kind = Literal["cell", "setup", "function", "class", "unparsable"]


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell as marimo runs it.

    ``code`` is dedented and without the ``return`` that marimo adds; ``line`` is the 1-based line of the file where it
    begins. ``defs`` and ``refs`` are the names that marimo says the cell defines for and reads from other cells;
    ``tables`` are those that it found in the text of SQL (``sql`` says that there is some). ``star`` marks an ``import *``,
    ``disabled`` a cell that marimo does not run.
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
    disabled: bool = False

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
    of each cycle, ``multiple`` the names that more than one cell defines. ``sql_output`` is what ``mo.sql`` answers with, as
    the app declares it. ``native`` is for marimo's own check alone.
    """

    path: Path
    text: str
    sha256: str
    cells: tuple[Cell, ...]
    order: tuple[int, ...]
    parents: dict[int, frozenset[int]] = field(default_factory=dict)
    cycles: tuple[tuple[int, ...], ...] = ()
    multiple: dict[str, tuple[int, ...]] = field(default_factory=dict)
    sql_output: str = "auto"
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
    again = f"then: workbench check {quoted(path)}"
    if not text.strip():
        raise NotebookError(f"{path} is empty", hint=f"write it with marimo: workbench edit {quoted(path)}")
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
        known = f"did you mean: workbench check {quoted(path.parent / near[0])}" if near else None
        hint = known or f"write it with marimo: workbench edit {quoted(path)}"
        raise NotebookError(f"there is no notebook {path}", hint=hint) from None
    except OSError as error:
        raise NotebookError(f"{path} can't be read: {error.strerror}", hint="workbench check notebooks/NAME.py") from None
    except UnicodeDecodeError:
        raise NotebookError(
            f"{path} is not UTF-8 text", hint=f"save it as UTF-8, then: workbench check {quoted(path)}"
        ) from None
    if text.startswith("\ufeff"):
        what = f"{path} begins with a byte order mark, which marimo does not read"
        raise NotebookError(what, hint=f"save it as UTF-8 without one, then: workbench check {quoted(path)}")
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
        cells.append(Cell(index, cell.name or "_", start + 1, code, kind, disabled=bool(cell.options.get("disabled"))))
        start += code.count("\n")
    return cells


def _first_line(lines: list[str], code: list[str], start: int, fallback: int) -> int:
    """The 0-based line at or after ``start`` where the code stands in the file."""
    wanted = [line.strip() for line in code]
    if not any(wanted):
        return max(start, fallback - 1)
    for line in range(start, len(lines) - len(wanted) + 1):
        found = [lines[line + offset].replace("\u00a0", " ").strip() for offset in range(len(wanted))]
        # marimo leaves the comment behind a cell's last statement out.
        head, behind = found[-1][: len(wanted[-1])], found[-1][len(wanted[-1]) :].lstrip()
        if [*found[:-1], head] == wanted and (not behind or (head and behind.startswith("#"))):
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
                    raise NotebookError(what, hint=f"split it into several, then: workbench check {quoted(path)}") from None
            known.append(replace(cell, kind=kind, defs=defs, refs=refs, star=star, tables=tables, sql=sql))
    order = tuple(int(cell) for cell in topological_sort(graph, list(graph.cells)))
    parents = {int(cell): frozenset(int(parent) for parent in graph.parents[cell]) for cell in graph.cells}
    cycles = sorted({tuple(sorted({int(cell) for edge in cycle for cell in edge})) for cycle in graph.cycles})
    multiple = {
        str(name): tuple(sorted(int(cell) for cell in graph.get_defining_cells(name)))
        for name in sorted(graph.get_multiply_defined())
    }
    digest = hashlib.sha256(text.encode("utf-8")).hexdigest()
    output = str((parsed.app.options if parsed.app else {}).get("sql_output", "auto"))
    return Notebook(path, text, digest, tuple(known), order, parents, tuple(cycles), multiple, output, Native(parsed, every))


def markdown_as_written(cell: Cell) -> str:
    """The code of a markdown cell as marimo writes it."""
    from marimo._ast.codegen import format_markdown
    from marimo._ast.compiler import compile_cell
    from marimo._types.ids import CellId_t

    return str(format_markdown(compile_cell(cell.code, CellId_t(str(cell.index)))))


def diagnose(notebook: Notebook) -> list[Any] | str:
    """What ``marimo check`` says of the notebook, in marimo's own objects, or why marimo can't check it.

    In this process: one of its own costs twenty times as much.
    """
    diagnostics = _quickly(notebook)
    if diagnostics is not None:
        return diagnostics
    status = _wholly(notebook)
    if status.failed or status.skipped:
        return " ".join([status.message, *status.details]).strip()
    return list(status.diagnostics)


def _wholly(notebook: Notebook) -> Any:
    """marimo's check of the file as its command does it: reads it again, and compiles every cell three times over."""
    import warnings

    linter = _linter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        linter.run_streaming(iter([notebook.path]))
    return linter.files[0]


def _quickly(notebook: Notebook) -> list[Any] | None:
    """The same rules on what is parsed and compiled already; None where they need what only a new compilation can say.

    Those are notebooks with SQL, whose errors marimo collects while it compiles, and cells that don't compile.
    """
    import asyncio
    import warnings

    from marimo._lint.context import LintContext, RuleContext
    from marimo._runtime.dataflow import DirectedGraph
    from marimo._types.ids import CellId_t

    native = notebook.native
    if native is None or len(native.compiled) < len(notebook.cells) or any(cell.sql or cell.tables for cell in notebook.cells):
        return None
    graph = DirectedGraph()
    for cell in notebook.cells:
        graph.register_cell(CellId_t("setup" if cell.kind == "setup" else str(cell.index)), native.compiled[cell.index])
    context = LintContext(replace(native.parsed, filename=str(notebook.path)), notebook.text.strip())
    context._graph = graph
    rules = _linter()._rule_engine_for_file(str(notebook.path)).rules
    definitions = sum(_DEFINITION.search(cell.code) is not None for cell in notebook.cells)

    async def check() -> list[Any]:
        for rule in rules:
            # The order of definitions compiles every cell twice, and is of interest from two cells with definitions on.
            if rule.name != "reusable-definition-order" or definitions > 1:
                await rule.check(RuleContext(context, rule))
        return await context.get_diagnostics()

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return asyncio.run(check())


def _linter() -> Any:
    from marimo._lint import Linter, resolve_lint_config

    return Linter(lint_config=resolve_lint_config(None, None))
