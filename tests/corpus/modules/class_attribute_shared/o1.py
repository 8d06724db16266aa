"""The table o1.

Promoted by workbench from class_attribute_shared.py.
"""

import ibis


def o1(flights: ibis.Table) -> ibis.Table:
    """The table o1.

    Args:
        flights: source flights.
    """

    class Conf:
        cols = ["day"]

        def add(self, c):
            self.cols.append(c)

    c1 = Conf()
    c1.add("origin")
    c2 = Conf()

    return flights.select(c2.cols)
