"""The table o1.

Promoted by workbench from dictionary_views.py.
"""

import ibis


def o1(flights: ibis.Table) -> ibis.Table:
    """The table o1.

    Args:
        flights: source flights.
    """
    d = {"a": 5, "b": 50}
    del d["a"]
    v = min(d.values())

    return flights.filter(flights.dep_delay > v)
