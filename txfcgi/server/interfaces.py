"""
What the program that runs a server has to know of the factory it runs.
"""

from __future__ import annotations

from typing import Final

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IProtocolFactory
from zope.interface import Interface

# Seconds that a connection without a request stays open when its server ends: time for a web server
# that has just chosen it for a request.
DRAIN_IDLE: Final = 2.0


class IDrains(IProtocolFactory, Interface):
    """
    A factory that can be drained: it ends without losing a request.
    """

    def drain(deadline: float, idle: float = DRAIN_IDLE) -> Deferred[None]:
        """
        Drain: close each connection after the requests that run on it. A connection without a
        request may bring one more for C{idle} seconds; so may one that was accepted and not yet
        read.

        Stop listening first; where no other process accepts on the socket, not before its queue is
        empty.

        @param deadline: Seconds after which requests that still run are aborted.
        @param idle: Seconds that a connection without a request stays open.
        @return: Fires when all connections are closed.
        """
