"""The table late.

Promoted by workbench from named_like_module_function.py.
"""

import ibis


def _late(t):
    return t.filter(t.dep_delay > 15)


def late(flights: ibis.Table) -> ibis.Table:
    """The table late.

    Args:
        flights: source flights.
    """
    rows = _late(flights)

    return rows
