"""The table late.

Promoted by workbench from lambda_over_widget.py.
"""

import ibis


def late(flights: ibis.Table, *, longest: int = 15) -> ibis.Table:
    """The table late.

    Args:
        flights: source flights.
        longest: an int from 0 to 100.
    """
    return flights.filter(lambda t: t.dep_delay > longest)
