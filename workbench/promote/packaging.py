"""Helper modules of the workspace, packaged beside the module that imports them, so that a version is complete."""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from workbench.promote.closure import Reach
from workbench.promote.edits import Edit
from workbench.promote.effects import find_effects
from workbench.promote.notebook import Cell, Notebook
from workbench.promote.program import Program, Statement, Text, read_cells
from workbench.promote.refusal import Reason, Refusal

_INSTALLED = ("site-packages", "dist-packages")


@dataclass(frozen=True, slots=True)
class Wanted:
    """An import of a helper: a module and its member, None for the module itself; ``frames`` for local steps alone."""

    statement: Statement
    module: str
    member: str | None
    frames: bool


@dataclass(slots=True)
class Packed:
    """Files to package, by their path beside the module, and what was refused.

    ``frames`` says that what is being added is for local steps alone, which may work on data frames.
    """

    frames: bool = False
    files: dict[str, str] = field(default_factory=dict)
    refusals: list[Refusal] = field(default_factory=list)


def is_local(notebook: Notebook, module: str) -> bool:
    """Whether an imported module is a file of the workspace."""
    return find_file(notebook, module.partition(".")[0]) is not None


def find_file(notebook: Notebook, module: str) -> Path | None:
    """The file of a module beside the notebook or at the root of the workspace."""
    top = module.partition(".")[0]
    if not module or (top in sys.stdlib_module_names):
        return None
    folder = notebook.path.resolve().parent
    roots = [folder, *([folder.parent] if folder.name == "notebooks" else [])]
    for root in roots:
        place = root.joinpath(*module.split("."))
        for file in (place.with_suffix(".py"), place / "__init__.py"):
            if file.is_file() and file.resolve() != notebook.path.resolve():
                return file
    return None


def check_installed(statement: Statement, module: str) -> Refusal | None:
    """Why an import of something that is no file of the workspace can't be relied on in production, if so."""
    top = module.partition(".")[0]
    if top in sys.stdlib_module_names or top in ("ibis", "workbench", "marimo"):
        return None
    try:
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError):
        spec = None
    places = [] if spec is None else [spec.origin or "", *(spec.submodule_search_locations or [])]
    if any(part in Path(place).parts for place in places for part in _INSTALLED):
        return None
    what = (
        f"{top} is neither installed nor a file beside the notebook" if spec is None else f"{top} is imported from {places[0]}"
    )
    hint = "put it beside the notebook, at the root of the workspace, or install it as a package that production has too"
    return statement.refuse(Reason.UNPACKAGED_IMPORT, None, top, what, hint)


def pack(notebook: Notebook, wanted: Iterable[Wanted]) -> Packed:
    """Package the modules that the statements import."""
    packed = Packed()
    for each in sorted(wanted, key=lambda each: each.frames):  # what other logic uses too is held to its stricter rules
        packed.frames = each.frames
        _pack(notebook, each.statement, each.module, each.member, packed)
    return packed


def _pack(notebook: Notebook, statement: Statement, module: str, member: str | None, packed: Packed) -> None:
    if member is not None and find_file(notebook, f"{module}.{member}") is not None:
        _pack(notebook, statement, f"{module}.{member}", None, packed)
        return
    parts = module.split(".")
    for end in range(1, len(parts) + 1):
        name = ".".join(parts[:end])
        file = find_file(notebook, name)
        if file is None:
            packed.refusals.append(_refused(statement, module, f"there is no file of module {name}"))
            return
        depth = len(parts[:end]) if file.name == "__init__.py" else end - 1
        target = (
            "/".join([*parts[:end], "__init__.py"])
            if file.name == "__init__.py"
            else "/".join([*parts[: end - 1], f"{parts[end - 1]}.py"])
        )
        if target not in packed.files:
            _add(notebook, statement, file, target, depth, packed)


