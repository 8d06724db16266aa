"""Bands and names."""
