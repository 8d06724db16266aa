"""The table zeichen.

Promoted by workbench from unicode_names.py.
"""

import ibis

größe = "é"  # Größe in Zeichen


def zeichen(flights: ibis.Table) -> ibis.Table:
    """The table zeichen.

    Args:
        flights: source flights.
    """
    tafel = flights.mutate(zeichen=ibis.literal(größe + "→"))

    return tafel
