"""Departures of each day and airport, and how many of them were late.

## Late departures

Late is a flight that left more than `min_delay` minutes after schedule. Cancelled flights did not leave: they are
counted on their own and are no part of the rate.

Promoted by workbench from notebooks/departure_delays.py.
"""

import ibis


def late_departures(
    flights: ibis.Table, planes: ibis.Table, *, min_delay: int = 15, carrier: str = "all"
) -> ibis.Table:
    """Departures of each day and airport, and how many of them were late.

    Args:
        flights: source flights.
        planes: source planes.
        min_delay: minutes after schedule from which a departure is late; an int from 0 to 240.
        carrier: Carrier; one of 'all', 'B6', 'UA'.
    """
    departures = flights.mutate(day=ibis.date(flights.year, flights.month, flights.day))
    if carrier != "all":
        departures = departures.filter(departures.carrier == carrier)
    # The registry does not know every plane: such a flight stays, without seats.
    departures = departures.left_join(planes.select("tailnum", "seats"), "tailnum")

    is_late = departures.dep_delay > min_delay
    by_day = departures.group_by("day", "origin").agg(
        departures=departures.dep_time.count(),
        cancelled=departures.dep_time.isnull().sum(),
        late=is_late.sum().fill_null(0),
        seats_affected=departures.seats.sum(where=is_late).fill_null(0),
    )
    return by_day.mutate(rate=ibis._.late / ibis._.departures.nullif(0))
