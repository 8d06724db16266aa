"""Marked cells and just what they need, or refusals: the cut itself.

Nothing of the notebook is run. Whatever leaves a doubt becomes a :class:`~workbench.promote.refusal.Refusal`.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from workbench.model import Input, OutputMark, Parameter
from workbench.promote.edits import Line
from workbench.promote.notebook import Notebook
from workbench.promote.refusal import Refusal

if TYPE_CHECKING:
    from workbench.promote.program import Program

Place = Literal["module", "body", "return"]


@dataclass(frozen=True, slots=True)
class Import:
    """One imported name that a module needs."""

    module: str
    member: str | None
    alias: str | None
    level: int
    cell: int
    line: int


@dataclass(frozen=True, slots=True)
class Kept:
    """One statement of the notebook that goes into the module.

    ``line`` and ``end_line`` are 1-based lines of the file; ``lines`` its text with names and marks replaced.
    ``apart`` says that an empty line stands above it.
    """

    place: Place
    cell: int
    line: int
    end_line: int
    lines: tuple[Line, ...]
    apart: bool


@dataclass(frozen=True, slots=True)
class Dropped:
    """One statement of the notebook that does not go into the module, and why."""

    cell: int
    line: int
    end_line: int
    reason: str


@dataclass(frozen=True, slots=True)
class Slice:
    """One marked output with what it needs. With ``refusals``, no module can be built of it.

    ``cells`` are the indexes of the cells that give a statement, in the file's order; ``note`` is the markdown directly
    above the marked cell. ``helpers`` are modules of the workspace that are packaged along, as pairs of path and text.
    """

    mark: OutputMark
    cell: int
    inputs: tuple[Input, ...] = ()
    parameters: tuple[Parameter, ...] = ()
    cells: tuple[int, ...] = ()
    imports: tuple[Import, ...] = ()
    kept: tuple[Kept, ...] = ()
    dropped: tuple[Dropped, ...] = ()
    note: str = ""
    helpers: tuple[tuple[str, str], ...] = ()
    refusals: tuple[Refusal, ...] = ()


@dataclass(frozen=True, slots=True)
class Slicing:
    """All outputs of a notebook, those that others read first, and everything that was refused.

    ``parameters`` are those of all outputs; ``unused_marks`` the names of marked sources and parameters that no output
    needs.
    """

    notebook: Notebook
    slices: tuple[Slice, ...]
    refusals: tuple[Refusal, ...]
    parameters: tuple[Parameter, ...] = ()
    unused_marks: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether every output can be promoted."""
        return not self.refusals


def slice_notebook(notebook: Notebook, sources: Collection[str], program: Program | None = None) -> Slicing:
    """The slices of all marked outputs; ``sources`` are the names declared in ``[tool.workbench.sources]``.

    ``program`` is the notebook's, where it was read already.
    Raises ``NotebookError`` when the notebook marks nothing or the names of its outputs can't stand.
    """
    from workbench.promote.cut import Cutter
    from workbench.promote.marks import read_marks
    from workbench.promote.program import read_program
    from workbench.promote.queries import read_queries

    program, queries = read_queries(read_program(notebook) if program is None else program)
    marks = read_marks(program, sources)
    general = tuple(sorted({*program.refusals, *marks.refusals}))
    cutter = Cutter(program, marks, queries)
    cuts = {output.mark.name: cutter.cut(output, general) for output in marks.outputs}
    slices = _upstream_first([cut.slice for cut in cuts.values()])
    refusals = sorted({*general, *(refusal for each in slices for refusal in each.refusals)})
    parameters = {parameter.name: parameter for each in slices for parameter in each.parameters}
    used = {name for cut in cuts.values() for name in cut.used}
    marked = [*marks.sources.values(), *(widget.parameter.name for widget in marks.widgets.values() if widget.parameter)]
    unused = tuple(name for name in dict.fromkeys(marked) if name not in used)
    return Slicing(notebook, tuple(slices), tuple(refusals), tuple(parameters.values()), unused)


def _upstream_first(slices: list[Slice]) -> list[Slice]:
    """Slices such that those which others read come first, else by name."""
    by_name = {each.mark.name: each for each in sorted(slices, key=lambda each: each.mark.name)}
    ordered: dict[str, Slice] = {}

    def place(each: Slice) -> None:
        for read in each.inputs:
            if read.kind == "pipeline" and read.name in by_name and read.name not in ordered:
                place(by_name[read.name])
        ordered.setdefault(each.mark.name, each)

    for each in by_name.values():
        place(each)
    return list(ordered.values())
