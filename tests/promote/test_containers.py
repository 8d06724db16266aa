"""A container that is changed after it was made: the change goes along, however the container came about."""

from __future__ import annotations

import pytest

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
