"""A slice as a plain Python module that reads as if a person had written it."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.errors import UsageError, WorkbenchError, quoted
from workbench.parameter import Parameter
from workbench.promote.edits import Line
from workbench.promote.format import moved_lines, ruff_format
from workbench.promote.logic import logic_digest
from workbench.promote.notebook import Notebook
from workbench.promote.slice import Kept, Slice
from workbench.promote.values import with_values

if TYPE_CHECKING:
    import ibis.expr.types as ir

__all__ = ["MappedLine", "Module", "build_module", "load_module", "with_values"]


@dataclass(frozen=True, slots=True)
class MappedLine:
    """One line of a module and the cell (index from 0) and 1-based line of the notebook that it comes from."""

    line: int
    cell: int
    source_line: int


@dataclass(frozen=True, slots=True)
class Module:
    """The module of one pipeline.

    ``function`` is the name of its function, ``sha256`` the digest of the text, ``logic_sha256`` that of what it computes:
    comments, docstrings and the names of local variables do not count. ``files`` are helper modules packaged along, by
    their path beside the module.
    """

    pipeline: str
    text: str
    function: str
    sha256: str
    logic_sha256: str
    line_map: tuple[MappedLine, ...] = ()
    files: dict[str, str] = field(default_factory=dict)


def build_module(slice: Slice, notebook: Notebook) -> Module:
    """The module of a slice that nothing was refused of."""
    if slice.refusals:
        first = slice.refusals[0]
        raise UsageError(
            f"{slice.mark.name} can't be promoted: {first.message}",
            hint=f"{first.hint}; then: workbench check {quoted(notebook.path)}",
        )
    lines = list(_header(slice, notebook))
    for kept in slice.kept:
        if kept.place == "module":
            lines += [*([(Line(""), None)] if kept.apart else []), *((line, kept) for line in kept.lines)]
    lines += [(Line(""), None), *((Line(text), None) for text in _signature(slice))]
    body = [kept for kept in slice.kept if kept.place != "module"]
    for index, kept in enumerate(body):
        if index and (kept.apart or kept.cell != body[index - 1].cell):
            lines.append((Line(""), None))
        lines += [(Line(line.text if line.raw else f"    {line.text}", line.origin, line.raw), kept) for line in kept.lines]
    draft = "\n".join(line.text for line, _ in lines) + "\n"
    text = ruff_format(draft)
    line_map = []
    for after, before in moved_lines(draft, text).items():
        line, origin = lines[before - 1]
        if origin is not None and line.origin is not None:
            line_map.append(MappedLine(after, origin.cell, notebook.cells[origin.cell].line + line.origin - 1))
    files = dict(slice.helpers)
    digest = hashlib.sha256(text.encode("utf-8")).hexdigest()
    return Module(
        slice.mark.name, text, slice.mark.name, digest, logic_digest(text, slice.mark.name, files), tuple(line_map), files
    )


def _header(slice: Slice, notebook: Notebook) -> Iterable[tuple[Line, Kept | None]]:
    doc = slice.mark.doc or f"The table {slice.mark.name}."
    parts = [
        _sentence(doc),
        *([slice.note] if slice.note and slice.note != doc else []),
        f"Promoted by workbench from {notebook.title}.",
    ]
    yield from ((Line(text), None) for text in _docstring(parts, ""))
    yield Line(""), None
    imports = {(each.module, each.member, each.alias, each.level) for each in slice.imports}
    if not any(module == "ibis" and member is None for module, member, _, _ in imports):
        imports.add(("ibis", None, None, 0))
    if any(each in parameter.type for parameter in slice.parameters for each in ("date", "time")):
        imports.add(("datetime", None, None, 0))
    if any("decimal" in parameter.type for parameter in slice.parameters):
        imports.add(("decimal", None, None, 0))
    for group in _grouped(imports):
        yield from ((Line(text), None) for text in group)
        yield Line(""), None


def _grouped(imports: Iterable[tuple[str, str | None, str | None, int]]) -> list[list[str]]:
    """Import lines: standard library, other packages, the version's own helpers; sorted as ruff's isort rules do."""
    groups: list[dict[tuple[int, str, str], None]] = [{}, {}, {}]
    members: dict[tuple[int, str], set[str]] = {}
    for module, member, alias, level in imports:
        as_ = f" as {alias}" if alias else ""
        where = 2 if level else 0 if module.partition(".")[0] in sys.stdlib_module_names else 1
        if member is None:
            groups[where][(0, f"{module}{as_}".lower(), f"import {module}{as_}")] = None
        else:
            members.setdefault((where, "." * level + module), set()).add(f"{member}{as_}")
    for (where, module), names in members.items():
        groups[where][(1, module.lower(), f"from {module} import {', '.join(sorted(names, key=_isort))}")] = None
    return [[text for _, _, text in sorted(group)] for group in groups if group]


def _isort(name: str) -> tuple[int, str]:
    kind = 0 if name.split(" ")[0].isupper() else 1 if name[:1].isupper() else 2
    return kind, name


def _signature(slice: Slice) -> list[str]:
    ibis = next((each.alias or "ibis" for each in slice.imports if each.module == "ibis" and each.member is None), "ibis")
    arguments = [f"{each.argument}: {ibis}.Table" for each in slice.inputs]
    if slice.parameters:
        arguments += ["*", *(f"{each.name}: {_annotation(each)} = {_default(each)}" for each in slice.parameters)]
    doc = [_sentence((slice.mark.doc or f"The table {slice.mark.name}.").splitlines()[0])]
    described = [f"    {each.argument}: {_input(each.name, each.kind)}" for each in slice.inputs]
    described += [f"    {each.name}: {_described(each)}" for each in slice.parameters]
    if described:
        doc.append("\n".join(["Args:", *described]))
    return [f"def {slice.mark.name}({', '.join(arguments)}) -> {ibis}.Table:", *_docstring(doc, "    ")]


def _annotation(parameter: Parameter) -> str:
    kind = parameter.type.removeprefix("list[").removesuffix("]")
    named = {"date": "datetime.date", "time": "datetime.time", "datetime": "datetime.datetime", "decimal": "decimal.Decimal"}
    return parameter.type.replace(kind, named.get(kind, kind))


def _default(parameter: Parameter) -> str:
    return _literal(parameter.default, parameter.type)


def _literal(value: Any, kind: str) -> str:
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(_literal(each, kind[5:-1]) for each in value)}]"
    if isinstance(value, Decimal):
        return f"decimal.{value!r}"
    return repr(float(value)) if kind == "float" else repr(value)


def _input(name: str, kind: str) -> str:
    return f"source {name}." if kind == "source" else f"output {name} of another pipeline."


def _described(parameter: Parameter) -> str:
    doc = parameter.doc.strip().rstrip(".")
    return _sentence(f"{doc}; {parameter.domain()}" if doc else parameter.domain())


def _sentence(text: str) -> str:
    text = text.strip()
    return text if text.endswith((".", "!", "?", ":")) else f"{text}."


def _docstring(parts: list[str], indent: str) -> list[str]:
    text = "\n\n".join(parts).replace("\\", "\\\\").replace('"""', '\\"\\"\\"')
    if text.endswith('"'):
        text += " "
    lines = text.split("\n")
    if len(lines) == 1:
        return [f'{indent}"""{lines[0]}"""']
    first, *rest = lines
    return [f'{indent}"""{first}', *(f"{indent}{line}" if line.strip() else "" for line in rest), f'{indent}"""']


def load_module(path: Path, pipeline: str) -> Callable[..., ir.Table]:
    """The function of a module on disk: ``promoted/PIPELINE/vN/__init__.py`` or a staged file.

    Each file gets a module name of its own, so that two versions can be loaded side by side.
    """
    import importlib.util

    resolved = path.resolve()
    name = f"_workbench_{pipeline}_{hashlib.sha256(str(resolved).encode()).hexdigest()[:12]}"
    for stale in [each for each in sys.modules if each == name or each.startswith(f"{name}.")]:
        del sys.modules[stale]
    locations = [str(resolved.parent)] if resolved.name == "__init__.py" else None
    spec = importlib.util.spec_from_file_location(name, resolved, submodule_search_locations=locations)
    if spec is None or spec.loader is None:
        raise UsageError(f"{path} is not a Python module", hint=f"workbench show {pipeline}")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
        function: Callable[..., ir.Table] = getattr(module, pipeline)
    except FileNotFoundError:
        raise UsageError(f"there is no module {path}", hint=f"workbench show {pipeline}") from None
    except AttributeError as error:
        raise WorkbenchError(f"{path} has no function {pipeline}: {error}", hint=f"workbench show {pipeline}") from None
    return function
