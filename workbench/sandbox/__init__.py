"""A small, masked, join-preserving copy of the sources: made by ``create``, listed by ``registry``, read by ``session``."""
