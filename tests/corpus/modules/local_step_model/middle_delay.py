"""The median delay of each airport.

Promoted by workbench from local_step_model.py.
"""

import ibis
import workbench as wb

from . import smoothing


@wb.local(schema={"origin": "string", "middle": "float64"})
def _middle_delay(rows):
    """The median delay of each airport."""
    return smoothing.middle(rows)


def middle_delay(flights: ibis.Table) -> ibis.Table:
    """The median delay of each airport.

    Args:
        flights: source flights.
    """
    return _middle_delay(flights.filter(flights.dep_delay > 0))
