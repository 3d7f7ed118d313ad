"""
Temporary folders of tests.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from twisted.trial.unittest import SynchronousTestCase


def folderFor(test: SynchronousTestCase) -> Path:
    """
    A new folder, which is gone after the test. Its path is short, for that of a Unix socket may
    have 107 bytes.
    """
    place = TemporaryDirectory(prefix="txfcgi-")
    test.addCleanup(place.cleanup)
    return Path(place.name)
