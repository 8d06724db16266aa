"""The table chosen.

Promoted by workbench from widgets.py.
"""

import datetime

import ibis


def chosen(
    flights: ibis.Table,
    *,
    carrier: str = "all",
    origin: str = "JFK",
    delay: int = 15,
    speed: float = 1.5,
    only_late: bool = True,
    exact: bool = False,
    name: str = "x",
    kind: str = "b",
    day: datetime.date = datetime.date(2013, 1, 1),
    steps: int = 10,
) -> ibis.Table:
    """The table chosen.

    Args:
        flights: source flights.
        carrier: Carrier; one of 'all', 'UA', 'AA'.
        origin: one of 'JFK', 'LGA'.
        delay: an int from 0 to 240.
        speed: a float from 0.0 to 10.0.
        only_late: a bool.
        exact: a bool.
        name: a str.
        kind: one of 'a', 'b'.
        day: a date.
        steps: one of 1, 10, 100.
    """
    rows = flights.filter(flights.origin == origin, flights.day >= day, flights.dep_delay > delay * speed)
    if carrier != "all":
        rows = rows.filter(rows.carrier == carrier)
    if only_late and not exact:
        rows = rows.mutate(kind=ibis.literal(kind), name=ibis.literal(name))
    return rows.filter(rows.dep_delay < steps * 1000).order_by("day")
