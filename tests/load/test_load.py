"""
A few hundred connections at once, over each protocol.
"""

from __future__ import annotations

from pathlib import Path
from random import Random

from ..service.processes import ProgramTests
from .crowd import idleAndBusy, running, vanish

CHECKOUT = Path(__file__).parent.parent.parent


class FastCGITests(ProgramTests):
    """
    A FastCGI server.
    """

    protocol = "fastcgi"

    def setUp(self) -> None:
        super().setUp()
        self.program, self.crowd = running(
            lambda *words: self.start(*words, env={"PYTHONPATH": str(CHECKOUT)}), self.protocol
        )
        self.addCleanup(self.crowd.close)

    def finish(self) -> None:
        """
        The server has logged nothing, and ends as it should.
        """
        self.crowd.close()
        self.assertEnds(self.program)
        self.assertEqual(self.program.said.count("\n"), 1, self.program.said)

    def test_idleAndBusy(self) -> None:
        """
        200 idle connections and 50 busy ones.
        """
        idleAndBusy(self.crowd, 200, 50, 4)
        self.finish()

    def test_vanish(self) -> None:
        """
        180 clients that vanish.
        """
        vanish(self.crowd, 180, Random(1))
        self.finish()


class SCGITests(FastCGITests):
    """
    An SCGI server.
    """

    protocol = "scgi"


class HTTPTests(FastCGITests):
    """
    The gateway, with a FastCGI server behind it.
    """

    protocol = "http"
