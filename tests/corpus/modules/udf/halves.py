"""The table halves.

Promoted by workbench from udf.py.
"""

import ibis


@ibis.udf.scalar.python
def half(x: int) -> float:
    return x / 2


def halves(flights: ibis.Table) -> ibis.Table:
    """The table halves.

    Args:
        flights: source flights.
    """
    return flights.mutate(half_delay=half(flights.dep_delay)).select("origin", "half_delay")
