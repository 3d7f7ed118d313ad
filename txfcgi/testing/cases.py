"""
What this package needs of a test case; trial's and unittest's have it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol


class Case(Protocol):
    """
    A test that cleans up.
    """

    def addCleanup(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        """
        Call something when the test is over.
        """
