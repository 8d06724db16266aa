"""The table late.

Promoted by workbench from lambda_helper.py.
"""

import ibis

is_late = lambda delay: delay > 15


def late(flights: ibis.Table) -> ibis.Table:
    """The table late.

    Args:
        flights: source flights.
    """
    return flights.filter(is_late(flights.dep_delay))
