"""
What runs a server needs to know of what it runs.
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
    A factory that comes to an end without losing what it has begun.
    """

    def drain(deadline: float, idle: float = DRAIN_IDLE) -> Deferred[None]:
        """
        Come to an end. Connections are closed behind the requests that run. One that has none may
        bring one more, for some seconds; one that was accepted and not read so far, too.

        Stop listening before: where nobody else accepts on the socket, when nothing waits in its
        queue any more.

        @param deadline: Seconds after which what still runs is aborted.
        @param idle: Seconds that a connection without a request stays open.
        @return: Fires when no connection is left.
        """
