"""
What runs a server needs to know of what it runs.
"""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IProtocolFactory


class IDrains(IProtocolFactory):
    """
    A factory that comes to an end without losing what it has begun.
    """

    def drain(deadline: float) -> Deferred[None]:
        """
        Take no more connections, close those that are idle, and the others after the request that
        is running.

        @param deadline: Seconds after which what still runs is aborted.
        @return: Fires when no connection is left.
        """
