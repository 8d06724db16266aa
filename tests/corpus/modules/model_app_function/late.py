"""The table late.

Promoted by workbench from model_app_function.py.
"""

import ibis


def late_rows(flights):
    return flights.filter(flights.dep_delay > 15)


def late(flights: ibis.Table) -> ibis.Table:
    """The table late.

    Args:
        flights: source flights.
    """
    return late_rows(flights)
