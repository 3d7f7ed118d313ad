"""
An outlet on a real socket.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.protocol import Protocol
from twisted.trial.unittest import SynchronousTestCase

from txfcgi.transport.outlet import HIGH_WATER, Outlet

from ..lines import Line


class Simple(Protocol):
    """
    A protocol that tells its outlet when the connection is gone.
    """

    outlet: Outlet | None = None
    lost = False

    def connectionLost(self, reason: Any = None) -> None:
        """
        Tell it.
        """
        self.lost = True
        if self.outlet is not None:
            self.outlet.lost()


class SocketTests(SynchronousTestCase):
    """
    Tests over a plain socket.
    """

    def connect(self, **options: Any) -> None:
        """
        Make a connection.
        """
        self.protocol = Simple()
        self.line = Line(self.protocol, **options)
        self.addCleanup(self.line.close)
        self.outlet = Outlet(self.line.near, self.line.reactor)
        self.protocol.outlet = self.outlet

    def setUp(self) -> None:
        self.connect()

    def fill(self) -> bytes:
        """
        Write more than the socket takes.
        """
        data = bytes(range(256)) * 4096
        self.outlet.write(data)
        self.assertGreater(self.outlet.queued, HIGH_WATER)
        return data
