"""What counts as late."""

import limits

LIMIT = limits.MINUTES  # minutes


def is_late(delay):
    """Whether late."""
    from limits import scaled

    return delay > scaled(LIMIT)
