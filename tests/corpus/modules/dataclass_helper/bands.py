"""The table bands.

Promoted by workbench from dataclass_helper.py.
"""

from dataclasses import dataclass

import ibis


@dataclass(frozen=True)
class Band:
    low: int
    high: int

    def holds(self, column):
        return column.between(self.low, self.high)


def bands(flights: ibis.Table) -> ibis.Table:
    """The table bands.

    Args:
        flights: source flights.
    """
    BANDS = {"short": Band(0, 30), "long": Band(31, 600)}

    return flights.filter(BANDS["short"].holds(flights.dep_delay))
