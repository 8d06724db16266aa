"""The table late.

Promoted by workbench from argument_shadows_in_lambda.py.
"""

import ibis


def late(flights: ibis.Table) -> ibis.Table:
    """The table late.

    Args:
        flights: source flights.
    """
    rows = flights.filter(lambda flights: flights.dep_delay > 15)

    return rows
