"""A container that is changed after it was made: the change goes along, however the container came about."""

from __future__ import annotations

import ast

import pytest

from workbench.promote.module import build_module
from workbench.promote.refusal import Reason

MADE = """
names = ["UA", "AA"]
nested = [["UA"], ["AA"]]
by_name = {"a": ["UA"], "b": ["AA"]}
def make(given=None):
    return ["UA"]
"""
EXPRESSIONS = (
    "names[:1]", "names[::-1]", "sorted(names)", "list(reversed(names))", "names * 2", "names + names", "names or []",
    "names if names else []", "[*names]", "names.copy()", "'a,b'.split(',')", "'a b'.splitlines()", "list(map(str, names))",
    "[each for each in names]", "list(zip(names, names))", "list(by_name)", "list(by_name.values())", "by_name.get('b', [])",
    "by_name.setdefault('b', [])", "by_name.pop('a')", "nested[0]", "nested[0][:1]", "nested[:1]", "nested[0] + []",
    "(lambda: ['x'])()", "make()", "make(names)", "max(nested, key=len)", "sum(nested, [])", "next(iter(nested))",
    "copy.copy(names)", "copy.deepcopy(nested)", "functools.reduce(lambda a, b: a + b, nested)", "list(flights.columns)",
    "list(itertools.chain(names, names))", "re.findall('a', 'aa')", "re.compile('a').findall('aa')", "json.loads('[]')",
    "re.split('a', 'aa')", "(names, names)[0]", "[names][0]", "{'k': names}['k']", "type(names)(names)", "(other := names[:1])",
    "operator.add(names, names)", "operator.itemgetter(0)(nested)", "statistics.multimode(names)", "list(dict.fromkeys(names))",
)  # fmt: skip
IMPORTS = "import copy, functools, itertools, json, operator, re, statistics"


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_a_change_of_what_an_expression_made_is_kept(module, expression):
    made = module(
        f'{IMPORTS}\nflights = wb.source("flights")',
        f'{MADE}\npart = {expression}\npart.append("B6")\nwb.output("late", flights.filter(flights.carrier.isin(part)))',
    )
    assert "part.append" in made.text


@pytest.mark.parametrize(
    "target", ["first, *part = names", "(first, *part), last = names, 1", "for first, *part in nested: pass"]
)
def test_the_rest_of_what_is_unpacked_is_a_list_of_its_own(module, target):
    made = module(
        'flights = wb.source("flights")',
        f'{MADE}\n{target}\npart.append("B6")\nwb.output("late", flights.filter(flights.carrier.isin(part)))',
    )
    assert "part.append" in made.text


SEVERAL = 'carriers = wb.param("carriers", ["UA"], choices=["UA", "AA"])\nflights = wb.source("flights")'


@pytest.mark.parametrize(
    "change",
    [
        "carriers.value.append('AA')",
        "part = carriers.value\npart.append('AA')",
        "part = carriers.value\nother = part\nother += ['AA']",
        "def grow(names):\n    names.append('AA')\ngrow(carriers.value)",
        "(part := carriers.value)\npart.append('AA')",
    ],
)
def test_the_value_of_a_parameter_that_is_a_list_is_not_changed_in_place(cut, change):
    slicing = cut(SEVERAL, f'{change}\nwb.output("late", flights.filter(flights.carrier.isin(carriers.value)))')
    assert {(each.reason, each.name) for each in slicing.refusals} == {(Reason.MUTATION, "carriers")}


@pytest.mark.parametrize(
    "copied", ["[*carriers.value]", "list(carriers.value)", "carriers.value[:]", "carriers.value + ['B6']"]
)
def test_a_copy_of_a_parameter_that_is_a_list_may_be_changed(module, copied):
    made = module(SEVERAL, f'part = {copied}\npart.append("AA")\nwb.output("late", flights.filter(flights.carrier.isin(part)))')
    assert "part.append" in made.text


