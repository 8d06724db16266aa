"""A notebook as one straight program: its statements in running order, what each binds and reads, and where it stands."""

from __future__ import annotations

import ast
import bisect
import builtins
import functools
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field

from workbench.promote.notebook import Cell, Notebook
from workbench.promote.refusal import Reason, Refusal
from workbench.promote.scope import ScopeMismatch, Use, uses

BUILTINS = frozenset(dir(builtins))
# A variable of the notebook: its name, or for a name that marimo keeps private to a cell, "cell:name".
Key = str


def is_private(name: str) -> bool:
    """Whether marimo keeps the name to its cell.

    >>> is_private("_x"), is_private("__x"), is_private("x")
    (True, False, False)
    """
    return name == "__" or (name.startswith("_") and not name.startswith("__"))


class Text:
    """The code of a cell, with the offsets of its lines."""

    def __init__(self, code: str) -> None:
        self.code = code
        self.lines = [line + "\n" for line in code.split("\n")]
        self.starts = [0]
        for line in self.lines:
            self.starts.append(self.starts[-1] + len(line))

    def offset(self, line: int, column: int) -> int:
        """The character at a 1-based line and a column in UTF-8 bytes, as ``ast`` counts them."""
        text = self.lines[line - 1]
        if not text.isascii():
            column = len(text.encode("utf-8")[:column].decode("utf-8", "ignore"))
        return self.starts[line - 1] + column

    def line(self, offset: int) -> int:
        """The 1-based line of a character."""
        return bisect.bisect_right(self.starts, offset)

    def span(self, node: ast.AST) -> tuple[int, int]:
        """First character and the one after the last of a node that has a position."""
        first = min([node, *getattr(node, "decorator_list", [])], key=lambda each: each.lineno)
        start = self.offset(first.lineno, first.col_offset)
        if first is not node:
            start = self.code.rindex("@", 0, start)
        return start, self.offset(node.end_lineno, node.end_col_offset)  # type: ignore[attr-defined]  # parsed


@dataclass(frozen=True, slots=True, eq=False)
class Statement:
    """One top-level statement of a cell.

    ``start`` and ``end`` are offsets in the cell's code, decorators included.
    """

    number: int
    cell: Cell
    text: Text
    node: ast.stmt
    uses: tuple[Use, ...]
    start: int
    end: int
    last: bool
    by_node: dict[int, Use] = field(default_factory=dict)

    @property
    def line(self) -> int:
        """1-based line in the cell's code."""
        return self.text.line(self.start)

    def key(self, name: str) -> Key:
        """The variable that a global name means in this cell."""
        return f"{self.cell.index}:{name}" if is_private(name) else name

    def stores(self) -> tuple[Key, ...]:
        """The variables that the statement binds, in order and once each."""
        return _stores(self)

    def kills(self) -> bool:
        """Whether the statement gives its variables new values whatever they were before."""
        if isinstance(self.node, (ast.FunctionDef, ast.ClassDef)):
            return True
        if isinstance(self.node, ast.Assign):
            return all(use.context != "store" or not use.late for use in self.uses)
        return isinstance(self.node, ast.AnnAssign) and self.node.value is not None

    def refuse(self, reason: Reason, node: ast.AST | None, name: str, what: str, hint: str) -> Refusal:
        """A refusal at a node of the statement."""
        line = getattr(node, "lineno", None) or self.line
        return Refusal.at(reason, self.cell, line, name, what, hint)


@functools.lru_cache(maxsize=4096)
def _stores(statement: Statement) -> tuple[Key, ...]:
    return tuple(dict.fromkeys(statement.key(use.name) for use in statement.uses if use.context == "store"))


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import binds: ``module`` and, for ``from`` imports, ``member``."""

    module: str
    member: str | None
    level: int

    @property
    def path(self) -> str:
        """The dotted path of what the name stands for."""
        return "." * self.level + (f"{self.module}.{self.member}" if self.member else self.module)


@dataclass(frozen=True, slots=True)
class Program:
    """All statements of a notebook in running order, with the index of who binds what."""

    notebook: Notebook
    statements: tuple[Statement, ...]
    definitions: dict[Key, tuple[int, ...]]
    imports: dict[Key, Imported]
    refusals: tuple[Refusal, ...]

    def dotted(self, statement: Statement, node: ast.expr) -> str | None:
        """The dotted path of an imported thing that an expression names: ``pd.read_csv`` is ``pandas.read_csv``."""
        match node:
            case ast.Name(id=name):
                use = statement.by_node.get(id(node))
                if use is None:
                    return _inner_imports(statement).get(name)
                key = statement.key(name)
                if key in self.imports:
                    return self.imports[key].path
                return f"builtins.{name}" if key not in self.definitions and name in BUILTINS else None
            case ast.Attribute(value=value, attr=attr):
                base = self.dotted(statement, value)
                return None if base is None or base.startswith("builtins.") else f"{base}.{attr}"
            case _:
                return None

    def calls(self, statement: Statement) -> Iterator[tuple[ast.Call, str | None]]:
        """Every call in a statement, with the dotted path of what it calls where that is an imported thing."""
        for node in walk(statement):
            if isinstance(node, ast.Call):
                yield node, self.dotted(statement, node.func)


def assigned(statement: Statement) -> tuple[str, ast.expr] | None:
    """The one name that a plain assignment binds, and its value."""
    match statement.node:
        case (
            ast.Assign(targets=[ast.Name(id=name)], value=expr)
            | ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as expr)
        ):
            return name, expr
        case _:
            return None


@functools.lru_cache(maxsize=4096)
def _inner_imports(statement: Statement) -> dict[str, str]:
    """What imports inside functions of a statement bind, by name."""
    found: dict[str, str] = {}
    for node in walk(statement):
        match node:
            case ast.Import(names=names):
                for alias in names:
                    top = alias.name if alias.asname else alias.name.partition(".")[0]
                    found[alias.asname or top] = top
            case ast.ImportFrom(module=module, names=names, level=level):
                found.update({alias.asname or alias.name: Imported(module or "", alias.name, level).path for alias in names})
            case _:
                pass
    return found


@functools.lru_cache(maxsize=4096)
def walk(statement: Statement) -> tuple[ast.AST, ...]:
    """All nodes of a statement."""
    return tuple(ast.walk(statement.node))


def read_program(notebook: Notebook) -> Program:
    """The program of a notebook; what can't be read as one is refused."""
    return _program(notebook, compare=True)


