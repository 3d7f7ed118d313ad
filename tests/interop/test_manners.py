"""
The web servers still behave as they were recorded for C{txfcgi.testing}: see
L{tests.testing.record}.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.testing.record import record, recorded
from tests.testing.variants import VARIANTS, Variant

from .processes import PATIENCE


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda variant: str(variant.name))
def test_asRecorded(variant: Variant) -> None:
    """
    The same requests make the web server send the same. What is different is shown; to take it
    over, run C{python -m tests.testing.record}.
    """
    recording: dict[str, Any] = recorded(variant.name)
    leaving = recording.get("leaving", {})
    # Who did not react when it was recorded need not be waited for again.
    reaction = PATIENCE if leaving.get("atOnce") else 0.0
    assert record(variant, reaction) == recording
