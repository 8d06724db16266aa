"""Mending what is mechanical: edits of a notebook's text that leave everything else byte for byte, or are not made at all."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from workbench.errors import NotebookError
from workbench.promote.notebook import Cell, Notebook, parse_notebook
from workbench.promote.program import Program, Statement, read_program

_WIDEST = 79  # where marimo itself breaks the line of a cell's signature


class _NotMechanical(Exception):
    """The edit would have to be thought about."""


@dataclass(slots=True)
class _Edits:
    """Replacements in the text of a file, as offsets of cells' code."""

    notebook: Notebook
    spans: list[tuple[int, int, str]] = field(default_factory=list)

    def replace(self, statement: Statement, start: int, end: int, text: str) -> None:
        """Replace characters of the cell's code; their lines must stand in the file as they do in the code."""
        self.spans.append((self._offset(statement, start), self._offset(statement, end), text))

    def _offset(self, statement: Statement, offset: int) -> int:
        number = statement.text.line(offset)
        top, line = _line(self.notebook.text, statement.cell.line + number - 1)
        code = statement.text.lines[number - 1].rstrip("\n")
        indent = len(line) - len(line.lstrip()) - (len(code) - len(code.lstrip()))
        if not line[indent:].startswith(code):
            raise _NotMechanical
        return top + indent + offset - statement.text.starts[number - 1]

    def text(self) -> str:
        text = self.notebook.text
        for start, end, new in sorted(self.spans, reverse=True):
            text = text[:start] + new + text[end:]
        return text


@dataclass(frozen=True, slots=True)
class UnderscoreImport:
    """A top-level import of ``ibis._`` under a name that marimo keeps to the cell; ``line`` is that of the file."""

    statement: Statement
    node: ast.ImportFrom
    alias: ast.alias

    @property
    def name(self) -> str:
        return self.alias.asname or "_"

    @property
    def line(self) -> int:
        return self.statement.cell.line + self.node.lineno - 1


def underscore_imports(program: Program) -> Iterator[UnderscoreImport]:
    """All of them in a program."""
    for statement in program.statements:
        node = statement.node
        if isinstance(node, ast.ImportFrom) and node.module == "ibis" and not node.level:
            for alias in node.names:
                if alias.name == "_" and (alias.asname or "_").startswith("_"):
                    yield UnderscoreImport(statement, node, alias)


def fix_underscore(notebook: Notebook) -> tuple[str, frozenset[int]]:
    """The text with ``_.column`` written as ``ibis._.column`` wherever that is certain, and the lines of the imports mended.

    Where a cell uses a ``_`` that another one imported, that is what was meant, so it is mended too.
    """
    text, mended = notebook.text, set()
    for line in sorted({each.line for each in _imports(notebook)}, reverse=True):
        for each in _imports(parse_notebook(text, notebook.path)):
            if each.line == line and (better := _tried(text, notebook, each.statement.cell.index, each)):
                text = better
                mended.add(line)
    for cell in notebook.cells if mended else ():
        text = _tried(text, notebook, cell.index, None) or text
    return text, frozenset(mended)


def _imports(notebook: Notebook) -> list[UnderscoreImport]:
    return list(underscore_imports(read_program(notebook)))


def _tried(text: str, notebook: Notebook, cell: int, imported: UnderscoreImport | None) -> str | None:
    try:
        return _mend(parse_notebook(text, notebook.path), cell, imported)
    except (_NotMechanical, NotebookError, SyntaxError):
        return None


def _mend(notebook: Notebook, index: int, imported: UnderscoreImport | None) -> str:
    """The text with one cell mended: one that imports the name, or one that lacks it."""
    program, cell = read_program(notebook), notebook.cells[index]
    name = imported.name if imported is not None else "_"
    own = [each for each in program.statements if each.cell.index == index]
    if sum(name in (each.key(use.name), use.name) and use.context != "load" for each in own for use in each.uses) != bool(
        imported
    ):
        raise _NotMechanical
    known = [key for key, found in program.imports.items() if found.path == "ibis" and ":" not in key]
    ibis = known[0] if known else "ibis"
    if not known and (imported is None or ibis in program.definitions or len(imported.node.names) > 1):
        raise _NotMechanical
    edits = _Edits(notebook)
    uses = [(each, use) for each in own for use in each.uses if use.name == name and use.context == "load"]
    here = [number for number in program.definitions.get(ibis, ()) if program.statements[number].cell.index == index]
    for each, use in uses:
        if not isinstance(use.node, ast.Name) or ibis in use.inner or any(number > each.number for number in here):
            raise _NotMechanical
        start, end = each.text.span(use.node)
        if each.text.code[start:end] != name:
            raise _NotMechanical  # inside an f-string, where Python 3.11 does not know the place
        edits.replace(each, start, end, f"{ibis}._")
    if imported is not None:
        _rewrite_import(edits, imported, known=bool(known))
    if known and uses and not here:
        _add_argument(edits, notebook, cell, ibis)
    text = edits.text()
    places = frozenset((use.node.lineno, use.node.col_offset) for _, use in uses if isinstance(use.node, ast.Name))
    _verify(notebook, parse_notebook(text, notebook.path), cell, places, ibis)
    return text


