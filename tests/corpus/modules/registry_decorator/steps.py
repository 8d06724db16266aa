"""The table steps.

Promoted by workbench from registry_decorator.py.
"""

import ibis


def steps(flights: ibis.Table) -> ibis.Table:
    """The table steps.

    Args:
        flights: source flights.
    """
    STEPS = []

    def step(function):
        STEPS.append(function)
        return function

    @step
    def late(t):
        return t.filter(t.dep_delay > 15)

    @step
    def small(t):
        return t.select("origin", "dep_delay")

    rows = flights
    for each in STEPS:
        rows = each(rows)

    return rows
