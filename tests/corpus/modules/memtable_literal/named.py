"""The table named.

Promoted by workbench from memtable_literal.py.
"""

import ibis


def named(flights: ibis.Table) -> ibis.Table:
    """The table named.

    Args:
        flights: source flights.
    """
    names = ibis.memtable(
        [("JFK", "Kennedy"), ("LGA", "La Guardia")],
        columns=["origin", "name"],
    )

    return flights.join(names, "origin").select("name", "dep_delay")
