"""
Tests of L{txfcgi.service.version}.
"""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

import txfcgi
from txfcgi.service import version
from txfcgi.wire import fastcgiserver, framing


class VersionTests(SynchronousTestCase):
    """
    What runs is told.
    """

    def test_running(self) -> None:
        """
        The version, and whether the wire that was imported is machine code.
        """
        compiled = Path(fastcgiserver.__file__).suffix == ".so"
        self.assertIs(framing.COMPILED, compiled)
        wire = "compiled" if compiled else "pure Python"
        self.assertEqual(version.versionLine(), f"txfcgi {txfcgi.__version__} (wire: {wire})")

    def test_other(self) -> None:
        """
        It is told of the other one, too.
        """
        self.patch(version, "COMPILED", not framing.COMPILED)
        other = "pure Python" if framing.COMPILED else "compiled"
        self.assertTrue(version.versionLine().endswith(f"(wire: {other})"))
