"""The table o1.

Promoted by workbench from classmethod_changes_class.py.
"""

import ibis


def o1(flights: ibis.Table) -> ibis.Table:
    """The table o1.

    Args:
        flights: source flights.
    """

    class C:
        n = 0

        @classmethod
        def up(cls):
            cls.n += 10
            return cls.n

    C.up()
    C.up()

    return flights.filter(flights.dep_delay > C.n)