def read_cells(notebook: Notebook) -> Program:
    """The program of cells that marimo knows nothing of: a plain Python file as one cell."""
    return _program(notebook, compare=False)


def _program(notebook: Notebook, *, compare: bool) -> Program:
    statements: list[Statement] = []
    refusals = list(_structure(notebook))
    for index in notebook.order:
        cell = notebook.cells[index]
        try:
            found = _statements(cell, len(statements))
        except ScopeMismatch as error:
            what = "the scopes of its names can't be told for certain"
            refusals.append(Refusal.at(Reason.SCOPE, cell, error.line, "", what, "write the statement in a simpler form"))
            continue
        statements += found
        refusals += _compare_names(cell, found) if compare else ()
    definitions: dict[Key, list[int]] = {}
    imports: dict[Key, Imported | None] = {}
    for statement in statements:
        for key in statement.stores():
            definitions.setdefault(key, []).append(statement.number)
        bound = _imports(statement)
        for key in statement.stores():
            imports[key] = bound.get(key) if imports.get(key, bound.get(key)) == bound.get(key) else None
    return Program(
        notebook,
        tuple(statements),
        {key: tuple(numbers) for key, numbers in definitions.items()},
        {key: imported for key, imported in imports.items() if imported is not None},
        tuple(refusals),
    )


def _statements(cell: Cell, first: int) -> list[Statement]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SyntaxWarning)
        try:
            tree = ast.parse(cell.code)
            found = uses(cell.code, tree)
        except SyntaxError as error:  # top-level await, or a name used before its global declaration
            raise ScopeMismatch(error.lineno or 1) from None
    text = Text(cell.code)
    return [
        Statement(
            first + position, cell, text, node, tuple(each), *text.span(node), position == len(tree.body) - 1,
            {id(use.node): use for use in each},
        )
        for position, (node, each) in enumerate(zip(tree.body, found, strict=True))
    ]  # fmt: skip


def _imports(statement: Statement) -> dict[Key, Imported]:
    found: dict[Key, Imported] = {}
    match statement.node:
        case ast.Import(names=names):
            for alias in names:
                top = alias.name if alias.asname else alias.name.partition(".")[0]
                found[statement.key(alias.asname or top)] = Imported(top, None, 0)
        case ast.ImportFrom(module=module, names=names, level=level):
            for alias in names:
                found[statement.key(alias.asname or alias.name)] = Imported(module or "", alias.name, level)
        case _:
            pass
    return found


def _structure(notebook: Notebook) -> Iterator[Refusal]:
    """What keeps marimo itself from running the notebook."""
    for cell in notebook.cells:
        if cell.kind == "unparsable":
            yield Refusal.at(
                Reason.UNPARSABLE,
                cell,
                1,
                cell.name,
                "the cell does not parse, so the notebook does not run",
                "correct the cell",
            )
        elif cell.star:
            what = "import * binds names that can't be seen without running it"
            yield Refusal.at(Reason.STAR_IMPORT, cell, 1, "*", what, "import the names that you use, one by one")
    for cycle in notebook.cycles:
        labels = ", ".join(notebook.cells[index].label for index in cycle)
        what = f"{labels} need each other, so the notebook does not run"
        yield Refusal.at(Reason.CYCLE, notebook.cells[cycle[0]], 1, "", what, "move the shared part to a cell of its own")
    for name, cells in notebook.multiple.items():
        labels = ", ".join(notebook.cells[index].label for index in cells)
        what = f"{name} is defined by {labels}, so the notebook does not run"
        yield Refusal.at(
            Reason.MULTIPLE_DEFINITIONS,
            notebook.cells[cells[-1]],
            1,
            name,
            what,
            f"rename one of them, or make it private: _{name}",
        )


def _compare_names(cell: Cell, statements: list[Statement]) -> Iterator[Refusal]:
    """Where marimo sees other names in the cell than Python does, nothing about it can be proved."""
    every = [use for statement in statements for use in statement.uses if not is_private(use.name)]
    # `except … as error` binds its name for the handler only, which marimo leaves out.
    handled = {use.name for use in every if isinstance(use.node, ast.ExceptHandler)}
    stored = {use.name for use in every if use.context == "store"} - (handled - cell.defs)
    read = {use.name for use in every if use.context != "store"}
    defined = stored - cell.defs if cell.sql else stored ^ cell.defs
    differ = defined | (((read - stored) ^ (cell.refs - stored)) - handled - cell.tables)
    for name in sorted(each for each in differ - BUILTINS if not each.startswith("_cell_")):
        what = f"marimo and Python disagree about the name {name}"
        yield Refusal.at(
            Reason.SCOPE, cell, 1, name, what, f"write the cell such that {name} is plainly assigned or plainly read"
        )
