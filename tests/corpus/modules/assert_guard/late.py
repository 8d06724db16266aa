"""The table late.

Promoted by workbench from assert_guard.py.
"""

import ibis


def late(flights: ibis.Table, *, min_delay: int = 15) -> ibis.Table:
    """The table late.

    Args:
        flights: source flights.
        min_delay: an int from 0 to 240.
    """
    assert min_delay >= 0, "not negative"
    if min_delay > 200:
        raise ValueError("too late")
    return flights.filter(flights.dep_delay > min_delay)
