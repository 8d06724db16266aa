"""Drills: what they start and strike begins with nothing, as at a user's."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def _cold(cold: None) -> None:
    pass
