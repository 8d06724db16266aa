"""Generated notebooks: whatever is promoted computes what its notebook computes, and noise changes nothing."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from workbench.promote.module import build_module
from workbench.promote.notebook import Notebook, parse_notebook
from workbench.promote.slice import Slicing, slice_notebook

SOURCES = ("airports", "flights", "planes")
HEAD = 'import marimo\n\n__generated_with = "0.25.2"\napp = marimo.App()'
QUICK = settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
REAL = settings(max_examples=12, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


@dataclass(frozen=True)
class Sheet:
    """A generated notebook: logic cells in any order, and display cells among them."""

    logic: tuple[str, ...]
    display: tuple[str, ...]
    order: tuple[int, ...] = ()
    values: dict[str, Any] = field(default_factory=dict)

    def notebook(self, seed: int | None = None, *, shuffle_all: bool = False) -> Notebook:
        """The notebook; ``seed`` puts the display cells elsewhere, or all cells with ``shuffle_all``."""
        cells = [*self.logic, *self.display] if seed is None else list(self.logic)
        if seed is not None:
            chance = random.Random(seed)
            if shuffle_all:
                cells += self.display
                chance.shuffle(cells)
            else:
                for each in self.display:
                    cells.insert(chance.randint(0, len(cells)), each)
        bodies = [
            "@app.cell\ndef _():\n" + "\n".join(f"    {line}" if line else "" for line in cell.split("\n")) + "\n    return"
            for cell in cells
        ]
        return parse_notebook("\n\n\n".join([HEAD, *bodies]) + "\n", Path("notebooks/generated.py"))


STEPS = (
    # {t} is the table read, {o} the one made, {n} a number, {w} a widget's value, {c} a column name that is new
    "{o} = {t}.filter({t}.dep_delay > {n})",
    "{o} = {t}.filter(ibis._.dep_delay > {w})",
    "_x = {t}.mutate({c}=ibis._.dep_delay + {n})  # a comment\n{o} = _x.filter(_x.{c} > {w})",
    "_x = {t}\nfor _n in [{n}, {w}]:\n    # one bound at a time\n    _x = _x.filter(_x.arr_delay > _n)\n{o} = _x",
    "def keep_{o}(table, low={n}):\n    return table.filter(table.dep_delay > low)\n\n{o} = keep_{o}({t})",
    "def keep_{o}(table):\n    return table.filter(table.dep_delay > {w})\n\n"
    "{o} = keep_{o}({t}).mutate({c}=ibis.literal(f'over {{{w}}}'))",
    "names_{o} = ['origin', 'carrier']\nnames_{o}.append('dep_delay')\n"
    "{o} = {t}.mutate({c}=ibis.coalesce(*[{t}[_k] for _k in names_{o}[:2]]))",
    "_d = {{'low': {n}}}\n_d['high'] = {n} + 50\n{o} = {t}.filter({t}.dep_delay.between(*sorted(_d.values())))",
    "_total = {t}.dep_delay\n_total += {n}\n{o} = {t}.mutate({c}=_total)",
    "if {w} > {n}:\n    {o} = {t}.filter({t}.origin == 'JFK')\nelse:\n    {o} = {t}",
    "try:\n    _low = int('{n}')\nexcept ValueError as error:\n    _low = 0\n{o} = {t}.filter({t}.dep_delay >= _low)",
    "match {w} % 2:\n    case 0:\n        {o} = {t}\n    case _:\n        {o} = {t}.filter({t}.carrier != 'UA')",
    "{o}, _rest = {t}.filter((_late := {t}.dep_delay > {n})), [{n}]\nlen(_rest)",
    "_keep = lambda table, n={n}: table.filter(table.dep_delay > n)\n{o} = _keep({t})",
    "class Band_{o}:\n    low = {n}\n\n    def cut(self, table):\n        return table.filter(table.dep_delay > self.low)\n\n"
    "{o} = Band_{o}().cut({t})",
    "_a = [{n}]\n_b = _a\n_b.append({w})\n{o} = {t}.filter({t}.dep_delay > max(_a))",
    "def _add(into, value):\n    into.append(value)\n\n_all = []\n_add(_all, {n})\n_add([], {n})\n"
    "{o} = {t}.filter({t}.arr_delay > sum(_all))",
    "{o} = {t}.join(wb.source('planes'), 'tailnum', how='semi')",
)
NOISE = (
    "{t}.limit(3)",
    "mo.md(f'rows of {t}')",
    "chart_{o} = {t}.head(2)\nchart_{o}",
    "print({n})\nshown_{o} = [{n}]\nshown_{o}.append(4)",
)
CHANGES = (  # some may be taken, some refused; none may go wrong
    "_p = {l}\n_p.append({n})",
    "{l}.append({n})",
    "{l}[0] = {n}",
    "grow({l})",
    "shown_{l} = [each + 1 for each in {l}]",
    "copy_{l} = list({l})\ncopy_{l}.append({n})",
    "holder_{l} = {{'all': {l}}}\nholder_{l}['all'].clear()",
)


@st.composite
def sheets(draw: st.DrawFn, changes: bool = False) -> Sheet:
    cells = ["import ibis\nimport marimo as mo\nimport workbench as wb", 'flights = wb.source("flights")']
    cells.append('least = wb.param("least", 5, ge=0, le=60)\nmo.md("widgets")\nmost = mo.ui.slider(0, 90, value=30)')
    tables, display = ["flights"], []
    if changes:
        cells.append("def grow(items):\n    items.append(50)")
        cells.append("bounds = [3, 8]")
        cells.append(draw(st.sampled_from(CHANGES)).format(l="bounds", n=draw(st.integers(0, 40))))
        cells.append("bounded = flights.filter(flights.dep_delay > sum(bounds))")
        tables.append("bounded")
    for number in range(draw(st.integers(1, 5))):
        made = f"t{number}"
        words = {
            "t": draw(st.sampled_from(tables)),
            "o": made,
            "n": draw(st.integers(0, 40)),
            "w": draw(st.sampled_from(["least.value", "most.value"])),
            "c": f"c{number}",
        }
        parts = [draw(st.sampled_from(STEPS)).format(**words)]
        if draw(st.booleans()):
            parts.insert(draw(st.integers(0, 1)), draw(st.sampled_from(NOISE[:2])).format(**words))
        cells.append("\n".join(parts))
        tables.append(made)
        if draw(st.booleans()):
            display.append(draw(st.sampled_from(NOISE)).format(**{**words, "t": made, "o": f"d{number}"}))
    cells.append(f'out = wb.output("first_out", {tables[-1]}.select("origin", "carrier", "dep_delay", "arr_delay"))')
    if draw(st.booleans()):
        cells.append('wb.output("second_out", out.group_by("origin").aggregate(n=out.count()), key="origin")')
    return Sheet(tuple(cells), tuple(display), values={"least": draw(st.integers(0, 60)), "most": draw(st.integers(0, 90))})


def texts(slicing: Slicing) -> dict[str, str]:
    return {cut.mark.name: build_module(cut, slicing.notebook).text for cut in slicing.slices}


def logic(slicing: Slicing) -> dict[str, str]:
    return {cut.mark.name: build_module(cut, slicing.notebook).logic_sha256 for cut in slicing.slices}


@pytest.fixture(scope="module")
def run_both(sandbox_file: Path, tmp_path_factory: pytest.TempPathFactory, twin_class: Any) -> Any:
    """Runs a notebook and its modules at some values; both results."""
    twin = twin_class(sandbox_file, tmp_path_factory.mktemp("generated"))

    def run(slicing: Slicing, values: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        used = {each.name: values[each.name] for each in slicing.parameters}
        theirs = twin.notebook(slicing.notebook, used, slicing)
        ours = {cut.mark.name: twin.module(cut, build_module(cut, slicing.notebook), used) for cut in slicing.slices}
        return theirs, ours

    return run


@given(sheet=sheets())
@REAL
def test_a_module_computes_what_its_notebook_computes(sheet: Sheet, run_both: Any):
    slicing = slice_notebook(sheet.notebook(1, shuffle_all=True), SOURCES)
    assert slicing.refusals == ()
    for values in ({"least": 5, "most": 30}, sheet.values):
        theirs, ours = run_both(slicing, values)
        assert ours == theirs


@given(sheet=sheets(changes=True))
@REAL
def test_a_change_in_place_is_refused_or_right(sheet: Sheet, run_both: Any):
    slicing = slice_notebook(sheet.notebook(), SOURCES)
    if slicing.refusals == ():
        theirs, ours = run_both(slicing, sheet.values)
        assert ours == theirs
    else:
        assert {refusal.reason.value for refusal in slicing.refusals} == {"mutation"}


@given(sheet=sheets())
@QUICK
def test_slicing_twice_gives_the_same_module(sheet: Sheet):
    one, two = (slice_notebook(sheet.notebook(), SOURCES) for _ in range(2))
    assert texts(one) == texts(two)
    assert [cut.dropped for cut in one.slices] == [cut.dropped for cut in two.slices]


@given(sheet=sheets(), seed=st.integers(0, 999))
@QUICK
def test_moving_display_cells_changes_nothing(sheet: Sheet, seed: int):
    assert logic(slice_notebook(sheet.notebook(seed), SOURCES)) == logic(slice_notebook(sheet.notebook(), SOURCES))


@given(sheet=sheets(), seed=st.integers(0, 999))
@QUICK
def test_the_order_of_cells_in_the_file_changes_nothing(sheet: Sheet, seed: int):
    assert texts(slice_notebook(sheet.notebook(seed, shuffle_all=True), SOURCES)) == texts(
        slice_notebook(sheet.notebook(), SOURCES)
    )


@given(sheet=sheets())
@QUICK
def test_renaming_private_names_changes_no_logic(sheet: Sheet):
    renamed = Sheet(
        tuple(re.sub(r"(?<![\w.])_(x|n|k|d|total|low|a|b|all|keep)\b", r"_my_\1", cell) for cell in sheet.logic), sheet.display
    )
    assert logic(slice_notebook(renamed.notebook(), SOURCES)) == logic(slice_notebook(sheet.notebook(), SOURCES))


@given(sheet=sheets())
@QUICK
def test_the_slice_of_a_slice_is_itself(sheet: Sheet):
    slicing = slice_notebook(sheet.notebook(), SOURCES)
    cut = slicing.slices[0]
    module = build_module(cut, slicing.notebook)
    again = slice_notebook(as_notebook(module.text, cut), SOURCES)
    assert again.refusals == ()
    assert build_module(again.slices[0], again.notebook).logic_sha256 == module.logic_sha256


def as_notebook(text: str, cut: Any) -> Notebook:
    """The module as a notebook again: one cell of its imports, one of its inputs and parameters, one of all the rest."""
    lines = text.split("\n")
    body = lines.index(next(line for line in lines if line.startswith("def first_out") or line == f"def {cut.mark.name}("))
    top = [line for line in lines[:body] if not line.startswith(("import ", '"""', "Promoted by"))]
    start = next(i for i in range(body, len(lines)) if lines[i].strip() == '"""' or (i > body + 1 and lines[i].endswith('"""')))
    inner = [line[4:] for line in lines[start + 1 :]]
    marked = "\n".join([*top[top.index("") + 1 :], *inner])
    before, _, expr = marked.rpartition("\nreturn ")
    inputs = [f'{each.argument} = wb.source("{each.name}")' for each in cut.inputs]
    parameters = [
        f'{each.name} = wb.param("{each.name}", {each.default}, ge={each.ge}, le={each.le})' for each in cut.parameters
    ]
    for each in cut.parameters:
        before = re.sub(rf"(?<![\w.'\"]){each.name}\b(?!=)", f"{each.name}.value", before)
    imports = "import ibis\nimport workbench as wb\nimport marimo as mo"
    mark = f'{before.strip()}\nwb.output("{cut.mark.name}", {expr.strip()})'.strip()
    return Sheet((imports, "\n".join(inputs), "\n".join(parameters) or "1", mark), ()).notebook()