def _add(notebook: Notebook, statement: Statement, file: Path, target: str, depth: int, packed: Packed) -> None:
    text = file.read_text(encoding="utf-8")
    helper = Notebook(file, text, hashlib.sha256(text.encode()).hexdigest(), (Cell(0, file.stem, 1, text, "cell"),), (0,))
    packed.files[target] = text  # first, so that two helpers may import each other
    program = read_cells(helper)
    if program.refusals:
        packed.refusals.append(_refused(statement, file.stem, f"{target} {_lower(program.refusals[0])}"))
        return
    edits: list[Edit] = []
    package = target.split("/")[:-1]
    for each in program.statements:
        for node in ast.walk(each.node):
            if isinstance(node, ast.ImportFrom) and node.level:
                _relative(notebook, statement, node, package, packed)
            elif isinstance(node, (ast.Import, ast.ImportFrom)):
                _import(notebook, statement, each, node, "." * (depth + 1), edits, packed)
    packed.files[target] = _edited(text, edits)
    for refusal in _effects(program, frames=packed.frames):
        packed.refusals.append(
            _refused(statement, file.stem, f"{target}, line {refusal.line}: {_lower(refusal)}", refusal.hint)
        )


def _import(
    notebook: Notebook,
    at: Statement,
    each: Statement,
    node: ast.Import | ast.ImportFrom,
    dots: str,
    edits: list[Edit],
    packed: Packed,
) -> None:
    """Make an import of another helper relative, and package that one too."""
    span = Text(each.text.code).span(node)
    if isinstance(node, ast.ImportFrom):
        if not is_local(notebook, node.module or ""):
            return
        for alias in node.names:
            _pack(notebook, at, node.module or "", alias.name, packed)
        names = ", ".join(alias.name + (f" as {alias.asname}" if alias.asname else "") for alias in node.names)
        edits.append(Edit(*span, f"from {dots}{node.module} import {names}"))
        return
    local = [alias for alias in node.names if is_local(notebook, alias.name)]
    if not local:
        return
    if len(node.names) > 1 or "." in local[0].name:
        what = f"{each.cell.name}.py, line {node.lineno}: this import can't be made relative"
        packed.refusals.append(_refused(at, local[0].name, what, "import one module a line, as `from package import module`"))
        return
    _pack(notebook, at, local[0].name, None, packed)
    as_ = f" as {local[0].asname}" if local[0].asname else ""
    edits.append(Edit(*span, f"from {dots} import {local[0].name}{as_}"))


def _relative(notebook: Notebook, at: Statement, node: ast.ImportFrom, package: list[str], packed: Packed) -> None:
    """Package what a helper imports relatively; such an import stands as it is."""
    if node.level > len(package):
        packed.refusals.append(
            _refused(at, node.module or ".", "it imports from above its own folder", "import it by its full name")
        )
        return
    base = package[: len(package) - node.level + 1] + (node.module.split(".") if node.module else [])
    for alias in node.names:
        _pack(notebook, at, ".".join(base), alias.name, packed)


def _edited(text: str, edits: list[Edit]) -> str:
    for edit in sorted(edits, reverse=True):
        text = text[: edit.start] + edit.text + text[edit.end :]
    return text


def _effects(program: Program, *, frames: bool) -> list[Refusal]:
    """What a helper does when it is imported or called and a pipeline may not do. All of it counts: all of it is packaged."""
    reach = Reach(program, {}, frozenset())
    found = [refusal for each in program.statements for refusal in find_effects(program, each, reach.consumed, frames=frames)]
    for each in program.statements:
        if isinstance(each.node, (ast.Import, ast.ImportFrom)) and any(
            (alias.name if isinstance(each.node, ast.Import) else each.node.module or "").partition(".")[0]
            in ("marimo", "workbench")
            for alias in each.node.names
        ):
            found.append(
                each.refuse(
                    Reason.UNPACKAGED_IMPORT,
                    None,
                    "marimo",
                    "it imports what a pipeline runs without",
                    "move it to the notebook",
                )
            )
    return found


def _lower(refusal: Refusal) -> str:
    return refusal.message.partition(": ")[2]


def _refused(statement: Statement, module: str, what: str, hint: str = "") -> Refusal:
    return statement.refuse(
        Reason.UNPACKAGED_IMPORT,
        None,
        module,
        f"helper {module} can't be packaged along: {what}",
        hint or "correct the helper module",
    )
