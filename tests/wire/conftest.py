"""
The wire computes: it has no reactor, no log and no Deferred to leave anything in.
"""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def nothingIsLeft() -> None:
    """
    In place of what C{tests/conftest.py} does around each test: the two thousand of the wire would
    wait three times as long for the garbage collector as for themselves.
    """
