"""The table step_a.

Promoted by workbench from output_chain_of_three.py.
"""

import ibis


def step_a(flights: ibis.Table) -> ibis.Table:
    """The table step_a.

    Args:
        flights: source flights.
    """
    return flights.select("origin", "dep_delay")
