"""
L{Claims}: new connections do not starve behind kept ones.

A process of php-fpm serves one connection for as long as that is kept. A connection that is opened
while all processes have one waits for one of them, and so does its request; the only sign for the
client is silence. So a connection that has waited a while claims a kept one, which is closed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from ..transport.timers import NEVER, Timers
from .connection import ClientProtocol
from .lifetime import Life

#: Seconds without a response after which a new connection claims a kept one.
PATIENCE: Final = 0.02
#: Seconds without a response after which it claims another one.
AGAIN: Final = 0.1


class Claims:
    """
    The claims on the kept connections to one endpoint.

    @ivar unmet: The connections whose claim nobody has met yet.
    """

    def __init__(self, timers: Timers, closeIdle: Callable[[], bool]) -> None:
        """
        @param closeIdle: Closes an idle connection; returns whether there was one.
        """
        self._timers = timers
        self._closeIdle = closeIdle
        # When each connection makes its next claim, and those that are late.
        self._due: dict[ClientProtocol, float] = {}
        self._late: set[ClientProtocol] = set()
        self.unmet: dict[ClientProtocol, None] = {}

    def opened(self, protocol: ClientProtocol) -> None:
        """
        A new connection was sent its first request.
        """
        self._wait(protocol, PATIENCE)

    def gone(self, protocol: ClientProtocol) -> None:
        """
        A connection is closed, or needs nothing any more.
        """
        self.unmet.pop(protocol, None)
        self._late.discard(protocol)
        if self._due.pop(protocol, None) is not None and not self._due:
            self._timers.forget(self)

    def take(self) -> bool:
        """
        A kept connection is free.

        @return: Whether it was claimed, and has to be closed.
        """
        while self.unmet:
            protocol = next(iter(self.unmet))
            del self.unmet[protocol]
            if self._starves(protocol):
                self._wait(protocol, AGAIN)
                return True
        return False

    def check(self, now: float) -> float:
        """
        Make the claims that are due.

        @return: When the next one is.
        """
        for protocol, due in list(self._due.items()):
            if not self._starves(protocol):
                self.gone(protocol)
            elif now >= due and protocol not in self._late:
                # If this process was the busy one, the response is read before the next check.
                self._late.add(protocol)
            elif now >= due:
                self.gone(protocol)
                if self._closeIdle():
                    self._wait(protocol, AGAIN)
                else:
                    self.unmet[protocol] = None
        return min(self._due.values(), default=NEVER)

    def _wait(self, protocol: ClientProtocol, seconds: float) -> None:
        due = self._due[protocol] = self._timers.clock.seconds() + seconds
        self._timers.watch(self)
        self._timers.need(due)

    @staticmethod
    def _starves(protocol: ClientProtocol) -> bool:
        return protocol.lifetime.life < Life.CLOSING and protocol.active > 0 and not protocol.heard