def _rewrite_import(edits: _Edits, imported: UnderscoreImport, *, known: bool) -> None:
    """Take the name out of the import; the whole line where nothing else is on it."""
    statement, node = imported.statement, imported.node
    if not known:
        edits.replace(statement, statement.start, statement.end, "import ibis")
        return
    others = [each for each in node.names if each is not imported.alias]
    if others:
        if node.lineno != node.end_lineno:
            raise _NotMechanical
        names = ", ".join(each.name + (f" as {each.asname}" if each.asname else "") for each in others)
        edits.replace(statement, statement.start, statement.end, f"from ibis import {names}")
        return
    text, last = statement.text, statement.text.line(statement.end - 1)
    before = text.code[text.starts[statement.line - 1] : statement.start]
    behind = text.lines[last - 1][statement.end - text.starts[last - 1] :].strip()
    if before.strip() or (behind and not behind.startswith("#")):
        raise _NotMechanical
    top, _ = _line(edits.notebook.text, statement.cell.line + statement.line - 1)
    bottom, _ = _line(edits.notebook.text, statement.cell.line + last)
    edits.spans.append((top, bottom, ""))


def _add_argument(edits: _Edits, notebook: Notebook, cell: Cell, name: str) -> None:
    """Add a name to the cell's signature, where marimo lists what the cell reads: it would do so itself at its next save."""
    setup = any(name in each.defs for each in notebook.cells if each.kind == "setup")
    top = next(
        (
            node
            for node in ast.parse(notebook.text).body
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.lineno < cell.line <= (node.end_lineno or 0)
        ),
        None,
    )
    if setup or cell.kind != "cell" or top is None:
        return
    given = [each.arg for each in top.args.args]
    elsewhere = {each for other in notebook.cells if other is not cell and other.kind == "cell" for each in other.defs}
    if name in given or set(given) != cell.refs & elsewhere:
        return  # not a signature as marimo writes it
    start, head = _line(notebook.text, top.lineno)
    match = re.match(r"(?:async )?def \w+\(", head)
    if match is None:
        return
    stop = start + match.end()
    end = stop if not given else notebook.text.index(")", stop)
    names = sorted([*given, name])
    oneline = f"{match[0]}{', '.join(names)}):"
    newline = "\r\n" if "\r\n" in notebook.text else "\n"
    wrapped = "".join(f"{newline}    {each}," for each in names) + newline
    edits.spans.append((stop, end, ", ".join(names) if len(oneline) <= _WIDEST else wrapped))


def _verify(before: Notebook, after: Notebook, cell: Cell, places: frozenset[tuple[int, int]], ibis: str) -> None:
    """Raise unless the edit did what was meant and nothing else."""
    same = len(before.cells) == len(after.cells) and before.cycles == after.cycles and before.multiple == after.multiple
    if not same:
        raise _NotMechanical
    for old, new in zip(before.cells, after.cells, strict=True):
        if (old.kind, old.name) != (new.kind, new.name):
            raise _NotMechanical
        if old.index != cell.index and old.code != new.code:
            raise _NotMechanical
    wanted = _Rewritten(places, ibis).visit(ast.parse(cell.code))
    found = _Rewritten(frozenset(), ibis).visit(ast.parse(after.cells[cell.index].code))
    if ast.dump(wanted) != ast.dump(found):
        raise _NotMechanical


class _Rewritten(ast.NodeTransformer):
    """What the cell's syntax tree should be, apart from the statements that import ibis."""

    def __init__(self, places: frozenset[tuple[int, int]], ibis: str) -> None:
        self.places = places
        self.ibis = ibis

    def visit_Module(self, node: ast.Module) -> ast.AST:
        node.body = [each for each in node.body if not _imports_ibis(each)]
        return self.generic_visit(node)

    def visit_Name(self, node: ast.Name) -> ast.AST:
        if (node.lineno, node.col_offset) not in self.places:
            return node
        return ast.Attribute(ast.Name(self.ibis, ast.Load()), "_", ast.Load())


def _imports_ibis(node: ast.stmt) -> bool:
    return isinstance(node, (ast.Import, ast.ImportFrom)) and ast.unparse(node).startswith(("import ibis", "from ibis import"))


def _line(text: str, number: int) -> tuple[int, str]:
    """Where a 1-based line begins in a text, and the line without its end."""
    start = 0
    for match in re.finditer(r"\r\n|\r|\n", text):
        number -= 1
        if not number:
            return start, text[start : match.start()]
        start = match.end()
    return (start, text[start:]) if number == 1 else (len(text), "")


def atomic(path: Path, text: str) -> None:
    """Write a notebook in one step, through links, with the permissions that it had."""
    from workbench.runtime.files import write_atomic

    real = path.resolve()
    write_atomic(real, text, mode=real.stat().st_mode & 0o777)
