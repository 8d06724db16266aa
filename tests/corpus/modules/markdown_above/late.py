"""Late departures.

## Why late departures

Passengers ask; `dep_delay` is NULL for *cancelled* flights (C:\\data "quoted").

Promoted by workbench from markdown_above.py.
"""

import ibis


def late(flights: ibis.Table) -> ibis.Table:
    """Late departures.

    Args:
        flights: source flights.
    """
    return flights.filter(flights.dep_delay > 15)
