"""The table picked_columns.

Promoted by workbench from seeded_random.py.
"""

import random

import ibis


def picked_columns(flights: ibis.Table) -> ibis.Table:
    """The table picked_columns.

    Args:
        flights: source flights.
    """
    PICK = random.Random(7).randint(0, 9)

    return flights.filter(flights.dep_delay % 10 == PICK)
