"""The table late.

Promoted by workbench from f_string_over_widget.py.
"""

import ibis


def late(flights: ibis.Table, *, delay: int = 15) -> ibis.Table:
    """The table late.

    Args:
        flights: source flights.
        delay: an int from 0 to 240.
    """
    label = f"over {delay} min, {delay:>4} or {delay!r}"
    text = f"""
more than {delay}
minutes, {delay + 1}
"""
    return flights.filter(flights.dep_delay > delay).mutate(label=ibis.literal(label), text=ibis.literal(text))
