"""What a slice takes, what it leaves and says about it, and what it knows of inputs and parameters."""

from __future__ import annotations

import pytest

from workbench.model import Check, Input, Parameter

FLIGHTS = 'flights = wb.source("flights")'


def test_dropped_statements_say_why(cut):
    slicing = cut(
        FLIGHTS + '\nleast = wb.param("least", 15)',
        'mo.md("# Text")',
        "chart = flights.head(3)\nlate = flights.filter(flights.dep_delay > least.value)\nmo.ui.table(late.execute())\nlate",
        'wb.output("late", late)',
        'wb.output("others", flights)',
    )
    late = next(each for each in slicing.slices if each.mark.name == "late")
    assert [each.reason for each in late.dropped] == [
        "import that late does not use",
        "import that late does not use",
        "import that late does not use",
        "argument flights",
        "parameter least",
        "text",
        "not needed by late",
        "display",
        "display",
        "output others, a pipeline of its own",
    ]


def test_kept_and_dropped_statements_are_the_whole_notebook(cut):
    slicing = cut(FLIGHTS, "x = 1\ny = 2; z = flights.filter(flights.dep_delay > y)\nprint(x)", 'wb.output("late", z)')
    (late,) = slicing.slices
    lines = {(each.line, each.end_line) for each in (*late.kept, *late.dropped)}
    assert lines == {(9, 9), (10, 10), (11, 11), (17, 17), (23, 23), (24, 24), (25, 25), (31, 31)}


def test_a_mark_is_read_with_everything_it_says(cut):
    slicing = cut(
        FLIGHTS,
        'wb.output("late", flights, key="day", doc=" Late.\\n  Twice. ", columns={"day": "local day"}, '
        'checks=[wb.check.between("dep_delay", -60, 2000), wb.check.not_null("day")], partition_by="day")',
    )
    mark = slicing.slices[0].mark
    assert (mark.name, mark.key, mark.doc, mark.partition_by) == ("late", ("day",), "Late.\nTwice.", "day")
    assert mark.columns == {"day": "local day"}
    assert mark.checks == (Check("between", ("dep_delay",), {"low": -60, "high": 2000}), Check("not_null", ("day",)))


def test_an_output_that_another_one_reads_is_its_input_and_comes_first(cut):
    slicing = cut(FLIGHTS, 'wb.output("a_last", late.limit(3))', 'late = wb.output("z_first", flights)')
    assert [each.mark.name for each in slicing.slices] == ["z_first", "a_last"]
    assert slicing.slices[1].inputs == (Input("z_first", "z_first", "pipeline"),)


def test_the_columns_that_are_named_on_a_source_are_known(cut):
    slicing = cut(
        FLIGHTS,
        'late = flights.filter(flights.dep_delay > 15, ibis._.origin == "JFK").mutate(x=ibis._.made_up)\n'
        'late = late.group_by("also_made_up").agg(n=flights["year"].max())\nflights.columns',
        'wb.output("late", late)',
    )
    assert slicing.slices[0].inputs[0].columns == ("dep_delay", "origin", "year")


def test_parameters_come_in_the_order_in_which_they_are_declared(cut):
    slicing = cut(
        FLIGHTS + '\nb = wb.param("b", 1)\na = mo.ui.slider(0, 9, 3, label="a digit")\nunused = wb.param("unused", 1)',
        'wb.output("late", flights.filter(flights.dep_delay > a.value + b.value))',
    )
    assert slicing.slices[0].parameters == (Parameter("b", "int", 1), Parameter("a", "int", 0, 0, 9, 3, doc="a digit"))
    assert slicing.unused_marks == ("unused",)


def test_a_guard_in_a_cell_that_gives_nothing_holds_when_it_is_about_what_is_used(cut):
    slicing = cut(
        FLIGHTS + '\nleast = wb.param("least", 15)\nother = wb.param("other", 15)',
        'wb.require(least.value > 0, "least")',
        'wb.require(other.value > 0, "other")',
        'wb.output("late", flights.filter(flights.dep_delay > least.value))',
    )
    texts = [line.text for kept in slicing.slices[0].kept for line in kept.lines]
    assert any("least > 0" in text for text in texts)
    assert not any("other" in text for text in texts)


