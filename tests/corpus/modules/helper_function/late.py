"""The table late.

Promoted by workbench from helper_function.py.
"""

import ibis


def is_late(delay, limit=15):
    """Whether a departure is late; cancelled flights are not."""
    # cancelled flights have no delay
    return (delay > limit).fill_null(False)


def late(flights: ibis.Table) -> ibis.Table:
    """The table late.

    Args:
        flights: source flights.
    """
    return flights.filter(is_late(flights.dep_delay))
