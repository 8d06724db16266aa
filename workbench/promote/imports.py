"""The imports of a module: those that its statements need, and helper modules of the workspace made relative to it."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from workbench.promote.naming import Names, plain
from workbench.promote.packaging import Wanted, check_installed, find_file, is_local, pack
from workbench.promote.plan import Plan
from workbench.promote.program import Statement, walk
from workbench.promote.refusal import Reason, Refusal
from workbench.promote.slice import Import
from workbench.promote.steps import used_by_frames_alone


@dataclass(frozen=True, slots=True)
class Imports:
    """Imported names, the files of helpers by their path beside the module, and what was refused."""

    names: tuple[Import, ...]
    helpers: tuple[tuple[str, str], ...]
    refusals: tuple[Refusal, ...]


def find_imports(plan: Plan, names: Names, imports: Sequence[Statement], statements: Sequence[Statement]) -> Imports:
    """What ``statements`` need of what ``imports`` bind."""
    notebook = plan.program.notebook
    found: list[Import] = []
    refusals: list[Refusal] = []
    wanted: list[Wanted] = []
    needed = {key for each in statements for key in plan.used_keys(each)}
    for each in imports:
        node = each.node
        for alias in node.names if isinstance(node, (ast.Import, ast.ImportFrom)) else ():
            key = each.key(alias.asname or alias.name.partition(".")[0])
            imported = plan.program.imports.get(key)
            if key not in needed or (imported is not None and imported.path.startswith("marimo")):
                continue
            member = alias.name if isinstance(node, ast.ImportFrom) else None
            module = (node.module or "") if isinstance(node, ast.ImportFrom) else alias.name
            bound = names.variables.get(key, plain(key))
            asname = bound if alias.asname or bound != (member or module.partition(".")[0]) else None
            place = (each.cell.index, each.cell.line + each.line - 1)
            if getattr(node, "level", 0) or is_local(notebook, module):
                wanted.append(Wanted(each, module, member, used_by_frames_alone(plan.program, plan.steps, key)))
                local = _local(each, module, member, asname, place)
                if isinstance(local, Import):
                    found.append(local)
                else:
                    refusals.append(local)
                continue
            refusal = check_installed(each, module)
            refusals += [refusal] if refusal else []
            found.append(Import(module, member, asname, 0, *place))
    if plan.runs_sql():
        found.append(Import("workbench", None, "wb", 0, plan.root.cell.index, 0))
    packed = pack(notebook, wanted)
    refusals += [*packed.refusals, *_inner(plan, statements)]
    return Imports(tuple(dict.fromkeys(found)), tuple(sorted(packed.files.items())), tuple(refusals))


def _local(each: Statement, module: str, member: str | None, asname: str | None, place: tuple[int, int]) -> Import | Refusal:
    if member is not None:
        return Import(module, member, asname, 1, *place)
    package, _, last = module.rpartition(".")
    if package and asname is None:
        what = f"import {module} can't be made relative to the version"
        return each.refuse(Reason.UNPACKAGED_IMPORT, None, module, what, f"write: from {package} import {last}")
    return Import(package, last, None if asname == last else asname, 1, *place)


def _inner(plan: Plan, statements: Sequence[Statement]) -> Iterator[Refusal]:
    """Imports inside functions: of installed packages they stand, of files of the workspace they can't be rewritten."""
    for each in statements:
        for node in walk(each):
            if not isinstance(node, (ast.Import, ast.ImportFrom)):
                continue
            for name in [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]:
                if getattr(node, "level", 0) or find_file(plan.program.notebook, name) is not None:
                    what = f"{name} is imported inside a function, where it can't be packaged along"
                    yield each.refuse(Reason.UNPACKAGED_IMPORT, node, name, what, "import it at the top level of a cell")
                elif (refusal := check_installed(each, name)) is not None:
                    yield refusal