def test_a_guard_after_the_mark_does_not_hold_for_it(cut):
    slicing = cut(FLIGHTS, 'late = wb.output("late", flights)\nassert late is not None')
    assert slicing.refusals == ()
    assert len(slicing.slices[0].kept) == 1


def test_one_refused_output_does_not_refuse_the_other(cut):
    slicing = cut(FLIGHTS, 'wb.output("good", flights)', 'wb.output("bad", flights.mutate(x=ibis.now()))')
    assert {each.mark.name: [refusal.reason.value for refusal in each.refusals] for each in slicing.slices} == {
        "good": [],
        "bad": ["clock"],
    }
    assert not slicing.ok


def test_what_display_cells_do_refuses_nothing(cut):
    slicing = cut(
        FLIGHTS,
        "import datetime, os, random\nprint(datetime.datetime.now(), os.environ, random.random())\n"
        "get_x, set_x = mo.state(1)\nframe = flights.to_pandas()\nmo.stop(len(frame) == 0)\n"
        "table = mo.ui.table(frame)\ntable",
        "len(table.value)\nopen('notes.txt')",
        'wb.output("late", flights)',
    )
    assert slicing.refusals == ()


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("clock = datetime.datetime.now\nrows = flights.filter(flights.day < clock())", "clock"),
        ("from os import environ as settings\nrows = flights.limit(int(settings['N']))", "environment"),
        ("rows = flights.filter(flights.dep_delay > getattr(datetime, 'date').today().day)", "dynamic-names"),
        ("run = flights.to_pandas\nrows = ibis.memtable(run())", "executed"),
        ("rows = flights.filter(flights.dep_delay > [x for x in [1]].__class__.__name__.__len__())", "dynamic-names"),
        ("def f(t):\n    import os as system\n\n    return t.limit(len(system.environ))\n\nrows = f(flights)", "environment"),
        ("rows = ibis.memtable(ibis.Table.to_pandas(flights))", "executed"),
        ("rows = ibis.__dict__['read_csv']('x.csv')", "dynamic-names"),
        ("rows = (lambda t=datetime.date.today(): flights.filter(flights.day < t))()", "clock"),
        ("rows = flights.filter([flights.day < datetime.date.today() for _ in [1]])", "clock"),
        ("class Config:\n    day = datetime.date.today()\n\nrows = flights.filter(flights.day < Config.day)", "clock"),
        ("@ibis.udf.scalar.python\ndef lucky(x: int) -> int:\n    import random\n\n    return random.randint(0, x)\n\n"
         "rows = flights.mutate(x=lucky(flights.dep_delay))", "random"),
    ],
)  # fmt: skip
def test_no_alias_hides_what_the_logic_does(cut, statement, reason):
    slicing = cut(FLIGHTS, "import datetime", statement, 'wb.output("late", rows)')
    assert reason in {refusal.reason.value for refusal in slicing.refusals}


def test_a_name_read_before_it_shadows_a_builtin_for_certain_is_refused(cut):
    slicing = cut(
        FLIGHTS + '\nleast = wb.param("least", 15)',
        "if least.value > 20:\n    max = lambda a, b: a\nrows = flights.filter(flights.dep_delay > max(1, 2))",
        'wb.output("late", rows)',
    )
    assert [refusal.reason.value for refusal in slicing.refusals] == ["undefined-name"]


def test_functions_see_the_variables_at_the_time_of_the_call(module):
    text = module(
        FLIGHTS,
        "_n = 1\ndef keep(t):\n    return t.filter(t.dep_delay > _n)\n\n_n = 2\nrows = keep(flights)\n_n = 3",
        'wb.output("late", rows)',
    ).text
    assert "_n = 2" in text
    assert "_n = 3" not in text
