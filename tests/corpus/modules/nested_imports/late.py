"""The table late.

Promoted by workbench from nested_imports.py.
"""

import ibis


def mean(values):
    import statistics

    return statistics.mean(values)


def late(flights: ibis.Table) -> ibis.Table:
    """The table late.

    Args:
        flights: source flights.
    """
    return flights.filter(flights.dep_delay > mean([10, 20]))
