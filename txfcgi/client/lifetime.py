"""
L{Lifetime}: how far the life of a connection to a back end has gone, and what ends it.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum
from typing import Final

from ..transport.timers import NEVER, Timers
from .options import ClientOptions


class Life(IntEnum):
    """
    How far the life of a connection has gone. It never goes back.
    """

    #: It takes requests.
    OPEN = 0
    #: It takes no more requests, and closes when those that it has are over.
    RETIRED = 1
    #: It is being closed: nothing that still comes is of interest.
    CLOSING = 2
    #: It is gone.
    LOST = 3


# To look a member of an enumeration up takes longer than to compare it.
_OPEN: Final = Life.OPEN
_LOST: Final = Life.LOST


class Lifetime:
    """
    The life of one connection.

    @ivar life: How far it has gone.
    @ivar served: How many requests have ended on the connection.
    @ivar idleSince: Since when it carries no request.
    """

    __slots__ = ("_closeBy", "_openedAt", "_options", "_retired", "idleSince", "life", "served")

    def __init__(self, options: ClientOptions, retired: Callable[[], None] | None) -> None:
        """
        @param retired: Is called at each step that leaves L{Life.OPEN} behind. A connection that
            has nobody to tell is not closed for being idle.
        """
        self._options = options
        self._retired = retired
        self._openedAt = 0.0
        self._closeBy = NEVER
        self.life = _OPEN
        self.served = 0
        self.idleSince = 0.0

    def begin(self, now: float) -> None:
        """
        The connection is there.
        """
        self._openedAt = self.idleSince = now

    def become(self, life: Life) -> bool:
        """
        Go on in life.

        @return: Whether that was a step.
        """
        if life <= self.life:
            return False
        self.life = life
        retired = self._retired
        if retired is not None:
            if life is _LOST:
                self._retired = None  # it would keep the connection alive
            retired()
        return True

    def mayCarry(self, active: int, now: float) -> bool:
        """
        Whether the connection may carry another request.

        @param active: How many it carries now.
        """
        options = self._options
        return (
            self.life is _OPEN
            and self.served + active < options.maxRequests
            and now - self._openedAt < options.maxAge
        )

    def rest(self, now: float, timers: Timers) -> None:
        """
        The connection carries no request from now on.
        """
        self.idleSince = now
        if self._retired is not None:
            due = now + self._options.idleTimeout
            if due < timers.next:
                timers.need(due)

    def idleUntil(self) -> float:
        """
        When a connection that carries no request is closed.
        """
        return NEVER if self._retired is None else self.idleSince + self._options.idleTimeout

    def close(self, now: float, timers: Timers) -> bool:
        """
        The connection is to be closed.

        @return: Whether that is new.
        """
        if not self.become(Life.CLOSING):
            return False
        self._closeBy = now + self._options.closeTimeout
        timers.need(self._closeBy)
        return True

    def overdue(self, now: float) -> bool:
        """
        Whether the connection had to be closed by now. That is said once.
        """
        if now < self._closeBy:
            return False
        self._closeBy = NEVER
        return True

    @property
    def closeBy(self) -> float:
        """
        When the connection has to be closed.
        """
        return self._closeBy
