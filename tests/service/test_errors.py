"""
Tests of L{txfcgi.service.errors}.
"""

from __future__ import annotations

from twisted.internet.error import CannotListenError
from twisted.trial.unittest import SynchronousTestCase

from txfcgi.service.errors import CannotListen, explainListenFailure


class ExplainTests(SynchronousTestCase):
    """
    Tests of L{explainListenFailure}.
    """

    def test_explained(self) -> None:
        """
        One line says why, without numbers and names of classes where there is something better.
        """
        taken = OSError(98, "Address already in use")
        for error, said in (
            (CannotListen("the socket is taken"), "the socket is taken"),
            (
                CannotListenError("127.0.0.1", 9000, taken),
                "can't listen there: Address already in use",
            ),
            (
                CannotListenError("x", 9000, "Cannot acquire lock"),
                "can't listen there: Cannot acquire lock",
            ),
            (OverflowError("port must be 0-65535."), "can't listen there: port must be 0-65535."),
            (ValueError(), "can't listen there: ValueError"),
        ):
            self.assertEqual(explainListenFailure(error), said)
