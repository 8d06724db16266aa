"""The table noted.

Promoted by workbench from multiline_string.py.
"""

import ibis

note = """first
    second, indented
third"""


def remark():
    """Doc.

    More.
    """
    return """a
b"""


def noted(flights: ibis.Table) -> ibis.Table:
    """The table noted.

    Args:
        flights: source flights.
    """
    rows = flights.mutate(note=ibis.literal(note), remark=ibis.literal(remark()))

    return rows
