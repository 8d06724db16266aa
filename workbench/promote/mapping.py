"""Which line of a module comes from which line of the notebook, and what became of the lines that are not in it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from workbench.model import SCHEMA_VERSION
from workbench.promote.module import MappedLine, Module
from workbench.promote.notebook import Notebook
from workbench.promote.slice import Dropped, Slice


@dataclass(frozen=True, slots=True)
class MappedCell:
    """The text of one cell; ``line`` is the 1-based line of the file where it begins."""

    cell: int
    label: str
    line: int
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the notebook beside one of the module; each side may be empty, with the number 0.

    ``reason`` says, at the first line of a dropped statement, why it is not in the module; ``dropped`` holds for all of its
    lines. ``ours`` marks lines of the module that no line of the notebook gave.
    """

    cell: int | None
    line: int = 0
    text: str = ""
    dropped: bool = False
    reason: str = ""
    module_line: int = 0
    module_text: str = ""
    ours: bool = False


@dataclass(frozen=True, slots=True)
class Map:
    """A notebook beside the module of one of its outputs, with all that is needed to show both."""

    pipeline: str
    notebook: str
    cells: tuple[MappedCell, ...]
    dropped: tuple[Dropped, ...]
    lines: tuple[MappedLine, ...]
    module: str

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values; the module's text is a file of its own."""
        plain = asdict(self)
        del plain["module"]
        return {"schema_version": SCHEMA_VERSION, **plain}

    @classmethod
    def from_json(cls, plain: dict[str, Any], module: str) -> Map:
        """A stored map, with the text of its module."""
        return cls(
            plain["pipeline"],
            plain["notebook"],
            tuple(MappedCell(**{**cell, "lines": tuple(cell["lines"])}) for cell in plain["cells"]),
            tuple(Dropped(**each) for each in plain["dropped"]),
            tuple(MappedLine(**each) for each in plain["lines"]),
            module,
        )

    def told(self, row: Row) -> str:
        """What became of a dropped statement, in words; nothing for other rows."""
        kind, _, name = row.reason.partition(" ")
        if not row.reason or kind not in ("argument", "parameter"):
            return row.reason and f"left out: {row.reason}"
        taken = re.search(rf"\b{re.escape(name)}: ", self.module) is not None
        return f"becomes {kind} {name}" if taken else f"left out: {kind} {name}, which {self.pipeline} does not take"

    def rows(self) -> Iterator[Row]:
        """The notebook in its order, with the lines of the module beside those that they come from.

        The module's own head, up to the first line that the notebook gave, comes first, with ``cell`` None. Later lines of
        its own stand with the line that they continue, or after an empty line with the one that they precede.
        """
        texts = self.module.rstrip("\n").split("\n")
        origin = {each.line: (each.cell, each.source_line) for each in self.lines}
        first, last = min(origin, default=len(texts) + 1), max(origin, default=0)
        for number in range(1, first):
            yield Row(None, module_line=number, module_text=texts[number - 1], ours=True)
        beside: dict[tuple[int, int], list[int]] = {}
        waiting: list[int] = []
        place = origin.get(first, (0, 0))
        for number in range(first, len(texts) + 1):
            if number in origin:
                place = origin[number]
                beside.setdefault(place, []).extend([*waiting, number])
                waiting = []
            elif number > last or (texts[number - 1] and not waiting):
                beside[place].append(number)
            else:
                waiting.append(number)
        for cell in self.cells:
            yield from self._cell(cell, beside, origin, texts)

    def _cell(
        self, cell: MappedCell, beside: dict[tuple[int, int], list[int]], origin: dict[int, tuple[int, int]], texts: list[str]
    ) -> Iterator[Row]:
        for line, text in enumerate(cell.lines, start=cell.line):
            gone = next((each for each in self.dropped if each.cell == cell.cell and each.line <= line <= each.end_line), None)
            reason = gone.reason if gone is not None and gone.line == line else ""
            numbers = beside.get((cell.cell, line), [])
            own = [number for number in numbers if number in origin]
            for number in [each for each in numbers if not own or each < own[0]]:
                yield Row(cell.cell, module_line=number, module_text=texts[number - 1], ours=True)
            first = own[0] if own else 0
            yield Row(cell.cell, line, text, gone is not None and not own, reason, first, texts[first - 1] if first else "")
            for number in [each for each in numbers if own and each > own[0]]:
                yield Row(cell.cell, module_line=number, module_text=texts[number - 1], ours=number not in origin)


def build_map(cut: Slice, module: Module, notebook: Notebook) -> Map:
    """The map of a slice and the module that was built of it."""
    cells = tuple(
        MappedCell(cell.index, cell.label, cell.line, tuple(cell.code.split("\n")))
        for cell in notebook.cells
        if cell.code.strip()
    )
    lines = _completed(
        module, {(cell.cell, number): text for cell in cells for number, text in enumerate(cell.lines, cell.line)}
    )
    return Map(cut.mark.name, notebook.title, cells, cut.dropped, lines, module.text)


def _completed(module: Module, notebook: dict[tuple[int, int], str]) -> tuple[MappedLine, ...]:
    """The module's own map, which knows where code begins, with the comments and closing brackets around it."""
    texts = dict(enumerate(module.text.split("\n"), start=1))
    known = {each.line: (each.cell, each.source_line) for each in module.line_map}
    taken = set(known.values())
    for step, numbers in ((1, sorted(texts)), (-1, sorted(texts, reverse=True))):
        for number in numbers:
            if number in known or number - step not in known or not texts[number].strip():
                continue
            cell, line = known[number - step]
            there = (cell, line + step)
            if there not in taken and notebook.get(there, "").strip() == texts[number].strip():
                known[number] = there
                taken.add(there)
    return tuple(MappedLine(number, *place) for number, place in sorted(known.items()))
