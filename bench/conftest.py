"""What is timed is timed as a command does it."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True, scope="session")
def _collector_of_a_command() -> Iterator[None]:
    before = gc.get_threshold()
    gc.set_threshold(50_000, 20, 20)  # as workbench.cli.main has it
    yield
    gc.set_threshold(*before)
