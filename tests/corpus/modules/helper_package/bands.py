"""The table bands.

Promoted by workbench from helper_package.py.
"""

import ibis

from .lib import names
from .lib.bands import band


def bands(flights: ibis.Table) -> ibis.Table:
    """The table bands.

    Args:
        flights: source flights.
    """
    return flights.select(band=band(flights.dep_delay), origin=names.short(flights.origin))