HOLDERS = """
part = ["UA", "AA"]
def grow(names):
    names.append("B6")
def grow_part(name=None):
    part.append("B6")
    return 1
def outer():
    grow_part()
def same(given):
    return given
def with_default(name, into=part):
    into.append(name)
def calls_default():
    with_default("B6")
def lazily(names):
    names.append("B6")
    yield 1
in_lambda = lambda name, into=part: into.append(name)
class Holder:
    def __init__(self, names):
        self.names = names
    def grow(self):
        self.names.append("B6")
    def grow_other(self):
        part.append("B6")
class Restless(Holder):
    def __add__(self, other):
        self.names.append("B6")
class Sharing:
    names = part
    def grow(self, name):
        self.names.append(name)
    @classmethod
    def grow_class(cls, name):
        cls.names.append(name)
    @staticmethod
    def grow_static(name):
        part.append(name)
@dataclasses.dataclass
class Record:
    names: list = dataclasses.field(default_factory=lambda: part)
"""
CHANGES = (
    "del part[0]", "part[0:1] = []", "part += ['x']", "part *= 2", "part[0], last = 'x', 1", "(part)[0] = 'x'",
    "for part[0] in 'ab': pass", "every = [part[0] for part[0] in 'ab']", "part.__setitem__(0, 'x')", "part.sort()",
    "with contextlib.nullcontext('x') as part[0]: pass", "with contextlib.nullcontext(part) as held: held.append('x')",
    "heapq.heappush(part, 'x')", "bisect.insort(part, 'x')", "operator.setitem(part, 0, 'x')", "operator.iadd(part, ['x'])",
    "list.append(part, 'x')", "getattr(part, 'append')('x')", "add = getattr(part, 'append'); add('x')",
    "add = part.append; add('x')", "functools.partial(part.append, 'x')()", "list(map(part.append, 'ab'))",
    "every = [part.append(each) for each in 'ab']", "every = any(part.append(each) for each in 'ab')",
    "every = {each: part.append(each) for each in 'ab'}", "every = f'{part.pop()}'", "last = part.pop() if part else None",
    "adders = {'a': part.append}; adders['a']('x')", "adders = [part.append]; adders[0]('x')",
    "for add in [part.append]: add('x')", "(lambda: part.append('x'))()", "in_lambda('x')", "grow(part)", "grow(names=part)",
    "grow(*[part])", "grow(**{'names': part})", "outer()", "with_default('x')", "calls_default()", "same(part).append('x')",
    "same(same(part)).append('x')", "list(lazily(part))", "for each in lazily(part): pass", "list(map(grow_part, 'ab'))",
    "sorted([1, 2], key=grow_part)", "functools.reduce(lambda a, b: part.append(b), 'abc')", "later = part; later[0] = 'x'",
    "box = {'p': part}; box['p'].append('x')", "box = (part, 1)\nbox[0].append('x')", "one, two = part, 1; one.append('x')",
    "for each in [part]: each.append('x')", "for index, each in enumerate([part]): each.append('x')",
    "(part or []).append('x')", "(part if part else []).append('x')", "Holder(part).grow()", "Holder([]).grow_other()",
    "held = Holder(part); held.grow()", "held = Holder(part); held.names.append('x')", "Holder.grow(Holder(part))",
    "Restless(part) + 1", "held = Restless(part); held + 1", "Sharing.names.append('x')", "Sharing.grow_class('x')",
    "Sharing.grow_static('x')", "Sharing().grow('x')", "Record().names.append('x')", "Record(part).names.append('x')",
    "held = collections.UserList(part); held.data.append('x')", "contextlib.ExitStack().callback(part.append, 'x')",
    "assert part.append('x') is None", "while len(part) < 4: part.append('x')", "str(part.append('x'))",
)  # fmt: skip
MORE_IMPORTS = "import bisect, collections, contextlib, dataclasses, functools, heapq, operator"


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_is_kept_whatever_its_form(module, change):
    made = module(
        f'{MORE_IMPORTS}\nflights = wb.source("flights")',
        f'{HOLDERS}\n{change}\nwb.output("late", flights.filter(flights.carrier.isin(part)))',
    )
    kept = ast.unparse(ast.parse(made.text))
    for statement in ast.parse(change).body[-1:]:
        assert ast.unparse(statement).splitlines()[0] in kept


@pytest.mark.parametrize("name", ["globals", "locals", "vars"])
def test_the_names_of_a_notebook_as_a_dictionary_are_refused(cut, name):
    slicing = cut(
        'flights = wb.source("flights")',
        f'part = ["UA"]\n{name}()["part"].append("x")\nwb.output("late", flights.filter(flights.carrier.isin(part)))',
    )
    assert [each.reason for each in slicing.refusals] == [Reason.DYNAMIC_NAMES]


@pytest.mark.drill
@pytest.mark.parametrize("change", CHANGES)
def test_a_change_that_is_kept_has_the_notebooks_effect(cut, twin, change):
    slicing = cut(
        f'{MORE_IMPORTS}\nflights = wb.source("flights")',
        f'{HOLDERS}\n{change}\nwb.output("late", flights.limit(1).select(part=ibis.literal(str(part))))',
    )
    theirs = twin.notebook(slicing.notebook, {}, slicing)
    (late,) = slicing.slices
    assert twin.module(late, build_module(late, slicing.notebook), {}) == theirs["late"]
