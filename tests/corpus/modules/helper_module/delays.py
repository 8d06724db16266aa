"""What counts as late."""

from . import limits

LIMIT = limits.MINUTES  # minutes


def is_late(delay):
    """Whether late."""
    from .limits import scaled

    return delay > scaled(LIMIT)
