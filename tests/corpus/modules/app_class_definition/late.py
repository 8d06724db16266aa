"""The table late.

Promoted by workbench from app_class_definition.py.
"""

import ibis


class Limits:
    """Minutes."""

    late = 15

    @classmethod
    def is_late(cls, delay):
        return delay > cls.late


def late(flights: ibis.Table) -> ibis.Table:
    """The table late.

    Args:
        flights: source flights.
    """
    return flights.filter(Limits.is_late(flights.dep_delay))
