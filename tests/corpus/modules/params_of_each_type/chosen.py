"""The table chosen.

Promoted by workbench from params_of_each_type.py.
"""

import datetime

import ibis


def chosen(
    flights: ibis.Table,
    *,
    share: float = 0.5,
    origin: str = "JFK",
    only_late: bool = True,
    since: datetime.date = datetime.date(2013, 1, 1),
) -> ibis.Table:
    """The table chosen.

    Args:
        flights: source flights.
        share: a float from 0.0 to 1.0.
        origin: airport; one of 'JFK', 'LGA', 'EWR'.
        only_late: a bool.
        since: a date.
    """
    rows = flights.filter(flights.origin == origin, flights.day >= since)
    if only_late:
        rows = rows.filter(rows.dep_delay > 60 * share)
    return rows
